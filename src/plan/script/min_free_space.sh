# Whether the daemon answers, and shows the floor that matches the pattern.
floor_is() { timeout 20 docker info 2>/dev/null | grep -E "$1" >/dev/null; }
restart_docker() {
    if [ -d /run/systemd/system ]; then run systemctl restart docker; else run service docker restart; fi
}
