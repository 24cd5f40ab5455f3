# The metadata is in $node, which LVM shows while the pool is active; its copy goes into $copies.
copy='' verdict=''

idle() { ! docker_runs && unused; }
take_copy() {
    local number=1 part=no bytes
    run mkdir -p -m 700 -- "$copies"
    ! works || stop "the pool works by now"
    if [ ! -b "$node" ]; then
        run lvchange -y -ay "${volume}_tmeta" || stop "LVM does not show the metadata of $volume"
        part=yes
    fi
    bytes=$(blockdev --getsize64 "$node")
    [ $(( $(stat -f -c '%a * %S' -- "$copies") )) -ge $(( 2 * bytes )) ] ||
        stop "$copies has no room for two copies of $node"
    copy=$copies/metadata
    while [ -e "$copy" ]; do
        number=$(( number + 1 ))
        copy=$copies/metadata-$number
    done
    run dd if="$node" of="$copy" bs=1M iflag=direct conv=sparse,fsync status=none
    run truncate -s "$bytes" -- "$copy"
    sha256sum -- "$copy" >"$copy.sha256"
    [ "$part" = no ] || run lvchange -an "${volume}_tmeta"
    say "the metadata is kept as $copy"
}

# LVM's own repair is only let loose when the same repair has worked on the copy.
examine() {
    if thin_check "$copy" >/dev/null; then
        verdict=clean
    else
        say "the metadata has errors: trying the repair on the copy first"
        run truncate -s "$(stat -c %s -- "$copy")" -- "$copy.repaired"
        repair_into "$copy" "$copy.repaired" || stop "thin_repair could not repair the copy; the pool is as it was"
        run thin_check "$copy.repaired" >/dev/null
        verdict=repairable
    fi
    say "the metadata is $verdict"
}
# LVM checks the metadata when it activates a pool. Not every build of it tells thin_check to take the mark off.
activate() {
    run lvchange -ay --config 'global { thin_check_options = [ "-q", "--clear-needs-check-flag" ] }' "$volume"
}
cycle() {
    run lvchange -an "$volume" || stop "LVM does not deactivate $volume; what uses it? $(users | tr '\n' ' ')"
    activate || true
}
convert() {
    run lvchange -an "$volume"
    run lvconvert -y --repair "$volume"
    activate
}

describe_state() {
    if works; then say "the pool works"; else say "the pool does not work yet"; fi
    [ -z "$copy" ] || say "a copy of the metadata of before is $copy; LVM keeps the old one too when it repairs"
}
