# A container fills the whole pool: writes wait at first, fail after a minute; growing the pool ends it.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

queues() {
  pool_mode_is out_of_data_space && [ "$(pool_field when_full)" = queue_if_no_space ]
}

fails_writes() {
  pool_mode_is out_of_data_space && [ "$(pool_field when_full)" = error_if_no_space ]
}

# The leading finding is the full pool, and its summary says what happens to writes.
leads_with_data_full_saying() {
  leads "full-$1" data-full ".findings[0].summary | test(\"$1\")"
  expect_json "/out/full-$1.json" '.pools[0] | .mode == "out-of-data-space" and .data.free_blocks == 0'
}

# Everything that is advised can be typed into a full pool, whose writers already fail; growing it is the cure.
is_cured_by_what_is_advised() {
  local before risk
  before=$(pool_field total)
  for risk in reads changes destroys; do
    follow_advice full-fail $risk
  done
  follow_plan full-fail grow
  [ "$(pool_field total)" -gt "$before" ] || fail "the pool did not grow"
  wait_until 20 pool_mode_is rw
  docker create --network none bb:1 true
  gone grown data-full
  expect_json /out/grown.json '.pools[0].mode == "rw"'
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
with_tool keep_recording out-of-data-space-after-grace
with_tool is_cured_by_what_is_advised
