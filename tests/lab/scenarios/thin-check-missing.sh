# LVM does not activate Docker's pool because thin_check is not installed; what is advised installs it and starts Docker again.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

make_volumes() {
  pvcreate -q /dev/vdd
  vgcreate -q docker /dev/vdd
  lvcreate -q --wipesignatures y -n thinpool docker -L 2G
  lvcreate -q --wipesignatures y -n thinpoolmeta docker -L 16M
  lvconvert -q -y --zero n -c 64K --thinpool docker/thinpool --poolmetadata docker/thinpoolmeta
}

warns_of_the_next_start() {
  ask up status
  expect_json /out/up.json 'any(.findings[]; .rule == "thin-check-unavailable" and .severity == "warning")'
}

names_the_missing_checker() {
  leads down thin-check-unavailable '.verdict == "critical" and any(.findings[]; .rule == "pool-not-found")'
  printf '%s\n' "$refusal" >/out/refusal.txt
  ask words --from - </out/refusal.txt
  expect_json /out/words.json '.findings[0] | .rule == "thin-check-unavailable" and .certainty == "certain"'
  expect_json /out/words.json 'all(.findings[]; .rule != "metadata-corrupt")'
}

comes_back() {
  follow_advice down reads
  follow_advice down changes
  expect "the pool's mode" "$(pool_field mode)" rw
  docker run --rm --network none bb:1 true
  gone up-again thin-check-unavailable pool-not-found
}

make_volumes
configure_docker dm.thinpooldev=/dev/mapper/docker-thinpool dm.basesize=200M dm.fs=ext4
start_dockerd
make_image
uninstall /usr/sbin/thin_check
with_tool warns_of_the_next_start
stop_dockerd
# Deactivating checks the metadata as well.
lvchange -an docker/thinpool || true
! refusal=$(vgchange -ay docker 2>&1) || fail "the pool was activated: $refusal"
expect_text "vgchange" "$refusal" "execvp failed"
expect "the pools" "$(pool_name)" "No devices found"
with_tool names_the_missing_checker
with_tool keep_recording
with_tool comes_back
