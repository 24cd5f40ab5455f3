# The right daemon answers on $socket, keeps its data in $root and uses $pool. Neither the environment nor the client's
# configuration may select another one.
unset "${!DOCKER_@}" "${!BUILDX_@}"
export DOCKER_HOST=unix://$socket DOCKER_CONFIG=/run/thinspect-no-configuration
docker_answers() { timeout 20 docker version >/dev/null 2>&1; }
# docker_info NAME: the value of that field.
docker_info() {
    local info
    info=$(timeout 60 docker info 2>/dev/null) || return 1
    printf '%s\n' "$info" | sed -n "s/^ *$1: *//p" | sed -n 1p
}
same_place() {
    local one other
    one=$(readlink -f -- "$1") && other=$(readlink -f -- "$2") && [ "$one" = "$other" ]
}
# Up to 1.11 the root is not said; the pool's name has the root's inode in it, or is the only one of its name here.
root_is_ours() {
    local reported
    reported=$(docker_info 'Docker Root Dir') || return 1
    [ -z "$reported" ] || [ -z "$root" ] || same_place "$reported" "$root"
}
# If a broken pool keeps it from answering, the socket and the process must suffice.
root_is_another() {
    local reported
    reported=$(docker_info 'Docker Root Dir') && [ -n "$reported" ] && [ -n "$root" ] && ! same_place "$reported" "$root"
}
pool_is_ours() {
    local reported
    reported=$(docker_info 'Pool Name') && [ "$reported" = "$pool" ]
}
docker_is_ours() { root_is_ours && pool_is_ours; }
stop_another_docker() {
    stop "Docker does not answer on its socket, or the one that answers there keeps its data elsewhere or uses another pool: nothing is asked of it (the socket stands at the top of this script)"
}

# Whether this node is part of a swarm, which starts what is stopped here elsewhere, or here again.
no_swarm() {
    local state
    if ! docker_answers; then
        [ ! -s "$root/swarm/docker-state.json" ]
        return
    fi
    state=$(docker_info Swarm) || return 1
    case $state in '' | inactive) ;; *) return 1 ;; esac
}

stop_in_swarm() {
    no_swarm ||
        stop "this host is part of a swarm, which makes its containers anew wherever they are stopped: drain it (docker node update --availability drain), let it leave (docker swarm leave), and run this again"
}
# For plans that stop nothing themselves, but restart the daemon.
warn_of_restart() {
    no_swarm ||
        say "warning: this host is part of a swarm, or that cannot be told: while its daemon restarts, the swarm starts its tasks on other nodes"
    kubelet_is_gone || say "warning: kubelet runs: while the daemon restarts, it counts its pods as failed and starts them again"
}

# --- its process ------------------------------------------------------------------------------------------------------

# One name at a time: pgrep finds nothing by a pattern of more than 15 characters.
daemons() {
    local name process processes
    for name in dockerd dockerd-current docker-current docker; do
        processes=$(processes_named "$name") || return 1
        for process in $processes; do
            ! is_daemon "$process" "$name" || printf '%s\n' "$process"
        done
    done
}
# Up to 1.11 daemon and client are one program; and another data root has another daemon.
is_daemon() {
    local word before='' serves=no
    case $2 in dockerd*) serves=yes ;; esac
    while IFS= read -r -d '' word; do
        case $word in daemon | -d | --daemon | --daemon=true) serves=yes ;; esac
        case $before$word in
            --data-root=* | --graph=* | -g=*) is_our_root "${word#*=}" || return 1 ;;
            --data-root/* | --graph/* | -g/*) is_our_root "$word" || return 1 ;;
        esac
        case $word in --data-root | --graph | -g) before=$word ;; *) before='' ;; esac
    done 2>/dev/null <"/proc/$1/cmdline" || return 1
    [ "$serves" = yes ]
}
is_our_root() { [ -z "$root" ] || same_place "$1" "$root"; }
# Where the daemon listens whose command line names this data root; else where all do unless told otherwise.
find_socket() {
    local process found
    for process in $(daemons); do
        tr '\0' '\n' 2>/dev/null <"/proc/$process/cmdline" | grep -qxF -e "--data-root=$root" -e "--graph=$root" -e "$root" || continue
        found=$(tr '\0' '\n' 2>/dev/null <"/proc/$process/cmdline" | sed -n 's:^\(-H\|--host\)*=*unix\://::p' | sed -n 1p)
        case $found in '' | /run/thinspect-engine/*) ;; *) socket=$found ;; esac
    done
    DOCKER_HOST=unix://$socket
}
find_socket
docker_is_gone() {
    local processes
    processes=$(daemons) && [ -z "$processes" ]
}
docker_runs() { ! docker_is_gone; }

# --- its service ------------------------------------------------------------------------------------------------------

docker_unit=''
# The service that runs this daemon. As long as it runs systemd tells which; a daemon that somebody started by hand is in
# the service of that shell, as sshd's, which must not be stopped for it.
find_docker_unit() {
    local process unit running=no
    [ ! -s "${store:-/nowhere}/docker-unit" ] || docker_unit=$(cat -- "$store/docker-unit")
    for process in $(daemons); do
        running=yes
        systemd_runs || break
        docker_unit=$(unit_of "$process")
        runs_docker "$docker_unit" "$process"
        return
    done
    for unit in $docker_unit docker docker.io docker-latest snap.docker.dockerd; do
        service_exists "$unit" || continue
        [ "$running" = no ] || service_runs "$unit" || continue
        docker_unit=$unit
        return 0
    done
    return 1
}
runs_docker() {
    case $1 in
        '') return 1 ;;
        *docker*) return 0 ;;
    esac
    [ "$(systemctl show -p MainPID "$1" 2>/dev/null)" = "MainPID=$2" ]
}
docker_service_is_known() {
    find_docker_unit ||
        stop "no service of this host runs Docker's daemon, so it cannot be stopped and started again: let a service run it, then run this again"
}
# Containers are stopped one by one, as they would survive the daemon with live-restore.
stop_docker() {
    local containers
    ! docker_is_gone || return 0
    docker_service_is_known
    if containers=$(timeout 20 docker ps -q 2>/dev/null) && [ -n "$containers" ]; then
        ! root_is_another || stop "the daemon at $socket keeps its data elsewhere"
        # shellcheck disable=SC2086 # a list of ids
        run timeout 300 docker stop $containers >/dev/null || say "not every container stopped in time"
    fi
    # Else whoever asks Docker something starts it.
    ! systemd_runs || systemctl stop "${docker_unit%.service}.socket" 2>/dev/null || true
    service_of "$docker_unit" stop
    within 120 docker_is_gone || stop "Docker does not stop"
}
start_docker() {
    [ -n "$docker_unit" ] || docker_service_is_known
    service_of "$docker_unit" start
}
