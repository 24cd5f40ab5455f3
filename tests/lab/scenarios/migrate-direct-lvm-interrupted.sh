# The move to LVM killed in the middle of each of its commands: run again, it goes on; and from the end it goes back.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh
# shellcheck source=tests/lab/guest/interrupted.sh
. /job/guest/interrupted.sh

things() {
  make_image
  docker run --name stopped --network none bb:1 sh -c 'echo changed >/changed; dd if=/dev/urandom of=/large bs=64k count=99'
  docker run -d --name runs --stop-signal KILL --network none bb:1 sleep 100000 >/dev/null
}

everything() {
  docker images -a --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort
  docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.Image}}' | sort
  docker export stopped | sha256sum
}

is_moved() {
  expect_text "docker info" "$(docker info 2>&1)" "Pool Name: docker-thinpool"
  everything >/out/after
  diff /out/before /out/after || fail "not everything is as it was"
  expect "the container that ran" "$(docker ps --format '{{.Names}}')" runs
  # LVM's spare may be missing after an interrupted lvconvert: it is made when LVM repairs the pool.
  expect "volumes" "$(lvs --noheadings -a -o lv_name docker | tr -d ' []' | grep -v _pmspare | sort | tr '\n' ' ')" \
    "thinpool thinpool_tdata thinpool_tmeta "
  expect "what shows the old pool" "$(losetup -j /var/lib/docker/devicemapper/devicemapper/data)" ""
}

# What has come since is put aside, with the pool that it is in.
goes_back_from_the_end() {
  docker run -d --name later --stop-signal KILL --network none bb:1 sleep 100000 >/dev/null
  bash /out/way.sh --back --yes --yes-destroy >/out/back.txt 2>&1 || { cat /out/back.txt; fail "the way back failed"; }
  expect_text "what it says" "$(cat /out/back.txt)" "Docker is as it was before"
  is_as_it_was
}

is_as_it_was() {
  expect_text "docker info" "$(docker info 2>&1)" "Data loop file"
  everything >/out/back
  diff /out/before /out/back || fail "not everything is back"
  expect "the container that ran" "$(docker ps --format '{{.Names}}')" runs
  expect "the settings" "$(cat /etc/docker/daemon.json)" "$(cat /out/daemon.json)"
  nothing_is_left
  [ ! -e /etc/lvm/profile/docker-thinpool.profile ] || fail "the profile is left"
}

# What the plan says of Docker's own way: with a data root in use the daemon does not start.
refuses_the_automatic_way() {
  stop_dockerd
  configure_docker dm.basesize=200M dm.fs=ext4 dm.directlvm_device=/dev/vdd
  ! dockerd --iptables=false --bridge=none >/out/automatic.log 2>&1 || fail "the daemon ended well"
  tail -n 2 /out/automatic.log
  expect_text "the daemon's last words" "$(tail -n 1 /out/automatic.log)" "Base Device UUID and Filesystem verification failed"
}

configure_docker dm.basesize=200M dm.fs=ext4
cp /etc/docker/daemon.json /out/daemon.json
start_dockerd
things
everything >/out/before
with_tool make_plan
with_tool goes_on_wherever_it_was_killed 25
with_tool is_moved
with_tool goes_back_from_the_end
refuses_the_automatic_way
