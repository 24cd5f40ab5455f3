#!/usr/bin/env bash
# thinspect plan direct-lvm for pool docker-8:1-131188-pool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped. With --back it takes everything back.
# It stops where the facts are not those it was made from.
set -euo pipefail
export LC_ALL=C

yes=no yes_destroy=no back=no
for option in "$@"; do
    case $option in
        --yes) yes=yes ;;
        --yes-destroy) yes_destroy=yes ;;
        --back) back=yes ;;
        *) echo "usage: ${0##*/} [--yes] [--yes-destroy] [--back]" >&2; exit 64 ;;
    esac
done

say() { printf 'thinspect: %s\n' "$*" >&2; }
stop() { say "stopped: $*"; exit 1; }
run() { say "+ $*"; "$@"; }

# Asks on the terminal; anything but y is a no.
agreed() {
    { printf '%s [y/N] ' "$1" >/dev/tty; } 2>/dev/null ||
        stop "there is no terminal to ask on; $2 goes on without asking"
    local answer=''
    read -r answer </dev/tty || true
    case $answer in
        y | Y | yes) ;;
        *) return 1 ;;
    esac
}
may() { [ "$yes" = yes ] || agreed "$1" --yes; }
may_destroy() { [ "$yes_destroy" = yes ] || agreed "$1" --yes-destroy; }
ask() { may "$1" || stop "you said no; what was done before stays"; }
ask_destroy() { may_destroy "$1" || stop "you said no; what was done before stays"; }

[ "$(id -u)" = 0 ] || stop "this has to be run by root"

pool=docker-8:1-131188-pool
store=/root/thinspect-direct-lvm
root=/var/lib/docker
old_driver=devicemapper
data_file=/var/lib/docker/devicemapper/devicemapper/data
metadata_file=/var/lib/docker/devicemapper/devicemapper/metadata
block_sectors=128
device=/dev/sdb
device_bytes=214748364800
group=docker
volume=thinpool
new_pool=docker-thinpool
data_bytes=178484412416
metadata_bytes=281018368
profile_text=$'activation {\x0a    thin_pool_autoextend_threshold=80\x0a    thin_pool_autoextend_percent=20\x0a}'

have() {
    local tool
    for tool in "$@"; do command -v "$tool" >/dev/null || return 1; done
}

# Waits at most $1 seconds for a condition.
within() {
    local end=$(( SECONDS + $1 ))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 1
    done
}

docker_answers() { timeout 20 docker version >/dev/null 2>&1; }

# One name at a time: pgrep finds nothing by a pattern of more than 15 characters.
docker_runs() {
    local name
    for name in dockerd dockerd-current docker-current docker; do
        ! pgrep -x "$name" >/dev/null || return 0
    done
    return 1
}
docker_is_gone() { ! docker_runs; }

# Containers are stopped one by one, as they would survive the daemon with live-restore.
stop_docker() {
    local containers=()
    ! docker_is_gone || return 0
    mapfile -t containers < <(timeout 20 docker ps -q 2>/dev/null || true)
    if [ "${#containers[@]}" -gt 0 ]; then
        run timeout 300 docker stop "${containers[@]}" >/dev/null || say "not every container stopped in time"
    fi
    if have systemctl; then
        systemctl stop docker.socket 2>/dev/null || true
        run systemctl stop docker
    else
        run service docker stop
    fi
    within 120 docker_is_gone || true
}
start_docker() {
    if have systemctl; then run systemctl start docker; else run service docker start; fi
}

# The pool is there, writable, and without the mark: nothing is left to repair.
works() {
    case $(dmsetup status --noflush "$pool" 2>/dev/null) in
        *needs_check*) return 1 ;;
        *" thin-pool "*" rw "* | *" thin-pool "*" out_of_data_space "*) ;;
        *) return 1 ;;
    esac
}
here() { dmsetup info "$pool" >/dev/null 2>&1; }

