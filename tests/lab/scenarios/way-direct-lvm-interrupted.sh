# The move to LVM killed in the middle of each of its commands: run again, it goes on; and from the end it goes back.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly COPIES=/root/thinspect-direct-lvm

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

# The script with a hole in it: the first time that it comes to a command that is not done at once, it kills that after a
# moment, and itself.
# What systemd or Docker does goes on in their own processes.
breakable() {
  cat >/tmp/die_in <<'END'
die_in() {
  case $1 in mkdir | mv | rm | truncate | cmp) return 1 ;; esac
  ! grep -qsxF -- "$*" /out/killed || return 1
  printf '%s\n' "$*" >>/out/killed
  case $1 in
    systemctl | docker | timeout) "$@" ;;
    *) timeout -s KILL "0.$(($(wc -l </out/killed) * 3 % 8 + 1))" "$@" ;;
  esac
  kill -9 $$
}
END
  sed -e '/^set -euo pipefail/r /tmp/die_in' -e 's/^run() .*/run() { say "+ $*"; die_in "$@" || "$@"; }/' "$1"
}

goes_on_wherever_it_was_killed() {
  local status runs=0
  breakable /out/way.sh >/out/broken.sh
  while true; do
    status=0
    bash /out/broken.sh --yes >/out/run.txt 2>&1 || status=$?
    [ $status != 0 ] || break
    if [ $status != 137 ]; then
      cat /out/run.txt
      fail "after $(tail -n 1 /out/killed) it did not go on"
    fi
    runs=$((runs + 1))
    say "killed in: $(tail -n 1 /out/killed | cut -c1-110)"
    [ ! -e $COPIES/lock ] || wait_until 60 flock -n $COPIES/lock true
  done
  say "killed $runs times"
  [ $runs -ge 25 ] || fail "only $runs commands were killed"
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
  expect "volume groups" "$(vgs --noheadings -o vg_name)" ""
  ! blkid -p /dev/vdd || fail "something is left on the disk"
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

make_plan() {
  thinspect plan direct-lvm --timeout 5s --device /dev/vdd --size 1G --script >/out/way.sh
}

configure_docker dm.basesize=200M dm.fs=ext4
cp /etc/docker/daemon.json /out/daemon.json
start_dockerd
things
everything >/out/before
with_tool make_plan
with_tool goes_on_wherever_it_was_killed
with_tool is_moved
with_tool goes_back_from_the_end
refuses_the_automatic_way
