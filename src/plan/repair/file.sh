# The metadata is in $file; all work is done on $new, which takes its place only when it is sound. For each step,
# NAME_done checks whether it is done, NAME_ready stops this script if it cannot be done yet, and NAME does it.
new=$file.repaired

preconditions() {
    ! works || finish "the pool works: nothing is left to repair"
    have pgrep losetup od cmp sha256sum thin_check thin_repair ||
        stop "a tool is missing: pgrep (procps), thin_check and thin_repair (thin-provisioning-tools, or device-mapper-persistent-data) are needed"
    [ -f "$file" ] || stop "there is no file $file"
    [ ! -L "$file" ] || stop "$file is a symbolic link: name the file itself"
    room || stop "there is no room for a copy beside the metadata: free space on that filesystem first"
    shown_whole "$file" ||
        stop "the loop device does not show the whole file, or that cannot be told: this has to be repaired by hand"
    owner_can_be_stopped
}

take_pool_down_done() { pool_is_down; }
take_pool_down_ready() { nobody_uses_it; }
take_pool_down() { deactivate_pool; }

copy_metadata_done() { copied; }
copy_metadata_ready() { pool_is_down || not_ready "the pool is still set up"; }
copy_metadata() { copy; }

mend_copy_done() { mended || ready; }
mend_copy_ready() { copied || not_ready "there is no sound copy"; }
mend_copy() { mend; }

put_in_place_done() { mended; }
put_in_place_ready() {
    pool_is_down || not_ready "the pool is set up again; something has started it"
    ready || not_ready "the copy is not sound"
}

set_pool_up_done() { works; }
set_pool_up_ready() { mended || not_ready "the metadata is not sound"; }
set_pool_up() { if [ "$owner" = docker ]; then start_owner; else raise; fi; }

# --- what these are made of -------------------------------------------------------------------------------------------

pool_is_down() {
    local nodes
    pool_is_absent && nodes=$(loops_on "$file") && [ -z "$nodes" ]
}

deactivate_pool() {
    local node nodes
    if pool_exists; then
        [ "$owner" = docker ] || dmsetup table "$pool" >"$file.table"
        clear_pool
        run dmsetup remove --retry "$pool" || stop "the pool is in use"
    fi
    nodes=$(loops_on "$file") || stop "the loop devices on $file cannot be listed"
    for node in $nodes; do
        run losetup -d "$node" || true
    done
    within 10 pool_is_down || true
}

# Copies, a repaired file and some more have room beside the file.
room() {
    local free used
    free=$(( $(stat -f -c '%f * %S' -- "$file") ))
    used=$(( $(stat -c '%b * %B' -- "$file") ))
    [ "$free" -ge $(( 2 * used + 67108864 )) ]
}
large() { [ "$(stat -c %s -- "$1")" -ge "$size" ]; }
mended() { large "$file" && sound "$file"; }

# A copy of an older state of the file, as left by an earlier attempt, is useless.
state() { stat -c '%i %s %y' -- "$file"; }
copied() { mended || { [ -f "$new" ] && [ "$(cat -- "$new.of" 2>/dev/null)" = "$(state)" ]; }; }
ready() { copied && large "$new" && sound "$new"; }

copy() {
    local before
    before=$(state)
    run rm -f -- "$new" "$new.of"
    run cp -a --sparse=always -- "$file" "$new"
    run cmp -- "$file" "$new"
    run truncate -s ">$size" -- "$new"
    printf '%s\n' "$before" >"$new.of"
}

mend() {
    if thin_check "$new" >/dev/null; then
        say "the metadata has no errors: only the mark has to go"
    else
        say "the metadata has errors: it is repaired into a new file"
        local bytes
        bytes=$(stat -c %s -- "$new")
        run rm -f -- "$new"
        run cp -a --attributes-only -- "$file" "$new"
        run truncate -s "$bytes" -- "$new"
        repair_into "$file" "$new" || stop "thin_repair could not repair it; $file is as it was"
    fi
    run thin_check --clear-needs-check-flag "$new" >/dev/null
}

# At every moment there is a file of that name, and the old one is kept.
put_in_place() {
    local old=$file.before-repair number=1
    while [ -e "$old" ]; do
        number=$(( number + 1 ))
        old=$file.before-repair-$number
    done
    run ln -- "$file" "$old"
    sha256sum -- "$old" >"$old.sha256"
    run sync
    run mv -f -- "$new" "$file"
    run rm -f -- "$new.of"
    run sync
    say "the old metadata is kept as $old"
}

# For pools that no daemon creates: the saved table, on new loop devices.
raise() {
    local start length kind rest metadata carrier
    [ -f "$file.table" ] || stop "the pool's table was not saved; whoever made the pool has to make it again"
    read -r start length kind _ _ rest <"$file.table"
    metadata=$(losetup --find --show -- "$file")
    carrier=$(loops_on "$data" | sed -n 1p)
    [ -n "$carrier" ] || carrier=$(losetup --find --show -- "$data")
    run dmsetup create "$pool" --table "$start $length $kind $metadata $carrier $rest"
}

describe_state() {
    if pool_is_absent; then say "the pool is down"; else say "the pool is there: dmsetup status --noflush $pool says how"; fi
    say "the metadata is in $file, never written to but replaced by a checked copy; what was there before is $file.before-repair"
}
