# Progress is recorded in $store, a directory only for root: the original state, the completed steps, and the archives.
# The rollback needs it.
is_done() { grep -qsxF -- "$1" "$store/done"; }
mark_done() { is_done "$1" || printf '%s\n' "$1" >>"$store/done"; }
# Marks a step as not done, so that it is repeated.
forget() {
    local part
    for part in "$@"; do
        [ ! -e "$store/done" ] || sed -i "/^$part\$/d" "$store/done"
    done
}

# Notes are of the move of one pool, known by its name and by what it lies in, $old_pool: those of another pool, or of one
# that had its place before, are not taken for this one's.
notes_are_of_this_pool() {
    local inode noted
    inode=$(stat -c %i -- "$old_pool" 2>/dev/null) || inode=gone
    noted=$(cat -- "$store/of" 2>/dev/null) || noted=''
    case $noted in
        '') [ "$inode" = gone ] || save_output of echo "$pool $inode" ;;
        "$pool $inode") ;;
        "$pool "*) [ "$inode" = gone ] ;;
        *) return 1 ;;
    esac
}
# Creates the store and locks it against a second run. A daemon must not inherit the lock.
open_store() {
    [ ! -L "$store" ] || stop "$store is a symbolic link"
    run mkdir -p -m 700 -- "$store"
    [ "$(stat -c '%u %a' -- "$store")" = "0 700" ] || stop "$store is not a directory of root's alone"
    journal=$store/log
    exec 9>"$store/lock"
    flock -n 9 || stop "another run of this script, or a command that it started, is still at work"
    notes_are_of_this_pool || stop "$store holds the notes of another pool's move: move that directory away, and run this again"
}

# save_output FILE COMMAND...: saves the command's output in the store, completely or not at all.
save_output() {
    local file=$store/$1
    shift
    "$@" >"$file.part" || return 1
    mv -f -- "$file.part" "$file"
}
# Whether the lines of a file and the output of a command are the same.
matches_saved() {
    local now
    [ -f "$store/$1" ] && now=$("$2") && [ "$now" = "$(cat -- "$store/$1")" ]
}
room_for() {
    local free
    free=$(( $(stat -f -c '%a * %S' -- "$1") )) || return 1
    [ "$free" -ge "$2" ]
}
