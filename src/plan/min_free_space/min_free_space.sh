# The floor that Docker keeps free, as docker info says it.
floor_is() { timeout 60 docker info 2>/dev/null | grep -E "Minimum Free Space: $1" >/dev/null; }
restart_docker() {
    local process unit
    for process in $(daemons); do
        unit=$(unit_of "$process")
        [ -z "$unit" ] || docker_unit=$unit
    done
    service_of "$docker_unit" restart
    within 120 docker_answers || stop "Docker does not answer: journalctl -u $docker_unit says why; what was there before is kept beside the settings"
}
describe_state() {
    if docker_answers; then say "Docker runs"; else say "Docker does not answer: journalctl -u $docker_unit says why"; fi
}
