# The metadata is in $node, which LVM shows while the pool is active; its copy goes into $copies.
copy=''

idle() { ! docker_runs && unused; }
take_copy() {
    local number=1 free
    run mkdir -p -m 700 -- "$copies"
    [ -b "$node" ] || stop "$node is not there: the pool has to be active (lvchange -ay $volume) or repaired by LVM"
    ! works || stop "the pool works by now"
    free=$(( $(stat -f -c '%a * %S' -- "$copies") ))
    [ "$free" -ge $(( 2 * $(blockdev --getsize64 "$node") )) ] || stop "$copies has no room for two copies of $node"
    copy=$copies/metadata
    while [ -e "$copy" ]; do
        number=$(( number + 1 ))
        copy=$copies/metadata-$number
    done
    run dd if="$node" of="$copy" bs=1M iflag=direct conv=sparse,fsync status=none
    run truncate -s "$(blockdev --getsize64 "$node")" -- "$copy"
    sha256sum -- "$copy" >"$copy.sha256"
    say "the metadata is kept as $copy"
}
cycle() {
    run lvchange -an "$volume" || stop "LVM does not deactivate $volume; what uses it? $(users | tr '\n' ' ')"
    run lvchange -ay "$volume" || true
}

# LVM checks the metadata when it activates the pool, and takes the mark off if there is no error. Its own repair is
# only let loose when the same repair has worked on the copy.
mend() {
    if thin_check "$copy" >/dev/null; then
        say "the metadata has no errors: only the mark has to go"
        cycle
        ! works || return 0
        say "LVM did not take the mark off"
    else
        say "the metadata has errors: trying the repair on the copy first"
        run truncate -s "$(stat -c %s -- "$copy")" -- "$copy.repaired"
        repair_into "$copy" "$copy.repaired" || stop "thin_repair could not repair the copy; the pool is as it was"
        run thin_check "$copy.repaired" >/dev/null
    fi
    run lvchange -an "$volume"
    run lvconvert -y --repair "$volume"
    run lvchange -ay "$volume"
}
