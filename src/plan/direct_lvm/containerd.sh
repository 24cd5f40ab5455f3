# Migration to LVM: querying, stopping and reconfiguring containerd. $folder holds its devmapper snapshotter's records:
# snapshots in metadata.db, and a list of devices for each pool. That list and each device are named after the pool.
owner=containerd
compared='namespaces namespaces_now
images images_now
snapshots snapshots_now
containers containers_now'
engine_preconditions() {
    need_tools ctr find
    { [ -f "$folder/metadata.db" ] && [ -f "$folder/$pool.db" ]; } ||
        stop "containerd's records of the pool in $folder are not there"
    is_done noted || nothing_runs ||
        stop "tasks use the pool: end them first (kubelet starts its own again: stop it before), then run this again"
    containerd_service_is_known
}
engine_settings_are_old() { says_once "$old_line"; }
engine_settings_are_new() { says_once "$new_line"; }
write_engine_settings() { change_line; }
prepare_engine() { rename_devices; }

# It is containerd's own step: whatever made the old pool at boot must not make it again.
show_boot_makers_done() { is_done told; }
show_boot_makers_ready() { return 0; }
show_boot_makers() {
    show_what_makes_it
    mark_done told
}
unset CONTAINERD_ADDRESS CONTAINERD_NAMESPACE CONTAINERD_SNAPSHOTTER
ask_containerd() { timeout 60 ctr --address "$address" "$@"; }
ask_in() { ask_containerd --namespace "$@"; }
engine_answers() { timeout 20 ctr --address "$address" version >/dev/null 2>&1; }

# Who has a file of the records open: the containerd that uses the pool, whatever its name is. find opens it too, so only
# processes that were there before it count.
who_has() {
    local open=(/proc/[0-9]*/fd)
    find -L "${open[@]}" -maxdepth 1 -samefile "$1" 2>/dev/null | cut -d/ -f3 | sort -u || true
}
engine_is_down() { [ -e "$folder/metadata.db" ] && [ -d /proc/self/fd ] && [ -z "$(who_has "$folder/metadata.db")" ]; }
on_new_pool() { [ -n "$(who_has "$folder/$new_pool.db")" ]; }
switched() { is_done switched || on_new_pool; }

# --- what there is ----------------------------------------------------------------------------------------------------

namespaces_now() { ask_containerd namespaces ls -q | sort; }
# The lines of a list, without its head, each behind its namespace.
in_each() {
    local namespace namespaces lines
    namespaces=$(namespaces_now) || return 1
    for namespace in $namespaces; do
        lines=$(ask_in "$namespace" "$@" 2>/dev/null) || return 1
        printf '%s\n' "$lines" | sed "1d; s/^/$namespace /; s/  */ /g; s/ \$//"
    done | sort
}
images_now() { in_each images ls | awk '{ print $1, $2, $4 }'; }
snapshots_now() { in_each snapshots --snapshotter devmapper ls; }
containers_now() { in_each containers ls; }
# Containers with a task, whose devices are in use until that is removed; those of other snapshotters do not count.
tasks_now() {
    local namespace id tasks info
    tasks=$(in_each tasks ls) || return 1
    while read -r namespace id _; do
        [ -n "$id" ] || continue
        info=$(ask_in "$namespace" containers info "$id") || return 1
        case $info in *'"Snapshotter": "devmapper"'*) printf '%s %s\n' "$namespace" "$id" ;; esac
    done < <(printf '%s\n' "$tasks")
}
nothing_runs() {
    local tasks namespace id
    engine_answers || return 0
    tasks=$(tasks_now) || return 1
    [ -n "$tasks" ] || return 0
    while read -r namespace id; do
        say "container $id of namespace $namespace has a task; what ends it: ctr --address $(printf %q "$address") -n $namespace tasks rm --force $id"
    done < <(printf '%s\n' "$tasks")
    return 1
}
# What nothing refers to goes, as it does at each start of containerd: what is noted then is what will be there.
collect_garbage() {
    local namespace
    read -r namespace < <(namespaces_now) || return 0
    ask_in "$namespace" leases create --id thinspect-sweep >/dev/null 2>&1 || true
    ask_in "$namespace" leases delete --sync thinspect-sweep >/dev/null 2>&1 || true
}
# How the old pool is made: containerd does not do that itself.
note_table() {
    pool_exists || [ -e "$store/table" ] || stop "the pool $pool is not there: set it up as at boot, then run this again"
    ! pool_exists || save_output table dmsetup table "$pool"
}
note_answers() {
    collect_garbage
    snapshots_now >/dev/null || stop "containerd does not list its snapshots: ctr plugins ls tells whether devmapper is well"
    save_output namespaces namespaces_now
    save_output images images_now
    save_output snapshots snapshots_now
    save_output containers containers_now
    note_table
}
note_without_answers() {
    rm -f -- "$store"/{namespaces,images,snapshots,containers}
    note_table
}
zeroes() { if grep -qs skip_block_zeroing "$store/table"; then echo n; else echo y; fi; }

# --- down and up ------------------------------------------------------------------------------------------------------

