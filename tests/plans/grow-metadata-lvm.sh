#!/usr/bin/env bash
# thinspect plan grow for pool docker-thinpool.
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

# Sizes, files and blocks as they are now.
size_of() { blockdev --getsize64 "$1"; }
file_of() { losetup --noheadings --output BACK-FILE "$1" | sed 's/ *$//'; }
free_in() { vgs --noheadings --nosuffix --units b -o vg_free -- "$1" | tr -d ' '; }
blocks() {
    local field=1
    [ "$1" = data ] && field=2
    dmsetup status --noflush "$pool" | grep -o '[0-9][0-9]*/[0-9][0-9]*' | sed -n "$field s:.*/::p"
}

# Whether the filesystem of file $1 carries it when it is $2 bytes large.
carries() {
    local allocated free
    allocated=$(( $(stat -L -c '%b * %B' -- "$1") ))
    free=$(( $(stat -f -c '%f * %S' -- "$1") ))
    [ $(( allocated + free )) -ge "$2" ]
}

# Whether the pool's table has this metadata device, data device and block size.
same_table() {
    local table start length kind metadata data block
    table=$(dmsetup table "$pool") || return 1
    read -r start length kind metadata data block _ <<<"$table"
    [ "$start $kind" = "0 thin-pool" ] && [ "$length" -gt 0 ] || return 1
    case "$metadata $data $block" in
        "${1/#any/$metadata} ${2/#any/$data} ${3/#any/$block}") ;;
        *) return 1 ;;
    esac
}

# Whether the pool's mode lets it grow at all, and whether its data may grow.
working() {
    ! suspended && case $(dmsetup status --noflush "$pool") in
        *needs_check* | *Fail* | *Error*) return 1 ;;
        *" thin-pool "*) ;;
        *) return 1 ;;
    esac
}
writable() { case $(dmsetup status --noflush "$pool") in *" ro "*) return 1 ;; esac; }
suspended() { dmsetup info "$pool" | grep -q 'State: *SUSPENDED'; }

# Whatever happens, the pool is not left suspended.
swapping=no old=''
restore() {
    local status=$?
    if [ "$swapping" = yes ]; then
        say "making sure that the pool is not left suspended"
        if suspended; then
            run dmsetup resume "$pool" ||
                { run dmsetup reload "$pool" --table "$old" && run dmsetup resume "$pool"; } ||
                say "THE POOL IS STILL SUSPENDED: load a table that fits (dmsetup reload) and resume it"
        else
            run dmsetup clear "$pool" || true
        fi
    fi
    exit "$status"
}
trap restore EXIT

# Gives the pool a table of $1 sectors, or the one it has, and makes it look at its devices again.
swap() {
    local start length rest new
    old=$(dmsetup table "$pool")
    read -r start length rest <<<"$old"
    if [ "$1" != same ]; then
        [ "$1" -ge "$length" ] || stop "the pool has $length sectors already: it is never made smaller"
        length=$1
    fi
    new="$start $length $rest"
    trap '' HUP INT TERM
    swapping=yes
    run dmsetup reload "$pool" --table "$new"
    run dmsetup suspend "$pool"
    run dmsetup resume "$pool"
    swapping=no
    trap - HUP INT TERM
}

[ "$back" = no ] || stop 'there is no way back as a whole: each step says what takes it back'
dmsetup table "$pool" >/dev/null 2>&1 || stop 'there is no device-mapper device of that name here (or you are not root)'
same_table 253:0 253:1 1024 || stop 'the pool'\''s table is not the recorded one; make a new plan'
working || stop 'the pool'\''s mode does not allow it; look at "thinspect status"'

# Step 1 (changes): grow the metadata of docker/thinpool by 12 MiB to 64 MiB
step_1() {
    if [ "$(blocks metadata)" -ge 16384 ]; then
        say 'step 1 is done: grow the metadata of docker/thinpool by 12 MiB to 64 MiB'
        return
    fi
    [ "$(free_in docker)" -ge 25182208 ] || stop 'step 1: volume group docker has less than 25182208 bytes free'
    ask 'step 1 (changes): grow the metadata of docker/thinpool by 12 MiB to 64 MiB. Go on?'
    run lvextend --poolmetadatasize 67108864b docker/thinpool
    [ "$(blocks metadata)" -ge 16384 ] || stop 'step 1 did not work: grow the metadata of docker/thinpool by 12 MiB to 64 MiB'
    say 'step 1 is done: grow the metadata of docker/thinpool by 12 MiB to 64 MiB'
}

step_1
say 'all steps are done'
