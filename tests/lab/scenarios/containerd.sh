# containerd's devmapper snapshotter: images and containers are named and counted, and what the plan promises comes back.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# Not its usual places: they have to be found.
readonly ROOT=/ctr/root STATE=/ctr/state SNAPSHOTTER=/ctr/devmapper

containerd_answers() {
  ctr version
}

start_containerd() {
  local data metadata
  mkdir -p /ctr /etc/containerd
  truncate -s 4G /ctr/data
  truncate -s 64M /ctr/metadata
  data=$(losetup -f --show /ctr/data)
  metadata=$(losetup -f --show /ctr/metadata)
  dmsetup create ctr-pool \
    --table "0 $(blockdev --getsz "$data") thin-pool $metadata $data 128 32768 1 skip_block_zeroing"
  cat >/etc/containerd/config.toml <<END
version = 2
root = "$ROOT"
state = "$STATE"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[plugins."io.containerd.snapshotter.v1.devmapper"]
  root_path = "$SNAPSHOTTER"
  pool_name = "ctr-pool"
  base_image_size = "512MB"
  fs_type = "ext4"
END
  containerd >/out/containerd.log 2>&1 &
  wait_until 60 containerd_answers
  say "containerd answers"
}

# layer FILE BLOCKS: a layer with busybox, or with so many blocks of 64 KiB that nothing compresses.
layer() {
  local tree
  tree=$(mktemp -d)
  if [ "$2" = 0 ]; then
    mkdir -p "$tree/bin" "$tree/tmp"
    cp /usr/bin/busybox "$tree/bin/"
    for applet in sh dd sleep sync true; do ln -s busybox "$tree/bin/$applet"; done
  else
    dd if=/dev/urandom of="$tree/$(basename "$1" .tar)" bs=64k count="$2" status=none
  fi
  tar -C "$tree" -cf "$1" .
  rm -rf "$tree"
}

# import NAMESPACE NAME LAYER...: an image made by hand, as `docker save` writes them.
import() {
  local namespace=$1 name=$2 folder config diffs
  shift 2
  folder=$(mktemp -d)
  diffs=$(for file in "$@"; do echo "sha256:$(sha256sum <"$file" | cut -d' ' -f1)"; done | jq -R . | jq -s .)
  jq -n --argjson diffs "$diffs" '{architecture: "amd64", os: "linux", config: {Cmd: ["/bin/sh"]},
    rootfs: {type: "layers", diff_ids: $diffs}}' >"$folder/config.json"
  config=$(sha256sum <"$folder/config.json" | cut -d' ' -f1).json
  mv "$folder/config.json" "$folder/$config"
  cp "$@" "$folder/"
  jq -n --arg config "$config" --arg name "$name" '[{Config: $config, RepoTags: [$name], Layers: $ARGS.positional}]' \
    --args "$@" | jq '.[].Layers |= map(split("/") | last)' >"$folder/manifest.json"
  tar -C "$folder" -cf /tmp/image.tar .
  ctr --namespace "$namespace" images import --snapshotter devmapper /tmp/image.tar
  rm -rf "$folder" /tmp/image.tar
}

# The chain of the image other:1: the digest of the chain below and the layer above.
top_of_other() {
  local diffs
  diffs=$(for file in /tmp/base.tar /tmp/other.tar; do echo "sha256:$(sha256sum <$file | cut -d' ' -f1)"; done | xargs)
  echo "sha256:$(printf %s "$diffs" | sha256sum | cut -d' ' -f1)"
}

