# A device in the way of containerd's next one: its id is marked as faulty and reserved; deleting it as advised gives the blocks back.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly PLACE=/var/lib/containerd/io.containerd.snapshotter.v1.devmapper
export CONTAINERD_SNAPSHOTTER=devmapper

configure_containerd() {
  mkdir -p /etc/containerd
  cat >/etc/containerd/config.toml <<END
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[plugins."io.containerd.snapshotter.v1.devmapper"]
  root_path = "$PLACE"
  pool_name = "devpool"
  base_image_size = "300MB"
  fs_type = "ext4"
END
}

containerd_answers() {
  ctr version
}

start_containerd() {
  containerd >>/out/containerd.log 2>&1 &
  wait_until 180 containerd_answers
  say "containerd answers"
}

names_the_faulty() {
  leads faulty containerd-device-faulty '.findings[0].summary | test("^1 device .* marked as faulty: 1 in the pool, with 160 blocks")'
  expect_json /out/faulty.json 'all(.findings[]; .rule != "thin-devices-leaked")'
}

deletes_what_was_in_the_way() {
  local before
  before=$(pool_field free)
  follow_advice faulty reads
  follow_advice faulty destroys
  expect "free blocks" "$(pool_field free)" $((before + 160))
  gone deleted containerd-device-faulty
}

configure_containerd
loop_pool devpool 2G 8M
# What loop_pool makes is not containerd's.
dmsetup remove devpool-thin
dmsetup message devpool 0 "delete 0"
start_containerd
ctr snapshots prepare one >/dev/null
dmsetup message devpool 0 "create_thin 2"
dmsetup create in-the-way --table "0 614400 thin /dev/mapper/devpool 2"
write_blocks in-the-way 0 160
dmsetup remove --retry in-the-way
! refusal=$(ctr snapshots prepare two 2>&1) || fail "the device in the way was not noticed"
expect_text "ctr" "$refusal" "file exists"
show_pools
# The same name gets another id; the one in the way stays reserved.
ctr snapshots prepare two >/dev/null
with_tool names_the_faulty
with_tool keep_recording containerd-faulty
with_tool deletes_what_was_in_the_way
ctr snapshots rm two
ctr snapshots rm one
