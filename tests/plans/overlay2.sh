#!/usr/bin/env bash
# thinspect plan overlay2 for pool docker-8:1-131188-pool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped. With --back it takes everything back.
# It stops where the facts are not those it was made from.
# ... here stands src/plan/script/prologue.sh

pool=docker-8:1-131188-pool
root=/var/lib/docker
socket=/var/run/docker.sock
engine=''
engine_settings=''
settings_sum=f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57
settings_text=''
settings=/etc/docker/daemon.json
store=/var/lib/docker/thinspect-overlay2
old_driver=devicemapper
new_driver=overlay2
archive_bytes=608265174
save_bytes=1216530348
root_bytes=2136955308
planned_images='sha256:5555555555555555555555555555555555555555555555555555555555555555 sha256:6666666666666666666666666666666666666666666666666666666666666666 sha256:7777777777777777777777777777777777777777777777777777777777777777'
planned_containers='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd'
settings_forth=(22 61 '"overlay2"')
settings_back=(22 10 $'"devicemapper",\x0a  "storage-opts": [\x0a    "dm.basesize=20G"\x0a  ]')

# ... here stands src/plan/script/settings_file.sh

# ... here stands src/plan/script/settings.sh

# ... here stands src/plan/script/settings_copy.sh

# ... here stands src/plan/script/service.sh

# ... here stands src/plan/script/docker_service.sh

# ... here stands src/plan/script/docker_settings.sh

# ... here stands src/plan/script/kubelet.sh

# ... here stands src/plan/script/journal.sh

# ... here stands src/plan/script/docker_state.sh

# ... here stands src/plan/overlay2/old_engine.sh

# ... here stands src/plan/overlay2/archive.sh

# ... here stands src/plan/overlay2/overlay2.sh

if [ "$back" = yes ]; then
    step='--back'
    rollback
    finish 'everything was taken back'
fi
say 'warning: these go when they are stopped, as they were started with --rm: tmp'
say 'warning: containers are down from when they are stopped to the end: about two minutes at 100 MiB a second for reading and writing'
say 'warning: not carried over: the build cache, and the limit that devicemapper'\''s base size set to each container (overlay2 has none, unless on xfs with project quotas)'
say 'warning: do not upgrade Docker to 25 or later before this is done: those have no devicemapper driver, and show none of what is in the pool; afterwards they keep using overlay2, until the containerd image store is turned on'
preconditions

# Step 2 (changes): note what there is
step_2() {
    step='2 (note what there is)'
    if note_state_done; then
        say 'step 2 is done: note what there is'
        return
    fi
    note_state_ready
    ask 'step 2 (changes): note what there is. Go on?'
    note_state
    note_state_done || stop 'step 2 did not work: note what there is; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 2 is done: note what there is'
}

# Step 3 (stops): stop the containers
step_3() {
    step='3 (stop the containers)'
    if stop_what_runs_done; then
        say 'step 3 is done: stop the containers'
        return
    fi
    stop_what_runs_ready
    ask 'step 3 (stops): stop the containers. Go on?'
    stop_what_runs
    stop_what_runs_done || stop 'step 3 did not work: stop the containers; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 3 is done: stop the containers'
}

# Step 4 (changes): save what containers have written
step_4() {
    step='4 (save what containers have written)'
    if save_written_done; then
        say 'step 4 is done: save what containers have written'
        return
    fi
    save_written_ready
    ask 'step 4 (changes): save what containers have written. Go on?'
    save_written
    save_written_done || stop 'step 4 did not work: save what containers have written; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 4 is done: save what containers have written'
}

# Step 5 (changes): save the images, and check the archive
step_5() {
    step='5 (save the images, and check the archive)'
    if save_archive_done; then
        say 'step 5 is done: save the images, and check the archive'
        return
    fi
    save_archive_ready
    ask 'step 5 (changes): save the images, and check the archive. Go on?'
    save_archive
    save_archive_done || stop 'step 5 did not work: save the images, and check the archive; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 5 is done: save the images, and check the archive'
}

# Step 6 (stops): restart Docker with overlay2
step_6() {
    step='6 (restart Docker with overlay2)'
    if switch_driver_done; then
        say 'step 6 is done: restart Docker with overlay2'
        return
    fi
    switch_driver_ready
    ask 'step 6 (stops): restart Docker with overlay2. Go on?'
    switch_driver
    switch_driver_done || stop 'step 6 did not work: restart Docker with overlay2; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 6 is done: restart Docker with overlay2'
}

# Step 7 (changes): load the images
step_7() {
    step='7 (load the images)'
    if load_archive_done; then
        say 'step 7 is done: load the images'
        return
    fi
    load_archive_ready
    ask 'step 7 (changes): load the images. Go on?'
    load_archive
    load_archive_done || stop 'step 7 did not work: load the images; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 7 is done: load the images'
}

# Step 8 (changes): make a layer for each container
step_8() {
    step='8 (make a layer for each container)'
    if make_layers_done; then
        say 'step 8 is done: make a layer for each container'
        return
    fi
    make_layers_ready
    ask 'step 8 (changes): make a layer for each container. Go on?'
    make_layers
    make_layers_done || stop 'step 8 did not work: make a layer for each container; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 8 is done: make a layer for each container'
}

# Step 9 (stops): let the containers take those over
step_9() {
    step='9 (let the containers take those over)'
    if hand_over_layers_done; then
        say 'step 9 is done: let the containers take those over'
        return
    fi
    hand_over_layers_ready
    ask 'step 9 (stops): let the containers take those over. Go on?'
    hand_over_layers
    hand_over_layers_done || stop 'step 9 did not work: let the containers take those over; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 9 is done: let the containers take those over'
}

# Step 10 (changes): compare everything, and start what ran before
step_10() {
    step='10 (compare everything, and start what ran before)'
    if compare_and_start_done; then
        say 'step 10 is done: compare everything, and start what ran before'
        return
    fi
    compare_and_start_ready
    ask 'step 10 (changes): compare everything, and start what ran before. Go on?'
    compare_and_start
    compare_and_start_done || stop 'step 10 did not work: compare everything, and start what ran before; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 10 is done: compare everything, and start what ran before'
}

# Step 11 (destroys): remove the old pool and the archives, some days later
step_11() {
    step='11 (remove the old pool and the archives, some days later)'
    if remove_old_store_done; then
        say 'step 11 is done: remove the old pool and the archives, some days later'
        return
    fi
    remove_old_store_ready
    [ "$yes_destroy" = yes ] || {
        say 'step 11 (destroys) is left for later: remove the old pool and the archives, some days later'
        say 'run this again with --yes-destroy for it, when all has proved itself'
        return
    }
    ask_destroy 'step 11 (destroys): remove the old pool and the archives, some days later. Go on?'
    remove_old_store
    remove_old_store_done || stop 'step 11 did not work: remove the old pool and the archives, some days later'
    say 'step 11 is done: remove the old pool and the archives, some days later'
}

step_2
step_3
step_4
step_5
step_6
step_7
step_8
step_9
step_10
step_11
finish 'all steps are done'
