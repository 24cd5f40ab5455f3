# Docker refuses new containers with 161986 of 163840 required blocks free; both cures that the program plans work.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly FILES=/var/lib/docker/devicemapper/devicemapper
readonly WORDS="devmapper: Thin Pool has 161986 free data blocks which is less than minimum required 163840 free data \
blocks. Create more free space in thin pool or use dm.min_free_space option to change behavior"

docker_refuses() {
  ! refusal=$(docker create --network none bb:1 true 2>&1) || fail "docker create was not refused"
}

names_the_shortfall() {
  ask refused status
  # What a person sees; scripts/try shows it.
  thinspect status >/out/status.txt
  thinspect plan grow --data >/out/plan-grow.txt
  expect_json /out/refused.json '.verdict == "critical" and .findings[0].rule == "data-below-min-free"'
  expect_json /out/refused.json '.pools[0].data | .free_blocks == 161986 and .total_blocks == 1638400'
  expect_json /out/refused.json '.pools[0].min_free_space | .percent == 10
    and .data_required_blocks == 163840 and .data_short_blocks == 1854'
}

# Whoever has nothing but the line that Docker printed gets the same answer.
agrees_from_the_line_alone() {
  printf '%s\n' "$refusal" >/out/error-line.txt
  ask from-line --from - </out/error-line.txt
  expect_json /out/from-line.json '.findings[0].rule == "data-below-min-free"'
  expect_json /out/from-line.json '.pools[0].data.free_blocks == 161986 and (.pools[0].min_free_space
    | .data_required_blocks == 163840 and .data_short_blocks == 1854)'
}

is_cured_by_less_reserve() {
  carry_out min-free-space min-free-space
  docker create --network none bb:1 true
  expect_text "daemon.json" "$(cat /etc/docker/daemon.json)" "dm.min_free_space=9%"
  stop_dockerd
  configure_docker
  start_dockerd
}

is_cured_by_growth() {
  docker_refuses
  carry_out grow grow --data
  [ "$(pool_field total)" -ge 1640459 ] || fail "the pool has only $(pool_field total) blocks"
  docker create --network none bb:1 true
  docker run --rm --network none bb:1 true
  ask grown status
  expect_json /out/grown.json 'all(.findings[]; .rule != "data-below-min-free" and .rule != "pool-size-stale")'
}

configure_docker
start_dockerd
make_image
stop_dockerd
# The file holds what the pool says it holds, as it would after a year of use.
fallocate -l $(((1638400 - 161986) * 65536)) $FILES/data
leave_free 161986 $FILES/metadata
start_dockerd
expect "free blocks" "$(pool_field free)" 161986
docker_refuses
expect_text "docker create" "$refusal" "$WORDS"
with_tool names_the_shortfall
with_tool agrees_from_the_line_alone
with_tool keep_recording
with_tool is_cured_by_less_reserve
with_tool is_cured_by_growth
