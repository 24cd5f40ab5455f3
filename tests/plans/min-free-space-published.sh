#!/usr/bin/env bash
# thinspect plan min-free-space for pool docker-8:1-131188-pool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped.
# It stops where the facts are not those it was made from.
# ... here stands src/plan/script/prologue.sh
text_of() { cat -- "$1" 2>/dev/null || true; }

[ "$back" = no ] || stop 'there is no way back as a whole: each step says what takes it back'
say 'warning: a lower floor only buys time: running containers may still fill the pool, and filesystems on a full pool lose data; free space or grow the pool soon'

# Step 1 (changes): set dm.min_free_space=9% in /etc/docker/daemon.json
step_1() {
    if [ "$(text_of /etc/docker/daemon.json)" = "$(printf '%s\n' '{' '  "storage-driver": "devicemapper",' '  "storage-opts": [' '    "dm.basesize=20G",' '    "dm.min_free_space=9%"' '  ]' '}')" ]; then
        say 'step 1 is done: set dm.min_free_space=9% in /etc/docker/daemon.json'
        return
    fi
    [ "$(text_of /etc/docker/daemon.json)" = "$(printf '%s\n' '{' '  "storage-driver": "devicemapper",' '  "storage-opts": [' '    "dm.basesize=20G"' '  ]' '}')" ] || stop 'step 1: /etc/docker/daemon.json is not what it was when it was recorded; make a new plan'
    ask 'step 1 (changes): set dm.min_free_space=9% in /etc/docker/daemon.json. Go on?'
    run mkdir -p /etc/docker
    file=$(readlink -f /etc/docker/daemon.json)
    if [ -e "$file" ]; then run cp -a "$file" /etc/docker/daemon.json.before-thinspect; run cp -a "$file" "$file.new"; fi
    printf '%s\n' '{' '  "storage-driver": "devicemapper",' '  "storage-opts": [' '    "dm.basesize=20G",' '    "dm.min_free_space=9%"' '  ]' '}' >"$file.new"
    run mv -f "$file.new" "$file"
    [ "$(text_of /etc/docker/daemon.json)" = "$(printf '%s\n' '{' '  "storage-driver": "devicemapper",' '  "storage-opts": [' '    "dm.basesize=20G",' '    "dm.min_free_space=9%"' '  ]' '}')" ] || stop 'step 1 did not work: set dm.min_free_space=9% in /etc/docker/daemon.json; what takes it back: cp -a /etc/docker/daemon.json.before-thinspect /etc/docker/daemon.json'
    say 'step 1 is done: set dm.min_free_space=9% in /etc/docker/daemon.json'
}

# Step 2 (stops): restart the Docker daemon: containers stop, and only those with a restart policy start again
step_2() {
    if timeout 60 docker info 2>/dev/null | grep -E 'Minimum Free Space: 9\.664 ?GB' >/dev/null; then
        say 'step 2 is done: restart the Docker daemon: containers stop, and only those with a restart policy start again'
        return
    fi
    ask 'step 2 (stops): restart the Docker daemon: containers stop, and only those with a restart policy start again. Go on?'
    if command -v systemctl >/dev/null; then run systemctl restart docker; else run service docker restart; fi
    timeout 60 docker info 2>/dev/null | grep -E 'Minimum Free Space: 9\.664 ?GB' >/dev/null || stop 'step 2 did not work: restart the Docker daemon: containers stop, and only those with a restart policy start again; what takes it back: systemctl restart docker'
    say 'step 2 is done: restart the Docker daemon: containers stop, and only those with a restart policy start again'
}

step_1
step_2
say 'all steps are done'
