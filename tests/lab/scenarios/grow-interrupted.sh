# Growth under write load whose terminal closes, whose reader ends or whose log has no room: the pool is never left suspended,
# and grows all the same.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly POOL=load

script_ended() {
  ! kill -0 "$(cat /out/pid)" 2>/dev/null
}
not_suspended() {
  dmsetup info $POOL | grep 'State: *ACTIVE'
}

# Writes new blocks and overwrites old ones, without an end.
writes() {
  local at=0
  while true; do
    dd if=/dev/urandom of=/dev/mapper/$POOL-thin bs=64k count=16 seek=$((at % 512)) oflag=direct conv=notrunc status=none
    at=$((at + 16))
  done
}

# broken HOW SECONDS: a growth whose output breaks after that long.
broken() {
  local before
  before=$(pool_field total)
  thinspect plan grow --pool $POOL --data --by 16M --script >/out/grow.sh
  # shellcheck disable=SC2016 # for that shell
  case $1 in
    terminal)
      script -qec 'echo $$ >/out/pid; exec bash /out/grow.sh --yes' /dev/null </dev/null >/dev/null 2>&1 &
      sleep "$2"
      kill -KILL $!
      ;;
    reader) { bash -c 'echo $$ >/out/pid; exec bash /out/grow.sh --yes' 2>&1 | timeout -s KILL "$2" cat >/dev/null; } || true ;;
    full) bash -c 'echo $$ >/out/pid; exec bash /out/grow.sh --yes' >/dev/full 2>&1 || true ;;
  esac
  wait_until 60 script_ended
  not_suspended >/dev/null || fail "the pool is suspended ($1, $2 s)"
  # A signal may have come before the table was exchanged: the next run does it.
  bash /out/grow.sh --yes >/out/again.txt 2>&1 || { cat /out/again.txt; fail "the next run does not go on"; }
  [ "$(pool_field total)" -gt "$before" ] || fail "the pool did not grow"
}

breaks() {
  local seconds
  for seconds in 0.2 0.5 0.8 1.1 1.4 1.7 2.0; do
    broken terminal $seconds
    broken reader $seconds
  done
  broken full 0
  say "grown to $(pool_field total) blocks"
}

loop_pool $POOL 64M 8M
writes >/dev/null 2>&1 &
writer=$!
with_tool breaks
kill $writer
wait $writer 2>/dev/null || true
not_suspended
# What was written can be read.
dd if=/dev/mapper/$POOL-thin of=/dev/null bs=64k count=512 iflag=direct status=none
