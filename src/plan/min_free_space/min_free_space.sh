# Sets Docker's free-space floor in its settings file and restarts Docker. For each step, NAME_done checks whether it is
# done, NAME_ready stops this script if it cannot be done yet, and NAME does it.

preconditions() {
    { docker_is_gone || docker_is_ours; } || stop_another_docker
    docker_service_is_known
    warn_of_restart
}

set_floor_done() { settings_are_new; }
set_floor_ready() {
    settings_are_old || not_ready "$settings is not what it was when it was recorded; make a new plan"
}
# The backup is named after the old content, so that a second change does not overwrite the first backup.
set_floor() {
    local file saved=$settings.before-thinspect-${settings_sum:0:8}
    if [ -n "$settings_sum" ] && [ ! -e "$saved" ]; then
        file=$(settings_file)
        run cp -a -- "$file" "$saved"
    fi
    write_settings
}

# As docker info prints it; a pattern, because the spelling of units varies.
restart_docker_done() { timeout 60 docker info 2>/dev/null | grep -E "Minimum Free Space: $floor" >/dev/null; }
restart_docker_ready() { docker_service_is_known; }
restart_docker() {
    service_of "$docker_unit" restart
    within 120 docker_answers ||
        stop "Docker does not answer: journalctl -u $docker_unit says why; what was there before is kept beside the settings"
}

describe_state() {
    if docker_answers; then say "Docker runs"; else say "Docker does not answer: journalctl -u ${docker_unit:-docker} says why"; fi
}
