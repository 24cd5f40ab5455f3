# A container fills the whole pool: writes wait at first, fail after a minute; growing the pool ends it.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

queues() {
  pool_mode_is out_of_data_space && [ "$(pool_field when_full)" = queue_if_no_space ]
}

fails_writes() {
  pool_mode_is out_of_data_space && [ "$(pool_field when_full)" = error_if_no_space ]
}

# says WORD: the leading finding is the full pool, and its summary or evidence says what happens to writes.
leads_with_data_full_saying() {
  ask "full-$1" status
  expect_json "/out/full-$1.json" '.verdict == "critical" and .findings[0].rule == "data-full"'
  expect_json "/out/full-$1.json" '.pools[0] | .mode == "out-of-data-space" and .data.free_blocks == 0'
  expect_json "/out/full-$1.json" ".findings[0].summary | test(\"$1\")"
}

is_cured_by_growth() {
  local before
  before=$(pool_field total)
  carry_out grow grow --data
  [ "$(pool_field total)" -gt "$before" ] || fail "the pool did not grow"
  wait_until 20 pool_mode_is rw
  docker create --network none bb:1 true
  ask grown status
  expect_json /out/grown.json 'all(.findings[]; .rule != "data-full") and .pools[0].mode == "rw"'
}

# On the command line, as half of all hosts have it.
start_dockerd --storage-driver=devicemapper --storage-opt dm.loopdatasize=300M --storage-opt dm.loopmetadatasize=16M \
  --storage-opt dm.basesize=400M --storage-opt dm.fs=ext4 --storage-opt dm.min_free_space=1%
make_image
docker run -d --network none bb:1 sh -c 'dd if=/dev/zero of=/f bs=1M count=350; sync; sleep 100000'
wait_until 120 queues
say "writes wait"
show_pools
with_tool leads_with_data_full_saying wait
with_tool keep_recording
# The kernel's own minute, dm_thin_pool.no_space_timeout.
wait_until 120 fails_writes
say "writes fail"
show_pools
expect_text "the table" "$(dmsetup table "$(pool_name)")" "thin-pool"
! dmsetup table "$(pool_name)" | grep -q error_if_no_space || fail "the table itself says error_if_no_space"
with_tool leads_with_data_full_saying fail
with_tool is_cured_by_growth
