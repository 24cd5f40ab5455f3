#!/usr/bin/env bash
# thinspect plan direct-lvm for pool docker-8:1-131188-pool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped. With --back it takes everything back.
# It stops where the facts are not those it was made from.
# ... here stands src/plan/script/prologue.sh

pool=docker-8:1-131188-pool
store=/root/thinspect-direct-lvm
data_file=/var/lib/docker/devicemapper/devicemapper/data
metadata_file=/var/lib/docker/devicemapper/devicemapper/metadata
block_sectors=128
device=''
device_bytes=''
device_identity=''
group=data-vg
volume=thinpool
new_pool=data--vg-thinpool
data_bytes=193541963776
metadata_bytes=402653184
profile_text=$'activation {\x0a    thin_pool_autoextend_threshold=80\x0a    thin_pool_autoextend_percent=20\x0a}'
settings=/etc/docker/daemon.json
root=/var/lib/docker
socket=/var/run/docker.sock
old_driver=devicemapper

# ... here stands src/plan/script/service.sh

# ... here stands src/plan/script/docker_service.sh

# ... here stands src/plan/script/docker_settings.sh

# ... here stands src/plan/script/kubelet.sh

# ... here stands src/plan/script/settings.sh

# ... here stands src/plan/script/journal.sh

# ... here stands src/plan/script/settings_copy.sh

# ... here stands src/plan/script/docker_state.sh

# ... here stands src/plan/script/pool_users.sh

# ... here stands src/plan/script/loop.sh

# ... here stands src/plan/direct_lvm/direct_lvm.sh

# ... here stands src/plan/direct_lvm/docker.sh

if [ "$back" = yes ]; then
    step='--back'
    rollback
    finish 'everything was taken back'
fi
say 'warning: containers and Docker are stopped for as long as it takes to copy 90.1 GiB and compare it: about 33 minutes at 100 MB/s'
say 'warning: the devicemapper driver is deprecated since Docker 18.09 and gone from 25.0: where overlay2 can be used, "thinspect plan overlay2" lasts longer'
have lvs pvs vgs pvcreate vgcreate lvcreate lvconvert lvchange || stop 'LVM'\''s tools are missing: install the package lvm2'
have thin_check thin_dump thin_restore || stop 'thin_check, thin_dump and thin_restore are missing: install thin-provisioning-tools (Debian, Ubuntu) or device-mapper-persistent-data (Red Hat)'
lvm_has_profiles || stop 'LVM is older than 2.02.107 and gives no volume a profile of its own, so it would not grow the pool: update lvm2'
have docker sha256sum head tail blkid blockdev dmsetup losetup pgrep flock tar cmp od awk timeout || stop 'a tool is missing: docker, sha256sum, head, tail, blkid, blockdev, dmsetup, losetup, pgrep, flock, tar, cmp, od, awk and timeout are needed'
{ is_done switched || engine_is_down || docker_is_ours; } || stop 'Docker does not answer on its socket, or the one that answers there keeps its data elsewhere or uses another pool: nothing is asked of it (the socket stands at the top of this script)'
{ is_done switched || no_swarm; } || stop 'this host is part of a swarm, which makes its containers anew wherever they are stopped: drain it (docker node update --availability drain), let it leave (docker swarm leave), and run this again'
settings_are_the_daemons || stop 'Docker is told its settings by another file (--config-file) or takes storage options from its unit or from /etc/sysconfig/docker-storage as well, and does not start when they stand in two places: move them to its settings file, restart Docker, and make a new plan'
storage_setup_is_off || stop 'docker-storage-setup runs before Docker and writes storage options of its own: disable it (systemctl disable docker-storage-setup, and no Wants= or Requires= for it in docker.service), empty /etc/sysconfig/docker-storage, and run this again'
kubelet_can_be_stopped || stop 'kubelet runs, and not as the service kubelet: stop it yourself'
{ switched || { settings_were f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 || settings_became f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 22 14 '"devicemapper"' 56 129 $'[\x0a    "dm.basesize=20G"\x0a  ]'; }; } || stop '/etc/docker/daemon.json is not what it was when it was recorded; make a new plan'
{ is_done verified || { [ -f "$data_file" ] && [ -f "$metadata_file" ]; }; } || stop 'the old pool'\''s files /var/lib/docker/devicemapper/devicemapper/data and /var/lib/docker/devicemapper/devicemapper/metadata are not there'
{ is_done described || sectors_fit; } || stop 'the new place has larger sectors than the old pool, or that cannot be told: filesystems made for the old ones would not be mounted on it'
open_store || stop 'the directory for the copies cannot be made'
{ is_done described || room_for "$store" 856342528; } || stop '/root/thinspect-direct-lvm has no room for the copies: 816.7 MiB are needed there'

