#!/usr/bin/env bash
# thinspect plan repair for pool docker-thinpool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped.
# It stops where the facts are not those it was made from.
# ... here stands src/plan/script/prologue.sh

pool=docker-thinpool
volume=docker/thinpool
node=/dev/mapper/docker-thinpool_tmeta
copies=/root/thinspect-docker_thinpool
superblock_words=''
root=''
socket=/var/run/docker.sock

# ... here stands src/plan/script/service.sh

# ... here stands src/plan/script/docker_service.sh

# ... here stands src/plan/script/pool_users.sh

# ... here stands src/plan/repair/lvm.sh

[ "$back" = no ] || stop 'there is no way back as a whole: each step says what takes it back'
say 'warning: an error met the pool'\''s metadata, and the kernel keeps the pool read-only until it has been checked with everything stopped (needs_check)'
say 'warning: what is free where the copies go is not known here: 264.0 MiB are needed'
say 'warning: what can be lost: the pool'\''s last changes (what was made in its last second), and what containers have written since the errors began; volumes are not in the pool'
if works && docker_runs; then
    finish 'the pool works: nothing is left to repair'
fi
have pgrep od sha256sum lvconvert lvchange thin_check thin_repair || stop 'a tool is missing: pgrep (procps), lvm2, thin_check and thin_repair (thin-provisioning-tools, or device-mapper-persistent-data) are needed'
! root_is_another || stop 'Docker does not answer on its socket, or the one that answers there keeps its data elsewhere or uses another pool: nothing is asked of it (the socket stands at the top of this script)'
no_swarm || stop 'this host is part of a swarm, which makes its containers anew wherever they are stopped: drain it (docker node update --availability drain), let it leave (docker swarm leave), and run this again'
kubelet_is_gone || stop 'kubelet runs, and would start the containers again: stop it (systemctl stop kubelet) until all is done'

# Step 2 (stops): stop everything that uses the pool
step_2() {
    step='2 (stop everything that uses the pool)'
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
    step='3 (copy the metadata into a file)'
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
    step='4 (check the copy; try the repair on it if it has errors)'
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
    step='5 (if the copy had no errors: deactivate the pool and activate it again)'
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
    step='6 (if it had errors, and the repair of the copy was sound: let LVM repair the pool)'
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
    step='7 (start what uses the pool)'
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
finish 'all steps are done'
