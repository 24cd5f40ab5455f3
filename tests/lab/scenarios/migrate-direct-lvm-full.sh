# The move to LVM made while Docker is down and its pool refuses new layers: nobody can be asked, and nothing is lost.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly OLD=/var/lib/docker/devicemapper/devicemapper

everything() {
  docker images -a --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort
  docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.Image}}' | sort
  docker export stopped | sha256sum
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
  expect_json /out/down.json '.possible and .numbers.used_blocks == 4800 - 100'
  expect_json /out/down.json 'any(.warnings[]; contains("not running"))'
  timeout 60 thinspect plan direct-lvm --timeout 5s --device /dev/vdd --script >/out/down.sh
  bash /out/down.sh --yes || fail "the script failed"
  expect_text "docker info" "$(docker info 2>&1)" "Pool Name: docker-thinpool"
  expect "data in use" "$(pool_field used)" $((4800 - 100))
  everything >/out/after
  diff /out/before /out/after || fail "not everything is as it was"
  docker create --network none bb:1 true >/dev/null || fail "the new pool takes no new layers"
}

configure_docker dm.basesize=200M dm.fs=ext4 dm.loopdatasize=300M
start_dockerd
make_image
docker run --name stopped --network none bb:1 sh -c 'echo changed >/changed; dd if=/dev/urandom of=/large bs=64k count=99'
everything >/out/before
is_full
with_tool moves_with_nobody_to_ask
