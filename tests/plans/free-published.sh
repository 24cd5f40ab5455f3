#!/usr/bin/env bash
# thinspect plan free for pool docker-8:1-131188-pool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped.
# It stops where the facts are not those it was made from.
# ... here stands src/plan/script/prologue.sh

pool=docker-8:1-131188-pool
root=/var/lib/docker
socket=/var/run/docker.sock
planned_at=2026-08-22T10:00:00Z

# ... here stands src/plan/script/service.sh

# ... here stands src/plan/script/docker_service.sh

# ... here stands src/plan/free/free.sh

[ "$back" = no ] || stop 'there is no way back as a whole: each step says what takes it back'
deletes || stop 'nothing can be removed from that pool now; look at "thinspect status"'
{ docker_is_gone || docker_is_ours; } || stop 'Docker does not answer on its socket, or the one that answers there keeps its data elsewhere or uses another pool: nothing is asked of it (the socket stands at the top of this script)'

# Step 2 (changes): give back the blocks of files that running containers have deleted
step_2() {
    step='2 (give back the blocks of files that running containers have deleted)'
    if enough 327680; then
        say 'step 2 is done: give back the blocks of files that running containers have deleted'
        return
    fi
    docker_answers || stop 'step 2: Docker does not answer'
    docker_is_ours || stop 'step 2: Docker does not answer on its socket, or the one that answers there keeps its data elsewhere or uses another pool: nothing is asked of it (the socket stands at the top of this script)'
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
    step='4 (remove stopped containers made more than 24 hours ago)'
    if enough 327680; then
        say 'step 4 is done: remove stopped containers made more than 24 hours ago'
        return
    fi
    docker_answers || stop 'step 4: Docker does not answer'
    docker_is_ours || stop 'step 4: Docker does not answer on its socket, or the one that answers there keeps its data elsewhere or uses another pool: nothing is asked of it (the socket stands at the top of this script)'
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
    step='5 (remove images without a name that nothing uses)'
    if enough 327680; then
        say 'step 5 is done: remove images without a name that nothing uses'
        return
    fi
    docker_answers || stop 'step 5: Docker does not answer'
    docker_is_ours || stop 'step 5: Docker does not answer on its socket, or the one that answers there keeps its data elsewhere or uses another pool: nothing is asked of it (the socket stands at the top of this script)'
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
    step='6 (remove images that no container uses, made more than 10 days ago)'
    if enough 327680; then
        say 'step 6 is done: remove images that no container uses, made more than 10 days ago'
        return
    fi
    docker_answers || stop 'step 6: Docker does not answer'
    docker_is_ours || stop 'step 6: Docker does not answer on its socket, or the one that answers there keeps its data elsewhere or uses another pool: nothing is asked of it (the socket stands at the top of this script)'
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
    step='8 (see whether it was enough, and how to grow the pool if not)'
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
finish 'all steps are done'
