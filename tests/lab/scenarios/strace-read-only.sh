# Every command under strace: no device is opened for writing, no ioctl changes anything, no status is asked with a flush; and
# the program alone in a bare root reads a pool.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# What of the device-mapper is only a question (Linux Documentation/admin-guide/device-mapper/dm-ioctl.h).
readonly QUESTIONS='DM_VERSION|DM_LIST_DEVICES|DM_LIST_VERSIONS|DM_DEV_STATUS|DM_TABLE_STATUS|DM_TABLE_DEPS|DM_GET_TARGET_VERSION|DM_DEV_ARM_POLL'
# And of other devices: sizes, what a loop device shows, what terminals say; blkid asks the rest.
readonly LOOKS='BLKGETSIZE64|BLKGETSIZE|BLKSSZGET|BLKPBSZGET|BLKIOMIN|BLKIOOPT|BLKALIGNOFF|BLKROGET|BLKGETZONESZ|BLKGETNRZONES|LOOP_GET_STATUS64|LOOP_GET_STATUS|TCGETS|TCGETS2|TIOCGWINSZ|TIOCGPGRP|FIONREAD|FIOCLEX|FS_IOC_GETFLAGS|CDROM_GET_CAPABILITY|CDROM_LAST_WRITTEN|FDGETFDCSTAT'

# The system calls of a command and its children in /out/traces/NAME.
trace() {
  local name=$1 status=0
  shift
  mkdir -p /out/traces
  timeout --foreground 60 strace -f -qq -s 256 -o "/out/traces/$name" \
    -e trace=ioctl,open,openat,openat2,creat,mount,umount2,unlink,unlinkat,rename,renameat,renameat2,truncate,ftruncate,mknod,mknodat \
    "$@" >/out/traces/said 2>&1 || status=$?
  [ -s "/out/traces/$name" ] || fail "$* was not traced: $(head -n 3 /out/traces/said)"
  echo "$status"
}

# The lines of a trace that do more than look.
changes() {
  local trace=/out/traces/$1
  {
    # Devices opened for writing; a terminal, what swallows everything and the control node are no storage.
    grep -E 'open(at|at2)?\(' "$trace" | grep -E 'O_WRONLY|O_RDWR|O_CREAT|O_TRUNC' | grep -E '"/(dev|sys|proc)/' |
      grep -vE '"/dev/(null|tty|pts/[0-9]+|mapper/control)"|"/proc/self/(oom_score_adj|coredump_filter)"' || true
    grep -E 'ioctl\(' "$trace" | grep -vE "ioctl\([^,]+, ($QUESTIONS|$LOOKS)\b" || true
    # A status without this flag makes the pool write what it has not yet written (dm-thin.c, pool_status).
    grep -E 'DM_TABLE_STATUS' "$trace" | grep -vE 'DM_STATUS_TABLE_FLAG|DM_NOFLUSH_FLAG|DM_TABLE_STATUS, 0x' || true
    grep -E '(mount|umount2|mknod|mknodat|truncate)\(' "$trace" || true
  } | grep -v 'resumed>' || true
}

# looks NAME ARGUMENT...: this command of the program changes nothing, and says something.
looks() {
  local name=$1 status found
  shift
  status=$(trace "$name" thinspect "$@")
  [ "$status" -le 3 ] || fail "thinspect $* ended with $status: $(tail -n 2 /out/traces/said)"
  found=$(changes "$name")
  [ -z "$found" ] || fail "thinspect $*: $(head -n 3 <<<"$found")"
}

# notices NAME WHAT COMMAND...: the proof can fail: this is found.
notices() {
  local name=$1 what=$2
  shift 2
  trace "$name" "$@" >/dev/null
  grep -q -- "$what" <<<"$(changes "$name")" || fail "$* was not noticed: this proves nothing"
}

controls() {
  notices flushing DM_TABLE_STATUS dmsetup status traced
  notices writing O_WRONLY dd if=/dev/zero of=/dev/mapper/traced-thin bs=64k count=1
  notices messaging DM_TARGET_MSG dmsetup message traced 0 'set_transaction_id 0 0'
  notices suspending DM_DEV_SUSPEND dmsetup suspend traced-thin
  dmsetup resume traced-thin
}

every_command_only_looks() {
  local goal
  looks status status
  looks json status -o json
  looks page status --html /tmp/page.html
  looks record record --file /tmp/recorded.json
  looks bundle record --file -
  looks check check
  looks metrics metrics
  looks textfile metrics --textfile /tmp/thinspect.prom
  looks usage usage
  looks usage-json usage -o json
  for goal in free grow min-free-space repair overlay2 direct-lvm; do
    looks "plan-$goal" plan "$goal"
    looks "script-$goal" plan "$goal" --script
  done
  looks need plan free --need 1M
  for goal in rules schema man 'completions bash' 'explain data-full'; do
    # shellcheck disable=SC2086 # a command and its argument
    looks "${goal// /-}" $goal
  done
}

# A minute's worth of looks while the pool moves.
watching_only_looks() {
  (sleep 4; write_blocks traced-thin 50 20; sleep 4; pkill -TERM -x thinspect) &
  looks watch watch --interval 1s --log /tmp/history
  wait
  [ -s /tmp/history ] || fail "nothing was watched"
}

# The one command that writes is seen to: a metadata snapshot is a message to the pool, and it is given back.
the_snapshot_is_seen() {
  notices snapshot DM_TARGET_MSG thinspect usage --snapshot
  expect "messages" "$(grep -c 'DM_TARGET_MSG' /out/traces/snapshot)" 2
  expect "the held root" "$(pool_field held traced)" -
}

# Once everything was asked, what others wrote is read without root's powers: nothing is opened after that.
powers_are_given_up() {
  local trace=/out/traces/powers
  strace -o $trace -qq -e trace=capset,openat,ioctl thinspect status >/dev/null || true
  grep -q 'capset(.*effective=0, permitted=0, inheritable=0' $trace || fail "no capability was given up"
  ! sed '1,/permitted=0/d' $trace | grep -E 'openat|DM_' || fail "something was asked afterwards"
}

# As in an initramfs: nothing but the program, and then what the kernel itself shows.
alone() {
  local said
  mkdir -p /bare
  mount -t tmpfs bare /bare
  cp "$TOOL" /bare/thinspect
  said=$(chroot /bare /thinspect status 2>&1) && fail "without /dev and /proc there was a verdict: $said"
  expect_text "the program alone" "$said" "UNKNOWN: "
  mkdir /bare/dev /bare/proc /bare/sys
  mount -t devtmpfs dev /bare/dev
  mount -t proc proc /bare/proc
  mount -t sysfs sys /bare/sys
  chroot /bare /thinspect status -o json >/out/alone.json || [ $? = 3 ]
  ask beside status
  expect "the pool as seen alone" "$(jq -c '.pools[] | [.name, .mode, .data, .metadata]' /out/alone.json)" \
    "$(jq -c '.pools[] | [.name, .mode, .data, .metadata]' /out/beside.json)"
  umount /bare/sys /bare/proc /bare/dev /bare
  say "alone in a bare root it reads the pool"
}

raw_pool traced 256M 4M
write_blocks traced-thin 0 40
controls
with_tool every_command_only_looks
with_tool watching_only_looks
with_tool the_snapshot_is_seen
with_tool powers_are_given_up
with_tool alone
controls
