# What lies on a thin volume: its filesystem full, cut off by a smaller volume, damaged; the pool is well all the time.
# Long
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly RULES=(volume-full device-smaller-than-filesystem filesystem-damaged host-filesystem-full)

# says NAME RULE: the pasted /out/NAME.txt is led by that rule.
says() {
  ask "$1" status --from - <"/out/$1.txt"
  expect_json "/out/$1.json" ".findings[0].rule == \"$2\""
}

is_quiet() {
  gone "$1" "${RULES[@]}"
}

names_the_full_volume() {
  shows volume-full volume-full '.findings[0].severity == "critical" and .findings[0].certainty == "certain"'
  { cat /out/dd.txt; df /mnt; lvs -a; } >/out/full-pasted.txt
  says full-pasted volume-full
}

grows() {
  follow_advice volume-full reads
  follow_advice volume-full changes
  echo more >/mnt/more
  is_quiet grown
}

names_the_cut() {
  shows device-smaller-than-filesystem device-smaller-than-filesystem '.verdict == "critical"'
  dmesg >/out/cut-pasted.txt
  says cut-pasted device-smaller-than-filesystem
}

# The size it had is in the kernel's line, and in LVM's archive of the group.
gets_its_size_back() {
  follow_advice device-smaller-than-filesystem reads
  lvextend -q -L 260M thin/volume
  mount /dev/thin/volume /mnt
  expect "what was in it" "$(cat /mnt/more)" more
  is_quiet whole
  umount /mnt
}

names_the_damage() {
  shows "filesystem-damaged-$1" filesystem-damaged '.verdict == "critical"'
  dmesg >"/out/damage-$1.txt"
  says "damage-$1" filesystem-damaged
  follow_advice "filesystem-damaged-$1" reads
}

make_it_small() {
  umount /mnt
  lvreduce -q -f -y -L 100M thin/volume
  ! mount /dev/thin/volume /mnt 2>/out/mount.txt || fail "a filesystem that is cut off was mounted"
}

# overwrite BYTES AT: as a device that lost a write.
overwrite() {
  dd if=/dev/urandom of=/dev/thin/volume bs=512 seek="$2" count=$(($1 / 512)) oflag=direct status=none
}

damage_a_directory() {
  local block
  mkdir /mnt/many
  touch /mnt/many/{1..300}
  umount /mnt
  block=$(debugfs -R "blocks /many" /dev/thin/volume 2>/dev/null | tr ' ' '\n' | grep -m1 .)
  overwrite 1024 $((block * 2))
  mount /dev/thin/volume /mnt
  ! ls /mnt/many >/dev/null 2>&1 || fail "the damage does not show"
  umount /mnt
}

# is_repaired NAME STATUS COMMAND...: by the tool that the explanation names, while it is not mounted.
is_repaired() {
  local name=$1 worst=$2 status=0
  shift 2
  "$@" >"/out/$name.txt" 2>&1 || status=$?
  [ "$status" -le "$worst" ] || fail "$1 ended with $status"
  mount /dev/thin/volume /mnt
  is_quiet "$name"
}

pvcreate -q /dev/vdd
vgcreate -q thin /dev/vdd
lvcreate -q --type thin-pool -L 1G -c 64K -Z n --poolmetadatasize 4M -n pool thin
lvcreate -q -V 208M --thinpool pool -n volume thin
mkfs.ext4 -q /dev/thin/volume
mount /dev/thin/volume /mnt
with_tool is_quiet empty
! dd if=/dev/zero of=/mnt/big bs=1M >/out/dd.txt 2>&1 || fail "it took more than it holds"
expect_text "dd" "$(cat /out/dd.txt)" "No space left on device"
with_tool names_the_full_volume
with_tool grows

rm /mnt/big
echo more >/mnt/more
make_it_small
with_tool names_the_cut
with_tool gets_its_size_back

dmesg -C
mount /dev/thin/volume /mnt
damage_a_directory
with_tool names_the_damage ext4
with_tool is_repaired checked 1 e2fsck -fy /dev/thin/volume
umount /mnt

dmesg -C
lvextend -q -L 400M thin/volume
mkfs.xfs -q -f -d su=0,sw=0 /dev/thin/volume
# The head of the first group's free space.
overwrite 512 1
! { mount /dev/thin/volume /mnt && touch /mnt/file && sync; } 2>/out/xfs.txt || fail "the damage does not show"
with_tool names_the_damage xfs
umount /mnt 2>/dev/null || true
with_tool is_repaired repaired 0 xfs_repair /dev/thin/volume
