# The move to LVM taken back after each of its steps.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh
# shellcheck source=tests/lab/guest/interrupted.sh
. /job/guest/interrupted.sh

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

settings_are_as_before() {
  expect "the settings" "$(cat /etc/docker/daemon.json)" "$(cat /out/daemon.json)"
}

is_as_it_was() {
  settings_are_as_before
  expect_text "docker info" "$(docker info 2>&1)" "Data loop file"
  everything >/out/back
  diff /out/before /out/back || fail "not everything is back"
}

# Every step that leaves something else to take back than the one before it; the last one cannot be. Docker is running before
# some of them, and not before the others, which is faster: what it finds then is compared afterwards.
goes_back_after_each_step() {
  local step before
  for step in 4 11; do
    goes_back_after $step
    is_as_it_was
  done
  stop_dockerd
  before=$(old_pool)
  for step in 2 3 6 8 9; do
    goes_back_after $step
    settings_are_as_before
    expect "the old pool after step $step" "$(old_pool)" "$before"
  done
  goes_back_after 10
  start_dockerd
  is_as_it_was
}

configure_docker dm.basesize=200M dm.fs=ext4 dm.loopdatasize=300M
cp /etc/docker/daemon.json /out/daemon.json
start_dockerd
make_image
docker run --name stopped --network none bb:1 sh -c 'echo changed >/changed; dd if=/dev/urandom of=/large bs=64k count=99'
everything >/out/before
with_tool make_plan
with_tool goes_back_after_each_step