# Who uses the pool: the names of the devices that lie on it.
users() {
    local number name
    here || return 0
    number=$(dmsetup info -c --noheadings --separator : -o major,minor "$pool" | tr -d ' ')
    for name in "/sys/dev/block/$number/holders"/*/dm/name; do
        [ ! -e "$name" ] || cat -- "$name"
    done
}
unused() { [ -z "$(users)" ]; }
processes_with() { grep -lsF -- "$1" /proc/[0-9]*/mountinfo | cut -d/ -f3 | tr '\n' ' ' || true; }

# Removes the devices on the pool that nobody has open; the first that is in use ends it.
clear_pool() {
    local name
    while read -r name; do
        run dmsetup remove --retry "$name" ||
            stop "$name is in use; processes that have it mounted: $(processes_with "$name")"
    done < <(users)
}

# Whether a file of metadata has no errors, and not the mark: bit 0 of the flags in its superblock.
unmarked() {
    case $(od -An -tu1 -j4 -N1 -- "$1" 2>/dev/null | tr -d ' ') in
        *[02468]) ;;
        *) return 1 ;;
    esac
}
sound() { [ -f "$1" ] && unmarked "$1" && thin_check -q "$1" >/dev/null 2>&1; }

# Repairs $1 into the new file $2, which is never the only copy. Words for a lost superblock, where they are known.
repair_into() {
    run thin_repair -i "$1" -o "$2" && return
    [ -n "${superblock_words-}" ] || return 1
    say "trying again with what is known of the superblock"
    local words=()
    read -r -a words <<<"$superblock_words"
    run thin_repair -i "$1" -o "$2" "${words[@]}"
}

# Everything that is done is noted in $store, a directory for root alone: what there was, how it was, which parts are
# done, and the archives. Without it there is no way back.
say() {
    printf 'thinspect: %s\n' "$*" >&2
    [ ! -d "$store" ] || printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >>"$store/log"
}
did() { grep -qsxF -- "$1" "$store/done"; }
mark() { did "$1" || printf '%s\n' "$1" >>"$store/done"; }

# Makes the store, and keeps a second run out while this one works. A daemon must not inherit the lock: see raise_docker.
open_store() {
    [ ! -L "$store" ] || stop "$store is a symbolic link"
    run mkdir -p -m 700 -- "$store"
    [ "$(stat -c '%u %a' -- "$store")" = "0 700" ] || stop "$store is not a directory of root's alone"
    exec 9>"$store/lock"
    flock -n 9 || stop "another run of this script, or a command that it started, is still at work"
}

# --- Docker as it answers ---------------------------------------------------------------------------------------------

unset DOCKER_CONTEXT DOCKER_TLS_VERIFY
driver_is() { [ "$(timeout 60 docker info -f '{{.Driver}}' 2>/dev/null)" = "$1" ]; }
root_is_ours() { [ "$(timeout 60 docker info -f '{{.DockerRootDir}}' 2>/dev/null)" = "$root" ]; }
no_swarm() { [ "$(timeout 60 docker info -f '{{.Swarm.LocalNodeState}}' 2>/dev/null)" = inactive ]; }
# An answer that could not be had is none.
nothing_runs() {
    local running
    running=$(docker ps -q) && [ -z "$running" ]
}
all_images_now() { docker images -aq --no-trunc | sort -u; }
# Images, and each name of each. What this script makes itself does not count.
images_now() {
    docker images -a --no-trunc --format '{{.ID}} {{.Repository}}' | sed '/ thinspect-saved$/d; s/ .*//' | sort -u
}
names_now() {
    docker images -a --no-trunc --digests --format '{{.ID}} {{.Repository}}:{{.Tag}} {{.Digest}}' |
        sed '/ thinspect-saved:/d' | sort
}
containers_now() { docker ps -aq --no-trunc | sort; }
containers_named() { docker ps -a --no-trunc --format '{{.ID}} {{.Names}}' | sort; }
volumes_now() { docker volume ls -q | sort; }
# Whether the lines of a file and the output of a command are the same.
as_noted() {
    local now
    [ -f "$store/$1" ] && now=$("$2") && [ "$now" = "$(cat -- "$store/$1")" ]
}
# Whether the plan knew exactly these.
as_planned() {
    local now
    now=$("$2") && [ "$now" = "$(printf '%s' "$1" | tr ' ' '\n' | sort -u)" ]
}
room_for() { [ $(( $(stat -f -c '%a * %S' -- "$1") )) -ge "$2" ]; }

