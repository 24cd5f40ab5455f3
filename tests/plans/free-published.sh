#!/usr/bin/env bash
# thinspect plan free for pool docker-8:1-131188-pool.
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

# Whether at least so many data blocks are free, as the kernel counts them.
enough() {
    local data
    data=$(dmsetup status --noflush "$pool" | sed -n 's:^.* [0-9]*/[0-9]* \([0-9]*/[0-9]*\) .*$:\1:p')
    say "data blocks in use: $data"
    [ -n "$data" ] && [ $(( ${data#*/} - ${data%/*} )) -ge "$1" ]
}

# Whether the pool's mode lets anything be deleted in it.
deletes() {
    case $(dmsetup status --noflush "$pool") in
        *needs_check* | *" ro "* | *Fail* | *Error*) return 1 ;;
        *" thin-pool "*) ;;
        *) return 1 ;;
    esac
}
trim_containers() {
    local daemon mount
    daemon=$(pidof -s dockerd dockerd-current docker) || return 0
    awk '$5 ~ "/devicemapper/mnt/" { print $5 }' "/proc/$daemon/mountinfo" | while read -r mount; do
        run nsenter -t "$daemon" -m fstrim -v "$mount" </dev/null || true
    done
}
# Takes a name from an image, which then goes with the last one; not if the name stands for another image by now.
remove_image() {
    if [ "$(docker inspect --type image -f '{{.Id}}' "$2" 2>/dev/null)" = "$1" ]; then
        run docker rmi "$2" || true
    else
        say "$2 does not stand for that image any more: left alone"
    fi
}

[ "$back" = no ] || stop 'there is no way back as a whole: each step says what takes it back'
deletes || stop 'nothing can be removed from that pool now; look at "thinspect status"'

# Step 2 (changes): give back the blocks of files that running containers have deleted
step_2() {
    if enough 327680; then
        say 'step 2 is done: give back the blocks of files that running containers have deleted'
        return
    fi
    docker_answers || stop 'step 2: Docker does not answer'
    may 'step 2 (changes): give back the blocks of files that running containers have deleted. Go on?' || {
        say 'step 2 is left out'
        return
    }
    trim_containers
    enough 327680 || {
        say 'not enough yet'
        return
    }
    say 'step 2 is done: give back the blocks of files that running containers have deleted'
}

# Step 4 (destroys): remove stopped containers made more than 24 hours ago
step_4() {
    if enough 327680; then
        say 'step 4 is done: remove stopped containers made more than 24 hours ago'
        return
    fi
    docker_answers || stop 'step 4: Docker does not answer'
    docker ps -as --filter status=exited --filter status=created || true
    may_destroy 'step 4 (destroys): remove stopped containers made more than 24 hours ago. Go on?' || {
        say 'step 4 is left out'
        return
    }
    run docker container prune --force --filter until=24h --filter label!=keep || true
    enough 327680 || {
        say 'not enough yet'
        return
    }
    say 'step 4 is done: remove stopped containers made more than 24 hours ago'
}

# Step 5 (destroys): remove images without a name that nothing uses
step_5() {
    if enough 327680; then
        say 'step 5 is done: remove images without a name that nothing uses'
        return
    fi
    docker_answers || stop 'step 5: Docker does not answer'
    docker images --filter dangling=true || true
    may_destroy 'step 5 (destroys): remove images without a name that nothing uses. Go on?' || {
        say 'step 5 is left out'
        return
    }
    run docker image prune --force || true
    enough 327680 || {
        say 'not enough yet'
        return
    }
    say 'step 5 is done: remove images without a name that nothing uses'
}

# Step 6 (destroys): remove images that no container uses, made more than 10 days ago
step_6() {
    if enough 327680; then
        say 'step 6 is done: remove images that no container uses, made more than 10 days ago'
        return
    fi
    docker_answers || stop 'step 6: Docker does not answer'
    docker images || true
    may_destroy 'step 6 (destroys): remove images that no container uses, made more than 10 days ago. Go on?' || {
        say 'step 6 is left out'
        return
    }
    run docker image prune --all --force --filter until=240h --filter label!=keep || true
    enough 327680 || {
        say 'not enough yet'
        return
    }
    say 'step 6 is done: remove images that no container uses, made more than 10 days ago'
}

# Step 8 (reads): see whether it was enough, and how to grow the pool if not
step_8() {
    if enough 327680; then
        say 'step 8 is done: see whether it was enough, and how to grow the pool if not'
        return
    fi
    enough 327680 || stop 'step 8: too few blocks are free still; remove more by name, or grow the pool (thinspect plan grow)'
    enough 327680 || stop 'step 8 did not work: see whether it was enough, and how to grow the pool if not'
    say 'step 8 is done: see whether it was enough, and how to grow the pool if not'
}

step_2
step_4
step_5
step_6
step_8
say 'all steps are done'
