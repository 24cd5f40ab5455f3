# The old pool's blocks are packed onto a logical volume, and its metadata is rewritten with their new positions.
# $data_file and $metadata_file are the old pool's and only read; $group/$volume is the new one, $new_pool its dm name.
# The owner's part of the script queries, stops, starts and reconfigures it. For each step, NAME_done checks whether it
# is done, NAME_ready stops this script if it cannot be done yet, and NAME does it. Their helpers follow.
old_pool=$data_file fresh_metadata=${volume}meta packed=thinspect-packed
profile=/etc/lvm/profile/$new_pool.profile
export LVM_SUPPRESS_FD_WARNINGS=1
# Without the lock, which dmeventd would hold for as long as it lives.
run_lvm() { run "$@" 9>&-; }

# --- before anything --------------------------------------------------------------------------------------------------

preconditions() {
    have lvs pvs vgs pvcreate vgcreate lvcreate lvconvert lvchange || stop "LVM's tools are missing: install the package lvm2"
    have thin_check thin_dump thin_restore ||
        stop "thin_check, thin_dump and thin_restore are missing: install thin-provisioning-tools (Debian, Ubuntu) or device-mapper-persistent-data (Red Hat)"
    lvm_has_profiles ||
        stop "LVM is older than 2.02.107 and gives no volume a profile of its own, so it would not grow the pool: update lvm2"
    need_tools blkid blockdev dmsetup losetup pgrep flock tar cmp od awk timeout
    engine_preconditions
    # Before the downtime; the step that changes them asks again.
    switched || settings_are_known
    is_done verified || { [ -f "$data_file" ] && [ -f "$metadata_file" ]; } ||
        stop "the old pool's files $data_file and $metadata_file are not there"
    is_done described || sectors_fit ||
        stop "the new place has larger sectors than the old pool, or that cannot be told: filesystems made for the old ones would not be mounted on it"
    open_store || stop "the directory for the copies cannot be made"
    is_done described || room_for "$store" "$copies_bytes" ||
        stop "$store has no room for the copies: $(mib "$copies_bytes") are needed there"
}
settings_are_known() {
    engine_settings_are_old || engine_settings_are_new ||
        stop "$settings is not what it was when it was recorded; make a new plan"
}
# Once the new pool is made, nothing before it is done again.
pool_made() { is_done pool; }

# --- the steps --------------------------------------------------------------------------------------------------------

make_group_done() { pool_made || group_made; }
make_group_ready() {
    local nothing='; nothing was changed'
    [ -b "$device" ] || not_ready "$device is not there$nothing"
    device_is_that_large ||
        not_ready "$device is not as large as when the plan was made: another disk may have that name now$nothing"
    device_is_that_one ||
        not_ready "$device is another disk than when the plan was made: names change when a host starts$nothing"
    device_is_unused ||
        not_ready "$device is in use by now: mounted, swap, read-only, partitioned, or part of another device; or that cannot be told$nothing"
    device_is_empty || not_ready "$device holds something by now, or cannot be read: wipefs -n names it$nothing"
}
make_group() {
    local hex
    if half_made; then
        ask_destroy "an interrupted run of this script left an unfinished label of LVM on $device ($device_identity): wipe that?"
        { device_is_that_one && half_made; } || stop "$device is another one now"
        run wipefs -a -- "$device"
    fi
    hex=$(tr -d - </proc/sys/kernel/random/uuid)
    save_output pv echo "${hex:0:6}-${hex:6:4}-${hex:10:4}-${hex:14:4}-${hex:18:4}-${hex:22:4}-${hex:26:6}"
    : >"$store/grouping"
    run_lvm pvcreate -q --norestorefile --uuid "$(uuid)" "$device"
    run_lvm vgcreate --addtag thinspect "$group" "$device"
    group_made || stop "LVM does not show the group that it made"
    rm -f -- "$store/grouping"
}

