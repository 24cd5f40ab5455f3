# A pool under load is counted as thin_ls counts it, or called busy; a metadata snapshot is always released.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly METADATA=/dev/mapper/busy-metadata

thin() {
  dmsetup create "busy-$1" --table "0 $(blockdev --getsz /dev/mapper/busy-thin) thin /dev/mapper/busy $1 ${2:-}"
}

# snapshot ORIGIN_DEVICE ORIGIN NEW
snapshot() {
  dmsetup suspend "$1"
  dmsetup message busy 0 "create_snap $3 $2"
  dmsetup resume "$1"
  thin "$3"
}

# A base, snapshots of it and of one of them, holes, and a device over an external origin.
make_pool() {
  local id origin
  raw_pool busy 2G 16M
  for id in {0..9}; do
    write_blocks busy-thin $((id * 400)) 200
  done
  for id in {1..10}; do
    snapshot busy-thin 0 "$id"
    write_blocks "busy-$id" $((id * 37)) $((id * 6))
  done
  snapshot busy-5 5 21
  write_blocks busy-21 3000 40
  snapshot busy-21 21 22
  blkdiscard --offset $((700 * 65536)) --length $((30 * 65536)) /dev/mapper/busy-21
  truncate -s 64M /raw/origin
  origin=$(losetup -f --show --read-only /raw/origin)
  dmsetup message busy 0 "create_thin 50"
  thin 50 "$origin"
  # Part of a block: the rest of it is copied from the origin.
  dd if=/dev/urandom of=/dev/mapper/busy-50 bs=4k seek=33 count=5 oflag=direct status=none
  write_blocks busy-50 900 10
}

held_root() {
  pool_field held busy
}

is_held() {
  [ "$(held_root)" != - ]
}

is_free() {
  [ "$(held_root)" = - ]
}

sectors_written() {
  awk '{ print $7 }' "/sys/block/$(basename "$(readlink -f $METADATA)")/stat"
}

# Commits with every write, as fsync does, and makes and deletes snapshots.
load() {
  local round
  dmsetup message busy 0 "create_thin 60"
  thin 60
  for ((round = 0; ; round++)); do
    dd if=/dev/zero of=/dev/mapper/busy-60 bs=64k seek=$((round % 400 * 20)) count=20 oflag=direct,dsync status=none
    dmsetup message busy 0 "create_snap $((1000 + round)) 3"
    dmsetup message busy 0 "delete $((1000 + round))"
  done
}

counts_as_thin_ls_when_quiet() {
  local before
  dmsetup message busy 0 reserve_metadata_snap
  thin_ls_counts quiet -m $METADATA
  dmsetup message busy 0 release_metadata_snap
  before=$(sectors_written)
  ask quiet usage --pool busy --timeout 5s
  expect "the sectors written to the metadata meanwhile" "$(sectors_written)" "$before"
  expect_same_counts quiet
  expect_json /out/quiet.json '.consistent and .changes == 0 and .damaged == 0 and .metadata_snapshot == null'
  ask own usage --pool busy --timeout 5s --snapshot
  [ "$(sectors_written)" -gt "$before" ] || fail "a metadata snapshot was taken without a write"
  cp /out/quiet.thin_ls.txt /out/own.thin_ls.txt
  expect_same_counts own
  expect_json /out/own.json '.consistent and .metadata_snapshot != null and any(.notes[].text; test("taken for this and released"))'
  expect "the held root" "$(held_root)" -
}

# Nothing that is said to be of one moment contradicts itself, and a pool that was too fast is called so.
is_honest_under_load() {
  local round busy=0
  for round in {1..6}; do
    ask "busy-$round" usage --metadata $METADATA
    expect_exit 0
    expect_json "/out/busy-$round.json" '.damaged == 0 and .damage == []'
    if jq -e .consistent "/out/busy-$round.json" >/dev/null; then
      expect_json "/out/busy-$round.json" '.totals | .exclusive_blocks + .shared_blocks + .unaccounted_blocks == .used_blocks'
      expect_json "/out/busy-$round.json" 'all(.devices[]; .mapped_blocks == .exclusive_blocks + .shared_blocks)'
    else
      busy=$((busy + 1))
      expect_json "/out/busy-$round.json" '.changes == 8 and any(.notes[].text; test("changed 8 times while it was read"))'
      expect_json "/out/busy-$round.json" 'all(.devices[]; .mapped_blocks != null) and .totals.shared_blocks == null'
    fi
  done
  say "$busy of 6 times the pool was too fast"
}

