# Docker's loop files: too little metadata for a new container, blocks that the data's keeps, and that file deleted in use.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly FILES=/var/lib/docker/devicemapper/devicemapper

free_metadata() {
  echo $(($(pool_field metadata_total) - $(pool_field metadata_used)))
}

# Thin devices that nobody owns, until less metadata is free than the tenth that Docker wants. Sets `last`.
use_up_metadata() {
  local floor more
  floor=$(($(pool_field metadata_total) / 10))
  last=100000
  while more=$(($(free_metadata) - floor + 1)) && [ $more -gt 0 ]; do
    for ((; more > 0; more--)); do
      last=$((last + 1))
      dmsetup message "$(pool_name)" 0 "create_thin $last"
    done
  done
}

give_metadata_back() {
  local id
  for ((id = 100001; id <= last; id++)); do
    dmsetup message "$(pool_name)" 0 "delete $id"
  done
}

names_the_lack_of_metadata() {
  shows metadata-below-min-free metadata-below-min-free \
    ".pools[0].mode == \"rw\" and .pools[0].metadata.free_blocks == $(free_metadata)"
}

has_metadata_to_spare() {
  follow_advice metadata-below-min-free reads
  follow_plan metadata-below-min-free grow
  docker create --network none bb:1 true
  gone spared metadata-below-min-free metadata-nearly-full metadata-undersized
}

# What the plan does, for those who have none.
grow_metadata() {
  truncate -s 4M $FILES/metadata
  losetup -c "$(losetup -n -O NAME -j $FILES/metadata)"
  dmsetup suspend "$(pool_name)"
  dmsetup resume "$(pool_name)"
}

# MiB that the data file takes of its filesystem.
file_takes() {
  du -m $FILES/data | cut -f1
}

names_what_is_kept() {
  shows loop-file-keeps-blocks discards-not-passed '.findings[0].summary | test("takes more than the pool uses")'
}

is_given_back() {
  follow_advice loop-file-keeps-blocks reads
  follow_advice loop-file-keeps-blocks stops
  [ "$(file_takes)" -lt 300 ] || fail "the file still takes $(file_takes) MiB"
  is_all_there
  gone given-back discards-not-passed
}

names_the_lost_file() {
  shows deleted-loop-file loop-file-deleted '.findings[0].severity == "critical" and .pools[0].backing.data.file.deleted'
}

has_its_name_again() {
  follow_advice deleted-loop-file reads
  follow_advice deleted-loop-file stops
  [ -f $FILES/data ] || fail "there is no $FILES/data"
  ! losetup -l | grep -q deleted || fail "a loop device still carries a deleted file"
  is_all_there
  gone put-back loop-file-deleted
}

# What the container wrote, and that the pool takes new ones.
is_all_there() {
  docker start before
  expect "what the container wrote" "$(docker exec before cat /written)" "still here"
  docker create --network none bb:1 true
}

start_dockerd --storage-driver=devicemapper --storage-opt dm.loopdatasize=1400M --storage-opt dm.loopmetadatasize=512K \
  --storage-opt dm.basesize=1300M --storage-opt dm.fs=ext4 --storage-opt dm.blkdiscard=false
make_image
docker run -d --name before --network none --stop-signal KILL bb:1 sh -c '[ -e /written ] || echo still here >/written; sync; sleep 100000'
wait_until 30 docker exec before cat /written

use_up_metadata
show_pools
! docker create --network none bb:1 true 2>/tmp/refusal || fail "the container was not refused"
expect_text "the refusal" "$(cat /tmp/refusal)" "Thin Pool has $(free_metadata) free metadata blocks which is less than minimum"
with_tool names_the_lack_of_metadata
with_tool has_metadata_to_spare
[ -x "$TOOL" ] || grow_metadata
give_metadata_back

docker run --rm --network none bb:1 dd if=/dev/zero of=/file bs=1M count=1050
[ "$(pool_field used)" -lt 1600 ] || fail "the pool did not get its blocks back"
[ "$(file_takes)" -gt 1080 ] || fail "the file gave its blocks back"
show_pools
with_tool names_what_is_kept
with_tool is_given_back

rm $FILES/data
expect_text "losetup" "$(losetup -l)" "(deleted)"
expect "what the container wrote" "$(docker exec before cat /written)" "still here"
with_tool names_the_lost_file
with_tool has_its_name_again
