# A pool fills while `watch` runs: the kernel's event is told within a second, the forecast converges, the terminal stays.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly LINES=/out/watch.jsonl
readonly HISTORY=/out/history.jsonl
# Blocks of 64 KiB; the kernel raises its event when so many are left.
readonly TOTAL=2048
readonly MARK=500

# On the empty disk, so that nothing but the filling takes time.
marked_pool() {
  local sectors=$((TOTAL * 128))
  dmsetup create marked-data --table "0 $sectors linear /dev/vdd 65536"
  dmsetup create marked-metadata --table "0 8192 linear /dev/vdd 0"
  dmsetup create marked --table "0 $sectors thin-pool /dev/mapper/marked-metadata /dev/mapper/marked-data 128 $MARK 1 \
skip_block_zeroing"
  dmsetup message marked 0 "create_thin 0"
  dmsetup create marked-thin --table "0 $sectors thin /dev/mapper/marked 0"
}

# Puts before each line when it came, in seconds since boot.
stamped() {
  local line now
  while IFS= read -r line; do
    read -r now _ </proc/uptime
    printf '%s\t%s\n' "$now" "$line"
  done
}

# lines FILTER: what of the lines so far passes.
lines() {
  cut -f 2- $LINES | jq -c "select($1)"
}

has_lines() {
  [ "$(lines "$1" | wc -l)" -ge "$2" ]
}

start_watch() {
  # So long between looks that only an event can be told within a second.
  exec 5> >(stamped >$LINES)
  thinspect watch -o json --interval 4s --log $HISTORY >&5 5>&- &
  watcher=$!
  exec 5>&-
  wait_until 60 has_lines '.kind == "sample"' 1
}

# fill_steadily FROM TO STEP: so many blocks about every second.
fill_steadily() {
  local at
  for ((at = $1; at < $2; at += $3)); do
    write_blocks marked-thin "$at" "$3"
    sleep 1
  done
}

tells_the_low_water_event_within_a_second() {
  local told kernel
  wait_until 30 has_lines '.event == "data-low-water"' 1
  told=$(sed -n '/"event":"data-low-water"/{s/\t.*//p;q}' $LINES)
  kernel=$(dmesg | sed -n 's/^\[ *\([0-9.]*\)\].*reached low water mark for data device.*/\1/p' | tail -n 1)
  say "the kernel's event at $kernel s, read at $told s"
  awk -v told="$told" -v kernel="$kernel" 'BEGIN { exit !(told - kernel < 1 && told - kernel > -1) }' ||
    fail "the kernel's event at $kernel s was read at $told s"
}

# forecast_converges MOMENT: of the ends that were forecast, the later ones are nearer to what then happened.
forecast_converges() {
  lines '.kind == "sample" and .pool == "marked" and .forecast.data.full_in_seconds != null' |
    jq -r '[(.at | sub("\\.[0-9]+"; "") | fromdate), .forecast.data.full_in_seconds] | @tsv' >/out/forecasts.tsv
  awk -v full="$1" '
    { error = $1 + $2 - full; errors[NR] = error < 0 ? -error : error }
    END {
      third = int(NR / 3)
      for (n = 1; n <= third; n++) { early += errors[n] / third; late += errors[NR + 1 - n] / third }
      printf "  %d forecasts, off by %.1f s in the first third, by %.1f s in the last\n", NR, early, late
      exit !(NR >= 9 && late < early && late < 10)
    }' /out/forecasts.tsv || fail "the forecasts do not converge"
}

watches_a_pool_fill() {
  start_watch
  # At first faster than it goes on.
  fill_steadily 0 512 128
  fill_steadily 512 $TOTAL 48
  tells_the_low_water_event_within_a_second
  forecast_converges "$(date +%s)"
}

# What was seen is an answer in the recording.
remembers() {
  thinspect record --log $HISTORY --file /out/recording.json
  ask remembered status --from /out/recording.json
  expect_json /out/remembered.json '.pools[0].forecast.data | .samples > 10 and .bytes_per_hour > 0'
  thinspect status --from /out/recording.json --html /out/page.html
  expect_text "the page" "$(cat /out/page.html)" "<polyline class=\"data\""
}

watcher_tells_of_the_other_pool() {
  wait_until 60 has_lines '.pool == "other" and .event == "appeared"' 1
}

