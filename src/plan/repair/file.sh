# The metadata is in $file; all work is done on $new, which takes its place only when it is sound.
new=$file.repaired

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

# A copy of another state of the file, as an earlier attempt may have left, is worth nothing.
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

# For pools that no daemon makes: the table that was saved, on loop devices made anew.
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
