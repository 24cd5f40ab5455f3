# The owner of the pool under repair: $owner is docker, which is stopped and started here, or other.
owner_can_be_stopped() {
    [ "$owner" = docker ] || return 0
    docker_service_is_known
    ! root_is_another || stop_another_docker
    stop_in_swarm
    kubelet_is_gone ||
        stop "kubelet runs, and would start the containers again: stop it (systemctl stop kubelet) until all is done"
}
stop_owner_done() { docker_is_gone; }
stop_owner_ready() { return 0; }
stop_owner() { stop_docker; }

nobody_uses_it() { [ "$owner" = docker ] || unused || not_ready "the pool is still in use: stop what uses it first"; }
# Waits for the pool to become active.
start_owner() {
    start_docker
    within 60 works || true
}
