# Stops kubelet, which would restart containers, and records that it was running.
kubelet_can_be_stopped() { kubelet_is_gone || ! systemd_runs || systemctl is-active --quiet kubelet; }
stop_kubelet() {
    kubelet_is_gone && return
    : >"$store/kubelet"
    service_of kubelet stop || stop "kubelet does not stop by its own unit: stop it as it was started, then run this again"
    within 60 kubelet_is_gone || stop "kubelet does not stop"
}
start_kubelet() {
    [ -e "$store/kubelet" ] || return 0
    service_of kubelet start
    rm -f -- "$store/kubelet"
}
