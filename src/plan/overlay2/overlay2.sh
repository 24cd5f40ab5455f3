old_store_is_there() { [ -d "$root/devicemapper/metadata" ] && [ -d "$root/image/devicemapper" ]; }
put_aside() {
    run mkdir -p -m 700 -- "$1"
    ! mountpoint -q "$root/overlay2" || run umount "$root/overlay2"
    [ ! -d "$root/overlay2" ] || run mv -T -- "$root/overlay2" "$1/overlay2"
    [ ! -d "$root/image/overlay2" ] || run mv -T -- "$root/image/overlay2" "$1/image-overlay2"
    rmdir -- "$1" 2>/dev/null || say "what was made in overlay2 lies in $1; delete that when nothing of it is needed"
}
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
remove_old_pool() {
    ! mountpoint -q "$root/devicemapper" || run umount "$root/devicemapper"
    run rm -rf --one-file-system -- "$root/devicemapper" "$root/image/devicemapper"
    run rm -f -- "$store"/*.tar
}
old_pool_is_gone() { [ ! -e "$root/devicemapper" ] && [ ! -e "$root/image/devicemapper" ]; }

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
