# Asking for status or a recording makes no pool write: counters, transaction, events and devices stay as they were.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# Writes, discards and flushes that each block device ever completed or has in flight, and their sectors.
counters() {
  local stat
  for stat in /sys/block/{dm,loop}*/stat; do
    echo "$stat" "$(awk '{ print $5, $7, $12, $14, $16 }' "$stat")"
  done
}

pools_as_they_are() {
  counters
  dmsetup info -c --noheadings -o name,uuid,major,minor,events,open,suspended
  dmsetup table
  dmsetup status --noflush
}

# A pool commits what changed within a second; after that only a question could make it write.
is_quiet() {
  local before
  before=$(counters)
  sleep 3
  [ "$(counters)" = "$before" ]
}

metadata_writes() {
  awk '{ print $5 }' "/sys/block/$(basename "$(readlink -f /dev/mapper/looked-at-metadata)")/stat"
}

# looks ARGUMENT...: without a trace.
looks() {
  local before after
  before=$(pools_as_they_are)
  thinspect "$@" >/dev/null || fail "thinspect $* exited with $?"
  # Whatever it set off would reach the device within this time.
  sleep 2
  after=$(pools_as_they_are)
  [ "$after" = "$before" ] || diff <(echo "$before") <(echo "$after") || fail "thinspect $* left traces"
}

# The proof can fail: the very same comparison notices the question that everybody asks.
control() {
  local before
  before=$(metadata_writes)
  dmsetup status --noflush looked-at >/dev/null
  sleep 2
  expect "metadata writes after dmsetup status --noflush" "$(metadata_writes)" "$before"
  dmsetup status looked-at >/dev/null
  sleep 2
  [ "$(metadata_writes)" -gt "$before" ] || fail "a flushing status did not move the counter: this proves nothing"
  say "a flushing status made $(($(metadata_writes) - before)) writes"
}

raw_pool looked-at 256M 4M
write_blocks looked-at-thin 0 40
wait_until 60 is_quiet
control
wait_until 60 is_quiet
with_tool looks
with_tool looks status
with_tool looks status -o json
with_tool looks record --file /tmp/recording.json
with_tool keep_recording
control
