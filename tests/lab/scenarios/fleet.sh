# What a fleet is given, run for real: the confined service under systemd, and the container of the DaemonSet, see of the
# pools what root sees.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly COLLECTED=/var/lib/prometheus/node-exporter/thinspect.prom
readonly URL=http://127.0.0.1:9750/metrics

# The same metrics from another place: all but the times. LVM's tools may take too long on an emulated processor, in either.
without_times() {
  grep -v _timestamp_seconds "$1" | sort
}

same_metrics() {
  thinspect metrics >/out/root.prom || [ $? = 3 ]
  "$@"
  diff <(without_times /out/root.prom) <(without_times /out/other.prom) >/out/metrics.diff
}

expect_same() {
  local attempt
  for attempt in 1 2 3 4; do
    same_metrics "$@" && return
    say "not the same, attempt $attempt: $(head -n 4 /out/metrics.diff | tr '\n' ' ')"
  done
  fail "root and $1 do not see the same: $(grep '^[<>]' /out/metrics.diff | head -n 3 | tr '\n' ' ')"
}

# --- systemd ----------------------------------------------------------------------------------------------------------

# A systemd of its own in this guest, with nothing started but what is asked for.
start_systemd() {
  mkdir -p /etc/systemd/system/thinspect-metrics.service.d /sys/fs/cgroup/systemd /var/lib/prometheus/node-exporter
  install -m 755 "$TOOL" /usr/bin/thinspect
  install -m 644 /job/fleet/systemd/thinspect-metrics.* /etc/systemd/system/
  printf '[Unit]\nDefaultDependencies=no\n' | tee /etc/systemd/system/nothing.target \
    >/etc/systemd/system/thinspect-metrics.service.d/lab.conf
  echo '+memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
  (
    echo $BASHPID >/sys/fs/cgroup/systemd/cgroup.procs
    exec env container=lab unshare --fork --pid --mount --mount-proc --cgroup --kill-child \
      bash -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t tmpfs tmpfs /run && exec /lib/systemd/systemd --system --unit=nothing.target'
  ) >/out/systemd.txt 2>&1 &
  wait_until 60 systemd_pid
  wait_until 60 in_systemd /usr/bin/systemctl is-active nothing.target
  say "systemd runs"
}

systemd_pid() {
  pgrep -f '^/lib/systemd/systemd --system' | tail -n 1 | grep .
}

in_systemd() {
  nsenter --target "$(systemd_pid)" --mount --pid --cgroup "$@"
}

by_the_service() {
  rm -f "$COLLECTED"
  in_systemd /usr/bin/systemctl start thinspect-metrics.service || {
    in_systemd /usr/bin/systemctl status thinspect-metrics.service || true
    fail "the service failed"
  }
  cp "$COLLECTED" /out/other.prom
}

# It is confined for real: what the unit forbids fails, under the same settings.
is_confined() {
  local unit=/run/systemd/system/confined.service
  in_systemd bash -c "mkdir -p /run/systemd/system && sed -e '/^ExecStart=/d; /^SuccessExitStatus=/d' /etc/systemd/system/thinspect-metrics.service >$unit &&
    printf '[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sh -c \"%s\"\n' '! touch /etc/x && ! dd if=/dev/zero of=/dev/vdd bs=512 count=1 && ! mknod /tmp/n b 254 0 && ! ls /proc/1/fd && touch ${COLLECTED%/*}/may' >>$unit"
  in_systemd /usr/bin/systemctl daemon-reload
  in_systemd /usr/bin/systemctl start confined.service || fail "the service may do more than it should, or less"
  [ -e "${COLLECTED%/*}/may" ] || fail "the control did not run"
}

# --- the container ----------------------------------------------------------------------------------------------------

# An image of the program alone; a build that is not static brings its libraries.
make_scratch_image() {
  local tree=/tmp/scratch library
  mkdir -p $tree/host
  cp "$TOOL" $tree/thinspect
  ldd "$TOOL" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$tree${library%/*}"
    cp -L "$library" "$tree$library"
  done
  tar -C $tree -c . | docker import - thinspect:lab >/dev/null
}

# As daemonset.yaml has it; the guest has no network but its own.
serve_in_container() {
  docker run -d --name serving --network host --read-only -v /:/host:ro "$@" thinspect:lab \
    /thinspect metrics --listen 127.0.0.1:9750 --root /host >/dev/null
  wait_until 60 busybox wget -q -O /dev/null http://127.0.0.1:9750/metrics
}

stop_serving() {
  docker rm -f serving >/dev/null
}

by_the_container() {
  busybox wget -q -O /out/other.prom "$URL"
}

# CAP_SYS_ADMIN (21) and CAP_SYSLOG (34) are all that is left of a privileged container's.
has_given_up_the_rest() {
  expect "capabilities of the container's process" \
    "$(sed -n 's/^CapEff:\t//p' "/proc/$(docker inspect -f '{{.State.Pid}}' serving)/status")" 0000000400200000
}

raw_pool free 64M 4M
write_blocks free-thin 0 100
pvcreate -q /dev/vdd
vgcreate -q group /dev/vdd
lvcreate -q --wipesignatures y -y -L 256M -T group/pool
with_tool start_systemd
with_tool expect_same by_the_service
with_tool is_confined
configure_docker
start_dockerd
make_image
if [ -x "$TOOL" ]; then
  make_scratch_image
  serve_in_container --privileged
  # What reads other roots runs no commands: LVM's tools are the difference, and the notes that they were not run.
  by_the_container
  expect "the pools' numbers" \
    "$(grep -E '^thinspect_pool_(mode|size|used|info|needs|min_free)' /out/other.prom | sort)" \
    "$(thinspect metrics | grep -E '^thinspect_pool_(mode|size|used|info|needs|min_free)' | sort)"
  has_given_up_the_rest
  stop_serving
  # Why it has to be privileged: the capability alone does not open /dev/mapper/control.
  serve_in_container --cap-drop ALL --cap-add SYS_ADMIN
  by_the_container
  expect_text "metrics without the device" "$(cat /out/other.prom)" 'thinspect_verdict{verdict="unknown"} 1'
  stop_serving
fi
