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
engine='/opt/old docker'
engine_settings='{"bridge":"none","ip-forward":false,"iptables":false,"storage-driver":"devicemapper","storage-opts":["dm.basesize=20G"]}'
settings=/etc/docker/daemon.json
store=/var/lib/docker/thinspect-overlay2
old_driver=devicemapper
new_driver=overlay2
commits=yes
fills=yes
archive_bytes=608265174
save_bytes=1216530348
root_bytes=2136955308
planned_images='sha256:5555555555555555555555555555555555555555555555555555555555555555 sha256:6666666666666666666666666666666666666666666666666666666666666666 sha256:7777777777777777777777777777777777777777777777777777777777777777'
planned_containers='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd'

# ... here stands src/plan/script/service.sh

# ... here stands src/plan/script/docker_service.sh

# ... here stands src/plan/script/docker_settings.sh

# ... here stands src/plan/script/kubelet.sh

# ... here stands src/plan/script/settings.sh

# ... here stands src/plan/script/journal.sh

# ... here stands src/plan/script/settings_copy.sh

# ... here stands src/plan/script/docker_state.sh

# ... here stands src/plan/overlay2/archive.sh

# ... here stands src/plan/overlay2/overlay2.sh

# ... here stands src/plan/overlay2/old_engine.sh

if [ "$back" = yes ]; then
    step='--back'
    rollback
    finish 'everything was taken back'
fi
say 'warning: these go when they are stopped, as they were started with --rm: tmp'
say 'warning: containers are down from when they are stopped to the end: about two minutes at 100 MiB a second for reading and writing'
say 'warning: not carried over: the build cache, and the limit that devicemapper'\''s base size set to each container (overlay2 has none, unless on xfs with project quotas)'
have docker tar sha256sum head tail flock awk comm diff timeout pgrep || stop 'a tool is missing: docker, tar, sha256sum, head, tail, flock, awk, comm, diff, timeout and pgrep are needed'
{ is_done noted || entries_are_typed; } || stop 'the filesystem of /var/lib/docker has no d_type (ftype=0), or xfs_info does not tell'
{ is_done noted || overlay2_is_new; } || stop '/var/lib/docker/image/overlay2 holds images of another time'
{ is_done noted || room_for "$root" "$root_bytes"; } || stop 'the filesystem of /var/lib/docker has less free than 2.0 GiB'
{ is_done switched || { settings_were f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 || settings_became f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 22 10 $'"devicemapper",\x0a  "storage-opts": [\x0a    "dm.basesize=20G"\x0a  ]'; }; } || stop '/etc/docker/daemon.json is not what it was when it was recorded; make a new plan'
settings_are_the_daemons || stop 'Docker is told its settings by another file (--config-file) or takes storage options from its unit or from /etc/sysconfig/docker-storage as well, and does not start when they stand in two places: move them to its settings file, restart Docker, and make a new plan'
storage_setup_is_off || stop 'docker-storage-setup runs before Docker and writes storage options of its own: disable it (systemctl disable docker-storage-setup, and no Wants= or Requires= for it in docker.service), empty /etc/sysconfig/docker-storage, and run this again'
kubelet_can_be_stopped || stop 'kubelet runs, and not as the service kubelet: stop it yourself'
open_store || stop 'the directory for the archives cannot be made'

# Step 2 (stops): run the older engine in its place
step_2() {
    step='2 (run the older engine in its place)'
    if { is_done switched || docker_answers; }; then
        say 'step 2 is done: run the older engine in its place'
        return
    fi
    [ -x "$engine/dockerd" ] || stop 'step 2: there is no dockerd in the directory of --old-engine'
    ask 'step 2 (stops): run the older engine in its place. Go on?'
    : >"$store/engine-used"
    raise_engine
    { is_done switched || docker_answers; } || stop 'step 2 did not work: run the older engine in its place; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 2 is done: run the older engine in its place'
}

