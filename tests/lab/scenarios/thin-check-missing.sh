# Docker's pool is not active, and thin_check is not installed; what is advised installs it, activates the pool and starts Docker.
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
}

says_what_the_words_mean() {
  printf '%s\n' "$said" >/out/said.txt
  ask words --from - </out/said.txt
  expect_json /out/words.json '.findings[0] | .rule == "thin-check-unavailable" and .certainty == "certain" and .severity == "warning"'
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
# Releases up to 2017 refused; this one says that it goes without.
lvchange -an docker/thinpool
said=$(vgchange -ay docker 2>&1) || fail "the pool was not activated: $said"
expect_text "vgchange" "$said" "execvp failed"
expect_text "vgchange" "$said" "Check is skipped"
with_tool says_what_the_words_mean
lvchange -an docker/thinpool
expect "the pools" "$(pool_name)" "No devices found"
with_tool names_the_missing_checker
with_tool keep_recording
with_tool comes_back
