# Resizes of a pool on loop files that stopped half-way, each step missing once; one that was refused; a file cut short.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly MIB=1048576

data_loop() {
  losetup -n -O NAME -j /raw/pool.data
}

metadata_loop() {
  losetup -n -O NAME -j /raw/pool.metadata
}

# names SUFFIX WORDS: the leading finding says what is missing.
names() {
  leads "$1" pool-size-stale ".findings[0].summary | test(\"$2\")"
}

# finishes NAME FIELD TOTAL: the plan that the finding points to does what is missing, and no more.
finishes() {
  follow_advice "$1" reads
  follow_plan "$1" grow
  expect "the pool's $2" "$(pool_field "$2")" "$3"
  expect "the pool's mode" "$(pool_field mode)" rw
  gone "$1-finished" pool-size-stale
}

drops_the_table() {
  follow_advice loaded reads
  follow_advice loaded changes
  expect "the table that waits" "$(dmsetup table --inactive pool)" ""
  gone loaded-dropped pool-size-stale
}

names_the_refused_table() {
  leads refused pool-suspended '.findings[0].summary | test("refuse")'
}

comes_back_with_a_table_that_fits() {
  follow_advice refused reads
  follow_advice refused changes
  write_blocks pool-thin 0 4
  gone resumed pool-suspended pool-size-stale
}

names_the_cut() {
  leads cut pool-size-stale '.verdict == "critical"'
}

is_as_long_as_its_device_again() {
  follow_advice cut reads
  follow_advice cut changes
  expect "the file's size" "$(stat -c %s /raw/pool.data)" "$(blockdev --getsize64 "$(data_loop)")"
  dd if="$(data_loop)" of=/dev/null bs=64k iflag=direct status=none
  gone mended pool-size-stale
}

loop_pool pool 64M 4M
write_blocks pool-thin 0 40

truncate -s 96M /raw/pool.data
expect "the loop device's size" "$(blockdev --getsize64 "$(data_loop)")" $((64 * MIB))
with_tool names file 'losetup -c'
with_tool keep_recording stale-loop-device
with_tool finishes file total 1536

truncate -s 128M /raw/pool.data
losetup -c "$(data_loop)"
with_tool names device 'a new table'
with_tool keep_recording stale-table
with_tool finishes device total 2048

truncate -s 8M /raw/pool.metadata
losetup -c "$(metadata_loop)"
with_tool names metadata 'suspend and resume'
with_tool keep_recording stale-metadata
with_tool finishes metadata metadata_total 2048

dmsetup reload pool --table "$(dmsetup table pool)"
with_tool names loaded 'not live'
with_tool drops_the_table

dmsetup suspend pool
dmsetup reload pool --table "$(dmsetup table pool | sed 's/^0 [0-9]*/0 131072/')"
! dmsetup resume pool 2>/tmp/refusal || fail "a table that makes the pool smaller was not refused"
dmesg | grep -q 'too small: expected' || fail "the kernel did not say why it refused the table"
expect_text "dmsetup info" "$(dmsetup info pool)" SUSPENDED
with_tool names_the_refused_table
with_tool keep_recording refused-shrink
with_tool comes_back_with_a_table_that_fits

truncate -s 32M /raw/pool.data
! dd if="$(data_loop)" of=/dev/null bs=64k iflag=direct 2>/dev/null || fail "what was cut off can be read"
with_tool names_the_cut
with_tool keep_recording cut-loop-file
with_tool is_as_long_as_its_device_again
