# A disk under LVM's pool drops out and comes back: the data's leaves the pool read-only and marked, the metadata's fails it.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# The disks: their size in sectors, and where they begin; not with their own disk, which would then be one as well.
readonly SECTORS=524288
declare -rA START=([data]=2048 [metadata]=526336)

disk_table() {
  echo "0 $SECTORS linear /dev/vdd ${START[$1]}"
}

drop_out() {
  swap_table "$1-disk" "0 $SECTORS flakey /dev/vdd ${START[$1]} 0 86400"
}

come_back() {
  swap_table "$1-disk" "$(disk_table "$1")"
}

make_volumes() {
  local disk
  for disk in data metadata; do
    dmsetup create $disk-disk --table "$(disk_table $disk)"
    pvcreate -q /dev/mapper/$disk-disk
  done
  vgcreate -q thin /dev/mapper/data-disk /dev/mapper/metadata-disk
  lvcreate -q --wipesignatures y -n pool -L 128M thin /dev/mapper/data-disk
  lvcreate -q --wipesignatures y -n poolmeta -L 8M thin /dev/mapper/metadata-disk
  lvconvert -q -y --zero n -c 64K --thinpool thin/pool --poolmetadata thin/poolmeta
  lvcreate -q -V 64M --thinpool pool -n volume thin
  mkfs.ext4 -q /dev/thin/volume
}

# Something is on the disk before it goes, and something else is written when it is gone.
lose_disk() {
  mount /dev/thin/volume /mnt
  echo "still here" >"/mnt/before-$1"
  sync
  drop_out "$1"
  { dd if=/dev/zero of=/mnt/file bs=64k count=40 conv=fsync || sync; } 2>/dev/null || true
}

is_marked() {
  [ "$(pool_field needs_check)" = needs_check ]
}

has_failed() {
  dmsetup status --noflush thin-pool-tpool | grep -q Fail
}

# leads_with_the_device NAME MODE WORDS: what broke the pool, before what is broken.
leads_with_the_device() {
  shows "$1" block-device-failing ".pools[0].mode == \"$2\" and .findings[0].subject.name == \"thin-pool-tpool\""
  expect_text "the summary" "$(jq -r '.findings[0].summary' "/out/$1.json")" "$3"
}

# step PLAN WORDS: the commands of the plan's step that does this, and its check.
step() {
  jq -r --arg words "$2" 'first(.steps[] | select(.does | test($words)))
    | .commands[], (.check // empty | "{ \(.); } || exit")' "/out/$1.json"
}

# is_repaired DISK: the disk is back. What comes before and after the plan's script is typed as the plan has it; the
# questions of e2fsck are answered, and that it corrected something is no failure.
is_repaired() {
  local stop=() start=() check=()
  follow_advice "failing-$1-device" reads
  ask "$1-plan" plan repair
  mapfile -t stop < <(step "$1-plan" "stop everything")
  mapfile -t start < <(step "$1-plan" "start what uses")
  mapfile -t check < <(step "$1-plan" "check those filesystems" | sed 's/e2fsck -f /e2fsck -fy /')
  umount /mnt
  type_in "$1-plan" 0 "${stop[@]}"
  follow_plan "failing-$1-device" repair
  expect "the pool's mode" "$(pool_field mode)" rw
  expect "the mark" "$(pool_field needs_check)" -
  type_in "$1-plan" 0 "${start[@]}"
  type_in "$1-plan" 1 "${check[@]}"
  mount /dev/thin/volume /mnt
  expect "what was written before" "$(cat "/mnt/before-$1")" "still here"
  umount /mnt
  gone "$1-cured" block-device-failing pool-failed pool-needs-check pool-read-only
}

# The pool has to be whole again for this, which without a program nobody makes it.
fails_with_its_metadata() {
  lose_disk metadata
  wait_until 30 has_failed
  show_pools
  leads_with_the_device failing-metadata-device failed "A device under the pool gave"
  come_back metadata
  expect_text "the status on a sound disk" "$(dmsetup status --noflush thin-pool-tpool)" Fail
  is_repaired metadata
}

make_volumes
lose_disk data
wait_until 30 is_marked
expect "the pool's mode" "$(pool_field mode)" ro
show_pools
with_tool leads_with_the_device failing-data-device ro "The device under the pool's data gave"
come_back data
with_tool is_repaired data
with_tool fails_with_its_metadata
