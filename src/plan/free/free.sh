# Whether the kernel counts at least $1 free data blocks. If the count is unknown, nothing more is removed.
enough() {
    local data
    data=$(dmsetup status --noflush "$pool" | sed -n 's:^.* [0-9]*/[0-9]* \([0-9]*/[0-9]*\) .*$:\1:p') || data=''
    case $data in */*) ;; *) stop "how many blocks of $pool are free cannot be read" ;; esac
    say "data blocks in use: $data"
    [ $(( ${data#*/} - ${data%/*} )) -ge "$1" ]
}

# Whether the pool's mode allows deletions.
deletes() {
    case $(dmsetup status --noflush "$pool") in
        *needs_check* | *" ro "* | *Fail* | *Error*) return 1 ;;
        *" thin-pool "*) ;;
        *) return 1 ;;
    esac
}
trim_containers() {
    local daemon mount
    daemon=$(daemons | sed -n 1p) && [ -n "$daemon" ] || return 0
    { awk '$5 ~ "/devicemapper/mnt/" { print $5 }' "/proc/$daemon/mountinfo" || true; } | while read -r mount; do
        # nsenter came with util-linux 2.23; the fstrim before it takes the path as it is, later ones resolve it first.
        if have nsenter; then
            run nsenter -t "$daemon" -m fstrim -v "$mount" </dev/null || true
        else
            run fstrim -v "/proc/$daemon/root$mount" </dev/null || true
        fi
    done
}
# Kept if it has run since the plan was made, because its changes since then were not considered.
remove_container() {
    local started
    started=$(docker inspect --type container -f '{{.State.StartedAt}}' "$1" 2>/dev/null) || started=''
    # To the second, as the plan has its time.
    if [ -z "$started" ] || [[ ! ${started:0:19} < ${planned_at:0:19} ]]; then
        say "container ${1:0:12} is gone, or ran since the plan was made: left alone"
    else
        run docker rm "$1" || true
    fi
}
# Removes a tag, and with the last tag the image; skipped if the tag now names another image.
remove_image() {
    if [ "$(docker inspect --type image -f '{{.Id}}' "$2" 2>/dev/null)" = "$1" ]; then
        run docker rmi "$2" || true
    else
        say "$2 does not stand for that image any more: left alone"
    fi
}
describe_state() { say "what was removed is removed, and nothing else was changed: nothing was stopped"; }
