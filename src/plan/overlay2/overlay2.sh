# Migration to overlay2, step by step. For each step, NAME_done checks whether it is done, NAME_ready stops this script
# if it cannot be done yet, and NAME does it. Their helpers are below, in archive.sh and in the shared parts.

# Identifies this migration: records of another one do not count.
old_pool=$root/devicemapper/metadata

# Once Docker uses the new store, or was stopped for that and its settings were changed, what was saved cannot change any
# more: there is nothing to ask.
switch_begun() { is_done switched || { [ -e "$store/switching" ] && docker_is_gone && settings_are_new; }; }

# --- before anything --------------------------------------------------------------------------------------------------

# What only counts until the first step is done.
fresh_start_is_possible() {
    ! is_done noted || return 0
    entries_are_typed || stop "the filesystem of $root has no d_type (ftype=0), or xfs_info does not tell"
    overlay2_is_new || stop "$root/image/overlay2 holds images of another time"
    room_for "$root" "$root_bytes" || stop "the filesystem of $root has less free than $(mib "$root_bytes")"
}
preconditions() {
    need_tools docker tar sha256sum head tail flock awk comm diff timeout pgrep
    docker_service_is_known
    docker_client_writes_files
    fresh_start_is_possible
    # Before the downtime; the step that changes them asks again.
    is_done switched || settings_are_known
    settings_are_taken
    kubelet_can_be_stopped || stop "kubelet runs, and not as the service kubelet: stop it yourself"
    [ -n "$engine" ] || docker_is_as_planned
    open_store || stop "the directory for the archives cannot be made"
}
settings_are_known() {
    settings_are_old || settings_are_new || stop "$settings is not what it was when it was recorded; make a new plan"
}
# What the plan was made from, asked of Docker itself.
docker_is_as_planned() {
    ! is_done noted || return 0
    docker_answers || stop "Docker does not answer: images can only be saved by a daemon that runs"
    root_is_ours || stop "Docker's data root is not $root"
    pool_is_ours || stop "the Docker that answers uses another pool"
    driver_is "$old_driver" || stop "Docker does not use $old_driver"
    stop_in_swarm
    as_planned "$planned_images" images_now || stop "images came or went since the plan was made: make a new one"
    as_planned "$planned_containers" containers_now || stop "containers came or went since the plan was made: make a new one"
}

# --- saving -----------------------------------------------------------------------------------------------------------

note_state_done() { is_done noted; }
# An older engine answers only now.
note_state_ready() { [ -z "$engine" ] || docker_is_as_planned; }
note_state() {
    overlay2_works || stop "this kernel does not do here what overlay2 needs; dmesg says why"
    keep_settings
    note_what_is_there
    mark_done noted
}

stop_what_runs_done() { switch_begun || { is_done stopped && kubelet_is_gone && nothing_runs; }; }
stop_what_runs_ready() {
    docker_comes_up || not_ready "Docker does not answer"
    as_planned "$planned_images" images_now ||
        not_ready "images came or went since the plan was made, so its sizes do not hold: make a new one"
}
stop_what_runs() {
    stop_kubelet
    stop_containers
    note_containers
    mark_done stopped
}

save_written_done() { switch_begun || { is_done committed && all_saved; }; }
save_written_ready() { nothing_runs || not_ready "a container runs again"; }
save_written() {
    save_containers
    mark_done committed
}

save_archive_done() { switch_begun || archive_is_whole; }
save_archive_ready() {
    nothing_runs || not_ready "a container runs again"
    room_for "$store" "$archive_bytes" || not_ready "there is no room for the archive any more"
    room_for "$root" "$save_bytes" || not_ready "the data root's filesystem has no room for Docker's own copy"
}
save_archive() {
    save_images
    verify_archive
    mark_done saved
}

# --- in the new store -------------------------------------------------------------------------------------------------

switch_driver_done() { is_done switched; }
switch_driver_ready() { settings_are_known; }
switch_driver() {
    # Where it uses the old store, that has to be what was saved.
    ! docker_answers || ! driver_is "$old_driver" || unchanged
    : >"$store/switching"
    if [ -n "$engine" ]; then stop_old_engine; else lower_docker; fi
    save_output old-store old_store_now
    settings_are_new || write_settings
    raise_docker
    driver_is "$new_driver" || stop "Docker does not use the new store; --back goes back"
    mark_done switched
}
new_store_is_used() {
    stop_kubelet
    docker_answers || raise_docker
    driver_is "$new_driver" || not_ready "Docker does not use the new store"
}

