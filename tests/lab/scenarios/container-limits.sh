# In a pool with room, one container is at its base size and one has no inodes left: each is named, and gets room as advised.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# says CONTAINER WORDS: what the program in it printed.
says() {
  docker logs "$1" 2>&1 | grep -qF "$2"
}

has_room() {
  [ "$(pool_field free)" -gt $(($(pool_field total) * 3 / 4)) ] || fail "the pool itself is filling up"
}

names_the_full_container() {
  leads size container-size-limit '.findings[0].summary | test("Container big.s own filesystem is full: .*200.0 MiB")'
  expect_json /out/size.json '.verdict == "critical" and ([.findings[] | select(.severity != "notice")] | length == 1)'
}

is_cured_by_a_larger_disk() {
  local anew
  follow_advice size reads
  grep -q '/rootfs/f$' /out/size.typed.txt || fail "the large file is not listed"
  follow_advice size stops
  anew=$(docker ps -q --no-trunc)
  expect "the sectors of the new disk" "$(dmsetup table --target thin | cut -d' ' -f3)" $((400 * 2048))
  docker exec "$anew" dd if=/dev/zero of=/f bs=1M count=250
  gone larger container-size-limit
  docker rm -f "$anew"
}

names_the_container_without_inodes() {
  leads inodes inodes-exhausted '.findings[0].summary | test("100 % of the inodes of container many")'
  expect_json /out/inodes.json 'all(.findings[]; .rule != "container-size-limit")'
}

is_cured_by_removing_files() {
  local place
  follow_advice inodes reads
  place=$(awk '$2 ~ "/rootfs/" { print $2 }' /out/inodes.typed.txt | tail -n 1)
  expect "the directory with the most files" "${place##*/}" i
  docker exec many busybox rm -rf "/${place##*/}"
  docker exec many touch /it-works
  gone emptied inodes-exhausted
}

start_dockerd --storage-driver=devicemapper --storage-opt dm.loopdatasize=2G --storage-opt dm.loopmetadatasize=8M \
  --storage-opt dm.basesize=200M --storage-opt dm.fs=ext4 --storage-opt "dm.mkfsarg=-N 2000"
make_image '["sleep", "100000"]'
docker run -d --name big --stop-signal KILL --network none bb:1 sh -c 'dd if=/dev/zero of=/f bs=1M count=300; sleep 100000'
wait_until 300 says big "No space left on device"
has_room
show_pools
with_tool names_the_full_container
with_tool keep_recording base-size-reached
with_tool is_cured_by_a_larger_disk
docker rm -f big

docker run -d --name many --network none bb:1 sh -c 'mkdir /i; i=0; while true >/i/$i; do i=$((i+1)); done; sleep 100000'
wait_until 300 says many "No space left on device"
has_room
with_tool names_the_container_without_inodes
with_tool keep_recording container-inodes-gone
with_tool is_cured_by_removing_files
