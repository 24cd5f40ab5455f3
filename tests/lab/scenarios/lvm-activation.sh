# LVM does not bring a pool up: not active, a hidden part active on its own, a disk of the group gone, a creation cut short.
# Long
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly MIB=2048 # sectors

# The second disk, which can be taken away.
disk_b() {
  dmsetup create disk-b --table "0 $((1024 * MIB)) linear /dev/vdd $((500 * MIB))"
}

make_pool() {
  lvcreate -q --type thin-pool -L 600M -c 64K -Z n --poolmetadatasize 4M -n pool thin
  lvcreate -q -V 200M --thinpool pool -n volume thin
}

# says NAME RULE COMMAND...: what the command prints, pasted, is led by that rule.
says() {
  local name=$1 rule=$2
  shift 2
  "$@" >"/out/$name.txt" 2>&1 || true
  ask "$name" status --from - <"/out/$name.txt"
  expect_json "/out/$name.json" ".findings[0].rule == \"$rule\""
}

is_quiet() {
  gone "$1" pool-inactive pool-component-active pv-missing pool-half-made
  lvs -a >"/out/$1.txt"
  ask "$1-pasted" status --from - <"/out/$1.txt"
  expect_json "/out/$1-pasted.json" 'all(.findings[]; .severity == "notice")'
}

names_the_inactive_pool() {
  shows pool-inactive pool-inactive '.verdict == "warning"'
  says inactive-rows pool-inactive lvs -a
  expect_json /out/inactive-rows.json '.verdict == "critical"'
}

is_activated() {
  follow_advice pool-inactive reads
  follow_advice pool-inactive changes
  expect "the pool's mode" "$(pool_field mode)" rw
  gone activated pool-inactive
}

names_the_active_part() {
  shows pool-component-active pool-component-active '.verdict == "critical"'
  says part-refused pool-component-active lvchange -ay thin/pool
  says part-rows pool-component-active lvs -a
}

lets_the_part_go() {
  follow_advice pool-component-active reads
  follow_advice pool-component-active changes
  expect "the pool's mode" "$(pool_field mode)" rw
  gone let-go pool-component-active pool-inactive
}

names_the_missing_disk() {
  shows pv-missing pv-missing '.verdict == "critical"'
  says disk-refused pv-missing vgchange -ay thin
  says disk-rows pv-missing lvs -a
  says disk-pvs pv-missing pvs -a -o+missing,uuid
}

# To find the disk is a person's work; LVM takes it back without more.
gets_its_disk_back() {
  follow_advice pv-missing reads
  disk_b
  lvchange -ay thin/pool thin/volume
  gone disk-back pv-missing pool-inactive
}

names_the_missing_disk_of_another() {
  leads other-disk pv-missing '.findings[0].severity == "warning"'
}

names_the_rest_of_a_pool() {
  says half-made pool-half-made lvs -a -o +segtype,devices
}

# The name is free again.
is_made_again() {
  follow_advice half-made reads
  # A person answers the question whether to remove it.
  expect "what removes it" "$(advised half-made destroys)" "lvremove thin/pool"
  lvremove -y thin/pool
  make_pool
  is_quiet made-again
}

dmsetup create disk-a --table "0 $((700 * MIB)) linear /dev/vdd $((1600 * MIB))"
disk_b
pvcreate -q /dev/mapper/disk-a /dev/mapper/disk-b
vgcreate -q thin /dev/mapper/disk-b
make_pool
with_tool is_quiet active

vgchange -q -an thin
! dmsetup table | grep -q thin-pool || fail "the pool is still active"
with_tool names_the_inactive_pool
with_tool is_activated

vgchange -q -an thin
lvchange -q -y -ay thin/pool_tmeta
! lvchange -ay thin/pool 2>/dev/null || fail "the pool was activated beside its part"
with_tool names_the_active_part
with_tool lets_the_part_go

vgextend -q thin /dev/mapper/disk-a
vgchange -q -an thin
dmsetup remove disk-b
! vgchange -ay thin 2>/dev/null || fail "the pool was activated without its disk"
with_tool names_the_missing_disk
with_tool gets_its_disk_back

# The pool whole on one disk, something else on the one that goes.
vgchange -q -an thin
lvremove -q -y thin/pool
vgreduce -q thin /dev/mapper/disk-b
vgextend -q thin /dev/mapper/disk-b
lvcreate -q --type thin-pool -L 300M -c 64K -Z n --poolmetadatasize 4M -n pool thin /dev/mapper/disk-a
lvcreate -q -L 100M -n other thin /dev/mapper/disk-b
lvchange -q -an thin/other
dmsetup remove disk-b
with_tool names_the_missing_disk_of_another
disk_b
with_tool is_quiet both-disks
lvremove -q -y thin/pool thin/other

# Writing the zeroes of the metadata takes its time on a slow disk.
dmsetup remove disk-b
dmsetup create disk-b --table "0 $((1024 * MIB)) delay /dev/vdd $((500 * MIB)) 100"
lvcreate --type thin-pool -L 100M -c 64K --poolmetadatasize 420M -n pool thin /dev/mapper/disk-b >/out/lvcreate.txt 2>&1 &
wait_until 60 test -b /dev/mapper/thin-pool
sleep 0.5
kill -KILL $!
wait $! || true
expect "what is left" "$(lvs --noheadings -o lv_attr thin/pool | tr -d ' ' | cut -c1-4)" "-wi-"
with_tool names_the_rest_of_a_pool
with_tool is_made_again
