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
owner=docker
root=''
socket=/var/run/docker.sock

# ... here stands src/plan/script/service.sh

# ... here stands src/plan/script/docker_service.sh

# ... here stands src/plan/script/pool_users.sh

# ... here stands src/plan/repair/owner.sh

# ... here stands src/plan/repair/lvm.sh

[ "$back" = no ] || stop 'there is no way back as a whole: each step says what takes it back'
say 'warning: an error met the pool'\''s metadata, and the kernel keeps the pool read-only until it has been checked with everything stopped (needs_check)'
say 'warning: what is free where the copies go is not known here: 264.0 MiB are needed'
say 'warning: what can be lost: the pool'\''s last changes (what was made in its last second), and what containers have written since the errors began; volumes are not in the pool'
preconditions

# Step 2 (stops): stop everything that uses the pool
step_2() {
    step='2 (stop everything that uses the pool)'
    if stop_owner_done; then
        say 'step 2 is done: stop everything that uses the pool'
        return
    fi
    stop_owner_ready
    ask 'step 2 (stops): stop everything that uses the pool. Go on?'
    stop_owner
    stop_owner_done || stop 'step 2 did not work: stop everything that uses the pool; what takes it back: systemctl start docker'
    say 'step 2 is done: stop everything that uses the pool'
}

# Step 3 (changes): copy the metadata into a file
step_3() {
    step='3 (copy the metadata into a file)'
    if copy_metadata_done; then
        say 'step 3 is done: copy the metadata into a file'
        return
    fi
    copy_metadata_ready
    ask 'step 3 (changes): copy the metadata into a file. Go on?'
    copy_metadata
    copy_metadata_done || stop 'step 3 did not work: copy the metadata into a file; what takes it back: rm /root/thinspect-docker_thinpool/metadata /root/thinspect-docker_thinpool/metadata.sha256'
    say 'step 3 is done: copy the metadata into a file'
}

# Step 4 (changes): check the copy; try the repair on it if it has errors
step_4() {
    step='4 (check the copy; try the repair on it if it has errors)'
    if check_copy_done; then
        say 'step 4 is done: check the copy; try the repair on it if it has errors'
        return
    fi
    check_copy_ready
    ask 'step 4 (changes): check the copy; try the repair on it if it has errors. Go on?'
    check_copy
    check_copy_done || stop 'step 4 did not work: check the copy; try the repair on it if it has errors'
    say 'step 4 is done: check the copy; try the repair on it if it has errors'
}

# Step 5 (stops): if the copy had no errors: deactivate the pool and activate it again
step_5() {
    step='5 (if the copy had no errors: deactivate the pool and activate it again)'
    if cycle_pool_done; then
        say 'step 5 is done: if the copy had no errors: deactivate the pool and activate it again'
        return
    fi
    cycle_pool_ready
    may 'step 5 (stops): if the copy had no errors: deactivate the pool and activate it again. Go on?' || {
        say 'step 5 is left out'
        return
    }
    cycle_pool
    cycle_pool_done || {
        say 'not enough yet'
        return
    }
    say 'step 5 is done: if the copy had no errors: deactivate the pool and activate it again'
}

# Step 6 (changes): if it had errors, and the repair of the copy was sound: let LVM repair the pool
step_6() {
    step='6 (if it had errors, and the repair of the copy was sound: let LVM repair the pool)'
    if repair_pool_done; then
        say 'step 6 is done: if it had errors, and the repair of the copy was sound: let LVM repair the pool'
        return
    fi
    repair_pool_ready
    ask 'step 6 (changes): if it had errors, and the repair of the copy was sound: let LVM repair the pool. Go on?'
    repair_pool
    repair_pool_done || stop 'step 6 did not work: if it had errors, and the repair of the copy was sound: let LVM repair the pool; what takes it back: lvchange -an docker/thinpool; lvconvert --thinpool docker/thinpool --poolmetadata docker/thinpool_meta0'
    say 'step 6 is done: if it had errors, and the repair of the copy was sound: let LVM repair the pool'
}

# Step 7 (changes): start what uses the pool
step_7() {
    step='7 (start what uses the pool)'
    if start_again_done; then
        say 'step 7 is done: start what uses the pool'
        return
    fi
    start_again_ready
    ask 'step 7 (changes): start what uses the pool. Go on?'
    start_again
    start_again_done || stop 'step 7 did not work: start what uses the pool'
    say 'step 7 is done: start what uses the pool'
}

step_2
step_3
step_4
step_5
step_6
step_7
finish 'all steps are done'
