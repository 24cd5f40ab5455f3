# A new Docker on its default loop files: nothing is wrong, and that it is on loop files is said, not alarmed about.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

says_healthy() {
  ask status status
  expect_exit 0
  expect_json /out/status.json '.verdict == "ok" or .verdict == "warning"'
  expect_json /out/status.json 'all(.findings[]; .severity != "critical")'
  expect_json /out/status.json 'any(.findings[]; .rule == "loopback-in-use" and .severity == "notice")'
}

says_the_numbers() {
  expect_json /out/status.json ".pools | length == 1 and .[0].name == \"$(pool_name)\""
  expect_json /out/status.json '.pools[0].mode == "rw" and .pools[0].owner.kind == "docker"'
  expect_json /out/status.json '.pools[0].owner.root == "/var/lib/docker"'
  expect_json /out/status.json ".pools[0].data.used_blocks == $(pool_field used)"
  expect_json /out/status.json '.pools[0].data.total_blocks == 1638400'
  expect_json /out/status.json '.pools[0].min_free_space.data_required_blocks == 163840'
  expect_json /out/status.json '.pools[0].backing.data.kind == "loop"'
  expect_json /out/status.json '.pools[0].backing.data.file.path == "/var/lib/docker/devicemapper/devicemapper/data"'
  expect_text "the text" "$(thinspect status)" "$(pool_name)"
}

configure_docker
start_dockerd
make_image
docker create --network none bb:1 true
expect "the pool's mode" "$(pool_field mode)" rw
expect "the pool's size" "$(pool_field total)" 1638400
with_tool says_healthy
with_tool says_the_numbers
with_tool keep_recording
