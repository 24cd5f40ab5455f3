# The move to LVM taken back after each of its steps.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly OLD=/var/lib/docker/devicemapper/devicemapper

everything() {
  docker images -a --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort
  docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.Image}}' | sort
  docker export stopped | sha256sum
}

# What the old pool consists of, which nothing may have touched while Docker was down.
old_pool() {
  stat -c '%n %i %s %y' $OLD/data $OLD/metadata
}

nothing_is_left() {
  expect "the settings" "$(cat /etc/docker/daemon.json)" "$(cat /out/daemon.json)"
  expect "volume groups" "$(vgs --noheadings -o vg_name)" ""
  ! blkid -p /dev/vdd || fail "something is left on the disk"
}

is_as_it_was() {
  expect_text "docker info" "$(docker info 2>&1)" "Data loop file"
  everything >/out/back
  diff /out/before /out/back || fail "not everything is back"
}

# The script that kills itself after a step; then the way back.
goes_back_after() {
  local step=$1 status=0
  DIE=$step bash /out/broken.sh --yes >/out/run.txt 2>&1 || status=$?
  [ "$status" = 137 ] || cat /out/run.txt
  expect "the end after step $step" "$status" 137
  bash /out/way.sh --back --yes --yes-destroy >>/out/run.txt 2>&1 || { cat /out/run.txt; fail "no way back after step $step"; }
  nothing_is_left
  say "back after step $step: $(grep "^thinspect: step $step is done" /out/run.txt | cut -d: -f3)"
}

# Every step that leaves something else to take back than the one before it; the last one cannot be. Docker is running before
# some of them, and not before the others, which is faster: what it finds then is compared afterwards.
goes_back_after_each_step() {
  local step before
  # shellcheck disable=SC2016 # for that shell
  sed 's/^step_\([0-9]*\)$/step_\1; [ "$DIE" != \1 ] || kill -9 $$/' /out/way.sh >/out/broken.sh
  for step in 4 11; do
    goes_back_after $step
    is_as_it_was
  done
  stop_dockerd
  before=$(old_pool)
  for step in 2 3 6 8 9; do
    goes_back_after $step
    expect "the old pool after step $step" "$(old_pool)" "$before"
  done
  goes_back_after 10
  start_dockerd
  is_as_it_was
}

make_plan() {
  timeout 60 thinspect plan direct-lvm --timeout 5s --device /dev/vdd --size 1G --script >/out/way.sh
}

configure_docker dm.basesize=200M dm.fs=ext4 dm.loopdatasize=300M
cp /etc/docker/daemon.json /out/daemon.json
start_dockerd
make_image
docker run --name stopped --network none bb:1 sh -c 'echo changed >/changed; dd if=/dev/urandom of=/large bs=64k count=99'
everything >/out/before
with_tool make_plan
with_tool goes_back_after_each_step
