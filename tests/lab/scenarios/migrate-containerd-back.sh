# containerd's move to LVM taken back after its steps, with containerd up in the beginning and down.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh
# shellcheck source=tests/lab/guest/containerd.sh
. /job/guest/containerd.sh
# shellcheck source=tests/lab/guest/interrupted.sh
. /job/guest/interrupted.sh

# Steps that leave something else to take back than the one before.
goes_back_after_its_steps() {
  local step
  for step in 4 10; do
    goes_back_after $step
    is_as_it_was
  done
  stop_containerd
  for step in 3 8 9; do
    goes_back_after $step
    expect "the pool after step $step" "$(pool_name)" ctr-pool
  done
  restart_containerd
  is_as_it_was
}

start_containerd
make_container
cp /etc/containerd/config.toml /out/config.toml
everything >/out/before
with_tool make_plan
with_tool goes_back_after_its_steps
