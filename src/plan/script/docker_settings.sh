# All sources of daemon options besides its settings file: its command line or, if it is down, its unit and the files
# that feed it.
told_elsewhere() {
    local process file
    for process in $(daemons); do
        tr '\0' '\n' 2>/dev/null <"/proc/$process/cmdline" || true
    done
    if systemd_runs; then
        systemctl cat "${docker_unit:-docker}" 2>/dev/null | sed -n 's/^ *ExecStart=//p; s/^  *\(-.*\)/\1/p' | tr ' ' '\n' || true
    fi
    for file in /etc/sysconfig/docker /etc/sysconfig/docker-storage /etc/default/docker; do
        [ ! -r "$file" ] || sed -n 's/^ *\(export \)\{0,1\}[A-Z_]*\(OPTS\|OPTIONS\|ARGS\)=//p' "$file" | tr -d "\"'" | tr ' ' '\n'
    done
}
# The daemon does not start if storage options are given in two places, and ignores a settings file that is not its own.
settings_are_the_daemons() {
    local word told before=''
    told=$(told_elsewhere) || return 1
    while IFS= read -r word; do
        case $word in --storage-opt | --storage-opt=* | --storage-driver | --storage-driver=* | -s) return 1 ;; esac
        case $before$word in --config-file=*) same_place "${word#*=}" "$settings" || return 1 ;; --config-file/*) same_place "$word" "$settings" || return 1 ;; esac
        case $word in --config-file) before=$word ;; *) before='' ;; esac
    done < <(printf '%s\n' "$told")
}
# It runs before Docker, and writes /etc/sysconfig/docker-storage (Red Hat's docker-storage-setup, container-storage-setup).
storage_setup_is_off() {
    local unit state
    systemd_runs || return 0
    for unit in docker-storage-setup container-storage-setup; do
        state=$(systemctl show -p LoadState "$unit.service" 2>/dev/null) || return 1
        [ "$state" = LoadState=loaded ] || continue
        case $(systemctl is-enabled "$unit.service" 2>/dev/null) in enabled* | linked*) return 1 ;; esac
        ! systemctl cat "${docker_unit:-docker}" 2>/dev/null | grep -E "^(Wants|Requires)=.*$unit" >/dev/null || return 1
    done
}
# Before the downtime: the daemon takes the settings that are written, and nobody starts containers behind this script's back.
settings_are_taken() {
    settings_are_the_daemons ||
        stop "Docker is told its settings by another file (--config-file) or takes storage options from its unit or from /etc/sysconfig/docker-storage as well, and does not start when they stand in two places: move them to its settings file, restart Docker, and make a new plan"
    storage_setup_is_off ||
        stop "docker-storage-setup runs before Docker and writes storage options of its own: disable it (systemctl disable docker-storage-setup, and no Wants= or Requires= for it in docker.service), empty /etc/sysconfig/docker-storage, and run this again"
}
