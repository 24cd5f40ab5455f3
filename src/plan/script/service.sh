# Services, under systemd, upstart or System V's init. That systemctl is there does not mean that systemd runs.
systemd_runs() { [ -d /run/systemd/system ]; }
# A service must not inherit the lock: it would hold it until it ends.
service_of() { if systemd_runs; then run systemctl "$2" "$1" 9>&-; else run service "${1%.service}" "$2" 9>&-; fi; }
service_exists() {
    if systemd_runs; then
        [ "$(systemctl show -p LoadState "${1%.service}.service" 2>/dev/null)" = LoadState=loaded ]
    else
        [ -e "/etc/init.d/${1%.service}" ] || [ -e "/etc/init/${1%.service}.conf" ]
    fi
}
# For hosts without systemd. Of a job that does not run upstart says so, and ends well.
service_runs() {
    local state
    state=$(service "${1%.service}" status 2>&1) || return 1
    case $state in *stop/waiting*) return 1 ;; esac
}
unit_of() { sed -n 's:.*/\([^/]*\.service\)$:\1:p' "/proc/$1/cgroup" 2>/dev/null | sed -n 1p; }
# Processes of that name, not of a container of its own. pgrep ends with 1 where there are none; anything else is no answer.
processes_named() {
    local process processes status=0
    processes=$(pgrep -x "$1") || status=$?
    [ "$status" -le 1 ] || return 1
    for process in $processes; do
        ! is_contained "$process" || continue
        printf '%s\n' "$process"
    done
}
is_contained() {
    local own other
    own=$(readlink /proc/self/ns/pid 2>/dev/null) && other=$(readlink "/proc/$1/ns/pid" 2>/dev/null) && [ "$own" != "$other" ]
}

# It starts the containers of its pods again, whoever stops them.
kubelet_is_gone() {
    local processes
    processes=$(processes_named kubelet) && [ -z "$processes" ]
}
