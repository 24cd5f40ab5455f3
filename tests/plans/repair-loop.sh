#!/usr/bin/env bash
# thinspect plan repair for pool docker-8:1-131188-pool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped.
# It stops where the facts are not those it was made from.
# ... here stands src/plan/script/prologue.sh

pool=docker-8:1-131188-pool
file=/var/lib/docker/devicemapper/devicemapper/metadata
data=/var/lib/docker/devicemapper/devicemapper/data
size=0
owner=docker
superblock_words=''
root=/var/lib/docker
socket=/var/run/docker.sock

# ... here stands src/plan/script/service.sh

# ... here stands src/plan/script/docker_service.sh

# ... here stands src/plan/script/pool_users.sh

# ... here stands src/plan/repair/owner.sh

# ... here stands src/plan/script/loop.sh

# ... here stands src/plan/repair/file.sh

[ "$back" = no ] || stop 'there is no way back as a whole: each step says what takes it back'
say 'warning: an error met the pool'\''s metadata, and the kernel keeps the pool read-only until it has been checked with everything stopped (needs_check)'
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

# Step 3 (stops): take down what is left of the pool
step_3() {
    step='3 (take down what is left of the pool)'
    if take_pool_down_done; then
        say 'step 3 is done: take down what is left of the pool'
        return
    fi
    take_pool_down_ready
    ask 'step 3 (stops): take down what is left of the pool. Go on?'
    take_pool_down
    take_pool_down_done || stop 'step 3 did not work: take down what is left of the pool; what takes it back: systemctl start docker'
    say 'step 3 is done: take down what is left of the pool'
}

# Step 4 (changes): copy the metadata; all work is done on the copy
step_4() {
    step='4 (copy the metadata; all work is done on the copy)'
    if copy_metadata_done; then
        say 'step 4 is done: copy the metadata; all work is done on the copy'
        return
    fi
    copy_metadata_ready
    ask 'step 4 (changes): copy the metadata; all work is done on the copy. Go on?'
    copy_metadata
    copy_metadata_done || stop 'step 4 did not work: copy the metadata; all work is done on the copy; what takes it back: rm /var/lib/docker/devicemapper/devicemapper/metadata.repaired'
    say 'step 4 is done: copy the metadata; all work is done on the copy'
}

# Step 5 (changes): check the copy; repair it only if it has errors
step_5() {
    step='5 (check the copy; repair it only if it has errors)'
    if mend_copy_done; then
        say 'step 5 is done: check the copy; repair it only if it has errors'
        return
    fi
    mend_copy_ready
    ask 'step 5 (changes): check the copy; repair it only if it has errors. Go on?'
    mend_copy
    mend_copy_done || stop 'step 5 did not work: check the copy; repair it only if it has errors; what takes it back: rm /var/lib/docker/devicemapper/devicemapper/metadata.repaired'
    say 'step 5 is done: check the copy; repair it only if it has errors'
}

# Step 6 (changes): put the checked copy in its place
step_6() {
    step='6 (put the checked copy in its place)'
    if put_in_place_done; then
        say 'step 6 is done: put the checked copy in its place'
        return
    fi
    put_in_place_ready
    ask 'step 6 (changes): put the checked copy in its place. Go on?'
    put_in_place
    put_in_place_done || stop 'step 6 did not work: put the checked copy in its place; what takes it back: mv -f /var/lib/docker/devicemapper/devicemapper/metadata.before-repair /var/lib/docker/devicemapper/devicemapper/metadata'
    say 'step 6 is done: put the checked copy in its place'
}

# Step 7 (changes): start Docker
step_7() {
    step='7 (start Docker)'
    if set_pool_up_done; then
        say 'step 7 is done: start Docker'
        return
    fi
    set_pool_up_ready
    ask 'step 7 (changes): start Docker. Go on?'
    set_pool_up
    set_pool_up_done || stop 'step 7 did not work: start Docker'
    say 'step 7 is done: start Docker'
}

step_2
step_3
step_4
step_5
step_6
step_7
finish 'all steps are done'
