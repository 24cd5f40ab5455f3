# LVM's pool that nobody extends (threshold, dmeventd, no room in the volume group), and one that ignores discards.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly MIB=2048 # sectors

make_volumes() {
  # Not from the beginning of the disk, which would then be a physical volume as well.
  dmsetup create disk-a --table "0 $((400 * MIB)) linear /dev/vdd $MIB"
  dmsetup create disk-b --table "0 $((1024 * MIB)) linear /dev/vdd $((500 * MIB))"
  pvcreate -q /dev/mapper/disk-a
  vgcreate -q thin /dev/mapper/disk-a
  lvcreate -q --type thin-pool -L 200M -c 64K -Z n --poolmetadatasize 4M -n pool thin
  lvcreate -q -V 1G --thinpool pool -n volume thin
}

# fill_to BLOCKS: as many as that are in use.
fill_to() {
  local used
  used=$(pool_field used)
  dd if=/dev/zero of=/dev/thin/volume bs=64k seek="$used" count=$(($1 - used)) oflag=direct status=none
  expect "used blocks" "$(pool_field used)" "$1"
}

is_larger_than() {
  [ "$(pool_field total)" -gt "$1" ]
}

monitor_is() {
  [ "$(lvs --noheadings -o seg_monitor thin/pool | sed 's/^ *//')" = "$1" ]
}

names_both_reasons() {
  shows autoextend-off autoextend-off '.findings[0] | .severity == "warning" and (.summary | test("100.*does not watch"))'
}

is_watched_and_extended() {
  follow_advice autoextend-off reads
  follow_advice autoextend-off changes
  monitor_is monitored || fail "the pool is not monitored"
  gone watched autoextend-off
  fill_to 2720
  # dmeventd looks every ten seconds.
  wait_until 60 is_larger_than 3200
  say "LVM has extended the pool to $(pool_field total) blocks"
}

names_the_missing_daemon() {
  shows dmeventd-missing autoextend-off '.findings[0].summary | test("does not run")'
}

is_watched_again() {
  follow_advice dmeventd-missing changes
  pgrep -x dmeventd || fail "dmeventd does not run"
  gone watched-again autoextend-off
}

names_the_full_group() {
  shows volume-group-full volume-group-full '.findings[0].severity == "warning" and any(.findings[]; .rule == "data-nearly-full")'
  ! thinspect plan grow --script >/tmp/grow.sh 2>&1 || fail "growth was planned out of a full volume group"
  expect_text "the plan without room" "$(cat /tmp/grow.sh)" "add a disk to it"
}

# The disk is a person's to find; all else is advised.
grows_with_a_disk() {
  local total
  total=$(pool_field total)
  follow_advice volume-group-full reads
  follow_advice volume-group-full changes
  pvcreate -q /dev/mapper/disk-b
  vgextend -q thin /dev/mapper/disk-b
  gone roomy volume-group-full
  # Whoever does not wait for dmeventd's next look follows the plan; where that was faster, nothing is left to follow.
  ! jq -e 'any(.findings[]; .rule == "data-nearly-full")' /out/roomy.json >/dev/null ||
    follow_plan roomy grow data-nearly-full
  is_larger_than "$total" || fail "the pool did not grow"
  gone grown volume-group-full data-nearly-full autoextend-off
}

names_the_ignored_discards() {
  shows discards-ignored discards-not-passed '.pools[0].discards == "ignored"'
}

heeds_discards() {
  follow_advice discards-ignored reads
  follow_advice discards-ignored stops
  blkdiscard /dev/thin/volume
  expect "used blocks" "$(pool_field used)" 0
  gone heeded discards-not-passed
}

make_volumes
lvchange -q --monitor n thin/pool
monitor_is 'not monitored' || fail "the pool is still monitored"
fill_to 2240
show_pools
with_tool names_both_reasons
with_tool is_watched_and_extended

pkill -KILL -x dmeventd
with_tool names_the_missing_daemon
with_tool is_watched_again

lvcreate -q -n other -l 100%FREE thin
fill_to $(($(pool_field total) * 83 / 100))
show_pools
with_tool names_the_full_group
with_tool grows_with_a_disk

lvchange -q -an thin/volume thin/pool
lvchange -q --discards ignore thin/pool
vgchange -q -ay thin
! blkdiscard /dev/thin/volume 2>/dev/null || fail "the discard was not refused"
with_tool names_the_ignored_discards
with_tool heeds_discards
