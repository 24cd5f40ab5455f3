# containerd's move to LVM taken back after its steps, then killed in the middle of each of its commands and run again; and
# from the end it goes back.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh
# shellcheck source=tests/lab/guest/containerd.sh
. /job/guest/containerd.sh
# shellcheck source=tests/lab/guest/interrupted.sh
. /job/guest/interrupted.sh

things() {
  layer /tmp/base.tar 0
  layer /tmp/middle.tar 128
  import work docker.io/library/middle:1 /tmp/base.tar /tmp/middle.tar
  ctr --namespace work run --snapshotter devmapper docker.io/library/middle:1 "done" \
    /bin/dd if=/dev/urandom of=/file bs=64k count=99
}

everything() {
  ctr --namespace work images ls
  ctr --namespace work snapshots --snapshotter devmapper ls | sort
  ctr --namespace work containers ls
  sums_in "done" file middle
}

is_as_it_was() {
  expect "the pool" "$(pool_name)" ctr-pool
  expect "the settings" "$(cat /etc/containerd/config.toml)" "$(cat /out/config.toml)"
  expect "lists of devices" "$(cd "$SNAPSHOTTER" && echo *.db)" "ctr-pool.db metadata.db"
  everything >/out/back
  diff /out/before /out/back || fail "not everything is back"
}

# Nobody but the kernel is asked: the files as they were when containerd was stopped.
old_pool() {
  stat -c '%n %i %s %y' /ctr/data /ctr/metadata
}

goes_back_after_each_step() {
  local step before
  for step in 4 10 11; do
    goes_back_after $step
    is_as_it_was
  done
  stop_containerd
  settled used >/dev/null
  for step in 2 3 6 8; do
    before=$(dmsetup table)
    goes_back_after $step
    expect "the tables after step $step" "$(dmsetup table | grep -v snap-)" "$(grep -v snap- <<<"$before")"
  done
  goes_back_after 9
  restart_containerd
  is_as_it_was
}

is_moved() {
  expect "the pool" "$(pool_name)" ct-pool0
  everything >/out/after
  diff /out/before /out/after || fail "not everything is as it was"
  expect "volumes" "$(lvs --noheadings -a -o lv_name ct | tr -d ' []' | grep -v _pmspare | sort | tr '\n' ' ')" \
    "pool0 pool0_tdata pool0_tmeta "
  expect "what shows the old pool" "$(losetup -j /ctr/data)" ""
}

# What has come since is not on the old pool; the rest of containerd goes on.
goes_back_from_the_end() {
  ctr --namespace work run --snapshotter devmapper docker.io/library/middle:1 later /bin/true
  bash /out/way.sh --back --yes --yes-destroy >/out/back.txt 2>&1 || { cat /out/back.txt; fail "the way back failed"; }
  expect_text "what it says" "$(cat /out/back.txt)" "containerd is as it was before"
  expect_text "what it says" "$(cat /out/back.txt)" "What was made since then is only on the new pool"
  nothing_is_left
  ctr --namespace work containers rm later
  is_as_it_was
  ctr --namespace work run --rm --snapshotter devmapper docker.io/library/middle:1 new /bin/true
}

make_plan() {
  timeout 60 thinspect plan direct-lvm --timeout 5s --device /dev/vdd --size 1G --script >/out/way.sh
}

start_containerd
things
cp /etc/containerd/config.toml /out/config.toml
everything >/out/before
with_tool make_plan
with_tool goes_back_after_each_step
with_tool goes_on_wherever_it_was_killed 20
with_tool is_moved
with_tool goes_back_from_the_end
