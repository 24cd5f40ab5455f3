# The move to LVM taken back after each of its steps; and made while Docker is down and its pool refuses new layers.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly OLD=/var/lib/docker/devicemapper/devicemapper

everything() {
  docker images -a --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort
  docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.Image}}' | sort
  docker export stopped | sha256sum
}

is_as_it_was() {
  expect_text "docker info" "$(docker info 2>&1)" "Data loop file"
  everything >/out/back
  diff /out/before /out/back || fail "not everything is back"
  expect "the settings" "$(cat /etc/docker/daemon.json)" "$(cat /out/daemon.json)"
  expect "volume groups" "$(vgs --noheadings -o vg_name)" ""
  ! blkid -p /dev/vdd || fail "something is left on the disk"
}

# The script that kills itself after a step; every step but the first, which is to write it, and the last.
goes_back_after_each_step() {
  local step status
  sed 's/^step_\([0-9]*\)$/step_\1; [ "$DIE" != \1 ] || kill -9 $$/' /out/way.sh >/out/broken.sh
  for step in 2 3 4 5 6 7 8 9 10 11; do
    status=0
    DIE=$step bash /out/broken.sh --yes >/out/run.txt 2>&1 || status=$?
    expect "the end after step $step" "$status" 137
    bash /out/way.sh --back --yes --yes-destroy >>/out/run.txt 2>&1 || { cat /out/run.txt; fail "no way back after step $step"; }
    is_as_it_was
    say "back after step $step: $(grep "^thinspect: step $step is done" /out/run.txt | cut -d: -f3)"
  done
}

make_plan() {
  timeout 60 thinspect plan direct-lvm --timeout 5s --device /dev/vdd --size 1G --script >/out/way.sh
}

# Too few free blocks for a new layer, and nobody to ask: the plan is made from files alone.
is_full() {
  stop_dockerd
  leave_free 100 $OLD/metadata
  start_dockerd
  ! docker create --network none bb:1 true 2>/out/refusal.txt || fail "the pool takes new layers"
  expect_text "the refusal" "$(cat /out/refusal.txt)" "less than minimum required"
  stop_dockerd
}

moves_with_nobody_to_ask() {
  ask down plan direct-lvm --timeout 5s --device /dev/vdd
  expect_exit 0
  expect_json /out/down.json '.possible and .numbers.used_blocks == 24000 - 100'
  expect_json /out/down.json 'any(.warnings[]; contains("not running"))'
  timeout 60 thinspect plan direct-lvm --timeout 5s --device /dev/vdd --script >/out/down.sh
  bash /out/down.sh --yes || fail "the script failed"
  expect_text "docker info" "$(docker info 2>&1)" "Pool Name: docker-thinpool"
  expect "data in use" "$(pool_field used)" $((24000 - 100))
  everything >/out/after
  diff /out/before /out/after || fail "not everything is as it was"
  docker create --network none bb:1 true >/dev/null || fail "the new pool takes no new layers"
}

configure_docker dm.basesize=200M dm.fs=ext4 dm.loopdatasize=1500M
cp /etc/docker/daemon.json /out/daemon.json
start_dockerd
make_image
docker run --name stopped --network none bb:1 sh -c 'echo changed >/changed; dd if=/dev/urandom of=/large bs=64k count=99'
everything >/out/before
with_tool make_plan
with_tool goes_back_after_each_step
is_full
with_tool moves_with_nobody_to_ask
