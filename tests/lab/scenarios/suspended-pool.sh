# A pool that someone suspended and never resumed: its thin devices hang, and a second, healthy pool is fine.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

names_the_suspended_pool() {
  ask suspended status
  expect_json /out/suspended.json '.pools | length == 2'
  expect_json /out/suspended.json 'any(.pools[]; .name == "stopped" and .mode == "suspended")'
  expect_json /out/suspended.json 'any(.pools[]; .name == "healthy" and .mode == "rw")'
  expect_json /out/suspended.json 'any(.findings[]; .rule == "pool-suspended" and .subject.name == "stopped")'
  expect_json /out/suspended.json 'all(.findings[]; .rule != "pool-suspended" or .subject.name != "healthy")'
  expect_json /out/suspended.json '.verdict == "critical" or .verdict == "warning"'
}

is_quiet_after_resuming() {
  follow_advice suspended reads pool-suspended
  follow_advice suspended changes pool-suspended
  gone resumed pool-suspended
}

raw_pool healthy 256M 4M
raw_pool stopped 256M 4M
write_blocks healthy-thin 0 4
write_blocks stopped-thin 0 4
dmsetup suspend stopped
expect_text "dmsetup info" "$(dmsetup info stopped)" SUSPENDED
with_tool names_the_suspended_pool
with_tool keep_recording
with_tool is_quiet_after_resuming