names_everything() {
  local file=/out/usage.json
  ask usage usage --timeout 5s
  expect_exit 0
  expect_json $file '[.images[] | [.namespace, .names[]]] | sort == [
    ["k8s.io", "docker.io/library/other:1"], ["work", "docker.io/library/middle:1"],
    ["work", "docker.io/library/other:1"], ["work", "docker.io/library/top:1"]]'
  expect_json $file '[.containers[] | [.namespace, .id, .state]] | sort == [["work", "alive", "running"], ["work", "done", "stopped"]]'
  expect_json $file '.consistent and .strangers.certain and .strangers.without_record == [900]'
  expect_json $file 'all(.devices[] | select(.device_id != 900); .owners | length == 1)'
  expect "the used blocks" "$(jq .totals.used_blocks $file)" "$(pool_field used)"
  expect_json $file '.totals | .exclusive_blocks + .shared_blocks + .unaccounted_blocks == .used_blocks'
  expect_json $file '.images[] | select(.names == ["docker.io/library/middle:1"]) | .reclaimable_blocks == 0 and .containers == ["alive", "done"]'
  # A snapshot that a person made stands on it.
  expect_json $file '.images[] | select(.namespace == "work" and .names == ["docker.io/library/other:1"]) | .reclaimable_blocks == 0'
  thinspect usage --timeout 5s --by container >/out/usage.txt
  expect_text "the table" "$(cat /out/usage.txt)" "work/done (stopped)"
}

# Both give back what they share only together.
counts_a_set() {
  ask set usage --timeout 5s --without "done" --without docker.io/library/top:1
  expect_exit 0
  local top container
  top=$(jq '.images[] | select(.names == ["docker.io/library/top:1"]).reclaimable_blocks' /out/set.json)
  container=$(jq '.containers[] | select(.id == "done").reclaimable_blocks' /out/set.json)
  expect "what the set gives back" "$(jq .without.reclaimable_blocks /out/set.json)" $((top + container))
}

gives_back_what_it_promises() {
  local plan=/out/need.json
  # More than the container or the image alone.
  ask need plan free --need 18M --timeout 5s
  expect_exit 0
  expect_json $plan '.possible and .numbers.wanted_blocks == 288 and .numbers.gained_blocks >= 288'
  expect_json $plan '[.steps[] | select(.risk == "destroys") | .commands[]] | length == 3 and
    all(test("alive|middle:1|work.*other:1") | not)'
  carry_out_steps $plan
  ask after usage --timeout 5s
  expect_json /out/after.json '[.containers[].id] == ["alive"] and all(.images[]; .names != ["docker.io/library/top:1"])'
}

# As promised for it: nothing.
an_image_under_a_snapshot_gives_nothing_back() {
  local before
  before=$(settled used)
  ctr --namespace work images rm --sync docker.io/library/other:1
  expect "the used blocks" "$(settled used)" "$before"
}

agrees_with_thin_ls() {
  settled used >/dev/null
  dmsetup message ctr-pool 0 reserve_metadata_snap
  thin_ls_counts usage-held -m "$(losetup -j /ctr/metadata -O NAME -n | tr -d ' ')"
  dmsetup message ctr-pool 0 release_metadata_snap
  ask usage-held usage --timeout 5s
  expect_same_counts usage-held
}

start_containerd
layer /tmp/base.tar 0
layer /tmp/middle.tar 128
layer /tmp/top.tar 192
layer /tmp/other.tar 160
import work docker.io/library/top:1 /tmp/base.tar /tmp/middle.tar /tmp/top.tar
import work docker.io/library/middle:1 /tmp/base.tar /tmp/middle.tar
import work docker.io/library/other:1 /tmp/base.tar /tmp/other.tar
import k8s.io docker.io/library/other:1 /tmp/base.tar /tmp/other.tar
ctr --namespace work run -d --snapshotter devmapper docker.io/library/middle:1 alive \
  /bin/sh -c 'dd if=/dev/urandom of=/file bs=64k count=80; sync; sleep 100000'
ctr --namespace work run --snapshotter devmapper docker.io/library/middle:1 "done" \
  /bin/dd if=/dev/urandom of=/file bs=64k count=160
ctr --namespace work snapshots --snapshotter devmapper prepare mine "$(top_of_other)"
dmsetup message ctr-pool 0 "create_thin 900"
show_pools
with_tool agrees_with_thin_ls
with_tool names_everything
with_tool counts_a_set
with_tool gives_back_what_it_promises
with_tool an_image_under_a_snapshot_gives_nothing_back
expect "the running task" "$(ctr --namespace work tasks ls | awk '$1 == "alive" { print $3 }')" RUNNING
