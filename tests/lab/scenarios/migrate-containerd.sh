# containerd's pool moves from loop files to LVM by the plan: every image, snapshot and container comes along.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh
# shellcheck source=tests/lab/guest/containerd.sh
. /job/guest/containerd.sh

readonly COPIES=/root/thinspect-direct-lvm

# What makes the pool when the machine starts.
boot_unit() {
  printf '#!/bin/sh\n# sets up ctr-pool\n' >/usr/local/sbin/pool-of-containers
  printf '[Service]\nExecStart=/usr/local/sbin/pool-of-containers\n' >/etc/systemd/system/make-pool.service
}

# Images that share layers in two namespaces, a container that has written something, one that runs, labels.
things() {
  make_container
  layer /tmp/other.tar 96
  import work docker.io/library/other:1 /tmp/base.tar /tmp/other.tar
  import k8s.io docker.io/library/other:1 /tmp/base.tar /tmp/other.tar
  ctr --namespace work images label docker.io/library/middle:1 kept=yes
  ctr --namespace work run -d --snapshotter devmapper docker.io/library/other:1 alive /bin/sleep 100000
}

old_pool() {
  stat -c '%n %i %s %y' /ctr/data /ctr/metadata
}

plan_it() {
  ask plan plan direct-lvm --timeout 5s --device /dev/vdd --size 1100M
  expect_exit 0
  expect_json /out/plan.json '.possible and ([.items[].fate] | unique == ["kept"]) and (.items | length) == 5'
  expect_json /out/plan.json 'any(.warnings[]; contains("work/alive"))'
  expect_json /out/plan.json '[.steps[].difference // [] | .[]] | contains(["-  pool_name = \"ctr-pool\" # on loop files", "+  pool_name = \"ct-pool0\" # on loop files"])'
  thinspect plan direct-lvm --timeout 5s --device /dev/vdd --size 1100M >/out/plan.txt
  thinspect plan direct-lvm --timeout 5s --device /dev/vdd --size 1100M --script >/out/way.sh
  bash -n /out/way.sh
  keep_recording containerd-on-loop-files
}

# A task holds its device; what is printed ends it.
is_refused_while_a_task_runs() {
  local command
  ! bash /out/way.sh --yes >/out/busy.txt 2>&1 || fail "it went on under a running task"
  expect_text "the script" "$(cat /out/busy.txt)" "tasks use the pool: end them first"
  expect "volume groups" "$(vgs --noheadings -o vg_name)" ""
  command=$(sed -n 's/.* what ends it: //p' /out/busy.txt)
  type_in busy 0 "$command"
}

# close_to WHAT EXPECTED ACTUAL: within 5 %; filesystems that were mounted meanwhile have written a little.
close_to() {
  say "$1: planned $2 blocks, in fact $3"
  [ $(($3 * 100)) -le $(($2 * 105)) ] && [ $(($3 * 100)) -ge $(($2 * 95)) ] || fail "$1 is not what was planned"
}

moves() {
  everything >/out/before
  cp /etc/containerd/config.toml /out/config.toml
  bash /out/way.sh --yes 2>&1 | tee /out/way.log || fail "the script failed"
  everything >/out/after
  diff /out/before /out/after || fail "not everything is as it was"
  expect "the old files" "$(old_pool)" "$(cat $COPIES/state)"
  expect "the settings" "$(diff /out/config.toml /etc/containerd/config.toml || true)" '7c7
<   pool_name = "ctr-pool" # on loop files
---
>   pool_name = "ct-pool0" # on loop files'
  expect "the pool" "$(pool_name)" ct-pool0
  close_to "data in use" "$(jq .numbers.used_blocks /out/plan.json)" "$(pool_field used)"
  expect_text "what it says of the boot" "$(cat /out/way.log)" "systemctl disable make-pool.service"
  lvs -a -o+seg_monitor,lv_profile,chunk_size,discards ct
}

# New snapshots, and a container as it was left.
is_of_use() {
  ctr --namespace work run --rm --snapshotter devmapper docker.io/library/other:1 new \
    /bin/dd if=/dev/urandom of=/file bs=64k count=10
  ctr --namespace work tasks start -d "done"
  wait_until 30 ended
  ctr --namespace work tasks rm "done"
  ask moved status --timeout 5s
  expect_json /out/moved.json '.pools[0].backing.data.kind == "lvm" and .pools[0].owner.kind == "containerd"'
  ask usage usage --timeout 5s
  expect_json /out/usage.json '.strangers.without_record == [] and all(.devices[]; .owners | length == 1)'
}
ended() {
  ctr --namespace work tasks ls | grep STOPPED
}

does_no_harm_twice() {
  local daemon tables
  daemon=$(cat /run/lab/containerd.pid)
  tables=$(dmsetup table)
  bash /out/way.sh --yes >/out/twice.txt 2>&1 || fail "run again, the script failed"
  expect "containerd" "$(cat /run/lab/containerd.pid)" "$daemon"
  expect "the tables" "$(dmsetup table)" "$tables"
}

ends() {
  bash /out/way.sh --yes --yes-destroy >/out/last.txt 2>&1 || { cat /out/last.txt; fail "the last step failed"; }
  [ ! -e /ctr/data ] || fail "the old pool is still there"
  ! bash /out/way.sh --yes --back >/out/back.txt 2>&1 || fail "it went back to a pool that is gone"
  expect_text "going back then" "$(cat /out/back.txt)" "the old pool is gone"
  ctr --namespace work run --rm --snapshotter devmapper docker.io/library/other:1 last /bin/true
}

boot_unit
start_containerd
things
show_pools
with_tool plan_it
with_tool is_refused_while_a_task_runs
with_tool moves
with_tool is_of_use
with_tool does_no_harm_twice
with_tool ends
