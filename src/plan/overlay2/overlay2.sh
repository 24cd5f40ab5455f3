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

# Whether the kernel does here what overlay2 needs, tried as Docker tries it: two layers under one, and a file of a layer
# deleted in the one above.
overlay2_works() {
    local at=$root/thinspect-test works=no
    modprobe overlay 2>/dev/null || true
    ! grep -qs ftype=0 <(xfs_info "$root" 2>/dev/null) || return 1
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

# The pool's own files, once nobody has them open. A pool on logical volumes is LVM's to remove.
old_pool_is_idle() {
    ! dmsetup info "$pool" >/dev/null 2>&1 || [ -z "$(ls "/sys/dev/block/$(dmsetup info -c --noheadings --separator : \
        -o major,minor "$pool" | tr -d ' ')/holders" 2>/dev/null)" ]
}
remove_old_pool() {
    ! mountpoint -q "$root/devicemapper" || run umount "$root/devicemapper"
    run rm -rf --one-file-system -- "$root/devicemapper" "$root/image/devicemapper"
    run rm -f -- "$store"/*.tar
}
old_pool_is_gone() { [ ! -e "$root/devicemapper" ] && [ ! -e "$root/image/devicemapper" ]; }