# Both read the same snapshot while the pool goes on; it is left to whoever took it.
counts_as_thin_ls_under_load() {
  dmsetup message busy 0 reserve_metadata_snap
  thin_ls_counts held -m $METADATA
  ask held usage --pool busy --timeout 5s --held-root
  expect_same_counts held
  is_held || fail "somebody else's metadata snapshot was released"
  dmsetup message busy 0 release_metadata_snap
}

takes_a_snapshot_under_load() {
  ask taken usage --pool busy --timeout 5s --snapshot
  expect_exit 0
  expect_json /out/taken.json '.consistent and .damaged == 0 and all(.devices[]; .mapped_blocks == .exclusive_blocks + .shared_blocks)'
  expect "the held root" "$(held_root)" -
}

# Starts a reading that would take minutes, and waits until it holds a metadata snapshot.
read_slowly() {
  env --default-signal thinspect usage --pool busy --timeout 5s --snapshot --max-rate 4K >/out/slow.txt 2>&1 &
  reader=$!
  wait_until 120 is_held
}

ends_by() {
  local status=0
  kill "-$1" "$reader"
  wait "$reader" || status=$?
  expect "the exit status after SIG$1" "$status" $((128 + $(kill -l "$1")))
}

releases_whatever_ends_it() {
  local signal
  for signal in INT TERM HUP QUIT; do
    read_slowly
    ends_by $signal
    expect "the held root when SIG$signal had ended it" "$(held_root)" -
  done
  # A panic aborts; its process is watched by another.
  for signal in ABRT KILL; do
    read_slowly
    ends_by $signal
    wait_until 60 is_free
  done
  read_slowly
  kill -KILL "$(pgrep -P "$reader")"
  ends_by TERM
  expect "the held root after both were ended" "$(held_root)" -
}

# Only if both are killed at once; then the next run says so, and how to release it.
names_what_was_left() {
  read_slowly
  kill -KILL "$(pgrep -P "$reader")" "$reader"
  wait "$reader" || true
  sleep 2
  is_held || fail "who released it?"
  ask left status --pool busy --timeout 5s
  expect_json /out/left.json 'any(.findings[]; .rule == "metadata-snapshot-held")'
  refuses "--held-root"
  bash -c "$(jq -r '.findings[] | select(.rule == "metadata-snapshot-held").advice[] | select(.risk == "changes").commands[]' /out/left.json)"
  expect "the held root" "$(held_root)" -
}

# refuses WORDS
refuses() {
  local status=0
  thinspect usage --pool busy --timeout 5s --snapshot >/out/refused.txt 2>&1 || status=$?
  expect "the exit status" "$status" 3
  expect_text "the refusal" "$(cat /out/refused.txt)" "$1"
}

# table FEATURES: loads the pool's table with these.
table() {
  dmsetup reload busy --table "$(dmsetup table busy | sed "s/ [0-9]* skip_block_zeroing.*/ $1/")"
  dmsetup suspend busy
  dmsetup resume busy
}

refuses_pools_that_cannot_take_one() {
  table "2 skip_block_zeroing read_only"
  refuses "read-only"
  table "1 skip_block_zeroing"
  dmsetup suspend busy
  refuses "suspended"
  dmsetup resume busy
  expect "the held root" "$(held_root)" -
}

make_pool
show_pools
with_tool counts_as_thin_ls_when_quiet
load &
loader=$!
with_tool is_honest_under_load
with_tool counts_as_thin_ls_under_load
with_tool takes_a_snapshot_under_load
kill "$loader"
wait "$loader" || true
with_tool releases_whatever_ends_it
with_tool names_what_was_left
with_tool refuses_pools_that_cannot_take_one
show_pools