make_volumes_done() { pool_made || volumes_made; }
make_volumes_ready() {
    [ ! -e "$profile" ] || profile_written || not_ready "$profile is there already and says something else"
    # Beside the metadata there is LVM's spare of it, and the one that the pool is made with.
    ours "$volume" || group_has $(( data_bytes + 3 * metadata_bytes )) ||
        not_ready "volume group $group has less free than when the plan was made"
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

stop_everything_done() { pool_made || { is_done noted && pool_is_down; }; }
stop_everything_ready() { return 0; }
stop_everything() {
    note
    deactivate_pool
}

find_blocks_done() { pool_made || described; }
find_blocks_ready() { pool_is_down || not_ready "the old pool is in use again: stop $owner"; }
find_blocks() { describe; }

copy_blocks_done() { pool_made || copied; }
copy_blocks_ready() {
    { pool_is_down && described; } || not_ready "the old pool was used since its blocks were found: run this again"
}
copy_blocks() { copy; }

write_metadata_done() { is_pool || metadata_written; }
write_metadata_ready() { copied || not_ready "the old pool was used since it was copied: run this again"; }

make_pool_done() { pool_made; }
make_pool_ready() { copied || not_ready "the old pool was used since it was copied: take everything back with --back, and begin anew"; }

switch_engine_done() { switched; }
switch_engine_ready() {
    { engine_is_down && unchanged; } ||
        not_ready "the old pool was used since it was copied: take everything back with --back, and begin anew"
    settings_are_known
}
switch_engine() {
    keep_settings
    prepare_engine
    engine_settings_are_new || write_engine_settings
    mark_done switched
}

start_on_new_pool_done() { is_done started; }
start_on_new_pool_ready() { switched || not_ready "$owner was not told of the new pool"; }
start_on_new_pool() {
    start_engine
    on_new_pool || stop "$owner does not use the new pool; --back goes back"
    start_again
}

compare_everything_done() { is_done verified; }
compare_everything_ready() { on_new_pool || not_ready "$owner does not use the new pool"; }
compare_everything() {
    verify
    mark_done verified
}

# Some days later.
remove_old_files_done() { [ ! -e "$data_file" ] && [ ! -e "$metadata_file" ]; }
remove_old_files_ready() {
    unchanged || not_ready "the old pool was used again since it was copied: it holds what the new one does not"
    { is_done verified && on_new_pool; } || not_ready "$owner does not use the new pool, or it was not verified"
    old_files_are_idle || not_ready "a loop device still shows the old pool's file"
}
remove_old_files() { run rm -f -- "$data_file" "$metadata_file"; }

# --- the device -------------------------------------------------------------------------------------------------------

number_of() {
    local numbers
    numbers=$(stat -L -c '0x%t 0x%T' -- "$1") || return 1
    # shellcheck disable=SC2086 # two numbers
    printf '%d:%d' $numbers
}
device_is_that_large() { [ "$(blockdev --getsize64 "$device")" = "$device_bytes" ]; }
# What a disk is told by, as the kernel has it from the disk itself: its WWN, its serial number, or the UUID of what made
# it; without any of these, the place on the bus that it is plugged into. Of a partition also where it begins.
# identity_of DEVICE KIND: the kind is the first word of what was noted.
identity_of() {
    local number place part=''
    number=$(number_of "$1") && place=$(readlink -f -- "/sys/dev/block/$number") && [ -d "$place" ] || return 1
    if [ -e "$place/partition" ]; then
        part=" from $(cat -- "$place/start")" || return 1
        place=${place%/*}
    fi
    printf '%s%s' "$(identity_in "$place" "$2")" "$part"
}
identity_in() {
    local file value
    for file in "$1/$2" "$1/device/$2" "$1/dm/$2" "$1/md/$2"; do
        value=$(tr -cd '[:graph:] \t\n' 2>/dev/null <"$file" | tr -s ' \t\n' ' ') || continue
        value=${value# } value=${value% }
        [ -z "$value" ] || { printf '%s %s' "$2" "$value"; return; }
    done
    value=${1#*/devices/}
    printf 'place %s' "${value%/*}"
}
device_is_that_one() {
    local identity
    identity=$(identity_of "$device" "${device_identity%% *}") && [ "$identity" = "$device_identity" ]
}
# Whatever cannot be asked is not known, and that is not unused.
device_is_unused() {
    local number place read_only holders
    number=$(number_of "$device") && place=$(readlink -f -- "$device") || return 1
    read_only=$(blockdev --getro "$device") && [ "$read_only" = 0 ] || return 1
    holders=$(ls -A "/sys/dev/block/$number/holders") && [ -z "$holders" ] || return 1
    ! ls -d "/sys/dev/block/$number"/*/partition >/dev/null 2>&1 || return 1
    [ -r /proc/self/mountinfo ] && [ -r /proc/swaps ] || return 1
    ! grep -qE "^[0-9]+ [0-9]+ $number " /proc/self/mountinfo && ! grep -q "^$place " /proc/swaps
}
# blkid ends with 2 where it recognises nothing, and also where it cannot read at all.
device_is_empty() {
    local status=0
    dd if="$device" of=/dev/null bs=4096 count=1 iflag=direct status=none || return 1
    blkid -p -- "$device" >/dev/null 2>&1 || status=$?
    [ "$status" = 2 ] || half_made
}
# Filesystems made for sectors of 512 bytes are not mounted on a disk of 4096.
sector_of_pool() {
    local node largest=512 size nodes
    nodes=$(loops_on "$data_file") || return 1
    for node in $nodes; do
        size=$(blockdev --getss "$node") || return 1
        [ "$size" -le "$largest" ] || largest=$size
    done
    echo "$largest"
}
sectors_fit() {
    local node nodes=$device most size
    most=$(sector_of_pool) || return 1
    [ -n "$device" ] || nodes=$(pvs --noheadings --separator ' ' -o pv_name,vg_name 9>&- | awk -v group="$group" '$2 == group { print $1 }') || return 1
    [ -n "$nodes" ] || return 1
    for node in $nodes; do
        size=$(blockdev --getss "$node") && [ "$size" -le "$most" ] || return 1
    done
}

# A profile of a volume's own came with lvm2 2.02.107; without it LVM does not grow the pool.
lvm_has_profiles() {
    local help
    help=$(lvchange --help 2>&1) || return 1
    case $help in *--metadataprofile*) ;; *) return 1 ;; esac
}

# --- volumes ----------------------------------------------------------------------------------------------------------

lv() { lvs -a --noheadings -o "$1" -- "$group/$2" 2>/dev/null 9>&- | tr -d ' []'; }
tagged() { case ,$(lv lv_tags "$1"), in *",$2,"*) ;; *) return 1 ;; esac; }
# Whether the node in /dev is this volume: a stale one may be a file, or another device.
is_volume() {
    local there known
    [ -b "/dev/$group/$1" ] && there=$(number_of "/dev/$group/$1") &&
        known=$(lvs --noheadings --separator : -o lv_kernel_major,lv_kernel_minor -- "$group/$1" 9>&- | tr -d ' ') &&
        [ "$there" = "$known" ]
}
is_pool() { [ "$(lv segtype "$volume")" = thin-pool ]; }
# A volume keeps its tag when a pool is made of it.
ours() { tagged "$1" thinspect || tagged "$1_tdata" thinspect; }
# The physical volume gets a UUID that is noted before it is made: by that it is known again, whatever it is called after a
# restart, and whether LVM shows it or not.
uuid() { cat -- "$store/pv" 2>/dev/null; }
# "group,tags" of that physical volume; nothing where LVM lists its volumes and it is not among them.
group_of_ours() {
    local all
    [ -s "$store/pv" ] || return 0
    all=$(pvs --noheadings --separator , -o pv_uuid,vg_name,vg_tags 9>&-) || return 1
    printf '%s\n' "$all" | tr -d ' ' | sed -n "s/^$(uuid),//p"
}
group_made() {
    local group_and_tags
    group_and_tags=$(group_of_ours) && [ "$group_and_tags" = "$group,thinspect" ]
}
# An interrupted run may have written its label, or even the group without LVM's knowing it. Nobody else's has that UUID.
half_made() {
    local found group_and_tags
    [ -s "$store/pv" ] && [ -e "$store/grouping" ] || return 1
    found=$(blkid -p -s UUID -o value -- "$device" 2>/dev/null) && [ "$found" = "$(uuid)" ] || return 1
    group_and_tags=$(group_of_ours) || return 1
    case $group_and_tags in '' | , | '[unknown],') ;; *) return 1 ;; esac
}
group_has() {
    local free
    free=$(vgs --noheadings --nosuffix --units b -o vg_free -- "$group" 9>&- | tr -d ' ') && [ "$free" -ge "$1" ]
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

# --- the old pool -----------------------------------------------------------------------------------------------------

# Every loop device on the old files that may write; the one that the copy is read from may not.
pool_is_down() {
    local data metadata
    engine_is_down && pool_is_absent && data=$(writing_loops "$data_file") && metadata=$(writing_loops "$metadata_file") &&
        [ -z "$data$metadata" ]
}
old_files_are_idle() {
    local data metadata
    data=$(loops_on "$data_file") && metadata=$(loops_on "$metadata_file") && [ -z "$data$metadata" ]
}
release() {
    local node nodes
    ! dmsetup info "$packed" >/dev/null 2>&1 || run dmsetup remove --retry "$packed"
    nodes=$(reading_loops "$data_file") || stop "the loop devices on $data_file cannot be listed"
    for node in $nodes; do
        run losetup -d "$node"
    done
}

# What its owner answers is noted whenever it does: the last time counts.
note() {
    if engine_answers; then
        save_output was echo up
        note_answers
        mark_done noted
    elif ! is_done noted; then
        engine_is_down || stop "$owner runs and does not answer: stop it by hand, then run this again"
        save_output was echo down
        note_without_answers
        mark_done noted
    fi
}
deactivate_pool() {
    local node nodes
    stop_engine
    pool_goes_with_engine && return
    ! pool_exists || { clear_pool && run dmsetup remove --retry "$pool"; } || stop "the old pool is still in use"
    nodes=$(writing_loops "$data_file" && writing_loops "$metadata_file") || stop "the old pool's loop devices cannot be listed"
    for node in $nodes; do
        run losetup -d "$node"
    done
    within 10 pool_is_down || stop "the old pool is still in use"
}

# What the copy is of: it is worth nothing once either file was written to again.
state() { stat -c '%n %i %s %y' -- "$data_file" "$metadata_file"; }
unchanged() { [ "$(state)" = "$(cat -- "$store/state" 2>/dev/null)" ]; }
described() { is_done described && unchanged; }
copied() { described && is_done copied; }

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
    ! metadata_written || run_lvm lvchange --deltag thinspect_restored "$group/$fresh_metadata"
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
    mark_done described
}

# --- the copy ---------------------------------------------------------------------------------------------------------

# thin_restore counts too few free blocks in a last bitmap that is not whole, and the kernel does not find them again when
# the pool grows. So as many whole bitmaps are restored as the volume holds, and the kernel adds the rest itself.
bitmap=16320
whole_bitmaps() {
    local blocks=$(( data_bytes / (block_sectors * 512) ))
    echo $(( blocks - blocks % bitmap ))
}
metadata_to_write() { echo $(( metadata_bytes - metadata_bytes % (bitmap * 4096) )); }
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
    is_volume "$volume" || stop "$target is not the volume of that name"
    while [ "$at" -lt "$total" ]; do
        run dd if="/dev/mapper/$packed" of="$target" bs=4194304 count=256 skip=$(( at / 4194304 )) \
            seek=$(( at / 4194304 )) iflag=direct oflag=direct conv=nocreat,notrunc,fsync status=none
        at=$(( at + piece ))
        printf '%s\n' "$at" >"$store/at.part"
        mv -f -- "$store/at.part" "$store/at"
        say "copied $(( at < total ? at * 100 / total : 100 )) % of $total bytes"
    done
    run cmp -n "$total" -- "/dev/mapper/$packed" "$target" || stop "the copy is not what the old pool holds"
    release
    mark_done copied
}
# A bitmap with all its blocks free must say so.
writes_well() {
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
metadata_written() { tagged "$fresh_metadata" thinspect_restored; }
write_metadata() {
    local file=$store/metadata bytes
    bytes=$(metadata_to_write)
    writes_well || stop "this thin_restore miscounts free blocks: a newer thin-provisioning-tools is needed"
    run rm -f -- "$file"
    run truncate -s "$bytes" -- "$file"
    run thin_restore -i "$store/new.xml" -o "$file" >/dev/null
    run thin_check -q "$file"
    run_lvm lvchange -ay "$group/$fresh_metadata"
    is_volume "$fresh_metadata" || stop "/dev/$group/$fresh_metadata is not the volume of that name"
    run dd if="$file" of="/dev/$group/$fresh_metadata" bs=1048576 oflag=direct conv=nocreat,notrunc,fsync status=none
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
# Somebody else may have made one of that size and kind of name meanwhile: to remove it has to be agreed to.
remove_strays() {
    local name
    [ -e "$store/lvs" ] || return 0
    for name in $(strays); do
        if [ "$yes_destroy" = yes ]; then
            run_lvm lvremove -y "$group/$name"
        else
            say "$group/$name seems to be left of an interrupted lvconvert; if it is nobody's: lvremove $group/$name"
        fi
    done
}
swapped() { tagged "${volume}_tmeta" thinspect_restored; }
# LVM wipes the metadata of a pool that it makes, so it makes one with metadata of its own, which is then exchanged.
make_pool() {
    if ! is_pool; then
        [ -e "$store/lvs" ] || save_output lvs names_in_group
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
    mark_done pool
}
status_of_new() { dmsetup status --noflush "$new_pool"; }
transaction_of_new() { status_of_new | awk '{ print $4 }'; }
new_pool_is_whole() {
    status_of_new | awk -v transaction="$(attribute transaction)" -v used="$(cat -- "$store/used")" '
        { split($6, data, "/"); good = $4 == transaction && data[1] == used && $8 == "rw" }
        END { exit !good }'
}

# --- its owner on it ---------------------------------------------------------------------------------------------------

as_before() { [ ! -f "$store/$1" ] || matches_saved "$1" "$2"; }
same_as_before() {
    local file command
    while read -r file command; do
        as_before "$file" "$command" || return 1
    done < <(printf '%s\n' "$compared")
}
show_differences() {
    local file command
    while read -r file command; do
        [ ! -f "$store/$file" ] || diff -u --label before --label now "$store/$file" <("$command") >&2 || true
    done < <(printf '%s\n' "$compared")
}
verify() {
    same_as_before || {
        show_differences
        stop "not everything is as it was; --back goes back"
    }
    takes_new_layers || stop "$owner makes nothing new on the new pool; --back goes back"
}

# --- the way back -----------------------------------------------------------------------------------------------------

# What this script made: volumes with its tag, and a group on the physical volume with its UUID.
remove_volumes() {
    local name
    ask_destroy "remove what was made for the new pool in volume group $group${device:+, and the group itself}?"
    for name in "$volume" "$fresh_metadata"; do
        ! ours "$name" || run_lvm lvremove -y "$group/$name"
    done
    remove_strays
    rm -f -- "$store/lvs"
    [ -z "$device" ] || remove_group
    ! profile_written || run rm -f -- "$profile"
}
remove_group() {
    local node all
    [ -s "$store/pv" ] || return 0
    ! group_made || run_lvm vgremove "$group"
    all=$(pvs --noheadings --separator , -o pv_uuid,pv_name,vg_name 9>&-) || stop "LVM does not list its physical volumes"
    node=$(printf '%s\n' "$all" | tr -d ' ' | sed -n "s/^$(uuid),\([^,]*\),\$/\1/p")
    if [ -n "$node" ]; then
        run_lvm pvremove "$node"
    elif half_made; then
        device_is_that_one || stop "$device is another one now"
        run wipefs -a -- "$device"
    fi
    rm -f -- "$store"/{grouping,pv}
}
rollback() {
    [ -d "$store" ] || stop "nothing was done yet that could be taken back"
    { [ -e "$data_file" ] && [ -e "$metadata_file" ]; } || stop "the old pool is gone: there is no way back any more"
    open_store
    ask "go back to the pool on loop files, as it was when it was copied?$(changes_since)"
    release
    if [ -e "$kept" ]; then
        stop_engine
        restore_records
        restore_settings
        rm -f -- "$kept"
    fi
    remake_old_pool
    if [ "$(cat -- "$store/was" 2>/dev/null)" = up ]; then
        engine_answers || start_engine
        start_again
        same_as_before || show_differences
    fi
    rm -rf -- "$store"/{done,running,ends,was,state,at,table}
    if [ "$yes_destroy" = yes ]; then
        remove_volumes
    else
        say "the volumes in $group stay; --back --yes-destroy removes them"
    fi
    say "$owner is as it was before"
}

describe_state() {
    if is_done verified; then
        say "$owner uses the new pool, and everything was compared; the old files are still the way back"
    elif is_done switched; then
        say "$owner was told of the new pool and is not there yet; the old pool was only read: --back goes back to it"
    elif is_done noted; then
        say "$owner and what it runs may be stopped; the old pool was only read, and nothing else was told yet: --back starts it on that"
    else
        say "$owner and what it runs are as they were"
    fi
}
