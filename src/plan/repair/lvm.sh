# The metadata is in $node, which LVM shows while the pool is active; its copy goes into $copies. For each step,
# NAME_done checks whether it is done, NAME_ready stops this script if it cannot be done yet, and NAME does it.
copy='' verdict=''

nothing_left() { works && { [ "$owner" != docker ] || docker_runs; }; }
preconditions() {
    ! nothing_left || finish "the pool works: nothing is left to repair"
    have pgrep od sha256sum lvconvert lvchange thin_check thin_repair ||
        stop "a tool is missing: pgrep (procps), lvm2, thin_check and thin_repair (thin-provisioning-tools, or device-mapper-persistent-data) are needed"
    owner_can_be_stopped
}
idle() { docker_is_gone && unused; }

clear_devices_done() { idle; }
clear_devices_ready() { nobody_uses_it; }
clear_devices() { clear_pool; }

copy_metadata_done() { works || [ -n "$copy" ]; }
copy_metadata_ready() { idle || not_ready "the pool is in use"; }
copy_metadata() { take_copy; }

check_copy_done() { works || [ -n "$verdict" ]; }
check_copy_ready() { return 0; }
check_copy() { examine; }

cycle_pool_done() { works || [ "$verdict" != clean ]; }
cycle_pool_ready() { idle || not_ready "the pool is in use"; }
cycle_pool() { cycle; }

repair_pool_done() { works; }
repair_pool_ready() {
    idle || not_ready "the pool is in use"
    [ -n "$verdict" ] || not_ready "the copy was not checked"
}
repair_pool() { convert; }

start_again_done() { nothing_left; }
start_again_ready() { works || not_ready "the pool does not work yet"; }
start_again() { start_owner; }

# --- what these are made of -------------------------------------------------------------------------------------------
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

# LVM's repair runs only after the same repair has succeeded on the copy.
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
