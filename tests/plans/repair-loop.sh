#!/usr/bin/env bash
# thinspect plan repair for pool docker-8:1-131188-pool.
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

pool=docker-8:1-131188-pool
file=/var/lib/docker/devicemapper/devicemapper/metadata
data=/var/lib/docker/devicemapper/devicemapper/data
size=0
owner=docker
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

# The metadata is in $file; all work is done on $new, which takes its place only when it is sound.
new=$file.repaired

loops_of() { losetup -j "$1" | cut -d: -f1; }
# Whether every loop device on the file shows all of it.
whole() { ! losetup --noheadings --output OFFSET -j "$file" | grep -q '[1-9]'; }
down() { ! here && [ -z "$(loops_of "$file")" ]; }

take_down() {
    local node
    if here; then
        [ "$owner" = docker ] || dmsetup table "$pool" >"$file.table"
        clear_pool
        run dmsetup remove --retry "$pool" || stop "the pool is in use"
    fi
    for node in $(loops_of "$file"); do
        run losetup -d "$node" || true
    done
    within 10 down || true
}

# Copies, a repaired file and some more have room beside the file.
room() {
    local free used
    free=$(( $(stat -f -c '%f * %S' -- "$file") ))
    used=$(( $(stat -c '%b * %B' -- "$file") ))
    [ "$free" -ge $(( 2 * used + 67108864 )) ]
}
large() { [ "$(stat -c %s -- "$1")" -ge "$size" ]; }
mended() { large "$file" && sound "$file"; }

# A copy of another state of the file, as an earlier attempt may have left, is worth nothing.
state() { stat -c '%i %s %y' -- "$file"; }
copied() { mended || { [ -f "$new" ] && [ "$(cat -- "$new.of" 2>/dev/null)" = "$(state)" ]; }; }
ready() { copied && large "$new" && sound "$new"; }

copy() {
    local before
    before=$(state)
    run rm -f -- "$new" "$new.of"
    run cp -a --sparse=always -- "$file" "$new"
    run cmp -- "$file" "$new"
    run truncate -s ">$size" -- "$new"
    printf '%s\n' "$before" >"$new.of"
}

mend() {
    if thin_check "$new" >/dev/null; then
        say "the metadata has no errors: only the mark has to go"
    else
        say "the metadata has errors: it is repaired into a new file"
        local bytes
        bytes=$(stat -c %s -- "$new")
        run rm -f -- "$new"
        run cp -a --attributes-only -- "$file" "$new"
        run truncate -s "$bytes" -- "$new"
        repair_into "$file" "$new" || stop "thin_repair could not repair it; $file is as it was"
    fi
    run thin_check --clear-needs-check-flag "$new" >/dev/null
}

# At every moment there is a file of that name, and the old one is kept.
put_in_place() {
    local old=$file.before-repair number=1
    while [ -e "$old" ]; do
        number=$(( number + 1 ))
        old=$file.before-repair-$number
    done
    run ln -- "$file" "$old"
    sha256sum -- "$old" >"$old.sha256"
    run sync
    run mv -f -- "$new" "$file"
    run rm -f -- "$new.of"
    run sync
    say "the old metadata is kept as $old"
}

# For pools that no daemon makes: the table that was saved, on loop devices made anew.
raise() {
    local start length kind rest metadata carrier
    [ -f "$file.table" ] || stop "the pool's table was not saved; whoever made the pool has to make it again"
    read -r start length kind _ _ rest <"$file.table"
    metadata=$(losetup --find --show -- "$file")
    carrier=$(loops_of "$data" | head -n 1)
    [ -n "$carrier" ] || carrier=$(losetup --find --show -- "$data")
    run dmsetup create "$pool" --table "$start $length $kind $metadata $carrier $rest"
}

[ "$back" = no ] || stop 'there is no way back as a whole: each step says what takes it back'
say 'warning: an error met the pool'\''s metadata, and the kernel keeps the pool read-only until it has been checked with everything stopped (needs_check)'
say 'warning: what can be lost: the pool'\''s last changes (what was made in its last second), and what containers have written since the errors began; volumes are not in the pool'
if works; then
    say 'the pool works: nothing is left to repair'
    exit 0
fi
have pgrep losetup od cmp sha256sum thin_check thin_repair || stop 'a tool is missing: pgrep (procps), thin_check and thin_repair (thin-provisioning-tools, or device-mapper-persistent-data) are needed'
[ -f "$file" ] || stop 'there is no file /var/lib/docker/devicemapper/devicemapper/metadata'
[ ! -L "$file" ] || stop '/var/lib/docker/devicemapper/devicemapper/metadata is a symbolic link: name the file itself'
room || stop 'there is no room for a copy beside the metadata: free space on that filesystem first'
whole || stop 'the loop device does not show the whole file: this has to be repaired by hand'

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

# Step 3 (stops): take down what is left of the pool
step_3() {
    if down; then
        say 'step 3 is done: take down what is left of the pool'
        return
    fi
    ask 'step 3 (stops): take down what is left of the pool. Go on?'
    take_down
    down || stop 'step 3 did not work: take down what is left of the pool; what takes it back: systemctl start docker'
    say 'step 3 is done: take down what is left of the pool'
}

# Step 4 (changes): copy the metadata; all work is done on the copy
step_4() {
    if copied; then
        say 'step 4 is done: copy the metadata; all work is done on the copy'
        return
    fi
    down || stop 'step 4: the pool is still set up'
    ask 'step 4 (changes): copy the metadata; all work is done on the copy. Go on?'
    copy
    copied || stop 'step 4 did not work: copy the metadata; all work is done on the copy; what takes it back: rm /var/lib/docker/devicemapper/devicemapper/metadata.repaired'
    say 'step 4 is done: copy the metadata; all work is done on the copy'
}

# Step 5 (changes): check the copy; repair it only if it has errors
step_5() {
    if { mended || ready; }; then
        say 'step 5 is done: check the copy; repair it only if it has errors'
        return
    fi
    copied || stop 'step 5: there is no sound copy'
    ask 'step 5 (changes): check the copy; repair it only if it has errors. Go on?'
    mend
    { mended || ready; } || stop 'step 5 did not work: check the copy; repair it only if it has errors; what takes it back: rm /var/lib/docker/devicemapper/devicemapper/metadata.repaired'
    say 'step 5 is done: check the copy; repair it only if it has errors'
}

# Step 6 (changes): put the checked copy in its place
step_6() {
    if mended; then
        say 'step 6 is done: put the checked copy in its place'
        return
    fi
    down || stop 'step 6: the pool is set up again; something has started it'
    ready || stop 'step 6: the copy is not sound'
    ask 'step 6 (changes): put the checked copy in its place. Go on?'
    put_in_place
    mended || stop 'step 6 did not work: put the checked copy in its place; what takes it back: mv -f /var/lib/docker/devicemapper/devicemapper/metadata.before-repair /var/lib/docker/devicemapper/devicemapper/metadata'
    say 'step 6 is done: put the checked copy in its place'
}

# Step 7 (changes): start Docker
step_7() {
    if works; then
        say 'step 7 is done: start Docker'
        return
    fi
    mended || stop 'step 7: the metadata is not sound'
    ask 'step 7 (changes): start Docker. Go on?'
    start_docker
    within 60 works || true
    works || stop 'step 7 did not work: start Docker'
    say 'step 7 is done: start Docker'
}

step_2
step_3
step_4
step_5
step_6
step_7
say 'all steps are done'
