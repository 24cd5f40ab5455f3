# What a fleet is given, run for real: the confined service under systemd, and the container of the DaemonSet, see of the
# pools what root sees.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly COLLECTED=/var/lib/prometheus/node-exporter/thinspect.prom
# In memory: what is written elsewhere moves the numbers of the filesystem under the pool.
readonly ROOTS=/run/lab/root.prom OTHERS=/run/lab/other.prom
readonly URL=http://127.0.0.1:9750/metrics

# The same metrics from another place: all but the times. LVM's tools may take too long on an emulated processor, in either.
without_times() {
  grep -v _timestamp_seconds "$1" | sort
}

same_metrics() {
  thinspect metrics >"$ROOTS" || [ $? = 3 ]
  "$@"
  diff <(without_times "$ROOTS") <(without_times "$OTHERS") >/run/lab/metrics.diff
}

expect_same() {
  local attempt
  for attempt in 1 2 3 4; do
    same_metrics "$@" && return
    say "not the same, attempt $attempt: $(head -n 4 /run/lab/metrics.diff | tr '\n' ' ')"
  done
  fail "root and $1 do not see the same: $(grep '^[<>]' /run/lab/metrics.diff | head -n 3 | tr '\n' ' ')"
}

# --- systemd ----------------------------------------------------------------------------------------------------------

# A systemd of its own in this guest, with nothing started but what is asked for.
start_systemd() {
  mkdir -p /etc/systemd/system/thinspect-metrics.service.d /sys/fs/cgroup/systemd "${COLLECTED%/*}"
  mount -t tmpfs tmpfs "${COLLECTED%/*}"
  mount -t tmpfs tmpfs /var/tmp
  install -m 755 "$TOOL" /usr/bin/thinspect
  install -m 644 /job/fleet/systemd/thinspect-metrics.* /etc/systemd/system/
  printf '[Unit]\nDefaultDependencies=no\n' | tee /etc/systemd/system/nothing.target \
    >/etc/systemd/system/thinspect-metrics.service.d/lab.conf
  echo '+memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
  # Its control group holds it alone, else it could not hand out controllers; of /run it gets what LVM's tools look at.
  env container=lab unshare --fork --pid --mount --mount-proc --kill-child bash -ec '
    echo 0 >/sys/fs/cgroup/systemd/cgroup.procs
    mount --bind /run /mnt
    mount -t tmpfs tmpfs /run
    mkdir /run/udev /run/lock
    mount --bind /mnt/udev /run/udev
    mount --bind /mnt/lock /run/lock
    umount /sys/fs/cgroup
    exec unshare --cgroup bash -ec "mount -t cgroup2 cgroup2 /sys/fs/cgroup
      exec /lib/systemd/systemd --system --unit=nothing.target"
  ' >/out/systemd.txt 2>&1 &
  wait_until 60 systemd_pid
  wait_until 60 in_systemd /usr/bin/systemctl is-active nothing.target
  say "systemd runs"
}

systemd_pid() {
  pgrep -o -f '^/lib/systemd/systemd --system'
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
  cp "$COLLECTED" "$OTHERS"
}

# What root may do, and the unit forbids.
readonly FORBIDDEN=('touch /etc/x' 'dd if=/dev/zero of=/dev/vdd bs=512 count=1' 'mknod /tmp/n b 254 0' 'readlink /proc/1/exe')

# It is confined for real: the same settings, with other commands.
is_confined() {
  local unit=/etc/systemd/system/confined.service command
  sed -e '/^ExecStart=/d; /^SuccessExitStatus=/d' /etc/systemd/system/thinspect-metrics.service >$unit
  printf '[Unit]\nDefaultDependencies=no\n[Service]\n' >>$unit
  for command in "${FORBIDDEN[@]}"; do
    in_systemd bash -c "$command" >/dev/null 2>&1 || fail "the control failed: $command"
    echo "ExecStart=/bin/sh -c \"! $command\"" >>$unit
  done
  echo "ExecStart=touch ${COLLECTED%/*}/may" >>$unit
  in_systemd /usr/bin/systemctl daemon-reload
  in_systemd /usr/bin/systemctl start confined.service || {
    in_systemd /usr/bin/systemctl status confined.service || true
    fail "the service may do more than it should, or less"
  }
  [ -e "${COLLECTED%/*}/may" ] || fail "the service may not write where it has to"
}

# --- the container ----------------------------------------------------------------------------------------------------

# An image of the program alone; a build that is not static brings its libraries.
make_scratch_image() {
  local tree=/tmp/scratch library
  mkdir -p $tree/host
  cp "$TOOL" $tree/thinspect
  for library in $(ldd "$TOOL" 2>/dev/null | grep -o '/[^ ]*'); do
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
  busybox wget -q -O "$OTHERS" "$URL"
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
    "$(grep -E '^thinspect_pool_(mode|size|used|info|needs|min_free)' "$OTHERS" | sort)" \
    "$(thinspect metrics | grep -E '^thinspect_pool_(mode|size|used|info|needs|min_free)' | sort)"
  has_given_up_the_rest
  stop_serving
  # Why it has to be privileged: the capability alone does not open /dev/mapper/control.
  serve_in_container --cap-drop ALL --cap-add SYS_ADMIN
  by_the_container
  expect_text "metrics without the device" "$(cat "$OTHERS")" 'thinspect_verdict{verdict="unknown"} 1'
  stop_serving
fi
