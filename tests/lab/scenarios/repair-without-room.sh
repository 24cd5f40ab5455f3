# A damaged pool that is not active, and no room for its repair: a target too small, no spare and no extent left in the group.
# Long
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly MIB=2048 # sectors

# says NAME RULE COMMAND...: the command fails, and what it says, pasted, is led by that rule.
says() {
  local name=$1 rule=$2
  shift 2
  ! "$@" >"/out/$name.txt" 2>&1 || fail "$* worked"
  ask "$name" status --from - <"/out/$name.txt"
  expect_json "/out/$name.json" ".findings[0].rule == \"$rule\""
}

is_quiet() {
  gone "$1" repair-space-too-small metadata-corrupt pool-inactive volume-group-full
}

# damage: overwrites the index of the data space map, while the pool is down.
damage() {
  local at
  at=$(dd if=/dev/mapper/bare iflag=direct bs=4096 count=1 status=none | od -An -tu8 -j$((64 + 16)) -N8 | tr -d ' ')
  dd if=/dev/urandom of=/dev/mapper/bare oflag=direct bs=4096 seek="$at" count=1 status=none
  ! thin_check -q /dev/mapper/bare >/dev/null 2>&1 || fail "the damage does not show"
}

names_what_is_in_the_way() {
  says damaged metadata-corrupt vgchange -ay thin
  truncate -s 32K /root/small
  says target-too-small repair-space-too-small thin_repair -i /dev/mapper/bare -o /root/small
  says group-full volume-group-full lvconvert -y --repair thin/pool
  leads down pool-inactive
}

looks_at_the_room() {
  follow_advice target-too-small reads
  expect_text "the spare" "$(cat /out/target-too-small.typed.txt)" "0 "
}

# With a target that is large enough, and with room in the group, it works; the plan's script does it.
is_repaired() {
  truncate -s 16M /root/large
  type_in large 0 "thin_repair -i /dev/mapper/bare -o /root/large"
  thin_check -q /root/large || fail "the repaired copy does not pass"
  dmsetup remove --retry bare
  lvremove -q -y thin/other
  carry_out repaired repair
  lvchange -ay thin/volume
  expect "the pool's mode" "$(pool_field mode)" rw
  expect "what was written" "$(sha256sum </dev/thin/volume)" "$written"
  is_quiet cured
}

dmsetup create disk-a --table "0 $((400 * MIB)) linear /dev/vdd $MIB"
pvcreate -q /dev/mapper/disk-a
vgcreate -q thin /dev/mapper/disk-a
lvcreate -q --type thin-pool -L 100M -c 64K -Z n --poolmetadatasize 16M --poolmetadataspare n -n pool thin
lvcreate -q -V 60M --thinpool pool -n volume thin
dd if=/dev/urandom of=/dev/thin/volume bs=64k count=300 oflag=direct status=none
written=$(sha256sum </dev/thin/volume)
with_tool is_quiet before
lvcreate -q -n other -l 100%FREE thin
table=$(dmsetup table thin-pool_tmeta)
vgchange -q -an thin
dmsetup create bare --table "$table"
damage
with_tool names_what_is_in_the_way
with_tool looks_at_the_room
with_tool is_repaired
