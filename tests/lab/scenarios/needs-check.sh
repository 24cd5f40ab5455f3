# A pool whose metadata carries the needs_check mark stays read-only; the planned repair brings it back, data and all.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly METADATA=/var/lib/docker/devicemapper/devicemapper/metadata

docker_refuses() {
  ! docker create --network none bb:1 true 2>/tmp/refusal || fail "docker create was not refused"
  expect_text "docker create" "$(cat /tmp/refusal)" "CreateSnapDeviceRaw"
}

names_the_mark() {
  ask marked status
  expect_json /out/marked.json '.verdict == "critical" and .findings[0].rule == "pool-needs-check"'
  expect_json /out/marked.json '.pools[0] | .mode == "ro" and .needs_check'
}

# kept SUFFIX: the metadata of before is there under this name, unchanged.
kept() {
  [ -f "$METADATA$1" ] || fail "$METADATA$1 is not there"
  sha256sum --check --quiet "$METADATA$1.sha256" || fail "$METADATA$1 is not what it was"
  expect "the flags of the kept metadata" "$(od -An -tu1 -j4 -N1 "$METADATA$1" | tr -d ' ')" 1
}

# Everything is as it was: the image, the container made before, and what that wrote.
is_cured() {
  expect "the pool's mode" "$(pool_field mode)" rw
  expect "the mark" "$(pool_field needs_check)" -
  docker run --rm --network none bb:1 true
  docker start before
  expect "what the container wrote" "$(docker exec before cat /written)" "still here"
  docker stop -t 1 before
  ask "cured$1" status
  expect_json "/out/cured$1.json" 'all(.findings[]; .rule != "pool-needs-check") and .verdict != "critical"'
}

is_repaired() {
  local daemon
  daemon=$(cat /run/lab/dockerd.pid)
  carry_out "repair$1" repair
  ! kill -0 "$daemon" 2>/dev/null || fail "the daemon was not stopped for it"
  is_cured "$1"
  kept ".before-repair$1"
  # A second run finds nothing to do.
  expect_text "the same script again" "$(bash "/out/repair$1.sh" 2>&1)" "nothing is left to repair"
}

# mark DAMAGE...: stops Docker, sets the mark as the kernel does, and carries out the damage.
mark() {
  stop_dockerd
  thin_dump "$METADATA" | sed 's/flags="0"/flags="1"/' >/tmp/marked.xml
  thin_restore -i /tmp/marked.xml -o "$METADATA" >/dev/null
  "$@"
  start_dockerd
  expect "the pool's mode" "$(pool_field mode)" ro
  expect "the mark" "$(pool_field needs_check)" needs_check
}

# Overwrites the index of the data space map: the kernel starts without it, thin_check does not pass.
damage_space_map() {
  local at
  at=$(od -An -tu8 -j$((64 + 16)) -N8 "$METADATA" | tr -d ' ')
  dd if=/dev/urandom of="$METADATA" bs=4096 seek="$at" count=1 conv=notrunc status=none
  ! thin_check -q "$METADATA" >/dev/null 2>&1 || fail "the damage does not show"
}

start_dockerd --storage-driver=devicemapper --storage-opt dm.loopdatasize=2G --storage-opt dm.loopmetadatasize=8M \
  --storage-opt dm.basesize=200M --storage-opt dm.fs=ext4
make_image
docker run -d --name before --network none bb:1 sh -c '[ -e /written ] || echo still here >/written; sync; sleep 100000'
wait_until 30 docker exec before cat /written
docker stop -t 1 before
mark true
docker_refuses
show_pools
with_tool names_the_mark
with_tool keep_recording
with_tool is_repaired ''
mark damage_space_map
show_pools
with_tool is_repaired -2
