# What moves of Docker have to ask and note. What is noted lies in $store.
# --- Docker as it answers ---------------------------------------------------------------------------------------------

unset DOCKER_CONTEXT DOCKER_TLS_VERIFY
driver_is() { [ "$(timeout 60 docker info -f '{{.Driver}}' 2>/dev/null)" = "$1" ]; }
root_is_ours() { [ "$(timeout 60 docker info -f '{{.DockerRootDir}}' 2>/dev/null)" = "$root" ]; }
no_swarm() { [ "$(timeout 60 docker info -f '{{.Swarm.LocalNodeState}}' 2>/dev/null)" = inactive ]; }
# An answer that could not be had is none.
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

# Without the lock: a daemon would hold it for as long as it lives.
raise_docker() {
    start_docker 9>&-
    within 120 docker_answers || stop "Docker does not answer; journalctl -u docker says why, and --back goes back"
}
lower_docker() {
    stop_docker 9>&-
    docker_is_gone || stop "Docker does not stop"
}

# --- what there is ----------------------------------------------------------------------------------------------------

# What ran is noted once: an interrupted run has stopped some of it already.
note_running() { [ -f "$store/running" ] || keep running docker ps -q --no-trunc; }
note_what_is_there() {
    keep names names_now
    keep images images_now
    keep volumes volumes_now
    keep info docker info 2>/dev/null
    cp -a -- "$root/image/$old_driver/repositories.json" "$store/repositories.json"
}
stop_containers() {
    local id
    for id in $(docker ps -q --no-trunc --filter status=paused); do
        run docker unpause "$id" >/dev/null
    done
    for id in $(docker ps -q --no-trunc); do
        run timeout 300 docker stop "$id" >/dev/null || say "container $id did not stop in time"
    done
    nothing_runs || stop "containers still run: $(docker ps --format '{{.Names}}' | tr '\n' ' ')"
}

# --- afterwards ------------------------------------------------------------------------------------------------------

# In the order in which they were started, oldest first: some need another one's network.
start_again() {
    local id
    for id in $(tac "$store/running"); do
        grep -q "^$id" "$store/containers" || continue
        [ "$(docker inspect -f '{{.State.Running}}' "$id")" = true ] || run docker start "$id" >/dev/null ||
            say "container ${id:0:12} does not start: docker logs and docker inspect say why"
    done
    mark started
}
