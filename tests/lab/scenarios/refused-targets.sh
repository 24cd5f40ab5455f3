# direct-lvm where it must not go: a disk that has become another group's, hidden from LVM by a filter; a swarm node; and a
# daemon with a settings file of its own, whose file is the one that is changed.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

make_plan() {
  timeout 60 thinspect plan direct-lvm --timeout 5s --device /dev/vdd --size 1G --script >/out/way.sh
  bash -n /out/way.sh
}

label() {
  blkid -p -s UUID -o value /dev/vdd
}

leaves_a_foreign_disk_alone() {
  local uuid
  # As after a run that was interrupted while it made the group.
  mkdir -m 700 /root/thinspect-direct-lvm
  : >/root/thinspect-direct-lvm/grouping
  echo aaaaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaaaa >/root/thinspect-direct-lvm/pv
  vgcreate -q other /dev/vdd
  vgchange -q -an other
  uuid=$(label)
  cp /etc/lvm/lvm.conf /tmp/lvm.conf
  printf 'devices {\n  filter = [ "r|/dev/vdd|" ]\n}\n' >/etc/lvm/lvmlocal.conf
  expect "what LVM shows of it" "$(pvs --noheadings /dev/vdd 2>/dev/null)" ""
  ! bash /out/way.sh --yes --yes-destroy >/out/foreign.txt 2>&1 || fail "it took somebody's disk"
  expect_text "what it says" "$(cat /out/foreign.txt)" "stopped:"
  expect "the label" "$(label)" "$uuid"
  ! bash /out/way.sh --back --yes --yes-destroy >/out/back.txt 2>&1 || true
  expect "the label after the way back" "$(label)" "$uuid"
  rm /etc/lvm/lvmlocal.conf
  expect "the group" "$(vgs --noheadings -o vg_name | tr -d ' ')" other
  vgremove -q -y other
  pvremove -q /dev/vdd
  rm -rf /root/thinspect-direct-lvm
}

refuses_a_swarm_node() {
  docker swarm init --advertise-addr 127.0.0.1 >/dev/null
  ask swarm plan direct-lvm --timeout 5s --device /dev/vdd
  expect_exit 3
  expect_json /out/swarm.json '.possible == false and (.blocked_by[0] | test("swarm"))'
  # And the script that was made before it became one.
  ! bash /out/way.sh --yes >/out/swarm.txt 2>&1 || fail "it stopped a swarm's containers"
  expect_text "what it says" "$(cat /out/swarm.txt)" "part of a swarm"
  expect "what runs" "$(docker ps --format '{{.Names}}')" runs
  docker swarm leave --force >/dev/null
}

changes_the_daemons_own_file() {
  stop_dockerd
  mkdir -p /opt/docker
  mv /etc/docker/daemon.json /opt/docker/daemon.json
  start_dockerd --config-file=/opt/docker/daemon.json
  docker start runs >/dev/null
  make_plan
  bash /out/way.sh --yes >/out/moved.txt 2>&1 || { cat /out/moved.txt; fail "the script failed"; }
  [ ! -e /etc/docker/daemon.json ] || fail "it wrote a file that the daemon does not read"
  expect_text "the settings" "$(cat /opt/docker/daemon.json)" "dm.thinpooldev=/dev/mapper/docker-thinpool"
  expect_text "docker info" "$(docker info 2>/dev/null)" "Pool Name: docker-thinpool"
  expect "what runs" "$(docker ps --format '{{.Names}}')" runs
}

configure_docker dm.loopdatasize=4G dm.loopmetadatasize=16M dm.basesize=200M dm.fs=ext4
start_dockerd
make_image
docker run -d --name runs --stop-signal KILL --network none bb:1 sleep 100000 >/dev/null
with_tool make_plan
with_tool leaves_a_foreign_disk_alone
with_tool refuses_a_swarm_node
with_tool changes_the_daemons_own_file