# Without the lock: a daemon would hold it for as long as it lives.
raise_docker() {
    start_docker 9>&-
    within 120 docker_answers || stop "Docker does not answer; journalctl -u docker says why, and --back goes back"
}
lower_docker() {
    stop_docker 9>&-
    docker_is_gone || stop "Docker does not stop"
}

# --- what there is ----------------------------------------------------------------------------------------------------

# What ran is noted once: an interrupted run has stopped some of it already.
note_running() { [ -f "$store/running" ] || keep running docker ps -q --no-trunc; }
# keep FILE COMMAND...: its output in a file of the store, whole or not at all.
keep() {
    local file=$store/$1
    shift
    "$@" >"$file.part"
    mv -f -- "$file.part" "$file"
}
settings=/etc/docker/daemon.json
note_what_is_there() {
    keep names names_now
    keep images images_now
    keep volumes volumes_now
    keep info docker info 2>/dev/null
    cp -a -- "$root/image/$old_driver/repositories.json" "$store/repositories.json"
}
stop_containers() {
    local id
    for id in $(docker ps -q --no-trunc --filter status=paused); do
        run docker unpause "$id" >/dev/null
    done
    for id in $(docker ps -q --no-trunc); do
        run timeout 300 docker stop "$id" >/dev/null || say "container $id did not stop in time"
    done
    nothing_runs || stop "containers still run: $(docker ps --format '{{.Names}}' | tr '\n' ' ')"
}
# --- settings ---------------------------------------------------------------------------------------------------------

text_of() { cat -- "$1" 2>/dev/null || true; }
settings_are() { [ "$(text_of "$settings")" = "$1" ]; }
keep_settings() {
    [ ! -e "$store/daemon.json" ] || return 0
    if [ -e "$settings" ]; then
        cp -aL -- "$settings" "$store/daemon.json.part"
    else
        : >"$store/daemon.json.part"
    fi
    mv -f -- "$store/daemon.json.part" "$store/daemon.json"
}
write_settings() {
    local file
    run mkdir -p -- "${settings%/*}"
    file=$(readlink -f "$settings")
    [ ! -e "$file" ] || cp -a -- "$file" "$file.new"
    printf '%s\n' "$1" >"$file.new"
    run mv -f -- "$file.new" "$file"
}
restore_settings() {
    if [ -s "$store/daemon.json" ]; then
        run cp -a -- "$store/daemon.json" "$(readlink -f "$settings")"
    else
        run rm -f -- "$settings"
    fi
}

# --- afterwards ------------------------------------------------------------------------------------------------------

# In the order in which they were started, oldest first: some need another one's network.
start_again() {
    local id
    for id in $(tac "$store/running"); do
        grep -q "^$id" "$store/containers" || continue
        [ "$(docker inspect -f '{{.State.Running}}' "$id")" = true ] || run docker start "$id" >/dev/null ||
            say "container ${id:0:12} does not start: docker logs and docker inspect say why"
    done
    mark started
}

