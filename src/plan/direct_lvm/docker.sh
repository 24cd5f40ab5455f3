# Migration to LVM: querying, stopping and reconfiguring Docker.
owner=Docker
compared='images images_now
names names_now
containers containers_named
volumes volumes_now'
engine_preconditions() {
    need_tools docker sha256sum head tail
    docker_service_is_known
    if ! is_done switched; then
        { engine_is_down || docker_is_ours; } || stop_another_docker
        stop_in_swarm
    fi
    settings_are_taken
    kubelet_can_be_stopped || stop "kubelet runs, and not as the service kubelet: stop it yourself"
}
engine_settings_are_old() { settings_are_old; }
engine_settings_are_new() { settings_are_new; }
write_engine_settings() { write_settings; }
prepare_engine() { :; }
engine_is_down() { docker_is_gone; }
engine_answers() { docker_answers; }
stop_engine() {
    docker_is_gone || lower_docker
    # Else whoever asks Docker something starts it.
    ! systemd_runs || systemctl stop "${docker_unit%.service}.socket" 2>/dev/null || true
}
start_engine() { raise_docker; }
# Docker removes its pool when it stops, and creates it when it starts.
pool_goes_with_engine() { within 20 pool_is_down; }
remake_old_pool() { :; }
# Its own pools do not zero new blocks.
zeroes() { echo n; }
switched() { is_done switched; }

# If Docker does not answer, its files show its images, containers and volumes.
containers_in_files() {
    local record
    for record in "$root"/containers/*/config.v2.json; do
        [ ! -e "$record" ] || printf '%s %s\n' "$(basename "${record%/*}")" \
            "$(grep -o '"Name":"/[^"]*"' "$record" | head -n 1 | sed 's:"Name"\:"/\(.*\)":\1:')"
    done | sort
}
note_without_answers() {
    : >"$store/running"
    save_output containers containers_in_files
    rm -f -- "$store/names" "$store/images" "$store/volumes"
}
note_answers() {
    stop_kubelet
    stop_containers
    note_what_is_there
    save_output containers containers_named
}

# Docker's records that match the copied pool, needed for the rollback. Container logs are left out.
save_records() {
    local parts=(devicemapper/metadata image/devicemapper containers)
    room_for "$store" "$(cd "$root" && du -sbc --exclude='*.log*' "${parts[@]}" | tail -n 1 | cut -f1)" ||
        stop "$store has no room for a copy of Docker's records: name another place with --copies"
    run tar -C "$root" --exclude='containers/*/*.log*' --exclude='containers/*/local-logs' \
        --exclude='containers/*/mounts' -cf "$store/records.tar.part" "${parts[@]}"
    mv -f -- "$store/records.tar.part" "$store/records.tar"
}

# Not grep -q: it would not read to the end, which docker takes for a failure.
on_new_pool() { timeout 60 docker info 2>/dev/null | grep "Pool Name: $new_pool\$" >/dev/null; }
# Making a container makes two devices, and mounts them; it is not started.
takes_new_layers() {
    local image='' id
    read -r image < <(docker images -q --no-trunc) || true
    [ -n "$image" ] || return 0
    id=$(docker create --network none "$image" true) && docker rm -v "$id" >/dev/null
}
changes_since() {
    local now
    [ -e "$kept" ] && now=$(transaction_of_new 2>/dev/null) || return 0
    [ "$now" = "$(attribute transaction)" ] || echo " What was made since then is only on the new pool."
}
# The old pool and Docker's records of it belong together. What has come since is put aside.
restore_records() {
    local part id left
    left=$store/left-$(date +%s)
    for part in devicemapper/metadata image/devicemapper; do
        mkdir -p -- "$left/${part%/*}"
        [ ! -e "$root/$part" ] || run mv -- "$root/$part" "$left/$part"
    done
    for id in "$root"/containers/*/; do
        id=$(basename "$id")
        grep -q "^$id " "$store/containers" || [ ! -d "$root/containers/$id" ] || {
            mkdir -p -- "$left/containers"
            run mv -- "$root/containers/$id" "$left/containers/$id"
        }
    done
    run tar -C "$root" -xpf "$store/records.tar"
}
