# The metadata device never finishes a commit, so the kernel never answers for that pool: the program answers anyway.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

# Processes that not even SIGKILL ends.
sleeps_uninterruptibly() {
  ps -o stat= -p "$1" | grep -q '^D'
}

answers_in_time() {
  local started took
  started=$(date +%s%N)
  ask stuck status
  took=$((($(date +%s%N) - started) / 1000000))
  # jq and the emulated processor have their share in it.
  say "answered after $took ms, exit status $answered"
  [ "$took" -lt 3500 ] || fail "the answer took $took ms"
}

says_which_pool_is_silent() {
  # 3: something could not be answered. `ask` kept it from answers_in_time.
  expect_exit 3
  expect_json /out/stuck.json '.verdict != "ok"'
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

raw_pool healthy 64M 4M
raw_pool stuck 64M 4M
write_blocks healthy-thin 0 4
write_blocks stuck-thin 0 4
# The pool has committed what it has, so that the next commit starts with the next write.
sync
dmsetup suspend --noflush --nolockfs stuck-metadata
dd if=/dev/zero of=/dev/mapper/stuck-thin bs=64k seek=50 count=4 oflag=direct conv=fsync status=none &
wait_until 20 sleeps_uninterruptibly $!
# Commits do not begin with the write; ask until the kernel itself stops answering.
kernel_is_silent() {
  dmsetup status --noflush stuck &
  local asker=$!
  sleep 2
  sleeps_uninterruptibly "$asker"
}
wait_until 60 kernel_is_silent
say "the kernel does not answer for the pool"
with_tool answers_in_time
with_tool says_which_pool_is_silent
with_tool frees_the_shell
with_tool keep_recording
dmsetup resume stuck-metadata
wait
expect "the pool's mode after all" "$(pool_field mode stuck)" rw
