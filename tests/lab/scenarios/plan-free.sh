# The plan to free space without counting, carried out: trimmed, pruned by age, label and name; what is labelled, new or runs stays.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# image NAME BLOCKS [CHANGE]: an image of one layer with a file of so many blocks.
image() {
  local folder=/tmp/layer
  mkdir -p $folder
  dd if=/dev/urandom of=$folder/file bs=64k count="$2" status=none
  tar -C $folder -c . | docker import ${3:+--change "$3"} - "$1" >/dev/null
}

# ended NAME BLOCKS [OPTION]: a container that wrote a file and ended.
ended() {
  docker run --name "$1" --network none ${3:+"$3"} bb:1 dd if=/dev/zero of=/file bs=64k count="$2" conv=fsync
}

# A container that runs, with a deleted file of 128 blocks that it holds open. It does so once.
alive() {
  docker run -d --name alive --stop-signal KILL --network none bb:1 sh -c '
    [ ! -e /ran ] || exec sleep 100000
    dd if=/dev/zero of=/open bs=64k count=128 conv=fsync
    exec 9</open
    rm /open
    dd if=/dev/null of=/ran
    echo ready
    exec sleep 100000'
  wait_until 120 ready
}

ready() {
  docker logs alive 2>&1 | grep -qx ready
}

# fill_to BLOCKS: the running container writes until so many are in use, then 192 more, and deletes those. What it deleted
# before, the filesystem would use again.
fill_to() {
  docker exec alive dd if=/dev/zero of=/large bs=64k count=$(($1 - $(settled used))) conv=fsync
  docker exec alive sh -c 'dd if=/dev/zero of=/deleted bs=64k count=192 conv=fsync && rm /deleted'
}

containers_are() {
  expect "the containers" "$(docker ps -a --format '{{.Names}}' | sort | tr '\n' ' ')" "$1"
}

images_are() {
  expect "the images" "$(docker images --format '{{.Repository}}:{{.Tag}}' | sort | tr '\n' ' ')" "$1"
}

# steps_where FILTER PLAN: the commands of the steps of which this holds, typed; whoever is asked says yes.
steps_where() {
  local command
  while read -r command; do
    say "typing: $command"
    bash -c "$command" < <(yes || true) >>/out/typed.txt 2>&1
  done < <(jq -r ".steps[] | select($1) | .commands[]" "/out/$2.json")
}

carries_out_the_script() {
  local before
  before=$(settled used)
  ask plan plan free
  expect_json /out/plan.json ".possible and .numbers.wanted_blocks == $((before - enough))"
  carry_out free free
  say "$((before - $(settled used))) blocks came back"
  [ "$(pool_field used)" -le $enough ] || fail "$(pool_field used) blocks are in use, $enough were to be"
  containers_are "alive ended-kept ended-new "
  images_are "bb:1 ci/kept:1 ci/new:1 "
}

carries_out_the_rest_by_hand() {
  local before
  ask rest plan free
  steps_where '.risk == "reads" and (.does | test("still open"))' rest
  grep -q '/open (deleted)' /out/typed.txt || fail "the deleted file that is open is not shown"
  docker restart alive
  before=$(settled used)
  steps_where '.risk == "changes"' rest
  [ "$(settled used)" -le $((before - 120)) ] || fail "only $((before - $(settled used))) blocks came back"
  steps_where '.does | test("by the pattern of their name")' rest
  images_are "bb:1 "
}

# Releases before 17.06 have no filters of age; their commands work as well.
carries_out_the_old_commands() {
  docker info 2>/dev/null | sed 's/Server Version: .*/Server Version: 17.03.2-ce/' >/out/docker-info.txt
  ask old plan free --from /out/docker-info.txt
  expect_json /out/old.json 'all(.steps[].commands[]; test("prune") | not)'
  steps_where '.risk == "destroys"' old
  containers_are "alive "
  images_are "bb:1 "
}

# What is made now is old when the clock is right again.
date -s '-20 days' >/dev/null
start_dockerd --storage-driver=devicemapper --storage-opt dm.loopdatasize=320M --storage-opt dm.loopmetadatasize=8M \
  --storage-opt dm.basesize=400M --storage-opt dm.fs=ext4
make_image
image ci/old:1 192
image ci/kept:1 32 'LABEL keep=yes'
ended ended-old 192
ended ended-kept 32 --label=keep=yes
alive
date -s '+20 days' >/dev/null
image ci/new:1 32
ended ended-new 32
readonly enough=$(($(pool_field total) * 80 / 100))
# More than any two of the trim, the container and the image give back.
fill_to $((enough + 288))
show_pools
with_tool carries_out_the_script
with_tool carries_out_the_rest_by_hand
with_tool carries_out_the_old_commands
