# Docker's loop file keeps what the pool has freed, and then is deleted in use: both are cured, and nothing is lost.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly FILES=/var/lib/docker/devicemapper/devicemapper

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

start_dockerd --storage-driver=devicemapper --storage-opt dm.loopdatasize=3G --storage-opt dm.loopmetadatasize=16M \
  --storage-opt dm.basesize=1500M --storage-opt dm.fs=ext4 --storage-opt dm.blkdiscard=false
make_image
docker run -d --name before --network none bb:1 sh -c '[ -e /written ] || echo still here >/written; sync; sleep 100000'
wait_until 30 docker exec before cat /written
docker run --rm --network none bb:1 dd if=/dev/zero of=/file bs=1M count=1200
[ "$(pool_field used)" -lt 3200 ] || fail "the pool did not get its blocks back"
[ "$(file_takes)" -gt 1200 ] || fail "the file gave its blocks back"
show_pools
with_tool names_what_is_kept
with_tool is_given_back

rm $FILES/data
expect_text "losetup" "$(losetup -l)" "(deleted)"
expect "what the container wrote" "$(docker exec before cat /written)" "still here"
with_tool names_the_lost_file
with_tool has_its_name_again
