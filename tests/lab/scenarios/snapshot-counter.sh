# The counter of snapshots at its 24-bit end: named while there is time, and what the kernel does past it.
# Long
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# put VOLUME BLOCK, get VOLUME BLOCK: a block of the volume that holds its own number.
put() {
  printf 'block-%08d' "$2" | dd of="/dev/mapper/$1" bs=64k seek="$2" count=1 conv=sync oflag=direct status=none
}
get() {
  dd if="/dev/mapper/$1" bs=64k skip="$2" count=1 iflag=direct status=none | dd bs=14 count=1 status=none
}

# set_counter VALUE: while the pool is down, as thin_restore writes it.
set_counter() {
  dmsetup remove counter-thin
  dmsetup remove counter
  thin_dump "$metadata" | sed -E "1s/ time=\"[0-9]+\"/ time=\"$1\"/" >/tmp/set.xml
  thin_restore -i /tmp/set.xml -o "$metadata" >/dev/null
  dmsetup create counter --table "0 131072 thin-pool $metadata $data 128 64 1 skip_block_zeroing"
  dmsetup create counter-thin --table "0 131072 thin /dev/mapper/counter 0"
}

snapshot() {
  dmsetup suspend counter-thin
  dmsetup message counter 0 "create_snap $1 0"
  dmsetup resume counter-thin
}

# wrong_reads FIRST: of four new blocks, how many read back as something else.
wrong_reads() {
  local block wrong=0
  for block in $(seq "$1" $(($1 + 3))); do
    put counter-thin "$block"
  done
  for block in $(seq "$1" $(($1 + 3))); do
    [ "$(get counter-thin "$block")" = "$(printf 'block-%08d' "$block")" ] || wrong=$((wrong + 1))
  done
  echo "$wrong"
}

is_quiet() {
  ask fresh status
  expect_json /out/fresh.json 'all(.findings[]; .rule != "snapshot-time-overflow")'
}

# says NAME SEVERITY TEXT
says() {
  ask "$1" status
  expect_json "/out/$1.json" \
    "any(.findings[]; .rule == \"snapshot-time-overflow\" and .severity == \"$2\" and (.summary | contains(\"$3\")))"
}

data=$(loop_device counter.data 64M)
metadata=$(loop_device counter.metadata 4M)
pool_on counter "$metadata" "$data"
put counter-thin 0
with_tool is_quiet

set_counter 8388608
with_tool says half warning "of 16777216"
set_counter 16777214
snapshot 1
expect "wrong reads before the end" "$(wrong_reads 10)" 0
with_tool says near critical "after 1 more snapshots"
snapshot 2
snapshot 3
# The kernel's own behaviour, without which the rule would claim too much.
[ "$(wrong_reads 20)" -gt 0 ] || fail "new blocks read back right past the end"
with_tool says passed critical "has passed its end"
remove_pool counter
