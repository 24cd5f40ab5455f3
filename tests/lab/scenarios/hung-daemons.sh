# dockerd frozen, LVM's tools hanging, a dead file system under Docker's root: the verdict comes all the same, in time.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# The processor is emulated: what takes a hundredth of a second on a machine takes more than one here. This measures how
# long that is when nothing hangs; each thing that hangs may add its time limit of a second, and they do not add up.
measure_quiet() {
  ask quiet status
  expect_json /out/quiet.json '.pools[0].mode == "rw" and .pools[0].data.used_blocks != null'
  quiet=$took
}

# answers_beside NAME: the pool's numbers are there, and the answer took one limit more, not several.
answers_beside() {
  ask_within $((quiet + 2000)) "$1" status
  expect_json "/out/$1.json" '.pools[0].mode == "rw" and .pools[0].data.used_blocks != null'
  # What hangs must not keep whoever reads from us.
  local started=$SECONDS
  thinspect status 2>&1 | cat >/dev/null
  [ $((SECONDS - started)) -le $((quiet / 1000 + 4)) ] || fail "the shell waited $((SECONDS - started)) s"
}

# Every LVM command is this one.
make_lvm_hang() {
  mv /usr/sbin/lvm /usr/sbin/lvm.real
  printf '#!/bin/sh\nexec sleep 1000\n' >/usr/sbin/lvm
  chmod 755 /usr/sbin/lvm
}

# A file system under Docker's root whose device no longer answers, as a dead NFS server's would not.
mount_what_dies() {
  local device
  truncate -s 64M /raw.dead
  device=$(losetup -f --show /raw.dead)
  dmsetup create dead --table "0 131072 linear $device 0"
  mke2fs -q -t ext4 /dev/mapper/dead
  mkdir -p /var/lib/docker/devicemapper/mnt/dead
  mount /dev/mapper/dead /var/lib/docker/devicemapper/mnt/dead
  mkdir /var/lib/docker/devicemapper/mnt/dead/rootfs
  sync
  echo 3 >/proc/sys/vm/drop_caches
  dmsetup suspend --noflush --nolockfs dead
}

configure_docker
start_dockerd
make_image
with_tool measure_quiet
kill -STOP "$(cat /run/lab/dockerd.pid)"
say "dockerd is frozen"
with_tool answers_beside frozen-dockerd
make_lvm_hang
with_tool answers_beside hanging-lvm
mount_what_dies
with_tool answers_beside dead-mount
dmsetup resume dead
kill -CONT "$(cat /run/lab/dockerd.pid)"
with_tool answers_beside all-well-again