# A pool that never answers again hides nothing of the other.
is_not_held_up_by_a_stuck_pool() {
  local seen
  raw_pool other 64M 4M
  watcher_tells_of_the_other_pool
  # Its coming has everything asked anew, of devices that are about to get stuck as well.
  wait_until 60 has_lines '.kind == "sample" and .pool == "other" and .mode == "rw"' 2
  write_blocks other-thin 0 4
  sync
  dmsetup suspend --noflush --nolockfs other-metadata
  dd if=/dev/zero of=/dev/mapper/other-thin bs=64k seek=50 count=4 oflag=direct conv=fsync status=none &
  wait_until 60 has_lines '.pool == "other" and .event == "mode" and (.text | test("unanswered"))' 1
  seen=$(lines '.kind == "sample" and .pool == "marked"' | wc -l)
  wait_until 60 has_lines '.kind == "sample" and .pool == "marked"' $((seen + 4))
  # One process waits for the stuck pool, not one more for every look.
  ps -o pid,stat,wchan:32,etimes,args --ppid "$watcher" | tee /out/waiting.txt
  expect "the processes that wait for the stuck pool" "$(awk '$2 ~ /^D/' /out/waiting.txt | wc -l)" 1
  dmsetup resume other-metadata
  wait_until 30 has_lines '.pool == "other" and .event == "mode" and (.text | test("is rw now"))' 1
}

# How often a process and its children went to sleep so far.
switches() {
  local process
  for process in "$1" $(pgrep -P "$1"); do
    awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$process/status"
  done | awk '{ sum += $1 } END { print sum }'
}

# Between looks nothing wakes it; a look is due in a minute.
sleeps_on_an_idle_host() {
  local before after
  thinspect watch -o json --interval 60s >/tmp/idle.jsonl &
  idle=$!
  wait_until 60 [ -s /tmp/idle.jsonl ]
  # What the first look set off settles.
  sleep 3
  before=$(switches $idle)
  sleep 10
  after=$(switches $idle)
  kill $idle
  wait $idle || fail "watch ended with $? on SIGTERM"
  say "wake-ups in 10 s: $((after - before))"
  [ "$after" = "$before" ] || fail "it woke $((after - before)) times in 10 s"
}

# on_a_terminal NAME LINE...: runs the lines on a terminal of 24 rows; what they draw is in /out/NAME.txt.
on_a_terminal() {
  typescript=/out/$1.txt
  shift
  printf '%s\n' 'stty rows 24 cols 80' "$@" >/tmp/lines.sh
  # Standard input stays open: its end would be a key.
  TERM=xterm LANG=C.UTF-8 script -qfec 'bash /tmp/lines.sh' "$typescript" </tmp/keys >/dev/null &
  terminal=$!
  wait_until 60 grep -q marked "$typescript"
}

has_ended() {
  ! kill -0 "$1"
}

# gives_it_back SIGNAL ARGUMENT...: what watch does to a terminal until a signal ends it.
gives_it_back() {
  local signal=$1
  shift
  on_a_terminal "terminal-$signal" 'stty -a >/tmp/before' "thinspect watch --interval 1s $* </dev/tty &" \
    'echo $! >/tmp/pid; wait $!' 'echo "ended with $?"; stty -a >/tmp/after'
  kill "-$signal" "$(cat /tmp/pid)"
  wait_until 30 has_ended $terminal
  expect_text "what watch $* drew until SIG$signal" "$(tr -d '\0' <"$typescript")" "ended with 0"
  expect "the terminal's modes after watch $* and SIG$signal" "$(cat /tmp/after)" "$(cat /tmp/before)"
}

gives_the_terminal_back() {
  mkfifo /tmp/keys
  sleep 600 >/tmp/keys &
  gives_it_back TERM
  gives_it_back INT --full-screen
  gives_it_back HUP --full-screen
  # The last thing said about the other screen is that it is left.
  expect "the screen" "$(grep -ao $'\e\\[?1049[hl]' /out/terminal-HUP.txt | tail -n 1)" $'\e[?1049l'
}

# A terminal that is gone is read as empty for ever; nobody tells so to what runs in another session.
ends_with_its_terminal() {
  # shellcheck disable=SC2016 # for that shell
  on_a_terminal terminal-gone 'tty=$(tty)' 'setsid thinspect watch --full-screen --interval 60s <$tty >$tty &' \
    'echo $! >/tmp/pid; wait $!'
  kill -KILL $terminal
  wait_until 10 has_ended "$(cat /tmp/pid)"
}

marked_pool
with_tool watches_a_pool_fill
with_tool remembers
with_tool is_not_held_up_by_a_stuck_pool
[ -z "${watcher:-}" ] || kill "$watcher"
with_tool sleeps_on_an_idle_host
with_tool gives_the_terminal_back
with_tool ends_with_its_terminal