# Step 2 (changes): make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool
step_2() {
    step='2 (make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool)'
    if { is_done pool || volumes_made; }; then
        say 'step 2 is done: make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool'
        return
    fi
    { [ ! -e "$profile" ] || profile_written; } || stop 'step 2: /etc/lvm/profile/data--vg-thinpool.profile is there already and says something else'
    { ours "$volume" || group_has 194749923328; } || stop 'step 2: volume group data-vg has less free than when the plan was made'
    ask 'step 2 (changes): make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool. Go on?'
    make_volumes
    { is_done pool || volumes_made; } || stop 'step 2 did not work: make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 2 is done: make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool'
}

# Step 3 (stops): note what there is, stop the containers and Docker
step_3() {
    step='3 (note what there is, stop the containers and Docker)'
    if { is_done pool || { is_done noted && pool_is_down; }; }; then
        say 'step 3 is done: note what there is, stop the containers and Docker'
        return
    fi
    ask 'step 3 (stops): note what there is, stop the containers and Docker. Go on?'
    note
    deactivate_pool
    { is_done pool || { is_done noted && pool_is_down; }; } || stop 'step 3 did not work: note what there is, stop the containers and Docker; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 3 is done: note what there is, stop the containers and Docker'
}

# Step 4 (changes): copy Docker's records, and find the blocks in use
step_4() {
    step='4 (copy Docker'\''s records, and find the blocks in use)'
    if { is_done pool || described; }; then
        say 'step 4 is done: copy Docker'\''s records, and find the blocks in use'
        return
    fi
    pool_is_down || stop 'step 4: the old pool is in use again: stop Docker'
    ask 'step 4 (changes): copy Docker'\''s records, and find the blocks in use. Go on?'
    describe
    { is_done pool || described; } || stop 'step 4 did not work: copy Docker'\''s records, and find the blocks in use; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 4 is done: copy Docker'\''s records, and find the blocks in use'
}

# Step 5 (changes): copy the blocks to the new volume, and compare
step_5() {
    step='5 (copy the blocks to the new volume, and compare)'
    if { is_done pool || copied; }; then
        say 'step 5 is done: copy the blocks to the new volume, and compare'
        return
    fi
    { pool_is_down && described; } || stop 'step 5: the old pool was used since its blocks were found: run this again'
    ask 'step 5 (changes): copy the blocks to the new volume, and compare. Go on?'
    copy
    { is_done pool || copied; } || stop 'step 5 did not work: copy the blocks to the new volume, and compare; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 5 is done: copy the blocks to the new volume, and compare'
}

# Step 6 (changes): write the new pool's metadata
step_6() {
    step='6 (write the new pool'\''s metadata)'
    if { is_pool || metadata_written; }; then
        say 'step 6 is done: write the new pool'\''s metadata'
        return
    fi
    copied || stop 'step 6: the old pool was used since it was copied: run this again'
    ask 'step 6 (changes): write the new pool'\''s metadata. Go on?'
    write_metadata
    { is_pool || metadata_written; } || stop 'step 6 did not work: write the new pool'\''s metadata; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 6 is done: write the new pool'\''s metadata'
}

