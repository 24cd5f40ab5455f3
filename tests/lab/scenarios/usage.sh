# Images, containers and the pool's blocks add up as thin_ls counts them, and what the plan to free promises comes back.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly METADATA=/var/lib/docker/devicemapper/devicemapper/metadata

# random FILE BLOCKS: so many blocks of 64 KiB that nothing compresses or leaves out.
random() {
  dd if=/dev/urandom of="$1" bs=64k count="$2" status=none
}

# build NAME PARENT BLOCKS: an image with a file, one instruction without a layer between it and its parent.
build() {
  local folder=/tmp/build
  mkdir -p $folder
  random $folder/file "$3"
  printf 'FROM %s\nENV made=%s\nCOPY file /%s\n' "$2" "$1" "${1%:*}" >$folder/Dockerfile
  docker build --quiet --network none --tag "$1" $folder >/dev/null
}

# ended NAME IMAGE BLOCKS: a container that wrote a file and ended.
ended() {
  docker run --name "$1" --network none "$2" dd if=/dev/urandom of=/file bs=64k count="$3"
  expect "the state of $1" "$(docker inspect -f '{{.State.Status}}' "$1")" exited
}

quiet() {
  local before
  before=$(settled used)
  sleep 3
  [ "$(settled used)" = "$before" ]
}

alive_is() {
  docker inspect -f '{{.Id}} {{.State.Pid}} {{.State.StartedAt}} {{.State.Running}}' alive
}

# between WHAT FILE FILTER LEAST MOST
between() {
  local found
  found=$(jq -r "$3" "$2")
  if [ "$found" -lt "$4" ] || [ "$found" -gt "$5" ]; then fail "$1: expected $4 to $5, got '$found'"; fi
}

names_everything() {
  local file=/out/usage.json
  ask usage usage --timeout 5s --without one --without extra:1
  expect_exit 0
  expect_json $file '[.images[].names[]] | sort == ["bb:1", "cached:1", "extra:1", "mid:1", "top:1"]'
  expect_json $file '[.containers[] | [.name, .state]] | sort == [["alive", "running"], ["one", "exited"], ["two", "exited"]]'
  expect_json $file '.consistent and .strangers.certain and .strangers.without_record == []'
  expect_json $file 'all(.devices[]; .owners | length == 1)'
  expect "the used blocks" "$(jq .totals.used_blocks $file)" "$(pool_field used)"
  expect_json $file '.totals | .exclusive_blocks + .shared_blocks + .unaccounted_blocks == .used_blocks'
  # A file of its size, and a little of the filesystem's own.
  between "what container one gives back" $file '.containers[] | select(.name == "one").reclaimable_blocks' 160 256
  between "what container two gives back" $file '.containers[] | select(.name == "two").reclaimable_blocks' 96 192
  between "what image extra:1 gives back" $file '.images[] | select(.names == ["extra:1"]).reclaimable_blocks' 160 256
  expect_json $file 'all(.images[] | select(.names == ["top:1"] or .names == ["mid:1"]); .reclaimable_blocks == 0)'
  # The build cache keeps its layer.
  expect_json $file '.images[] | select(.names == ["cached:1"]) | .reclaimable_blocks == 0 and .mapped_blocks > 64'
  expect_json $file 'any(.totals.by_kind[]; .kind == "build-cache" and .exclusive_blocks > 0)'
  # The image is what was committed of the container: they share it, and only together give it back.
  expect_json $file '.without.refused == [] and .without.reclaimable_blocks ==
    ([.containers[] | select(.name == "one")] + [.images[] | select(.names == ["extra:1"])] | map(.reclaimable_blocks) | add)'
  thinspect usage --timeout 5s --by container --columns name,state,frees,age --sort age >/out/usage.txt
  expect_text "the table" "$(cat /out/usage.txt)" "alive                    running"
}

says_what_cannot_be_reached() {
  ask too-much plan free --need 1T --timeout 5s
  expect_exit 3
  expect_json /out/too-much.json '.possible == false and any(.steps[]; .risk == "destroys")'
  expect_json /out/too-much.json '.numbers | .gained_blocks == .reachable_blocks and .wanted_blocks == 16777216'
}

gives_back_what_it_promises() {
  local plan=/out/need.json
  ask need plan free --need 30M --timeout 5s
  expect_exit 0
  # What was deleted inside the running container, then the build cache, then by age.
  expect_json $plan '[.steps[].does] | .[0] | test("deleted")'
  expect_json $plan '.steps[0] | .gain_blocks == null and (.why | test("alive at most")) and .risk == "changes"'
  expect_json $plan '.steps[1].commands == ["docker builder prune --all --force"]'
  expect_json $plan '.possible and .numbers.wanted_blocks == 480 and .numbers.gained_blocks >= 480'
  expect_json $plan '([.steps[].gain_blocks // 0] | add) == .numbers.gained_blocks'
  expect_json $plan 'all(.steps[] | select(.risk == "destroys").commands[]; test("alive|mid:1|bb:1") | not)'
  carry_out_steps $plan
}

agrees_with_thin_ls() {
  thin_ls_counts "$1" $METADATA
  ask "$1" usage --metadata $METADATA
  expect_exit 0
  expect_same_counts "$1"
}

start_dockerd --storage-driver=devicemapper --storage-opt dm.loopdatasize=2G --storage-opt dm.loopmetadatasize=8M \
  --storage-opt dm.basesize=200M --storage-opt dm.fs=ext4
make_image
build mid:1 bb:1 128
build top:1 mid:1 192
DOCKER_BUILDKIT=1 build cached:1 bb:1 64
docker run -d --name alive --network none mid:1 sh -c 'dd if=/dev/urandom of=/file bs=64k count=80; sync; sleep 100000'
ended one bb:1 160
ended two top:1 96
docker commit one extra:1 >/dev/null
docker exec alive sh -c 'dd if=/dev/urandom of=/gone bs=64k count=100; sync; rm /gone'
sync
wait_until 60 quiet
show_pools
alive=$(alive_is)
with_tool names_everything
with_tool says_what_cannot_be_reached
with_tool gives_back_what_it_promises
expect "the running container" "$(alive_is)" "$alive"
docker exec alive dd if=/file of=/dev/null bs=64k
stop_dockerd
with_tool agrees_with_thin_ls after
