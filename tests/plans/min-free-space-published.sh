#!/usr/bin/env bash
# thinspect plan min-free-space for pool docker-8:1-131188-pool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped.
# It stops where the facts are not those it was made from.
# ... here stands src/plan/script/prologue.sh

pool=docker-8:1-131188-pool
root=/var/lib/docker
socket=/var/run/docker.sock

# ... here stands src/plan/script/service.sh

# ... here stands src/plan/script/docker_service.sh

# ... here stands src/plan/min_free_space/min_free_space.sh

[ "$back" = no ] || stop 'there is no way back as a whole: each step says what takes it back'
say 'warning: a lower floor only buys time: running containers may still fill the pool, and filesystems on a full pool lose data; free space or grow the pool soon'
{ docker_is_gone || docker_is_ours; } || stop 'Docker does not answer on its socket, or the one that answers there keeps its data elsewhere or uses another pool: nothing is asked of it (the socket stands at the top of this script)'

# Step 1 (changes): set dm.min_free_space=9% in /etc/docker/daemon.json
step_1() {
    step='1 (set dm.min_free_space=9% in /etc/docker/daemon.json)'
    if [ "$(text_of /etc/docker/daemon.json)" = "$(printf '%s\n' '{' '  "storage-driver": "devicemapper",' '  "storage-opts": [' '    "dm.basesize=20G",' '    "dm.min_free_space=9%"' '  ]' '}')" ]; then
        say 'step 1 is done: set dm.min_free_space=9% in /etc/docker/daemon.json'
        return
    fi
    [ "$(text_of /etc/docker/daemon.json)" = "$(printf '%s\n' '{' '  "storage-driver": "devicemapper",' '  "storage-opts": [' '    "dm.basesize=20G"' '  ]' '}')" ] || stop 'step 1: /etc/docker/daemon.json is not what it was when it was recorded; make a new plan'
    ask 'step 1 (changes): set dm.min_free_space=9% in /etc/docker/daemon.json. Go on?'
    run mkdir -p /etc/docker
    file=$(readlink -f /etc/docker/daemon.json)
    if [ -e "$file" ]; then keep_old "$file" /etc/docker/daemon.json.before-thinspect; run cp -a "$file" "$file.new"; fi
    printf '%s\n' '{' '  "storage-driver": "devicemapper",' '  "storage-opts": [' '    "dm.basesize=20G",' '    "dm.min_free_space=9%"' '  ]' '}' >"$file.new"
    run mv -f "$file.new" "$file"
    [ "$(text_of /etc/docker/daemon.json)" = "$(printf '%s\n' '{' '  "storage-driver": "devicemapper",' '  "storage-opts": [' '    "dm.basesize=20G",' '    "dm.min_free_space=9%"' '  ]' '}')" ] || stop 'step 1 did not work: set dm.min_free_space=9% in /etc/docker/daemon.json; what takes it back: cp -a /etc/docker/daemon.json.before-thinspect /etc/docker/daemon.json'
    say 'step 1 is done: set dm.min_free_space=9% in /etc/docker/daemon.json'
}

# Step 2 (stops): restart the Docker daemon: containers stop, and only those with a restart policy start again
step_2() {
    step='2 (restart the Docker daemon: containers stop, and only those with a restart policy start again)'
    if floor_is '9\.664 ?GB'; then
        say 'step 2 is done: restart the Docker daemon: containers stop, and only those with a restart policy start again'
        return
    fi
    ask 'step 2 (stops): restart the Docker daemon: containers stop, and only those with a restart policy start again. Go on?'
    restart_docker
    floor_is '9\.664 ?GB' || stop 'step 2 did not work: restart the Docker daemon: containers stop, and only those with a restart policy start again; what takes it back: systemctl restart docker'
    say 'step 2 is done: restart the Docker daemon: containers stop, and only those with a restart policy start again'
}

step_1
step_2
finish 'all steps are done'
