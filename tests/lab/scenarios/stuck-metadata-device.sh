# The metadata device never finishes a commit, so the kernel never answers for that pool: the program answers anyway.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# Processes that not even SIGKILL ends.
sleeps_uninterruptibly() {
  ps -o stat= -p "$1" | grep -q '^D'
}

# The commit does not begin with the write: asked again until the kernel itself stops answering, even without a flush.
kernel_is_silent() {
  local asker
  dmsetup status --noflush stuck &
  asker=$!
  sleep 2
  sleeps_uninterruptibly "$asker"
}

answers_in_time() {
  # One second is the limit of a question; the rest is the emulated processor's share.
  ask_within 3000 stuck status --exit-code
  # Critical or unknown; never 0, though half of the answers are fine.
  expect_exit 2 3
}

says_which_pool_is_silent() {
  expect_json /out/stuck.json '.verdict == "critical" or .verdict == "unknown"'
  expect_json /out/stuck.json 'any(.pools[]; .name == "stuck" and .mode == "unanswered" and .data.used_blocks == null)'
  expect_json /out/stuck.json 'any(.findings[]; .rule == "pool-unanswered" and .subject.name == "stuck")'
  expect_json /out/stuck.json 'any(.pools[]; .name == "healthy" and .mode == "rw" and .data.used_blocks == 4)'
}

# A worker left behind must not hold the pipe that a shell reads from.
frees_the_shell() {
  local started text
  started=$SECONDS
  text=$(thinspect status 2>&1) || true
  [ $((SECONDS - started)) -le 4 ] || fail "the shell waited $((SECONDS - started)) s"
  expect_text "the text" "$text" stuck
}

# Of all the runs before, one process waits; a run after them does not send another.
leaves_one_process() {
  local number
  thinspect check >/dev/null 2>&1 || true
  thinspect check >/dev/null 2>&1 || true
  number=$(ps -eo stat=,comm= | grep -c '^D.* thins-')
  expect "processes that wait for the pool" "$number" 1
}

raw_pool healthy 64M 4M
raw_pool stuck 64M 4M
write_blocks healthy-thin 0 4
write_blocks stuck-thin 0 4
# The pool has committed what it has, so that the next commit starts with the next write.
sync
dmsetup suspend --noflush --nolockfs stuck-metadata
dd if=/dev/zero of=/dev/mapper/stuck-thin bs=64k seek=50 count=4 oflag=direct conv=fsync status=none &
wait_until 20 sleeps_uninterruptibly $!
wait_until 60 kernel_is_silent
say "the kernel does not answer for the pool"
with_tool answers_in_time
with_tool says_which_pool_is_silent
with_tool frees_the_shell
with_tool leaves_one_process
with_tool keep_recording
dmsetup resume stuck-metadata
wait
expect "the pool's mode after all" "$(pool_field mode stuck)" rw
