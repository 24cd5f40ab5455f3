# Pools of nobody's: metadata snapshot held, discards kept, waiting for ever, errors at once, full and marked, failed.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly TIMEOUT=/sys/module/dm_thin_pool/parameters/no_space_timeout

has_failed() {
  dmsetup status --noflush failed | grep -q Fail
}

# --- a metadata snapshot that its program left behind ---

names_the_snapshot() {
  shows held-metadata-snapshot metadata-snapshot-held '.pools[0].held_metadata_root != null'
}

lets_the_snapshot_go() {
  follow_advice held-metadata-snapshot reads
  follow_advice held-metadata-snapshot changes
  expect "the held root" "$(pool_field held)" -
  gone released metadata-snapshot-held
}

# --- a pool that keeps discards to itself ---

names_the_kept_discards() {
  shows discards-kept discards-not-passed '.pools[0].discards == "not-passed-down"'
}

# The file gets smaller when the pool's blocks are freed: by so much, in KiB, it takes less afterwards.
shrinks() {
  local before
  write_blocks kept-thin 0 160
  before=$(du -k /raw/kept.data | cut -f1)
  blkdiscard /dev/mapper/kept-thin
  expect "used blocks" "$(pool_field used)" 0
  [ "$(du -k /raw/kept.data | cut -f1)" -le $((before - 10240)) ]
}

passes_discards_down() {
  follow_advice discards-kept reads
  follow_advice discards-kept changes
  shrinks || fail "the file did not get smaller"
  gone passed discards-not-passed
}

# --- a pool whose writers would wait for ever, and then do ---

names_the_endless_wait() {
  shows queue-without-timeout queue-without-timeout
}

sets_a_timeout() {
  follow_advice queue-without-timeout reads
  follow_advice queue-without-timeout changes
  expect "the timeout" "$(cat $TIMEOUT)" 60
  gone limited queue-without-timeout
}

waits_for_ever() {
  shows full-without-timeout data-full '.findings[0].summary | test("wait for ever")'
  expect_json /out/full-without-timeout.json 'any(.findings[]; .rule == "queue-without-timeout")'
}

ends_the_wait() {
  follow_advice full-without-timeout reads
  follow_plan full-without-timeout grow
  wait "$writer" || fail "the writer that waited failed"
  expect "the pool's mode" "$(pool_field mode)" rw
  follow_advice full-without-timeout changes queue-without-timeout
  gone waited data-full queue-without-timeout
}

# --- a pool that was set up to fail writes when it is full ---

fails_at_once() {
  shows error-if-no-space data-full '.findings[0].summary | test("fail at once")'
  expect_json /out/error-if-no-space.json '.pools[0] | .when_full == "error" and .mode == "out-of-data-space"'
}

takes_writes_again() {
  follow_advice error-if-no-space reads
  follow_plan error-if-no-space grow
  wait_until 20 pool_mode_is rw
  write_blocks error-more 256 1
  gone error-grown data-full
}

# --- a full pool whose metadata is marked: it has to be repaired before it can grow ---

repair_comes_first() {
  shows full-needs-check pool-needs-check '.findings[1].rule == "data-full"'
  expect_json /out/full-needs-check.json 'all(.findings[0, 1].advice[].commands[]; test("lvextend|fstrim|prune|plan free") | not)'
  ! thinspect plan grow --data --script >/tmp/grow.sh 2>&1 || fail "growth was planned for a pool that wants a check"
}

# Metadata that a tool wrote hides the blocks of a small growth from the kernel; the plan for that grows further.
is_repaired_and_then_grown() {
  follow_advice full-needs-check reads
  follow_plan full-needs-check repair
  expect "the mark" "$(pool_field needs_check)" -
  leads repaired data-full
  follow_plan repaired grow
  dmsetup message marked 0 "create_thin 1"
  dmsetup create marked-thin --table "0 131072 thin /dev/mapper/marked 1"
  write_blocks marked-thin 0 4 &
  writer=$!
  wait_until 30 pool_mode_is out_of_data_space
  shows free-blocks-hidden data-full ".findings[0].summary | test(\"finds none of $(pool_field free)\")"
  follow_plan free-blocks-hidden grow
  wait "$writer" || fail "the writer that waited failed"
  gone marked-cured pool-needs-check pool-read-only data-full
}