unit() { cat -- "$store/unit" 2>/dev/null || echo containerd; }
# containerd runs as a service of its own, or as a child of k3s or the like, which is then stopped with it; but not of the
# shell that somebody started it from by hand.
containerd_service_is_known() {
    local process unit parent
    if engine_is_down || ! systemd_runs; then return 0; fi
    process=$(who_has "$folder/metadata.db" | sed -n 1p) && unit=$(unit_of "$process") || unit=''
    parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$process/status" 2>/dev/null) || parent=''
    case $unit in
        *containerd* | *k3s* | *rke2* | *k0s* | *kubelite*) return 0 ;;
        ?*) case $(systemctl show -p MainPID "$unit" 2>/dev/null) in "MainPID=$process" | "MainPID=${parent:-none}") return 0 ;; esac ;;
    esac
    stop "no service of this host runs containerd, so it cannot be stopped and started again: let a service run it, then run this again"
}
stop_engine() {
    local process unit
    ! engine_is_down || return 0
    nothing_runs || stop "tasks would go on without containerd, and hold the pool: end them first"
    stop_kubelet
    read -r process < <(who_has "$folder/metadata.db") || return 0
    unit=$(unit_of "$process")
    [ -z "$unit" ] || printf '%s\n' "$unit" >"$store/unit"
    service_of "$(unit)" stop
    within 60 engine_is_down || stop "containerd does not stop"
}
start_engine() {
    ! engine_is_down || service_of "$(unit)" start
    within 120 engine_answers || stop "containerd does not answer; journalctl -u $(unit) says why, and --back goes back"
}
# Its devices stay when it ends.
pool_goes_with_engine() { pool_is_down; }
remake_old_pool() {
    local data metadata
    ! pool_exists && [ -e "$store/table" ] || return 0
    data=$(writing_loops "$data_file" | sed -n 1p)
    metadata=$(writing_loops "$metadata_file" | sed -n 1p)
    [ -n "$data" ] || data=$(losetup --find --show -- "$data_file")
    [ -n "$metadata" ] || metadata=$(losetup --find --show -- "$metadata_file")
    awk -v data="$data" -v metadata="$metadata" '{ $4 = metadata; $5 = data; print }' "$store/table" |
        run dmsetup create "$pool" 9>&-
}
start_again() {
    start_kubelet
    mark_done started
}

# --- its records ------------------------------------------------------------------------------------------------------

save_records() { run cp -a -- "$folder/metadata.db" "$folder/$pool.db" "$store/"; }
# The list of devices for the new pool. Its name is as long as the old one: in the pages of the database nothing moves, the
# keys keep their order, and only pages without names have a checksum (bbolt, page.go and meta.go).
rename_devices() {
    local old=$folder/$pool.db new=$folder/$new_pool.db
    [ "${#pool}" = "${#new_pool}" ] || stop "$new_pool is not as long as $pool"
    cp -a -- "$old" "$new.part"
    sed "s/${pool//./\\.}-snap-/$new_pool-snap-/g" -- "$old" >"$new.part"
    [ "$(stat -c %s -- "$new.part")" = "$(stat -c %s -- "$old")" ] || stop "$old was not rewritten as it should be"
    run mv -f -- "$new.part" "$new"
}
says_once() { [ "$(grep -cxF -- "$1" "$settings")" = 1 ]; }
change_line() {
    local file
    file=$(readlink -f "$settings")
    cp -a -- "$file" "$file.new"
    from=$old_line to=$new_line awk '$0 == ENVIRON["from"] { $0 = ENVIRON["to"] } { print }' "$file" >"$file.new"
    run mv -f -- "$file.new" "$file"
}
takes_new_layers() {
    local namespace parent key=thinspect-probe made=no
    [ -f "$store/snapshots" ] || return 0
    read -r namespace parent _ < <(awk '$NF == "Committed"' "$store/snapshots") || return 0
    ask_in "$namespace" snapshots --snapshotter devmapper rm "$key" >/dev/null 2>&1 || true
    ask_in "$namespace" snapshots --snapshotter devmapper prepare "$key" "$parent" >/dev/null || return 1
    [ -z "$(pool=$new_pool users)" ] || made=yes
    ask_in "$namespace" snapshots --snapshotter devmapper rm "$key" || return 1
    collect_garbage
    [ "$made" = yes ]
}

# --- what makes the old pool at boot ----------------------------------------------------------------------------------

boot_places=(/etc/systemd/system /usr/lib/systemd/system /lib/systemd/system /etc/init.d /etc/rc.local /etc/rc.d
    /etc/crontab /etc/cron.d /usr/local/bin /usr/local/sbin)
# Files that name the old pool, and files that name those: a unit may call a script.
made_at_boot() {
    local files
    files=$(grep -rlsIwF -e "$pool" -- "${boot_places[@]}" || true)
    [ -n "$files" ] || return 0
    { printf '%s\n' "$files" && grep -rlsIF -f <(printf '%s\n' "$files") -- "${boot_places[@]}"; } | sort -u || true
}
show_what_makes_it() {
    local file
    for file in $(made_at_boot); do
        case $file in
            *.service) say "$file has to do with the old pool at boot: systemctl disable ${file##*/}" ;;
            *) say "$file names the old pool: nothing may make it at boot any more" ;;
        esac
    done
}

# --- the way back -----------------------------------------------------------------------------------------------------

changes_since() {
    [ -e "$kept" ] && [ -f "$store/snapshots" ] && engine_answers || return 0
    matches_saved snapshots snapshots_now || echo " What was made since then is only on the new pool."
}
# The old list of devices was not touched. containerd's own lists are those of all its snapshotters, and stay as they are.
restore_records() {
    local left
    [ -e "$folder/$new_pool.db" ] || return 0
    pool=$new_pool clear_pool
    left=$store/left-$(date +%s)
    mkdir -p -- "$left"
    run cp -a -- "$folder/metadata.db" "$left/"
    cp -a -- "$store/metadata.db" "$folder/metadata.db.part"
    run mv -f -- "$folder/metadata.db.part" "$folder/metadata.db"
    run mv -f -- "$folder/$new_pool.db" "$left/"
}
