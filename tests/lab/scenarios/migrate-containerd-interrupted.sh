# containerd's move to LVM killed in the middle of each of its commands: run again, it goes on; and from the end it goes back.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh
# shellcheck source=tests/lab/guest/containerd.sh
. /job/guest/containerd.sh
# shellcheck source=tests/lab/guest/interrupted.sh
. /job/guest/interrupted.sh

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
  nothing_is_left
  ctr --namespace work containers rm later || true
  ctr --namespace work snapshots --snapshotter devmapper rm later || true
  is_as_it_was
  ctr --namespace work run --rm --snapshotter devmapper docker.io/library/middle:1 new /bin/true
}

start_containerd
make_container
cp /etc/containerd/config.toml /out/config.toml
everything >/out/before
with_tool make_plan
with_tool goes_on_wherever_it_was_killed 20
with_tool is_moved
with_tool goes_back_from_the_end
