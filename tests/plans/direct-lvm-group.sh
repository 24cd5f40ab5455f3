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
copies_bytes=856342528
profile_text=$'activation {\x0a    thin_pool_autoextend_threshold=80\x0a    thin_pool_autoextend_percent=20\x0a}'
settings=/etc/docker/daemon.json
root=/var/lib/docker
socket=/var/run/docker.sock
old_driver=devicemapper
settings_sum=f94c79cd06217b06beff56a38d1bd62139e91c2a9311b249dccb0dcbf3b2ff57
settings_text=''
settings_forth=(22 14 '"devicemapper"' 56 27 '["dm.basesize=20G","dm.thinpooldev=/dev/mapper/data--vg-thinpool","dm.use_deferred_removal=true","dm.use_deferred_deletion=true"]')
settings_back=(22 14 '"devicemapper"' 56 129 $'[\x0a    "dm.basesize=20G"\x0a  ]')

# ... here stands src/plan/script/service.sh

# ... here stands src/plan/script/docker_service.sh

# ... here stands src/plan/script/docker_settings.sh

# ... here stands src/plan/script/kubelet.sh

# ... here stands src/plan/script/journal.sh

# ... here stands src/plan/script/docker_state.sh

# ... here stands src/plan/script/settings_file.sh

# ... here stands src/plan/script/settings.sh

# ... here stands src/plan/script/pool_users.sh

# ... here stands src/plan/script/settings_copy.sh

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
preconditions

# Step 2 (changes): make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool
step_2() {
    step='2 (make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool)'
    if make_volumes_done; then
        say 'step 2 is done: make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool'
        return
    fi
    make_volumes_ready
    ask 'step 2 (changes): make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool. Go on?'
    make_volumes
    make_volumes_done || stop 'step 2 did not work: make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 2 is done: make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool'
}

# Step 3 (stops): note what there is, stop the containers and Docker
step_3() {
    step='3 (note what there is, stop the containers and Docker)'
    if stop_everything_done; then
        say 'step 3 is done: note what there is, stop the containers and Docker'
        return
    fi
    stop_everything_ready
    ask 'step 3 (stops): note what there is, stop the containers and Docker. Go on?'
    stop_everything
    stop_everything_done || stop 'step 3 did not work: note what there is, stop the containers and Docker; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 3 is done: note what there is, stop the containers and Docker'
}

# Step 4 (changes): copy Docker's records, and find the blocks in use
step_4() {
    step='4 (copy Docker'\''s records, and find the blocks in use)'
    if find_blocks_done; then
        say 'step 4 is done: copy Docker'\''s records, and find the blocks in use'
        return
    fi
    find_blocks_ready
    ask 'step 4 (changes): copy Docker'\''s records, and find the blocks in use. Go on?'
    find_blocks
    find_blocks_done || stop 'step 4 did not work: copy Docker'\''s records, and find the blocks in use; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 4 is done: copy Docker'\''s records, and find the blocks in use'
}

# Step 5 (changes): copy the blocks to the new volume, and compare
step_5() {
    step='5 (copy the blocks to the new volume, and compare)'
    if copy_blocks_done; then
        say 'step 5 is done: copy the blocks to the new volume, and compare'
        return
    fi
    copy_blocks_ready
    ask 'step 5 (changes): copy the blocks to the new volume, and compare. Go on?'
    copy_blocks
    copy_blocks_done || stop 'step 5 did not work: copy the blocks to the new volume, and compare; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 5 is done: copy the blocks to the new volume, and compare'
}

# Step 6 (changes): write the new pool's metadata
step_6() {
    step='6 (write the new pool'\''s metadata)'
    if write_metadata_done; then
        say 'step 6 is done: write the new pool'\''s metadata'
        return
    fi
    write_metadata_ready
    ask 'step 6 (changes): write the new pool'\''s metadata. Go on?'
    write_metadata
    write_metadata_done || stop 'step 6 did not work: write the new pool'\''s metadata; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 6 is done: write the new pool'\''s metadata'
}

# Step 7 (changes): make them a thin pool, and let LVM watch it
step_7() {
    step='7 (make them a thin pool, and let LVM watch it)'
    if make_pool_done; then
        say 'step 7 is done: make them a thin pool, and let LVM watch it'
        return
    fi
    make_pool_ready
    ask 'step 7 (changes): make them a thin pool, and let LVM watch it. Go on?'
    make_pool
    make_pool_done || stop 'step 7 did not work: make them a thin pool, and let LVM watch it; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 7 is done: make them a thin pool, and let LVM watch it'
}

# Step 8 (changes): tell Docker of the new pool in /etc/docker/daemon.json
step_8() {
    step='8 (tell Docker of the new pool in /etc/docker/daemon.json)'
    if switch_engine_done; then
        say 'step 8 is done: tell Docker of the new pool in /etc/docker/daemon.json'
        return
    fi
    switch_engine_ready
    ask 'step 8 (changes): tell Docker of the new pool in /etc/docker/daemon.json. Go on?'
    switch_engine
    switch_engine_done || stop 'step 8 did not work: tell Docker of the new pool in /etc/docker/daemon.json; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 8 is done: tell Docker of the new pool in /etc/docker/daemon.json'
}

# Step 9 (changes): start Docker on the new pool
step_9() {
    step='9 (start Docker on the new pool)'
    if start_on_new_pool_done; then
        say 'step 9 is done: start Docker on the new pool'
        return
    fi
    start_on_new_pool_ready
    ask 'step 9 (changes): start Docker on the new pool. Go on?'
    start_on_new_pool
    start_on_new_pool_done || stop 'step 9 did not work: start Docker on the new pool; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 9 is done: start Docker on the new pool'
}

# Step 10 (reads): compare everything with what was noted
step_10() {
    step='10 (compare everything with what was noted)'
    if compare_everything_done; then
        say 'step 10 is done: compare everything with what was noted'
        return
    fi
    compare_everything_ready
    compare_everything
    compare_everything_done || stop 'step 10 did not work: compare everything with what was noted; what takes it back: bash /root/thinspect-direct-lvm.sh --back'
    say 'step 10 is done: compare everything with what was noted'
}

# Step 11 (destroys): some days later: remove the old pool's files
step_11() {
    step='11 (some days later: remove the old pool'\''s files)'
    if remove_old_files_done; then
        say 'step 11 is done: some days later: remove the old pool'\''s files'
        return
    fi
    remove_old_files_ready
    [ "$yes_destroy" = yes ] || {
        say 'step 11 (destroys) is left for later: some days later: remove the old pool'\''s files'
        say 'run this again with --yes-destroy for it, when all has proved itself'
        return
    }
    ask_destroy 'step 11 (destroys): some days later: remove the old pool'\''s files. Go on?'
    remove_old_files
    remove_old_files_done || stop 'step 11 did not work: some days later: remove the old pool'\''s files'
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
