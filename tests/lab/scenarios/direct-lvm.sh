# Docker on an LVM thin pool made with the documented commands; the planned growth works while it runs.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

make_volumes() {
  pvcreate -q /dev/vdd
  vgcreate -q docker /dev/vdd
  lvcreate -q --wipesignatures y -n thinpool docker -l 90%VG
  lvcreate -q --wipesignatures y -n thinpoolmeta docker -l 1%VG
  lvconvert -q -y --zero n -c 512K --thinpool docker/thinpool --poolmetadata docker/thinpoolmeta
}

knows_its_owner() {
  ask status status
  expect_exit 0
  expect_json /out/status.json '.verdict != "critical" and .verdict != "unknown"'
  expect_json /out/status.json '.pools | length == 1'
  expect_json /out/status.json '.pools[0] | .mode == "rw" and (.owner.kind | IN("lvm", "docker"))'
  expect_json /out/status.json '.pools[0].backing.data.kind == "lvm"'
  expect_json /out/status.json '.pools[0].data.block_bytes == 524288'
  expect_json /out/status.json 'all(.findings[]; .rule != "loopback-in-use")'
}

grows_as_planned() {
  local data metadata
  data=$(pool_field total)
  metadata=$(pool_field metadata_total)
  carry_out grow-data grow --data --by 512M
  expect "data blocks" "$(pool_field total)" $((data + 1024))
  carry_out grow-metadata grow --metadata --by 64M
  [ "$(pool_field metadata_total)" -ge $((metadata + 16384)) ] || fail "the metadata did not grow"
  docker run --rm --network none bb:1 true
}

# LVM would extend it at 95 %, Docker refuses from 90 % on.
names_the_late_threshold() {
  sed -i 's/.*thin_pool_autoextend_threshold = .*/\tthin_pool_autoextend_threshold = 95/' /etc/lvm/lvm.conf
  ask late-threshold status --timeout 5s
  expect_json /out/late-threshold.json 'any(.findings[]; .rule == "thresholds-collide" and (.summary | test("at 95 %.*from 90 %")))'
  follow_advice late-threshold changes thresholds-collide
  gone early-threshold thresholds-collide
}

make_volumes
configure_docker dm.thinpooldev=/dev/mapper/docker-thinpool dm.use_deferred_removal=true \
  dm.use_deferred_deletion=true
start_dockerd
make_image
docker run -d --network none bb:1 sleep 100000
show_pools
expect "the pool's mode" "$(pool_field mode)" rw
with_tool knows_its_owner
with_tool keep_recording
with_tool grows_as_planned
with_tool names_the_late_threshold
