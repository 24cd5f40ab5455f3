# Resizes of a pool on loop files that stopped half-way, each step missing once; one that was refused; a file cut short.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly MIB=1048576

data_loop() {
  losetup -n -O NAME -j /raw/pool.data
}

metadata_loop() {
  losetup -n -O NAME -j /raw/pool.metadata
}

# Of the data, as its device gives it.
third_mebibyte() {
  dd if="$(data_loop)" bs=1M skip=2 count=1 iflag=direct status=none | sha256sum
}

# names SUFFIX WORDS: the leading finding says what is missing.
names() {
  shows "$1" pool-size-stale ".findings[0].summary | test(\"$2\")"
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
  follow_advice loaded-table reads
  follow_advice loaded-table changes
  expect "the table that waits" "$(dmsetup table --inactive pool)" ""
  gone loaded-dropped pool-size-stale
}

names_the_refused_table() {
  shows refused-shrink pool-suspended '.findings[0].summary | test("refuse")'
}

comes_back_with_a_table_that_fits() {
  follow_advice refused-shrink reads
  follow_advice refused-shrink changes
  write_blocks pool-thin 0 4
  gone resumed pool-suspended pool-size-stale
}

names_the_cut() {
  shows cut-loop-file pool-size-stale '.verdict == "critical"'
}

is_as_long_as_its_device_again() {
  follow_advice cut-loop-file reads
  follow_advice cut-loop-file changes
  expect "the file's size" "$(stat -c %s /raw/pool.data)" "$(blockdev --getsize64 "$(data_loop)")"
  dd if="$(data_loop)" of=/dev/null bs=64k iflag=direct status=none
  gone mended pool-size-stale
}

loop_pool pool 64M 4M
dd if=/dev/urandom of=/dev/mapper/pool-thin bs=64k count=64 oflag=direct status=none

truncate -s 96M /raw/pool.data
expect "the loop device's size" "$(blockdev --getsize64 "$(data_loop)")" $((64 * MIB))
with_tool names stale-loop-device 'losetup -c'
with_tool finishes stale-loop-device total 1536

truncate -s 128M /raw/pool.data
losetup -c "$(data_loop)"
with_tool names stale-table 'a new table'
with_tool finishes stale-table total 2048

truncate -s 8M /raw/pool.metadata
losetup -c "$(metadata_loop)"
with_tool names stale-metadata 'suspend and resume'
with_tool finishes stale-metadata metadata_total 2048

dmsetup reload pool --table "$(dmsetup table pool)"
with_tool names loaded-table 'not live'
with_tool drops_the_table

dmsetup suspend pool
dmsetup reload pool --table "$(dmsetup table pool | sed 's/^0 [0-9]*/0 131072/')"
! dmsetup resume pool 2>/tmp/refusal || fail "a table that makes the pool smaller was not refused"
dmesg | grep -q 'too small: expected' || fail "the kernel did not say why it refused the table"
expect_text "dmsetup info" "$(dmsetup info pool)" SUSPENDED
with_tool names_the_refused_table
with_tool comes_back_with_a_table_that_fits

before=$(third_mebibyte)
truncate -s 1M /raw/pool.data
[ "$(third_mebibyte)" != "$before" ] || fail "what was cut off is still there"
with_tool names_the_cut
with_tool is_as_long_as_its_device_again
