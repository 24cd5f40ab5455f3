#!/usr/bin/env bash
# thinspect plan min-free-space for pool docker-8:1-131188-pool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped.
# It stops where the facts are not those it was made from.
# ... here stands src/plan/script/prologue.sh

pool=docker-8:1-131188-pool
settings=/etc/docker/daemon.json
floor='9\.664 ?GB'
root=/var/lib/docker
socket=/var/run/docker.sock
settings_sum=f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57
settings_text=''
settings_forth=(79 0 $',\x0a    "dm.min_free_space=9%"')
settings_back=(79 28 '')

# ... here stands src/plan/script/service.sh

# ... here stands src/plan/script/docker_service.sh

# ... here stands src/plan/script/settings_file.sh

# ... here stands src/plan/script/settings.sh

# ... here stands src/plan/min_free_space/min_free_space.sh

[ "$back" = no ] || stop 'there is no way back as a whole: each step says what takes it back'
say 'warning: a lower floor only buys time: running containers may still fill the pool, and filesystems on a full pool lose data; free space or grow the pool soon'
preconditions

# Step 1 (changes): set dm.min_free_space=9% in /etc/docker/daemon.json
step_1() {
    step='1 (set dm.min_free_space=9% in /etc/docker/daemon.json)'
    if set_floor_done; then
        say 'step 1 is done: set dm.min_free_space=9% in /etc/docker/daemon.json'
        return
    fi
    set_floor_ready
    ask 'step 1 (changes): set dm.min_free_space=9% in /etc/docker/daemon.json. Go on?'
    set_floor
    set_floor_done || stop 'step 1 did not work: set dm.min_free_space=9% in /etc/docker/daemon.json; what takes it back: cat /etc/docker/daemon.json.before-thinspect-f94c79cd > /etc/docker/daemon.json'
    say 'step 1 is done: set dm.min_free_space=9% in /etc/docker/daemon.json'
}

# Step 2 (stops): restart the Docker daemon: containers stop, and only those with a restart policy start again
step_2() {
    step='2 (restart the Docker daemon: containers stop, and only those with a restart policy start again)'
    if restart_docker_done; then
        say 'step 2 is done: restart the Docker daemon: containers stop, and only those with a restart policy start again'
        return
    fi
    restart_docker_ready
    ask 'step 2 (stops): restart the Docker daemon: containers stop, and only those with a restart policy start again. Go on?'
    restart_docker
    restart_docker_done || stop 'step 2 did not work: restart the Docker daemon: containers stop, and only those with a restart policy start again; what takes it back: systemctl restart docker'
    say 'step 2 is done: restart the Docker daemon: containers stop, and only those with a restart policy start again'
}

step_1
step_2
finish 'all steps are done'