# Step 3 (changes): note what there is
step_3() {
    step='3 (note what there is)'
    if is_done noted; then
        say 'step 3 is done: note what there is'
        return
    fi
    { is_done noted || docker_answers; } || stop 'step 3: Docker does not answer: images can only be saved by a daemon that runs'
    { is_done noted || root_is_ours; } || stop 'step 3: Docker'\''s data root is not /var/lib/docker'
    { is_done noted || pool_is_ours; } || stop 'step 3: the Docker that answers uses another pool'
    { is_done noted || driver_is "$old_driver"; } || stop 'step 3: Docker does not use devicemapper'
    { is_done noted || no_swarm; } || stop 'step 3: this host is part of a swarm, which makes its containers anew wherever they are stopped: drain it (docker node update --availability drain), let it leave (docker swarm leave), and run this again'
    { is_done noted || as_planned "$planned_images" images_now; } || stop 'step 3: images came or went since the plan was made: make a new one'
    { is_done noted || as_planned "$planned_containers" containers_now; } || stop 'step 3: containers came or went since the plan was made: make a new one'
    ask 'step 3 (changes): note what there is. Go on?'
    overlay2_works || stop 'this kernel does not do here what overlay2 needs; dmesg says why'
    keep_settings
    note_what_is_there
    mark_done noted
    is_done noted || stop 'step 3 did not work: note what there is; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 3 is done: note what there is'
}

# Step 4 (stops): stop the containers
step_4() {
    step='4 (stop the containers)'
    if { is_done switched || { [ -e "$store/switching" ] && docker_is_gone && settings_became f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 22 10 $'"devicemapper",\x0a  "storage-opts": [\x0a    "dm.basesize=20G"\x0a  ]'; } || { is_done stopped && nothing_runs; }; }; then
        say 'step 4 is done: stop the containers'
        return
    fi
    docker_comes_up || stop 'step 4: Docker does not answer'
    ask 'step 4 (stops): stop the containers. Go on?'
    stop_kubelet
    stop_containers
    note_containers
    mark_done stopped
    { is_done switched || { [ -e "$store/switching" ] && docker_is_gone && settings_became f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 22 10 $'"devicemapper",\x0a  "storage-opts": [\x0a    "dm.basesize=20G"\x0a  ]'; } || { is_done stopped && nothing_runs; }; } || stop 'step 4 did not work: stop the containers; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 4 is done: stop the containers'
}

# Step 5 (changes): save what containers have written
step_5() {
    step='5 (save what containers have written)'
    if { is_done switched || { [ -e "$store/switching" ] && docker_is_gone && settings_became f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 22 10 $'"devicemapper",\x0a  "storage-opts": [\x0a    "dm.basesize=20G"\x0a  ]'; } || { is_done committed && all_saved; }; }; then
        say 'step 5 is done: save what containers have written'
        return
    fi
    nothing_runs || stop 'step 5: a container runs again'
    ask 'step 5 (changes): save what containers have written. Go on?'
    save_containers
    mark_done committed
    { is_done switched || { [ -e "$store/switching" ] && docker_is_gone && settings_became f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 22 10 $'"devicemapper",\x0a  "storage-opts": [\x0a    "dm.basesize=20G"\x0a  ]'; } || { is_done committed && all_saved; }; } || stop 'step 5 did not work: save what containers have written; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 5 is done: save what containers have written'
}

# Step 6 (changes): save the images, and check the archive
step_6() {
    step='6 (save the images, and check the archive)'
    if { is_done switched || { [ -e "$store/switching" ] && docker_is_gone && settings_became f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 22 10 $'"devicemapper",\x0a  "storage-opts": [\x0a    "dm.basesize=20G"\x0a  ]'; } || { archive_is_whole; }; }; then
        say 'step 6 is done: save the images, and check the archive'
        return
    fi
    nothing_runs || stop 'step 6: a container runs again'
    room_for "$store" "$archive_bytes" || stop 'step 6: there is no room for the archive any more'
    room_for "$root" "$save_bytes" || stop 'step 6: the data root'\''s filesystem has no room for Docker'\''s own copy'
    ask 'step 6 (changes): save the images, and check the archive. Go on?'
    save_images
    verify_archive
    mark_done saved
    { is_done switched || { [ -e "$store/switching" ] && docker_is_gone && settings_became f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 22 10 $'"devicemapper",\x0a  "storage-opts": [\x0a    "dm.basesize=20G"\x0a  ]'; } || { archive_is_whole; }; } || stop 'step 6 did not work: save the images, and check the archive; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 6 is done: save the images, and check the archive'
}

