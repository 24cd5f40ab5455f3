# The pool looks nearly empty, but the file system under its sparse loop file is full; room and the planned repair cure it.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# Less than this is left once a block of the pool cannot be written any more.
file_system_is_full() {
  [ "$(df --output=avail -k /small | tail -n 1)" -lt 1024 ]
}

leads_with_the_file_system() {
  ask full status
  expect_json /out/full.json '.verdict == "critical"'
  expect_json /out/full.json '.findings[0].rule | IN("loop-file-outgrows-filesystem", "host-filesystem-full")'
  expect_json /out/full.json 'all(.findings[]; .rule != "data-full" and .rule != "data-nearly-full")'
  # Docker mounts parts of its root over themselves, so that the mount can be deeper than where the disk is.
  expect_json /out/full.json '.pools[0].backing.data.filesystem.mount | startswith("/small")'
  # Not nothing: ext4 counts blocks as free that it gives to nobody, and the aborted transaction left room in the file.
  expect_json /out/full.json '.pools[0].headroom | .effective_bytes * 10 < .pool_bytes and .pool_bytes > 2000000000'
}

# Without room for a copy of the metadata there is no script; with it, the pool comes back.
is_cured_by_room_and_repair() {
  ! thinspect plan repair --script >/out/too-early.txt 2>&1 || fail "a repair was planned on a full file system"
  expect_text "the plan without room" "$(cat /out/too-early.txt)" "free space there first"
  resize2fs /dev/vdd 8G
  carry_out repair repair
  expect "the pool's mode" "$(pool_field mode)" rw
  docker create --network none bb:1 true
  docker run --rm --network none bb:1 true
  ask cured status
  expect_json /out/cured.json '.verdict != "critical"'
  expect_json /out/cured.json 'all(.findings[]; .rule | IN("loop-file-outgrows-filesystem", "host-filesystem-full",
    "pool-needs-check", "pool-read-only") | not)'
}

mkfs.ext4 -q -m 0 /dev/vdd 500M
mkdir /small
mount /dev/vdd /small
start_dockerd --storage-driver=devicemapper --data-root=/small/docker --storage-opt dm.loopdatasize=4G \
  --storage-opt dm.loopmetadatasize=64M --storage-opt dm.basesize=1G --storage-opt dm.fs=ext4
make_image
docker run -d --network none bb:1 sh -c 'dd if=/dev/zero of=/f bs=1M count=600; sync; sleep 100000'
wait_until 180 file_system_is_full
# The commit that meets the full file system is the pool's last.
wait_until 120 pool_mode_is ro
say "the file system is full"
show_pools
df -k /small
[ "$(pool_field free)" -gt $(($(pool_field total) / 2)) ] || fail "the pool itself is nearly full"
with_tool leads_with_the_file_system
with_tool keep_recording
with_tool is_cured_by_room_and_repair
