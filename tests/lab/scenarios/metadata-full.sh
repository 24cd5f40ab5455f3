# No free metadata block is left and the pool is read-only; the planned growth makes it writable while a container runs.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# Thin devices that nobody owns, until the kernel refuses one.
use_up_metadata() {
  local id
  for id in $(seq 100000 101000); do
    dmsetup message "$(pool_name)" 0 "create_thin $id" 2>/dev/null || return 0
  done
  fail "the metadata is not full"
}

leads_with_metadata_full() {
  ask full status
  expect_json /out/full.json '.verdict == "critical" and .findings[0].rule == "metadata-full"'
  expect_json /out/full.json '.pools[0] | .mode == "ro" and .needs_check == false and .metadata.free_blocks == 0'
}

# The plan to repair says that it is a matter of growing, with the same steps.
points_to_growth() {
  ask repair plan repair
  expect_json /out/repair.json '.possible and all(.steps[]; .risk == "reads" or .risk == "changes")'
  expect_json /out/repair.json 'any(.warnings[]; test("not damaged"))'
}

is_cured_by_growth() {
  local before
  before=$(pool_field metadata_total)
  carry_out grow grow --metadata
  [ "$(pool_field metadata_total)" -gt "$before" ] || fail "the metadata did not grow"
  expect "the pool's mode" "$(pool_field mode)" rw
  docker exec alive true
  docker create --network none bb:1 true
  ask grown status
  expect_json /out/grown.json 'all(.findings[]; .rule != "metadata-full") and .pools[0].mode == "rw"'
}

start_dockerd --storage-driver=devicemapper --storage-opt dm.loopdatasize=2G --storage-opt dm.loopmetadatasize=2M \
  --storage-opt dm.basesize=200M --storage-opt dm.fs=ext4
make_image
docker run -d --name alive --network none bb:1 sleep 100000
use_up_metadata
wait_until 20 pool_mode_is ro
expect "the mark" "$(pool_field needs_check)" -
expect "metadata in use" "$(pool_field metadata_used)" "$(pool_field metadata_total)"
show_pools
with_tool leads_with_metadata_full
with_tool points_to_growth
with_tool keep_recording
with_tool is_cured_by_growth
