# The old pool's blocks are packed together onto a logical volume, and its metadata is written anew with their new places.
# $data_file and $metadata_file are the old pool's and only read; $group/$volume is the new one, $new_pool its dm name.
# What is asked of its owner, and how it is stopped, started and told, stands in a part of the owner's own.
fresh_metadata=${volume}meta packed=thinspect-packed
profile=/etc/lvm/profile/$new_pool.profile
export LVM_SUPPRESS_FD_WARNINGS=1
# Without the lock, which dmeventd would hold for as long as it lives.
run_lvm() { run "$@" 9>&-; }
forget() { [ ! -e "$store/done" ] || sed -i "/^$1\$/d" "$store/done"; }

# --- the device -------------------------------------------------------------------------------------------------------

number_of() { printf '%d:%d' "0x$(stat -L -c %t -- "$1")" "0x$(stat -L -c %T -- "$1")"; }
device_is_that_large() { [ "$(blockdev --getsize64 "$device")" = "$device_bytes" ]; }
device_is_unused() {
    local number place
    number=$(number_of "$device") place=$(readlink -f -- "$device")
    [ "$(blockdev --getro "$device")" = 0 ] && [ -z "$(ls -A "/sys/dev/block/$number/holders")" ] &&
        ! ls -d "/sys/dev/block/$number"/*/partition >/dev/null 2>&1 &&
        ! grep -qE "^[0-9]+ [0-9]+ $number " /proc/self/mountinfo && ! grep -q "^$place " /proc/swaps
}
# blkid ends with 2 where it recognises nothing.
device_is_empty() {
    local status=0
    blkid -p -- "$device" >/dev/null 2>&1 || status=$?
    [ "$status" = 2 ] || half_made
}

# --- volumes ----------------------------------------------------------------------------------------------------------

lv() { lvs -a --noheadings -o "$1" -- "$group/$2" 2>/dev/null 9>&- | tr -d ' []'; }
tagged() { case ,$(lv lv_tags "$1"), in *",$2,"*) ;; *) return 1 ;; esac; }
is_pool() { [ "$(lv segtype "$volume")" = thin-pool ]; }
# A volume keeps its tag when a pool is made of it.
ours() { tagged "$1" thinspect || tagged "$1_tdata" thinspect; }
of_device() { pvs --noheadings --separator , -o "$1" -- "$device" 2>/dev/null 9>&- | tr -d ' '; }
group_made() { [ "$(of_device vg_name,vg_tags)" = "$group,thinspect" ]; }
# A physical volume without a group, or one that LVM cannot read yet, where this script was about to make one.
half_made() {
    [ -e "$store/grouping" ] && [ "$(blkid -p -s TYPE -o value -- "$device" 2>/dev/null)" = LVM2_member ] &&
        case $(of_device vg_name) in '' | '[unknown]') ;; *) return 1 ;; esac
}
make_group() {
    ! half_made || run wipefs -qa -- "$device"
    : >"$store/grouping"
    run_lvm vgcreate --addtag thinspect "$group" "$device"
}
group_has() {
    [ "$(vgs --noheadings --nosuffix --units b -o vg_free -- "$group" 2>/dev/null 9>&- | tr -d ' ')" -ge "$1" ]
}
profile_written() { [ "$(cat -- "$profile" 2>/dev/null)" = "$profile_text" ]; }
# The profile; the data, as it was made or in the pool; and the metadata, unless the pool took it.
volumes_made() {
    profile_written && lvs -a --noheadings --separator , -o lv_name,lv_tags -- "$group" 2>/dev/null 9>&- | tr -d ' []' |
        awk -F, -v data="$volume" -v metadata="$fresh_metadata" '
            index($0 ",", ",thinspect,") && ($1 == data || $1 == data "_tdata") { ours = 1 }
            index($0 ",", ",thinspect,") && $1 == metadata || $1 == data "_tdata" { metadata_too = 1 }
            END { exit !(ours && metadata_too) }'
}
make_volumes() {
    if ! profile_written; then
        run mkdir -p -- "${profile%/*}"
        printf '%s\n' "$profile_text" >"$profile.new"
        run mv -f -- "$profile.new" "$profile"
    fi
    ours "$volume" ||
        run_lvm lvcreate -y -W y -n "$volume" -L "${data_bytes}b" --addtag thinspect "$group"
    is_pool || ours "$fresh_metadata" ||
        run_lvm lvcreate -y -W y -n "$fresh_metadata" -L "${metadata_bytes}b" --addtag thinspect "$group"
}

# --- the old pool -----------------------------------------------------------------------------------------------------

# Loop devices on $1 that may write; the one that the copy is read from may not.
writing_loops() { losetup --list --noheadings --output NAME,RO -j "$1" | awk '$2 == 0 { print $1 }'; }
down() { owner_is_gone && ! here && [ -z "$(writing_loops "$data_file")$(writing_loops "$metadata_file")" ]; }
release() {
    local node
    ! dmsetup info "$packed" >/dev/null 2>&1 || run dmsetup remove --retry "$packed"
    for node in $(losetup --list --noheadings --output NAME,RO -j "$data_file" | awk '$2 == 1 { print $1 }'); do
        run losetup -d "$node"
    done
}

# What its owner answers is noted whenever it does: the last time counts.
note() {
    if owner_answers; then
        keep was echo up
        note_answers
        mark noted
    elif ! did noted; then
        owner_is_gone || stop "$owner runs and does not answer: stop it by hand, then run this again"
        keep was echo down
        note_without_answers
        mark noted
    fi
}
take_down() {
    local node
    lower_owner
    goes_by_itself && return
    ! here || { clear_pool && run dmsetup remove --retry "$pool"; } || stop "the old pool is still in use"
    for node in $(writing_loops "$data_file") $(writing_loops "$metadata_file"); do
        run losetup -d "$node"
    done
}

# What the copy is of: it is worth nothing once either file was written to again.
state() { stat -c '%n %i %s %y' -- "$data_file" "$metadata_file"; }
unchanged() { [ "$(state)" = "$(cat -- "$store/state" 2>/dev/null)" ]; }
described() { did described && unchanged; }
copied() { described && did copied; }

attribute() { sed -n "1s/.* $1=\"\([0-9]*\)\".*/\1/p" "$store/old.xml"; }
sum() { awk '{ sum += $2 } END { printf "%.0f\n", sum }' "$1"; }
# Lines "first length" in order; those that lie at most $1 blocks apart become one.
merged() {
    awk -v gap="$1" '
        NR == 1 { first = $1; end = $1 + $2; next }
        $1 <= end + gap { if ($1 + $2 > end) end = $1 + $2; next }
        { print first, end - first; first = $1; end = $1 + $2 }
        END { if (NR) print first, end - first }'
}
describe() {
    local gap=0
    forget described
    forget copied
    rm -f -- "$store/at"
    ! is_pool || stop "$group/$volume is a copy of what the old pool was before: remove it with --back --yes-destroy"
    ! restored || run_lvm lvchange --deltag thinspect_restored "$group/$fresh_metadata"
    sound "$metadata_file" ||
        stop "the old pool's metadata has errors or is marked needs_check: thinspect plan repair comes first"
    state >"$store/state"
    save_records
    run thin_dump -o "$store/old.xml" "$metadata_file"
    [ "$(attribute data_block_size)" = "$block_sectors" ] || stop "the old pool has other blocks than recorded"
    awk -F'"' '/<single_mapping/ { print $4, 1 } /<range_mapping/ { print $4, $6 }' "$store/old.xml" |
        sort -n -T "$store" | merged 0 >"$store/extents"
    sum "$store/extents" >"$store/used"
    # A device-mapper table of that many lines is still handy; beyond it the smallest gaps are copied along.
    while [ "$(wc -l <"$store/extents")" -gt 50000 ]; do
        gap=$(( 2 * gap + 1 ))
        merged "$gap" <"$store/extents" >"$store/extents.part"
        mv -f -- "$store/extents.part" "$store/extents"
    done
    [ "$(sum "$store/extents")" -le "$(whole_bitmaps)" ] ||
        stop "the pool holds more than when the plan was made: make a new plan"
    rewritten >"$store/new.xml"
    unchanged || stop "the old pool changed meanwhile: what writes to it?"
    mark described
}

# --- the copy ---------------------------------------------------------------------------------------------------------

# thin_restore counts too few free blocks in a last bitmap that is not whole, and the kernel does not find them again when
# the pool grows. So as many whole bitmaps are restored as the volume holds, and the kernel adds the rest itself.
bitmap=16320
whole_bitmaps() {
    local blocks=$(( data_bytes / (block_sectors * 512) ))
    echo $(( blocks - blocks % bitmap ))
}
restored_bytes() { echo $(( metadata_bytes - metadata_bytes % (bitmap * 4096) )); }
# The dump with each block's new place: where its extent begins in the packed copy. What it does not know, it refuses.
rewritten() {
    awk -F'"' -v OFS='"' -v blocks="$(whole_bitmaps)" '
        function place(block, count, low, high, middle) {
            low = 1; high = n
            while (low < high) {
                middle = int((low + high + 1) / 2)
                if (first[middle] <= block) low = middle; else high = middle - 1
            }
            if (block < first[low] || block + count > first[low] + size[low]) exit 1
            return at[low] + block - first[low]
        }
        FILENAME == ARGV[1] { split($0, pair, " "); n++; first[n] = pair[1] + 0; size[n] = pair[2] + 0; at[n] = sum + 0; sum += size[n]; next }
        /<superblock/ { if (!sub(/nr_data_blocks="[0-9]+"/, "nr_data_blocks=\"" blocks "\"")) exit 1 }
        /<single_mapping/ { if ($3 != " data_block=") exit 1; $4 = place($4 + 0, 1) }
        /<range_mapping/ { if ($3 != " data_begin=") exit 1; $4 = place($4 + 0, $6 + 0) }
        { print }' "$store/extents" "$store/old.xml" || stop "thin_dump wrote something that this script does not know"
}
# Both devices as one: the packed blocks of the old pool, read-only, in the order in which they stand on the new one.
lay_out() {
    local node
    release
    node=$(losetup --find --show -r -- "$data_file")
    awk -v node="$node" -v block="$block_sectors" \
        '{ printf "%.0f %.0f linear %s %.0f\n", at * block, $2 * block, node, $1 * block; at += $2 }' "$store/extents" |
        run dmsetup create --readonly "$packed" 9>&-
}
copy() {
    local at piece=$(( 256 * 4194304 )) target=/dev/$group/$volume total
    total=$(( $(sum "$store/extents") * block_sectors * 512 ))
    at=$(cat -- "$store/at" 2>/dev/null || echo 0)
    lay_out
    run_lvm lvchange -ay "$group/$volume"
    while [ "$at" -lt "$total" ]; do
        run dd if="/dev/mapper/$packed" of="$target" bs=4194304 count=256 skip=$(( at / 4194304 )) \
            seek=$(( at / 4194304 )) iflag=direct oflag=direct conv=notrunc,fsync status=none
        at=$(( at + piece ))
        printf '%s\n' "$at" >"$store/at.part"
        mv -f -- "$store/at.part" "$store/at"
        say "copied $(( at < total ? at * 100 / total : 100 )) % of $total bytes"
    done
    run cmp -n "$total" -- "/dev/mapper/$packed" "$target" || stop "the copy is not what the old pool holds"
    release
    mark copied
}
# A bitmap with all its blocks free must say so.
restores_well() {
    local file=$store/probe root most
    sed -n "1s/nr_data_blocks=\"[0-9]*\"/nr_data_blocks=\"$bitmap\"/p" "$store/old.xml" >"$file.xml"
    echo '</superblock>' >>"$file.xml"
    rm -f -- "$file"
    truncate -s 8388608 -- "$file"
    thin_restore -i "$file.xml" -o "$file" >/dev/null
    root=$(od -An -tu8 -j80 -N8 -- "$file" | tr -d ' ')
    most=$(od -An -tu4 -j$(( root * 4096 + 20 )) -N4 -- "$file" | tr -d ' ')
    [ "$(od -An -tu4 -j$(( root * 4096 + 40 + 8 * most )) -N4 -- "$file" | tr -d ' ')" = "$bitmap" ]
}
restored() { tagged "$fresh_metadata" thinspect_restored; }
restore() {
    local file=$store/metadata bytes
    bytes=$(restored_bytes)
    restores_well || stop "this thin_restore miscounts free blocks: a newer thin-provisioning-tools is needed"
    run rm -f -- "$file"
    run truncate -s "$bytes" -- "$file"
    run thin_restore -i "$store/new.xml" -o "$file" >/dev/null
    run thin_check -q "$file"
    run_lvm lvchange -ay "$group/$fresh_metadata"
    run dd if="$file" of="/dev/$group/$fresh_metadata" bs=1048576 oflag=direct conv=notrunc,fsync status=none
    run cmp -n "$bytes" -- "$file" "/dev/$group/$fresh_metadata"
    run_lvm lvchange -an "$group/$fresh_metadata"
    run_lvm lvchange --addtag thinspect_restored "$group/$fresh_metadata"
}

# --- the new pool -----------------------------------------------------------------------------------------------------

# An interrupted lvconvert leaves a volume of the metadata's size that it has not made anything of yet.
names_in_group() { lvs -a --noheadings -o lv_name -- "$group" 9>&- | tr -d ' []'; }
strays() {
    lvs --noheadings --nosuffix --units b --separator , -o lv_name,lv_size -- "$group" 2>/dev/null 9>&- | tr -d ' ' |
        awk -F, -v size="$metadata_bytes" '$1 ~ /^lvol[0-9]+$/ && $2 == size { print $1 }' |
        grep -vxF -f "$store/lvs" || true
}
remove_strays() {
    local name
    [ -e "$store/lvs" ] || return 0
    for name in $(strays); do
        run_lvm lvremove -y "$group/$name"
    done
}
swapped() { tagged "${volume}_tmeta" thinspect_restored; }
# LVM wipes the metadata of a pool that it makes, so it makes one with metadata of its own, which is then exchanged.
make_pool() {
    if ! is_pool; then
        [ -e "$store/lvs" ] || keep lvs names_in_group
        run_lvm lvchange -an "$group/$volume"
        run_lvm lvconvert -y --zero "$(zeroes)" -c "${block_sectors}s" --discards passdown \
            --poolmetadatasize "${metadata_bytes}b" --thinpool "$group/$volume"
    fi
    if ! swapped; then
        run_lvm lvchange -an "$group/$volume" "$group/$fresh_metadata"
        run_lvm lvconvert -y --thinpool "$group/$volume" --poolmetadata "$group/$fresh_metadata"
    fi
    swapped || stop "LVM did not exchange the metadata"
    [ -z "$(lv lv_name "$fresh_metadata")" ] || run_lvm lvremove -y "$group/$fresh_metadata"
    remove_strays
    run_lvm lvchange --metadataprofile "$new_pool" "$group/$volume"
    run_lvm lvchange -ay "$group/$volume"
    run_lvm lvchange --monitor y "$group/$volume"
    [ "$(lv seg_monitor "$volume")" = monitored ] ||
        say "dmeventd does not watch the pool, so nothing grows it: see journalctl -u dm-event"
    new_pool_is_whole || stop "the kernel does not count in the new pool what was copied: $(status_of_new)"
    mark pool
}
status_of_new() { dmsetup status --noflush "$new_pool"; }
transaction_of_new() { status_of_new | awk '{ print $4 }'; }
new_pool_is_whole() {
    status_of_new | awk -v transaction="$(attribute transaction)" -v used="$(cat -- "$store/used")" '
        { split($6, data, "/"); good = $4 == transaction && data[1] == used && $8 == "rw" }
        END { exit !good }'
}

# --- its owner on it ---------------------------------------------------------------------------------------------------

as_before() { [ ! -f "$store/$1" ] || as_noted "$1" "$2"; }
same_as_before() {
    local file command
    while read -r file command; do
        as_before "$file" "$command" || return 1
    done <<<"$compared"
}
show_differences() {
    local file command
    while read -r file command; do
        [ ! -f "$store/$file" ] || diff -u --label before --label now "$store/$file" <("$command") >&2 || true
    done <<<"$compared"
}
verify() {
    same_as_before || {
        show_differences
        stop "not everything is as it was; --back goes back"
    }
    takes_new_layers || stop "$owner makes nothing new on the new pool; --back goes back"
}

# --- the way back -----------------------------------------------------------------------------------------------------

remove_volumes() {
    local name
    for name in "$volume" "$fresh_metadata"; do
        ! ours "$name" || run_lvm lvremove -y "$group/$name"
    done
    remove_strays
    rm -f -- "$store/lvs"
    if [ -n "$device" ]; then
        ! group_made || run_lvm vgremove "$group"
        ! half_made || run_lvm pvremove "$device" || run wipefs -qa -- "$device"
        rm -f -- "$store/grouping"
    fi
    ! profile_written || run rm -f -- "$profile"
}
way_back() {
    [ -d "$store" ] || stop "nothing was done yet that could be taken back"
    { [ -e "$data_file" ] && [ -e "$metadata_file" ]; } || stop "the old pool is gone: there is no way back any more"
    open_store
    ask "go back to the pool on loop files, as it was when it was copied?$(since)"
    release
    if [ -e "$kept" ]; then
        lower_owner
        restore_records
        restore_settings
        rm -f -- "$kept"
    fi
    remake_old_pool
    if [ "$(cat -- "$store/was" 2>/dev/null)" = up ]; then
        owner_answers || raise_owner
        start_again
        same_as_before || show_differences
    fi
    rm -f -- "$store"/{done,running,was,state,at,table}
    if [ "$yes_destroy" = yes ]; then
        remove_volumes
    else
        say "the volumes in $group stay; --back --yes-destroy removes them"
    fi
    say "$owner is as it was before"
}
