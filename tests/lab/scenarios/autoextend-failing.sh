# dmeventd sees the pool pass its threshold and cannot extend it: LVM changes nothing in a group whose disk is gone.
# Long
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly MIB=2048 # sectors

disk_b() {
  dmsetup create disk-b --table "0 $((400 * MIB)) linear /dev/vdd $((500 * MIB))"
}

# What dmeventd told syslog so far.
of_dmeventd() {
  grep ' dmeventd\[' /run/lab/syslog
}

failed() {
  of_dmeventd | grep -q 'Failed command for'
}

is_larger_than() {
  [ "$(pool_field total)" -gt "$1" ]
}

is_quiet() {
  gone "$1" autoextend-failing pv-missing
  of_dmeventd >"/out/$1.txt" || true
  ask "$1-pasted" status --from - <"/out/$1.txt"
  expect_json "/out/$1-pasted.json" 'all(.findings[]; .severity == "notice")'
}

# The cause first: the disk. What failed because of it stands behind.
names_the_failure() {
  of_dmeventd >/out/failing.txt
  ask failing status --from - <"/out/failing.txt"
  expect_json /out/failing.json '.findings[0].rule == "pv-missing" and any(.findings[]; .rule == "autoextend-failing")'
  shows autoextend-failing pv-missing '.findings[0].severity == "warning"'
  # Where only the last line was kept, it says that it failed, and not why.
  of_dmeventd | tail -n 1 >/out/last-line.txt
  ask last-line status --from - <"/out/last-line.txt"
  expect_json /out/last-line.json '.findings[0].rule == "autoextend-failing" and .findings[0].severity == "critical"'
}

# The command that is advised says why.
says_why() {
  local status=0 command
  follow_advice autoextend-failing reads
  command=$(advised last-line reads | grep lvextend)
  bash -c "$command" >/out/why.txt 2>&1 || status=$?
  expect "the status of $command" "$status" 5
  ask why status --from - <"/out/why.txt"
  expect_json /out/why.json '.findings[0].rule == "pv-missing"'
}

# Given back, it is extended at dmeventd's next look; the advised command says beforehand that it works.
is_extended() {
  local total
  total=$(pool_field total)
  disk_b
  type_in last-line 0 "$(advised last-line reads | grep lvextend)"
  wait_until 60 is_larger_than "$total"
  gone extended autoextend-failing pv-missing
}

busybox syslogd -O /run/lab/syslog
dmsetup create disk-a --table "0 $((400 * MIB)) linear /dev/vdd $MIB"
disk_b
pvcreate -q /dev/mapper/disk-a /dev/mapper/disk-b
vgcreate -q thin /dev/mapper/disk-a /dev/mapper/disk-b
printf 'activation {\n\tthin_pool_autoextend_threshold=70\n\tthin_pool_autoextend_percent=20\n}\n' >/etc/lvm/profile/grow.profile
lvcreate -q --type thin-pool -L 200M -c 64K -Z n --poolmetadatasize 4M --metadataprofile grow -n pool thin /dev/mapper/disk-a
lvcreate -q -V 1G --thinpool pool -n volume thin
lvcreate -q -L 100M -n other thin /dev/mapper/disk-b
lvchange -q -an thin/other
with_tool is_quiet before
dmsetup remove disk-b
dd if=/dev/zero of=/dev/thin/volume bs=64k count=2400 oflag=direct status=none
wait_until 60 failed
with_tool names_the_failure
with_tool says_why
with_tool is_extended