# The old pool's blocks are packed together onto a logical volume, and its metadata is written anew with their new places.
# $data_file and $metadata_file are the old pool's and only read; $group/$volume is the new one, $new_pool its dm name.
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
# A physical volume without a group, where this script was about to make one.
half_made() { case $([ ! -e "$store/grouping" ] || of_device pv_uuid,vg_name) in *-*,) ;; *) return 1 ;; esac; }
make_group() {
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
down() { docker_is_gone && ! here && [ -z "$(writing_loops "$data_file")$(writing_loops "$metadata_file")" ]; }
release() {
    local node
    ! dmsetup info "$packed" >/dev/null 2>&1 || run dmsetup remove --retry "$packed"
    for node in $(losetup --list --noheadings --output NAME,RO -j "$data_file" | awk '$2 == 1 { print $1 }'); do
        run losetup -d "$node"
    done
}

# Docker's own files tell where it does not answer: its images, its containers, the volumes beside the pool.
containers_in_files() {
    local record
    for record in "$root"/containers/*/config.v2.json; do
        [ ! -e "$record" ] || printf '%s %s\n' "$(basename "${record%/*}")" \
            "$(grep -o '"Name":"/[^"]*"' "$record" | head -n 1 | sed 's:"Name"\:"/\(.*\)":\1:')"
    done | sort
}
note_from_files() {
    : >"$store/running"
    keep containers containers_in_files
    rm -f -- "$store/names" "$store/images" "$store/volumes"
}
note() {
    if docker_answers; then
        keep was echo up
        note_running
        stop_containers
        note_what_is_there
        keep containers containers_named
        mark noted
    elif ! did noted; then
        docker_is_gone || stop "Docker runs and does not answer: stop it by hand, then run this again"
        keep was echo down
        note_from_files
        mark noted
    fi
}
take_down() {
    local node
    docker_is_gone || lower_docker
    # Else whoever asks Docker something starts it.
    ! have systemctl || systemctl stop docker.socket 2>/dev/null || true
    within 20 down && return
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

# Docker's records as they are with the pool that is copied: the way back needs them. Logs of containers stay out.
save_records() {
    local parts=(devicemapper/metadata image/devicemapper containers)
    room_for "$store" "$(cd "$root" && du -sbc --exclude='*.log*' "${parts[@]}" | tail -n 1 | cut -f1)" ||
        stop "$store has no room for a copy of Docker's records: name another place with --copies"
    run tar -C "$root" --exclude='containers/*/*.log*' --exclude='containers/*/local-logs' \
        --exclude='containers/*/mounts' -cf "$store/records.tar.part" "${parts[@]}"
    mv -f -- "$store/records.tar.part" "$store/records.tar"
}
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

swapped() { tagged "${volume}_tmeta" thinspect_restored; }
# Docker's own pools do not zero new blocks either. LVM wipes the metadata of a pool that it makes, so it makes one with metadata of its own, which is then exchanged.
make_pool() {
    if ! is_pool; then
        run_lvm lvchange -an "$group/$volume"
        run_lvm lvconvert -y --zero n -c "${block_sectors}s" --discards passdown \
            --poolmetadatasize "${metadata_bytes}b" --thinpool "$group/$volume"
    fi
    if ! swapped; then
        run_lvm lvchange -an "$group/$volume" "$group/$fresh_metadata"
        run_lvm lvconvert -y --thinpool "$group/$volume" --poolmetadata "$group/$fresh_metadata"
    fi
    swapped || stop "LVM did not exchange the metadata"
    [ -z "$(lv lv_name "$fresh_metadata")" ] || run_lvm lvremove -y "$group/$fresh_metadata"
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

# --- Docker on it -----------------------------------------------------------------------------------------------------

# Not grep -q: it would not read to the end, which docker takes for a failure.
on_new_pool() { timeout 60 docker info 2>/dev/null | grep "Pool Name: $new_pool\$" >/dev/null; }
as_before() { [ ! -f "$store/$1" ] || as_noted "$1" "$2"; }
same_as_before() {
    as_before images images_now && as_before names names_now && as_before containers containers_named &&
        as_before volumes volumes_now
}
show_differences() {
    local file command
    while read -r file command; do
        [ ! -f "$store/$file" ] || diff -u --label before --label now "$store/$file" <("$command") >&2 || true
    done <<<$'images images_now\nnames names_now\ncontainers containers_named\nvolumes volumes_now'
}
# Making a container makes two devices, and mounts them; it is not started.
takes_new_layers() {
    local image='' id
    read -r image < <(docker images -q --no-trunc) || true
    [ -n "$image" ] || return 0
    id=$(docker create --network none "$image" true) && docker rm -v "$id" >/dev/null
}
verify() {
    same_as_before || {
        show_differences
        stop "not everything is as it was; --back goes back"
    }
    takes_new_layers || stop "Docker makes no new container on the new pool; --back goes back"
}

# --- the way back -----------------------------------------------------------------------------------------------------

since() {
    local now
    [ -e "$store/daemon.json" ] && now=$(transaction_of_new 2>/dev/null) || return 0
    [ "$now" = "$(attribute transaction)" ] || echo " What was made since then is only on the new pool."
}
# The old pool and Docker's records of it belong together. What has come since is put aside.
restore_records() {
    local part id left
    left=$store/left-$(date +%s)
    for part in devicemapper/metadata image/devicemapper; do
        mkdir -p -- "$left/${part%/*}"
        [ ! -e "$root/$part" ] || run mv -- "$root/$part" "$left/$part"
    done
    for id in "$root"/containers/*/; do
        id=$(basename "$id")
        grep -q "^$id " "$store/containers" || [ ! -d "$root/containers/$id" ] || {
            mkdir -p -- "$left/containers"
            run mv -- "$root/containers/$id" "$left/containers/$id"
        }
    done
    run tar -C "$root" -xpf "$store/records.tar"
}
remove_volumes() {
    local name
    for name in "$volume" "$fresh_metadata"; do
        ! ours "$name" || run_lvm lvremove -y "$group/$name"
    done
    if [ -n "$device" ]; then
        ! group_made || run_lvm vgremove "$group"
        ! half_made || run_lvm pvremove "$device"
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
    if [ -e "$store/daemon.json" ]; then
        docker_is_gone || lower_docker
        restore_records
        restore_settings
        rm -f -- "$store/daemon.json"
    fi
    if [ "$(cat -- "$store/was" 2>/dev/null)" = up ]; then
        docker_answers || raise_docker
        start_again
        same_as_before || show_differences
    fi
    rm -f -- "$store"/{done,running,was,state,at}
    if [ "$yes_destroy" = yes ]; then
        remove_volumes
    else
        say "the volumes in $group stay; --back --yes-destroy removes them"
    fi
    say "Docker is as it was before"
}

if [ "$back" = yes ]; then
    way_back
    exit 0
fi
say 'warning: containers and Docker are stopped for as long as it takes to copy 90.1 GiB and compare it: about 33 minutes at 100 MB/s'
say 'warning: the devicemapper driver is deprecated since Docker 18.09 and gone from 25.0: where overlay2 can be used, "thinspect plan overlay2" lasts longer'
say 'warning: not this way: dm.directlvm_device=/dev/sdb lets Docker set up an empty pool by itself, for a data root with nothing in it; with this one the daemon would not start, as its base device is not in that pool. It also leaves less free than the 20 % by which LVM is to grow it, and does not look whether dmeventd watches'
have lvs vgcreate lvcreate lvconvert lvchange || stop 'LVM'\''s tools are missing: install the package lvm2'
have thin_check thin_dump thin_restore || stop 'thin_check, thin_dump and thin_restore are missing: install thin-provisioning-tools (Debian, Ubuntu) or device-mapper-persistent-data (Red Hat)'
have docker blkid blockdev dmsetup losetup pgrep flock tar cmp od awk timeout || stop 'a tool is missing: docker, blkid, blockdev, dmsetup, losetup, pgrep, flock, tar, cmp, od, awk and timeout are needed'
{ did verified || { [ -f "$data_file" ] && [ -f "$metadata_file" ]; }; } || stop 'the old pool'\''s files /var/lib/docker/devicemapper/devicemapper/data and /var/lib/docker/devicemapper/devicemapper/metadata are not there'
open_store || stop 'the directory for the copies cannot be made'
{ did described || room_for "$store" 856342528; } || stop '/root/thinspect-direct-lvm has no room for the copies: 816.6 MiB are needed there'

# Step 2 (changes): make /dev/sdb a volume group
step_2() {
    if { did pool || group_made; }; then
        say 'step 2 is done: make /dev/sdb a volume group'
        return
    fi
    [ -b "$device" ] || stop 'step 2: /dev/sdb is not there; nothing was changed'
    device_is_that_large || stop 'step 2: /dev/sdb is not as large as when the plan was made: another disk may have that name now; nothing was changed'
    device_is_unused || stop 'step 2: /dev/sdb is in use by now: mounted, swap, read-only, partitioned, or part of another device; nothing was changed'
    device_is_empty || stop 'step 2: /dev/sdb holds something by now: "wipefs -n" names it; nothing was changed'
    ask 'step 2 (changes): make /dev/sdb a volume group. Go on?'
    make_group
    { did pool || group_made; } || stop 'step 2 did not work: make /dev/sdb a volume group; what takes it back: vgremove docker; pvremove /dev/sdb'
    say 'step 2 is done: make /dev/sdb a volume group'
}

# Step 3 (changes): make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool
step_3() {
    if { did pool || volumes_made; }; then
        say 'step 3 is done: make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool'
        return
    fi
    { [ ! -e "$profile" ] || profile_written; } || stop 'step 3: /etc/lvm/profile/docker-thinpool.profile is there already and says something else'
    { ours "$volume" || group_has 179327467520; } || stop 'step 3: volume group docker has less free than when the plan was made'
    ask 'step 3 (changes): make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool. Go on?'
    make_volumes
    { did pool || volumes_made; } || stop 'step 3 did not work: make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 3 is done: make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool'
}

# Step 4 (stops): note what there is, stop the containers and Docker
step_4() {
    if { did pool || { did noted && down; }; }; then
        say 'step 4 is done: note what there is, stop the containers and Docker'
        return
    fi
    ask 'step 4 (stops): note what there is, stop the containers and Docker. Go on?'
    note
    take_down
    { did pool || { did noted && down; }; } || stop 'step 4 did not work: note what there is, stop the containers and Docker; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 4 is done: note what there is, stop the containers and Docker'
}

# Step 5 (changes): copy Docker's records, and find the blocks in use
step_5() {
    if { did pool || described; }; then
        say 'step 5 is done: copy Docker'\''s records, and find the blocks in use'
        return
    fi
    down || stop 'step 5: the old pool is in use again: stop Docker'
    ask 'step 5 (changes): copy Docker'\''s records, and find the blocks in use. Go on?'
    describe
    { did pool || described; } || stop 'step 5 did not work: copy Docker'\''s records, and find the blocks in use; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 5 is done: copy Docker'\''s records, and find the blocks in use'
}

# Step 6 (changes): copy the blocks to the new volume, and compare
step_6() {
    if { did pool || copied; }; then
        say 'step 6 is done: copy the blocks to the new volume, and compare'
        return
    fi
    { down && described; } || stop 'step 6: the old pool was used since its blocks were found: run this again'
    ask 'step 6 (changes): copy the blocks to the new volume, and compare. Go on?'
    copy
    { did pool || copied; } || stop 'step 6 did not work: copy the blocks to the new volume, and compare; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 6 is done: copy the blocks to the new volume, and compare'
}

# Step 7 (changes): write the new pool's metadata
step_7() {
    if { is_pool || restored; }; then
        say 'step 7 is done: write the new pool'\''s metadata'
        return
    fi
    copied || stop 'step 7: the old pool was used since it was copied: run this again'
    ask 'step 7 (changes): write the new pool'\''s metadata. Go on?'
    restore
    { is_pool || restored; } || stop 'step 7 did not work: write the new pool'\''s metadata; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 7 is done: write the new pool'\''s metadata'
}

# Step 8 (changes): make them a thin pool, and let LVM watch it
step_8() {
    if did pool; then
        say 'step 8 is done: make them a thin pool, and let LVM watch it'
        return
    fi
    copied || stop 'step 8: the old pool was used since it was copied: take everything back with --back, and begin anew'
    ask 'step 8 (changes): make them a thin pool, and let LVM watch it. Go on?'
    make_pool
    did pool || stop 'step 8 did not work: make them a thin pool, and let LVM watch it; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 8 is done: make them a thin pool, and let LVM watch it'
}

# Step 9 (changes): tell Docker of the new pool in /etc/docker/daemon.json
step_9() {
    if did switched; then
        say 'step 9 is done: tell Docker of the new pool in /etc/docker/daemon.json'
        return
    fi
    { docker_is_gone && unchanged; } || stop 'step 9: the old pool was used since it was copied: take everything back with --back, and begin anew'
    { settings_are "$(printf '%s\n' '{' '  "storage-driver": "devicemapper",' '  "storage-opts": [' '    "dm.basesize=20G"' '  ]' '}')" || settings_are "$(printf '%s\n' '{' '  "storage-driver": "devicemapper",' '  "storage-opts": ["dm.basesize=20G","dm.thinpooldev=/dev/mapper/docker-thinpool","dm.use_deferred_removal=true","dm.use_deferred_deletion=true"]' '}')"; } || stop 'step 9: /etc/docker/daemon.json is not what it was when it was recorded; make a new plan'
    ask 'step 9 (changes): tell Docker of the new pool in /etc/docker/daemon.json. Go on?'
    keep_settings
    settings_are "$(printf '%s\n' '{' '  "storage-driver": "devicemapper",' '  "storage-opts": ["dm.basesize=20G","dm.thinpooldev=/dev/mapper/docker-thinpool","dm.use_deferred_removal=true","dm.use_deferred_deletion=true"]' '}')" || write_settings "$(printf '%s\n' '{' '  "storage-driver": "devicemapper",' '  "storage-opts": ["dm.basesize=20G","dm.thinpooldev=/dev/mapper/docker-thinpool","dm.use_deferred_removal=true","dm.use_deferred_deletion=true"]' '}')"
    mark switched
    did switched || stop 'step 9 did not work: tell Docker of the new pool in /etc/docker/daemon.json; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 9 is done: tell Docker of the new pool in /etc/docker/daemon.json'
}

# Step 10 (changes): start Docker on the new pool
step_10() {
    if did started; then
        say 'step 10 is done: start Docker on the new pool'
        return
    fi
    did switched || stop 'step 10: Docker was not told of the new pool'
    ask 'step 10 (changes): start Docker on the new pool. Go on?'
    raise_docker
    on_new_pool || stop 'Docker does not use the new pool; --back goes back'
    start_again
    did started || stop 'step 10 did not work: start Docker on the new pool; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 10 is done: start Docker on the new pool'
}

# Step 11 (reads): compare everything with what was noted
step_11() {
    if did verified; then
        say 'step 11 is done: compare everything with what was noted'
        return
    fi
    on_new_pool || stop 'step 11: Docker does not use the new pool'
    verify
    mark verified
    did verified || stop 'step 11 did not work: compare everything with what was noted; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 11 is done: compare everything with what was noted'
}

# Step 12 (destroys): some days later: remove the old pool's files
step_12() {
    if { [ ! -e "$data_file" ] && [ ! -e "$metadata_file" ]; }; then
        say 'step 12 is done: some days later: remove the old pool'\''s files'
        return
    fi
    { did verified && on_new_pool; } || stop 'step 12: Docker does not use the new pool, or it was not verified'
    [ -z "$(losetup -j "$data_file")" ] || stop 'step 12: a loop device still shows the old pool'\''s file'
    [ "$yes_destroy" = yes ] || {
        say 'step 12 (destroys) is left for later: some days later: remove the old pool'\''s files'
        say 'run this again with --yes-destroy for it, when all has proved itself'
        return
    }
    ask_destroy 'step 12 (destroys): some days later: remove the old pool'\''s files. Go on?'
    run rm -f -- "$data_file" "$metadata_file"
    { [ ! -e "$data_file" ] && [ ! -e "$metadata_file" ]; } || stop 'step 12 did not work: some days later: remove the old pool'\''s files'
    say 'step 12 is done: some days later: remove the old pool'\''s files'
}

step_2
step_3
step_4
step_5
step_6
step_7
step_8
step_9
step_10
step_11
step_12
say 'all steps are done'
