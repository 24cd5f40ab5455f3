# The older engine has a socket, a process and a place for its children of its own. It serves until the switch.
engine_at=/run/thinspect-engine installed=$DOCKER_HOST
if ! is_done switched; then
    export DOCKER_HOST=unix://$engine_at/docker.sock PATH=$engine:$PATH
fi
raise_engine() {
    DOCKER_HOST=$installed lower_docker
    run mkdir -p -m 700 -- "$engine_at"
    printf '%s\n' "$engine_settings" >"$store/engine.json"
    say "+ $engine/dockerd, on its own socket"
    setsid "$engine/dockerd" --config-file "$store/engine.json" --data-root "$root" --restart=false \
        --exec-root "$engine_at/exec" --pidfile "$engine_at/pid" -H "$DOCKER_HOST" >>"$store/engine.log" 2>&1 8>&- 9>&- &
    within 120 docker_answers || stop "the older engine does not answer: $(sed -n '$p' "$store/engine.log")"
}
engine_is_gone() { ! kill -0 "$(cat "$engine_at/pid" 2>/dev/null)" 2>/dev/null; }
lower_engine() {
    engine_is_gone || run kill "$(cat "$engine_at/pid")"
    within 120 engine_is_gone || stop "the older engine does not end"
    DOCKER_HOST=$installed
    PATH=${PATH#"$engine:"}
}
