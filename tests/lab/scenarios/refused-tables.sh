# What the kernel refuses: a pool's table, a pool without the thin-pool target; and metadata larger than it can use.
# Long
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# pasted NAME RULE: the pasted /out/NAME.txt is led by that rule.
pasted() {
  ask "$1" status --from - <"/out/$1.txt"
  expect_json "/out/$1.json" ".findings[0].rule == \"$2\""
}

# create BLOCK_SECTORS: a pool's table on the two loop devices.
create() {
  dmsetup create made --table "0 $(blockdev --getsz "$data") thin-pool $metadata $data $1 64 1 skip_block_zeroing"
}

is_quiet() {
  gone "$1" table-refused thin-target-missing metadata-oversized driver-misconfigured pool-size-stale
}

names_the_refusal() {
  shows table-refused table-refused '.verdict == "critical" and all(.findings[]; .rule != "driver-misconfigured")'
  dmesg >/out/refused.txt
  pasted refused table-refused
}

# The kernel's line says what is wrong with it.
is_corrected() {
  follow_advice table-refused reads
  expect_text "what the kernel said" "$(cat /out/table-refused.typed.txt)" "Invalid block size"
  create 128
  is_quiet corrected
}

names_the_missing_target() {
  shows thin-target-missing thin-target-missing '.verdict == "critical"'
  pasted target thin-target-missing
  # grep and modinfo find nothing, and say so with 1.
  follow_advice thin-target-missing reads
}

loads_it() {
  depmod
  follow_advice thin-target-missing changes
  create 128
  is_quiet loaded
}

names_the_size() {
  shows metadata-oversized metadata-oversized '.findings[0].severity == "notice"'
  dmesg >/out/oversized.txt
  pasted oversized metadata-oversized
  follow_advice metadata-oversized reads
}

data=$(loop_device made.data 256M)
metadata=$(loop_device made.metadata 16M)
dmesg -C
! create 100 2>/dev/null || fail "a block size of 50 KiB was taken"
with_tool names_the_refusal
with_tool is_corrected
dmsetup info made >/dev/null 2>&1 || create 128
dmsetup remove made

dmesg -C
rmmod dm_thin_pool
! create 128 2>/dev/null || fail "a pool was made without the module"
pvcreate -q /dev/vdd
vgcreate -q thin /dev/vdd
! lvcreate --type thin-pool -L 50M -n pool thin >/out/target.txt 2>&1 || fail "LVM made a pool without the module"
expect_text "lvcreate" "$(cat /out/target.txt)" "not detected in your kernel"
with_tool names_the_missing_target
with_tool loads_it
lsmod | grep -q '^dm_thin_pool' || { depmod; modprobe dm_thin_pool; }
remove_pool made

# Sparse: nothing of it is written but what the kernel formats.
dmesg -C
data=$(loop_device made.data 256M)
metadata=$(loop_device made.metadata 17G)
create 128
with_tool names_the_size
remove_pool made
data=$(loop_device made.data 256M)
metadata=$(loop_device made.metadata 16M)
create 128
with_tool is_quiet usual
