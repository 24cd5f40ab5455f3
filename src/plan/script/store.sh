# Everything that is done is noted in $store, a directory for root alone: what there was, how it was, which parts are
# done, and the archives. Without it there is no way back.
say() {
    printf 'thinspect: %s\n' "$*" >&2
    [ ! -d "$store" ] || printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >>"$store/log"
}
did() { grep -qsxF -- "$1" "$store/done"; }
mark() { did "$1" || printf '%s\n' "$1" >>"$store/done"; }

# Makes the store, and keeps a second run out while this one works. A daemon must not inherit the lock: see raise_docker.
open_store() {
    [ ! -L "$store" ] || stop "$store is a symbolic link"
    run mkdir -p -m 700 -- "$store"
    [ "$(stat -c '%u %a' -- "$store")" = "0 700" ] || stop "$store is not a directory of root's alone"
    exec 9>"$store/lock"
    flock -n 9 || stop "another run of this script, or a command that it started, is still at work"
}

# keep FILE COMMAND...: its output in a file of the store, whole or not at all.
keep() {
    local file=$store/$1
    shift
    "$@" >"$file.part"
    mv -f -- "$file.part" "$file"
}
# Whether the lines of a file and the output of a command are the same.
as_noted() {
    local now
    [ -f "$store/$1" ] && now=$("$2") && [ "$now" = "$(cat -- "$store/$1")" ]
}
room_for() { [ $(( $(stat -f -c '%a * %S' -- "$1") )) -ge "$2" ]; }