# --- a pool that the kernel gave up: its metadata device gave errors ---

leads_with_the_device() {
  shows failed-pool block-device-failing '.pools[0].mode == "failed"'
  expect_json /out/failed-pool.json 'any(.findings[]; .rule == "pool-failed")'
}

# The plan's steps are typed: without LVM or a loop file under the metadata nobody but a person can set the pool up.
comes_back() {
  follow_advice failed-pool reads
  follow_steps failed-repair plan repair
  expect "the pool's mode" "$(pool_field mode)" rw
  dmsetup create failed-thin --table "0 131072 thin /dev/mapper/failed 0"
  cmp -n $((4 * 65536)) /dev/zero /dev/mapper/failed-thin || fail "what was written before is not there"
  gone failed-cured pool-failed block-device-failing
}

loop_pool held 64M 4M
write_blocks held-thin 0 40
dmsetup message held 0 reserve_metadata_snap
[ "$(pool_field held)" != - ] || fail "no metadata snapshot is held"
with_tool names_the_snapshot
with_tool lets_the_snapshot_go
remove_pool held

loop_pool kept 64M 4M no_discard_passdown
! shrinks || fail "the file got smaller"
with_tool names_the_kept_discards
with_tool passes_discards_down
remove_pool kept

echo 0 >$TIMEOUT
loop_pool endless 16M 4M
with_tool names_the_endless_wait
with_tool sets_a_timeout
echo 0 >$TIMEOUT
dmsetup message endless 0 "create_thin 1"
dmsetup create endless-more --table "0 131072 thin /dev/mapper/endless 1"
write_blocks endless-more 0 257 &
writer=$!
wait_until 30 pool_mode_is out_of_data_space
sleep 1
kill -0 $writer || fail "the writer does not wait"
with_tool waits_for_ever
with_tool ends_the_wait
[ -x "$TOOL" ] || swap_table endless-more "0 131072 error"
dmsetup remove --retry endless-more
remove_pool endless

loop_pool error 16M 4M error_if_no_space
dmsetup message error 0 "create_thin 1"
dmsetup create error-more --table "0 131072 thin /dev/mapper/error 1"
! write_blocks error-more 0 257 2>/tmp/refusal || fail "the write was not refused"
expect_text "the refused write" "$(cat /tmp/refusal)" "No space left on device"
expect "the pool's mode" "$(pool_field mode)" out_of_data_space
expect_text "the table" "$(dmsetup table error)" error_if_no_space
with_tool fails_at_once
with_tool takes_writes_again
dmsetup remove --retry error-more
remove_pool error

loop_pool marked 64M 4M
write_blocks marked-thin 0 1024
dmsetup remove --retry marked-thin
dmsetup remove --retry marked
thin_dump /raw/marked.metadata | sed 's/flags="0"/flags="1"/' >/tmp/marked.xml
thin_restore -i /tmp/marked.xml -o /raw/marked.metadata >/dev/null
dmsetup create marked --table "0 131072 thin-pool $(losetup -n -O NAME -j /raw/marked.metadata) \
$(losetup -n -O NAME -j /raw/marked.data) 128 64 1 skip_block_zeroing"
expect "the mark" "$(pool_field needs_check)" needs_check
expect "free blocks" "$(pool_field free)" 0
with_tool repair_comes_first
with_tool is_repaired_and_then_grown
remove_pool marked

raw_pool failed 64M 4M
write_blocks failed-thin 0 4
# With a flush: what was written is committed.
dmsetup status failed >/dev/null
table=$(dmsetup table failed-metadata)
swap_table failed-metadata "0 8192 error"
write_blocks failed-thin 10 4 2>/dev/null || true
wait_until 20 has_failed
show_pools
with_tool leads_with_the_device
swap_table failed-metadata "$table"
expect_text "the status on a sound device" "$(dmsetup status --noflush failed)" Fail
dmsetup remove --retry failed-thin
with_tool comes_back