load_archive_done() { is_done loaded; }
load_archive_ready() { new_store_is_used; }
load_archive() {
    load_images
    all_loaded || stop "not every image was loaded"
    mark_done loaded
}

make_layers_done() { is_done stand-ins; }
make_layers_ready() { new_store_is_used; }
make_layers() {
    make_stand_ins
    mark_done stand-ins
}

hand_over_layers_done() { is_done adopted; }
hand_over_layers_ready() { is_done stand-ins || not_ready "not every container has a layer in the new store"; }
hand_over_layers() {
    lower_docker
    adopt_containers
    carry_names
    mark_done adopted
}

# --- afterwards -------------------------------------------------------------------------------------------------------

compare_and_start_done() { is_done verified; }
compare_and_start_ready() { new_store_is_used; }
compare_and_start() {
    name_bases
    drop_helpers
    all_there || { compare; stop "not everything is as it was; --back goes back"; }
    show_changes
    start_again
    mark_done verified
}

remove_old_store_done() { [ ! -e "$root/devicemapper" ] && [ ! -e "$root/image/devicemapper" ]; }
remove_old_store_ready() {
    is_done verified || not_ready "nothing was compared yet"
    contents_are_there ||
        not_ready "not every container's files were compared after they were copied: the old pool may be the only copy"
    matches_saved old-store old_store_now ||
        not_ready "the old store was used again since Docker left it, so it holds what the new one does not: look what that is"
    driver_is "$new_driver" || not_ready "Docker does not use the new store"
    old_pool_is_idle || not_ready "somebody still uses the old pool"
}
remove_old_store() {
    ! mountpoint -q "$root/devicemapper" || run umount "$root/devicemapper"
    run rm -rf --one-file-system -- "$root/devicemapper" "$root/image/devicemapper"
    run rm -f -- "$store"/*.tar
}

# --- what these ask ---------------------------------------------------------------------------------------------------

# Nothing of another life of this driver: its names would be mixed with those that come.
overlay2_is_new() { [ -z "$(ls -A "$root/image/overlay2/imagedb/content/sha256" 2>/dev/null)" ]; }

# Whether directories on the filesystem of the data root say what their entries are. Only xfs is made without that, and
# xfs_info answers for mount points alone.
entries_are_typed() {
    local kind mount info
    kind=$(stat -f -c %T -- "$root") || return 1
    [ "$kind" = xfs ] || return 0
    mount=$(stat -c %m -- "$root") && info=$(xfs_info "$mount") || return 1
    case $info in *ftype=1*) ;; *) return 1 ;; esac
}
# Whether the kernel does here what overlay2 needs, tried as Docker tries it: two layers under one, and a file of a layer
# deleted in the one above.
overlay2_works() {
    local at=$root/thinspect-test works=no
    modprobe overlay 2>/dev/null || true
    mkdir -p -- "$at"/{one,two,upper,work,merged}
    : >"$at/one/file"
    if mount -t overlay overlay -o "lowerdir=$at/two:$at/one,upperdir=$at/upper,workdir=$at/work" "$at/merged"; then
        rm -f -- "$at/merged/file"
        [ ! -c "$at/upper/file" ] || works=yes
        umount "$at/merged"
    fi
    rm -rf --one-file-system -- "$at"
    [ "$works" = yes ]
}

# The old store as it was when Docker left it: whoever uses it again changes it, and then it is no copy any more.
old_store_now() {
    local file
    for file in "$root/devicemapper/devicemapper/"{data,metadata}; do
        [ ! -e "$file" ] || stat -c '%n %i %s %y' -- "$file" || return 1
    done
    find "$root/devicemapper/metadata" "$root/image/$old_driver" -printf '%p %s %T@\n' | sort
}
# The pool's own files, once nobody has them open. A pool on logical volumes is LVM's to remove.
old_pool_is_idle() {
    local number holders
    dmsetup info "$pool" >/dev/null 2>&1 || return 0
    number=$(dmsetup info -c --noheadings --separator : -o major,minor "$pool" | tr -d ' ') || return 1
    holders=$(ls -A "/sys/dev/block/$number/holders") && [ -z "$holders" ]
}

describe_state() {
    if is_done verified; then
        say "Docker was moved to $new_driver and compared; the old pool is still the way back"
    elif [ -e "$store/switching" ]; then
        say "Docker's settings name $new_driver now, and not everything is there yet; the old pool was only read: --back goes back"
    elif [ -e "$store/running" ]; then
        say "containers may be stopped; Docker still uses $old_driver, and nothing in it was changed; --back starts them again"
    else
        say "Docker and its containers are as they were"
    fi
}
