# Queries and records for migrations of Docker. The records are in $store.
# --- Docker as it answers ---------------------------------------------------------------------------------------------

root=$(readlink -f -- "$root") || stop "Docker's data root is not there"
driver_is() {
    local driver
    driver=$(docker_info 'Storage Driver') && [ "$driver" = "$1" ]
}
# A failed query is an error, not an empty answer.
nothing_runs() {
    local running
    running=$(docker ps -q) && [ -z "$running" ]
}
all_images_now() { docker images -aq --no-trunc | sort -u; }
# Images, and each name of each. What this script makes itself does not count.
images_now() {
    docker images -a --no-trunc --format '{{.ID}} {{.Repository}}' | sed '/ thinspect-saved$/d; s/ .*//' | sort -u
}
names_now() {
    docker images -a --no-trunc --digests --format '{{.ID}} {{.Repository}}:{{.Tag}} {{.Digest}}' |
        sed '/ thinspect-saved:/d' | sort
}
containers_now() { docker ps -aq --no-trunc | sort; }
containers_named() { docker ps -a --no-trunc --format '{{.ID}} {{.Names}}' | sort; }
volumes_now() { docker volume ls -q | sort; }
# Whether the plan knew exactly these.
as_planned() {
    local now
    now=$("$2") && [ "$now" = "$(printf '%s' "$1" | tr ' ' '\n' | sort -u)" ]
}
# When a container last began and ended, as Docker has written it down: it changes whenever it runs.
life_of() { docker inspect --type container -f '{{.State.StartedAt}} {{.State.FinishedAt}}' "$1"; }

raise_docker() {
    start_docker
    within 120 docker_answers || stop "Docker does not answer; journalctl -u $docker_unit says why, and --back goes back"
}
# Which service it was has to be known when it is down.
lower_docker() {
    ! docker_is_gone || return 0
    docker_service_is_known
    save_output docker-unit echo "$docker_unit"
    stop_docker
}
# A snap's client sees the snap's own directories: what it is told to save elsewhere does not come there.
docker_client_writes_files() {
    local client
    client=$(command -v docker)
    client=$(readlink -f -- "$client")
    case $client in
        */snap | /snap/* | /var/lib/snapd/*)
            stop "Docker's client is a snap, which writes no archives outside of its own directories: this move cannot be made with it"
            ;;
    esac
}

# --- what there is ----------------------------------------------------------------------------------------------------

note_what_is_there() {
    save_output names names_now
    save_output images images_now
    save_output volumes volumes_now
    save_output info docker info 2>/dev/null
    cp -a -- "$root/image/$old_driver/repositories.json" "$store/repositories.json"
}
# What runs is noted before it is stopped, with its end after that: an interrupted run has stopped some of it already. What
# somebody started or stopped in between is as that one left it.
note_running() {
    local id running
    running=$(docker ps -q --no-trunc) || stop "Docker does not list its containers"
    mkdir -p -- "$store/ends"
    [ -f "$store/running" ] || : >"$store/running"
    # shellcheck disable=SC2013 # ids
    for id in $(cat -- "$store/running"); do
        case $running in *"$id"*) continue ;; esac
        [ ! -f "$store/ends/$id" ] || [ "$(life_of "$id" 2>/dev/null)" = "$(cat -- "$store/ends/$id")" ] ||
            sed -i "/^$id\$/d" "$store/running"
    done
    { printf '%s\n' "$running"; cat -- "$store/running"; } | awk 'NF && !seen[$0]++' >"$store/running.part"
    mv -f -- "$store/running.part" "$store/running"
}
stop_containers() {
    local id paused running
    note_running
    paused=$(docker ps -q --no-trunc --filter status=paused) || stop "Docker does not list its containers"
    for id in $paused; do
        run docker unpause "$id" >/dev/null
    done
    running=$(docker ps -q --no-trunc) || stop "Docker does not list its containers"
    for id in $running; do
        run timeout 300 docker stop "$id" >/dev/null || say "container $id did not stop in time"
        # One that was started with --rm is gone then.
        save_output "ends/$id" life_of "$id" 2>/dev/null || rm -f -- "$store/ends/$id.part"
    done
    nothing_runs || stop "containers still run: $(docker ps --format '{{.Names}}' | tr '\n' ' ')"
}

# --- afterwards -------------------------------------------------------------------------------------------------------

# In the order in which they were started, oldest first: some need another one's network.
start_again() {
    local id running
    for id in $(tac "$store/running"); do
        [ ! -f "$store/containers" ] || grep -q "^$id" "$store/containers" || continue
        running=$(docker inspect --type container -f '{{.State.Running}}' "$id") || running=unknown
        [ "$running" = true ] || run docker start "$id" >/dev/null ||
            say "container ${id:0:12} does not start: docker logs and docker inspect say why"
    done
    start_kubelet
    mark_done started
}
