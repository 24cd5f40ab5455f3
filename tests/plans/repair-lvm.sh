#!/usr/bin/env bash
# thinspect plan repair for pool docker-thinpool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped.
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

pool=docker-thinpool
volume=docker/thinpool
node=/dev/mapper/docker-thinpool_tmeta
copies=/root/thinspect-docker_thinpool
superblock_words=''

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

# Who uses the pool: the names of the devices that lie on it, but for LVM's own name for it.
users() {
    local number name
    here || return 0
    number=$(dmsetup info -c --noheadings --separator : -o major,minor "$pool" | tr -d ' ')
    for name in "/sys/dev/block/$number/holders"/*/dm/name; do
        [ ! -e "$name" ] || grep -vxF -- "${pool%-tpool}" "$name" || true
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

# The metadata is in $node, which LVM shows while the pool is active; its copy goes into $copies.
copy='' verdict=''

idle() { ! docker_runs && unused; }
take_copy() {
    local number=1 part=no bytes
    run mkdir -p -m 700 -- "$copies"
    ! works || stop "the pool works by now"
    if [ ! -b "$node" ]; then
        run lvchange -y -ay "${volume}_tmeta" || stop "LVM does not show the metadata of $volume"
        part=yes
    fi
    bytes=$(blockdev --getsize64 "$node")
    [ $(( $(stat -f -c '%a * %S' -- "$copies") )) -ge $(( 2 * bytes )) ] ||
        stop "$copies has no room for two copies of $node"
    copy=$copies/metadata
    while [ -e "$copy" ]; do
        number=$(( number + 1 ))
        copy=$copies/metadata-$number
    done
    run dd if="$node" of="$copy" bs=1M iflag=direct conv=sparse,fsync status=none
    run truncate -s "$bytes" -- "$copy"
    sha256sum -- "$copy" >"$copy.sha256"
    [ "$part" = no ] || run lvchange -an "${volume}_tmeta"
    say "the metadata is kept as $copy"
}

# LVM's own repair is only let loose when the same repair has worked on the copy.
examine() {
    if thin_check "$copy" >/dev/null; then
        verdict=clean
    else
        say "the metadata has errors: trying the repair on the copy first"
        run truncate -s "$(stat -c %s -- "$copy")" -- "$copy.repaired"
        repair_into "$copy" "$copy.repaired" || stop "thin_repair could not repair the copy; the pool is as it was"
        run thin_check "$copy.repaired" >/dev/null
        verdict=repairable
    fi
    say "the metadata is $verdict"
}
# LVM checks the metadata when it activates a pool. Not every build of it tells thin_check to take the mark off.
activate() {
    run lvchange -ay --config 'global { thin_check_options = [ "-q", "--clear-needs-check-flag" ] }' "$volume"
}
cycle() {
    run lvchange -an "$volume" || stop "LVM does not deactivate $volume; what uses it? $(users | tr '\n' ' ')"
    activate || true
}
convert() {
    run lvchange -an "$volume"
    run lvconvert -y --repair "$volume"
    activate
}

[ "$back" = no ] || stop 'there is no way back as a whole: each step says what takes it back'
say 'warning: an error met the pool'\''s metadata, and the kernel keeps the pool read-only until it has been checked with everything stopped (needs_check)'
say 'warning: what is free where the copies go is not known here: 264 MiB are needed'
say 'warning: what can be lost: the pool'\''s last changes (what was made in its last second), and what containers have written since the errors began; volumes are not in the pool'
if works && docker_runs; then
    say 'the pool works: nothing is left to repair'
    exit 0
fi
have pgrep od sha256sum lvconvert lvchange thin_check thin_repair || stop 'a tool is missing: pgrep (procps), lvm2, thin_check and thin_repair (thin-provisioning-tools, or device-mapper-persistent-data) are needed'

# Step 2 (stops): stop everything that uses the pool
step_2() {
    if docker_is_gone; then
        say 'step 2 is done: stop everything that uses the pool'
        return
    fi
    ask 'step 2 (stops): stop everything that uses the pool. Go on?'
    stop_docker
    docker_is_gone || stop 'step 2 did not work: stop everything that uses the pool; what takes it back: systemctl start docker'
    say 'step 2 is done: stop everything that uses the pool'
}

# Step 3 (changes): copy the metadata into a file
step_3() {
    if { works || [ -n "$copy" ]; }; then
        say 'step 3 is done: copy the metadata into a file'
        return
    fi
    idle || stop 'step 3: the pool is in use'
    ask 'step 3 (changes): copy the metadata into a file. Go on?'
    take_copy
    { works || [ -n "$copy" ]; } || stop 'step 3 did not work: copy the metadata into a file; what takes it back: rm /root/thinspect-docker_thinpool/metadata /root/thinspect-docker_thinpool/metadata.sha256'
    say 'step 3 is done: copy the metadata into a file'
}

# Step 4 (changes): check the copy; try the repair on it if it has errors
step_4() {
    if { works || [ -n "$verdict" ]; }; then
        say 'step 4 is done: check the copy; try the repair on it if it has errors'
        return
    fi
    ask 'step 4 (changes): check the copy; try the repair on it if it has errors. Go on?'
    examine
    { works || [ -n "$verdict" ]; } || stop 'step 4 did not work: check the copy; try the repair on it if it has errors'
    say 'step 4 is done: check the copy; try the repair on it if it has errors'
}

# Step 5 (stops): if the copy had no errors: deactivate the pool and activate it again
step_5() {
    if { works || [ "$verdict" != clean ]; }; then
        say 'step 5 is done: if the copy had no errors: deactivate the pool and activate it again'
        return
    fi
    idle || stop 'step 5: the pool is in use'
    may 'step 5 (stops): if the copy had no errors: deactivate the pool and activate it again. Go on?' || {
        say 'step 5 is left out'
        return
    }
    cycle
    { works || [ "$verdict" != clean ]; } || {
        say 'not enough yet'
        return
    }
    say 'step 5 is done: if the copy had no errors: deactivate the pool and activate it again'
}

# Step 6 (changes): if it had errors, and the repair of the copy was sound: let LVM repair the pool
step_6() {
    if works; then
        say 'step 6 is done: if it had errors, and the repair of the copy was sound: let LVM repair the pool'
        return
    fi
    idle || stop 'step 6: the pool is in use'
    [ -n "$verdict" ] || stop 'step 6: the copy was not checked'
    ask 'step 6 (changes): if it had errors, and the repair of the copy was sound: let LVM repair the pool. Go on?'
    convert
    works || stop 'step 6 did not work: if it had errors, and the repair of the copy was sound: let LVM repair the pool; what takes it back: lvchange -an docker/thinpool; lvconvert --thinpool docker/thinpool --poolmetadata docker/thinpool_meta0'
    say 'step 6 is done: if it had errors, and the repair of the copy was sound: let LVM repair the pool'
}

# Step 7 (changes): start what uses the pool
step_7() {
    if { works && docker_runs; }; then
        say 'step 7 is done: start what uses the pool'
        return
    fi
    works || stop 'step 7: the pool does not work yet'
    ask 'step 7 (changes): start what uses the pool. Go on?'
    start_docker
    within 60 works || true
    { works && docker_runs; } || stop 'step 7 did not work: start what uses the pool'
    say 'step 7 is done: start what uses the pool'
}

step_2
step_3
step_4
step_5
step_6
step_7
say 'all steps are done'