# Step 7 (changes): make them a thin pool, and let LVM watch it
step_7() {
    step='7 (make them a thin pool, and let LVM watch it)'
    if is_done pool; then
        say 'step 7 is done: make them a thin pool, and let LVM watch it'
        return
    fi
    copied || stop 'step 7: the old pool was used since it was copied: take everything back with --back, and begin anew'
    ask 'step 7 (changes): make them a thin pool, and let LVM watch it. Go on?'
    make_pool
    is_done pool || stop 'step 7 did not work: make them a thin pool, and let LVM watch it; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 7 is done: make them a thin pool, and let LVM watch it'
}

# Step 8 (changes): tell Docker of the new pool in /etc/docker/daemon.json
step_8() {
    step='8 (tell Docker of the new pool in /etc/docker/daemon.json)'
    if switched; then
        say 'step 8 is done: tell Docker of the new pool in /etc/docker/daemon.json'
        return
    fi
    { engine_is_down && unchanged; } || stop 'step 8: the old pool was used since it was copied: take everything back with --back, and begin anew'
    { settings_were f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 || settings_became f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 22 14 '"devicemapper"' 56 129 $'[\x0a    "dm.basesize=20G"\x0a  ]'; } || stop 'step 8: /etc/docker/daemon.json is not what it was when it was recorded; make a new plan'
    ask 'step 8 (changes): tell Docker of the new pool in /etc/docker/daemon.json. Go on?'
    keep_settings
    settings_became f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 22 14 '"devicemapper"' 56 129 $'[\x0a    "dm.basesize=20G"\x0a  ]' || change_settings f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57 6 22 14 '"devicemapper"' 56 27 '["dm.basesize=20G","dm.thinpooldev=/dev/mapper/data--vg-thinpool","dm.use_deferred_removal=true","dm.use_deferred_deletion=true"]' 22 14 '"devicemapper"' 56 129 $'[\x0a    "dm.basesize=20G"\x0a  ]'
    mark_done switched
    switched || stop 'step 8 did not work: tell Docker of the new pool in /etc/docker/daemon.json; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 8 is done: tell Docker of the new pool in /etc/docker/daemon.json'
}

# Step 9 (changes): start Docker on the new pool
step_9() {
    step='9 (start Docker on the new pool)'
    if is_done started; then
        say 'step 9 is done: start Docker on the new pool'
        return
    fi
    switched || stop 'step 9: Docker was not told of the new pool'
    ask 'step 9 (changes): start Docker on the new pool. Go on?'
    start_engine
    on_new_pool || stop 'Docker does not use the new pool; --back goes back'
    start_again
    is_done started || stop 'step 9 did not work: start Docker on the new pool; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 9 is done: start Docker on the new pool'
}

# Step 10 (reads): compare everything with what was noted
step_10() {
    step='10 (compare everything with what was noted)'
    if is_done verified; then
        say 'step 10 is done: compare everything with what was noted'
        return
    fi
    on_new_pool || stop 'step 10: Docker does not use the new pool'
    verify
    mark_done verified
    is_done verified || stop 'step 10 did not work: compare everything with what was noted; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 10 is done: compare everything with what was noted'
}

# Step 11 (destroys): some days later: remove the old pool's files
step_11() {
    step='11 (some days later: remove the old pool'\''s files)'
    if { [ ! -e "$data_file" ] && [ ! -e "$metadata_file" ]; }; then
        say 'step 11 is done: some days later: remove the old pool'\''s files'
        return
    fi
    unchanged || stop 'step 11: the old pool was used again since it was copied: it holds what the new one does not'
    { is_done verified && on_new_pool; } || stop 'step 11: Docker does not use the new pool, or it was not verified'
    old_files_are_idle || stop 'step 11: a loop device still shows the old pool'\''s file'
    [ "$yes_destroy" = yes ] || {
        say 'step 11 (destroys) is left for later: some days later: remove the old pool'\''s files'
        say 'run this again with --yes-destroy for it, when all has proved itself'
        return
    }
    ask_destroy 'step 11 (destroys): some days later: remove the old pool'\''s files. Go on?'
    run rm -f -- "$data_file" "$metadata_file"
    { [ ! -e "$data_file" ] && [ ! -e "$metadata_file" ]; } || stop 'step 11 did not work: some days later: remove the old pool'\''s files'
    say 'step 11 is done: some days later: remove the old pool'\''s files'
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