# Step 7 (stops): restart Docker with overlay2
step_7() {
    step='7 (restart Docker with overlay2)'
    if is_done switched; then
        say 'step 7 is done: restart Docker with overlay2'
        return
    fi
    { settings_were f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 || settings_became f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 22 10 $'"devicemapper",\x0a  "storage-opts": [\x0a    "dm.basesize=20G"\x0a  ]'; } || stop 'step 7: /etc/docker/daemon.json is not what it was when it was recorded; make a new plan'
    ask 'step 7 (stops): restart Docker with overlay2. Go on?'
    ! docker_answers || ! driver_is "$old_driver" || unchanged
    : >"$store/switching"
    lower_engine
    save_output old-store old_store_now
    settings_became f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 22 10 $'"devicemapper",\x0a  "storage-opts": [\x0a    "dm.basesize=20G"\x0a  ]' || change_settings f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 3 22 61 '"overlay2"' 22 10 $'"devicemapper",\x0a  "storage-opts": [\x0a    "dm.basesize=20G"\x0a  ]'
    raise_docker
    driver_is "$new_driver" || stop 'Docker does not use the new store; --back goes back'
    mark_done switched
    is_done switched || stop 'step 7 did not work: restart Docker with overlay2; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 7 is done: restart Docker with overlay2'
}

# Step 8 (changes): load the images
step_8() {
    step='8 (load the images)'
    if is_done loaded; then
        say 'step 8 is done: load the images'
        return
    fi
    { docker_answers || raise_docker; driver_is "$new_driver"; } || stop 'step 8: Docker does not use the new store'
    ask 'step 8 (changes): load the images. Go on?'
    load_images
    all_loaded || stop 'not every image was loaded'
    mark_done loaded
    is_done loaded || stop 'step 8 did not work: load the images; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 8 is done: load the images'
}

# Step 9 (changes): make a layer for each container
step_9() {
    step='9 (make a layer for each container)'
    if is_done stand-ins; then
        say 'step 9 is done: make a layer for each container'
        return
    fi
    { docker_answers || raise_docker; driver_is "$new_driver"; } || stop 'step 9: Docker does not use the new store'
    ask 'step 9 (changes): make a layer for each container. Go on?'
    make_stand_ins
    mark_done stand-ins
    is_done stand-ins || stop 'step 9 did not work: make a layer for each container; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 9 is done: make a layer for each container'
}

# Step 10 (stops): let the containers take those over
step_10() {
    step='10 (let the containers take those over)'
    if is_done adopted; then
        say 'step 10 is done: let the containers take those over'
        return
    fi
    ask 'step 10 (stops): let the containers take those over. Go on?'
    lower_docker
    adopt_containers
    carry_names
    mark_done adopted
    is_done adopted || stop 'step 10 did not work: let the containers take those over; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 10 is done: let the containers take those over'
}

# Step 11 (changes): compare everything, and start what ran before
step_11() {
    step='11 (compare everything, and start what ran before)'
    if is_done verified; then
        say 'step 11 is done: compare everything, and start what ran before'
        return
    fi
    { docker_answers || raise_docker; driver_is "$new_driver"; } || stop 'step 11: Docker does not use the new store'
    ask 'step 11 (changes): compare everything, and start what ran before. Go on?'
    name_bases
    drop_helpers
    all_there || { compare; stop 'not everything is as it was; --back goes back'; }
    show_changes
    start_again
    mark_done verified
    is_done verified || stop 'step 11 did not work: compare everything, and start what ran before; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 11 is done: compare everything, and start what ran before'
}

# Step 12 (destroys): remove the old pool and the archives, some days later
step_12() {
    step='12 (remove the old pool and the archives, some days later)'
    if old_pool_is_gone; then
        say 'step 12 is done: remove the old pool and the archives, some days later'
        return
    fi
    is_done verified || stop 'step 12: nothing was compared yet'
    contents_are_there || stop 'step 12: not every container'\''s files were compared after they were copied: the old pool may be the only copy'
    matches_saved old-store old_store_now || stop 'step 12: the old store was used again since Docker left it, so it holds what the new one does not: look what that is'
    driver_is "$new_driver" || stop 'step 12: Docker does not use the new store'
    old_pool_is_idle || stop 'step 12: somebody still uses the old pool'
    [ "$yes_destroy" = yes ] || {
        say 'step 12 (destroys) is left for later: remove the old pool and the archives, some days later'
        say 'run this again with --yes-destroy for it, when all has proved itself'
        return
    }
    ask_destroy 'step 12 (destroys): remove the old pool and the archives, some days later. Go on?'
    remove_old_pool
    old_pool_is_gone || stop 'step 12 did not work: remove the old pool and the archives, some days later'
    say 'step 12 is done: remove the old pool and the archives, some days later'
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
step_12
finish 'all steps are done'
