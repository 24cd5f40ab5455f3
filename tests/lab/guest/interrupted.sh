# shellcheck shell=bash
# How the scripts of plans are interrupted: killed in the middle of a command, or after a step. The script is /out/way.sh.

readonly COPIES=/root/thinspect-direct-lvm

make_plan() {
  timeout 60 thinspect plan direct-lvm --timeout 5s --device /dev/vdd --size 1G --script >/out/way.sh
}

# The script with a hole in it: the first time that it comes to a command that is not done at once, it kills that after a
# moment, and itself.
# What systemd or Docker does goes on in their own processes.
breakable() {
  cat >/tmp/die_in <<'END'
die_in() {
  case $1 in mkdir | mv | rm | truncate | cmp) return 1 ;; esac
  ! grep -qsxF -- "$*" /out/killed || return 1
  printf '%s\n' "$*" >>/out/killed
  case $1 in
    systemctl | docker | timeout) "$@" ;;
    *) timeout -s KILL "0.$(($(wc -l </out/killed) * 3 % 8 + 1))" "$@" ;;
  esac
  kill -9 $$
}
END
  sed -e '/^set -Eeuo pipefail/r /tmp/die_in' -e 's/^    "\$@" 8>&-$/    die_in "$@" || "$@" 8>\&-/' "$1"
}

# goes_on_wherever_it_was_killed LEAST: in so many commands at least.
goes_on_wherever_it_was_killed() {
  local status runs=0 more=()
  breakable /out/way.sh >/out/broken.sh
  while true; do
    status=0
    bash /out/broken.sh --yes "${more[@]}" >/out/run.txt 2>&1 || status=$?
    [ $status != 0 ] || break
    more=()
    # Half a label is wiped only by whoever agrees to that; the same run is killed in it.
    if grep -q "unfinished label" /out/run.txt; then
      more=(--yes-destroy)
      continue
    fi
    if [ $status != 137 ]; then
      cat /out/run.txt
      fail "after $(tail -n 1 /out/killed) it did not go on"
    fi
    runs=$((runs + 1))
    say "killed in: $(tail -n 1 /out/killed | cut -c1-110)"
    [ ! -e $COPIES/lock ] || wait_until 60 flock -n $COPIES/lock true
  done
  say "killed $runs times"
  [ $runs -ge "$1" ] || fail "only $runs commands were killed"
}

nothing_is_left() {
  expect "volume groups" "$(vgs --noheadings -o vg_name)" ""
  ! blkid -p /dev/vdd || fail "something is left on the disk"
}

# goes_back_after STEP: the script that kills itself after it; then the way back.
goes_back_after() {
  local step=$1 status=0
  # shellcheck disable=SC2016 # for that shell
  sed 's/^step_\([0-9]*\)$/step_\1; [ "$DIE" != \1 ] || kill -9 $$/' /out/way.sh >/out/broken.sh
  DIE=$step bash /out/broken.sh --yes >/out/run.txt 2>&1 || status=$?
  [ "$status" = 137 ] || cat /out/run.txt
  expect "the end after step $step" "$status" 137
  bash /out/way.sh --back --yes --yes-destroy >>/out/run.txt 2>&1 || { cat /out/run.txt; fail "no way back after step $step"; }
  nothing_is_left
  say "back after step $step: $(grep "^thinspect: step $step is done" /out/run.txt | cut -d: -f3)"
}
