# containerd's devmapper snapshotter: images and containers are named and counted, and what the plan promises comes back.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# shellcheck source=tests/lab/guest/containerd.sh
. /job/guest/containerd.sh

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
