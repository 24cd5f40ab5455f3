# If the installed Docker no longer has the driver, an older engine in $engine saves the data instead. It has its own
# socket, process and directory for child processes, and runs until the switch.
engine_at=/run/thinspect-engine installed=$DOCKER_HOST
if [ -n "$engine" ] && ! is_done switched; then
    export DOCKER_HOST=unix://$engine_at/docker.sock PATH=$engine:$PATH
fi
use_old_engine_done() { is_done switched || docker_answers; }
use_old_engine_ready() { [ -x "$engine/dockerd" ] || not_ready "there is no dockerd in the directory of --old-engine"; }
use_old_engine() {
    : >"$store/engine-used"
    DOCKER_HOST=$installed lower_docker
    run mkdir -p -m 700 -- "$engine_at"
    printf '%s\n' "$engine_settings" >"$store/engine.json"
    say "+ $engine/dockerd, on its own socket"
    setsid "$engine/dockerd" --config-file "$store/engine.json" --data-root "$root" --restart=false \
        --exec-root "$engine_at/exec" --pidfile "$engine_at/pid" -H "$DOCKER_HOST" >>"$store/engine.log" 2>&1 8>&- 9>&- &
    within 120 docker_answers || stop "the older engine does not answer: $(sed -n '$p' "$store/engine.log")"
}
# Its process id may have been reused.
old_engine_is_gone() {
    local process
    process=$(cat -- "$engine_at/pid" 2>/dev/null) && [ -n "$process" ] || return 0
    ! tr '\0' '\n' 2>/dev/null <"/proc/$process/cmdline" | grep -xF -- "$engine/dockerd" >/dev/null
}
stop_old_engine() {
    old_engine_is_gone || run kill "$(cat -- "$engine_at/pid")"
    within 120 old_engine_is_gone || stop "the older engine does not end"
    DOCKER_HOST=$installed
    PATH=${PATH#"$engine:"}
}
