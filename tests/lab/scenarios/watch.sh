# A pool fills while `watch` runs: the kernel's low-water event is told within a second, and the forecast converges.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly LINES=/out/watch.jsonl
readonly HISTORY=/out/history.jsonl
# Of 4096 blocks of 64 KiB; the kernel raises its event when 1024 are left.
readonly TOTAL=4096
readonly MARK=1024

# A pool like the helper's, with a low-water mark, on a plain disk: loop files would be slower to fill.
marked_pool() {
  local sectors=$((TOTAL * 128))
  dmsetup create marked-data --table "0 $sectors linear /dev/vdd 65536"
  dmsetup create marked-metadata --table "0 8192 linear /dev/vdd 0"
  dmsetup create marked --table "0 $sectors thin-pool /dev/mapper/marked-metadata /dev/mapper/marked-data 128 $MARK 1 \
skip_block_zeroing"
  dmsetup message marked 0 "create_thin 0"
  dmsetup create marked-thin --table "0 $sectors thin /dev/mapper/marked 0"
}

# watch_lines FILTER: what of the lines so far passes, one a line.
watch_lines() {
  jq -c "select($1)" $LINES
}

has_lines() {
  [ "$(watch_lines "$1" | wc -l)" -ge "$2" ]
}

start_watch() {
  thinspect watch -o json --interval 1s --log $HISTORY >$LINES &
  watcher=$!
  wait_until 60 has_lines '.kind == "sample"' 1
}

# So many blocks a second, about.
fill_slowly() {
  local from=$1 to=$2 step=$3
  while [ "$from" -lt "$to" ]; do
    write_blocks marked-thin "$from" "$step"
    from=$((from + step))
    sleep 1
  done
}

# Seconds since boot at which the kernel says that it sent the event.
kernel_said_at() {
  dmesg | sed -n 's/^\[ *\([0-9.]*\)\].*marked.*\|^\[ *\([0-9.]*\)\].*reached low water mark for data device.*/\1\2/p' | tail -n 1
}

# The time of a line of watch, in seconds since boot.
since_boot() {
  local at boot
  at=$(date -d "$1" +%s.%N)
  boot=$(awk -v now="$(date +%s.%N)" '{ printf "%.3f", now - $1 }' /proc/uptime)
  awk -v at="$at" -v boot="$boot" 'BEGIN { printf "%.3f", at - boot }'
}

tells_the_low_water_event_within_a_second() {
  local told kernel late
  wait_until 30 has_lines '.event == "data-low-water"' 1
  told=$(watch_lines '.event == "data-low-water"' | head -n 1 | jq -r .at)
  kernel=$(dmesg | sed -n 's/^\[ *\([0-9.]*\)\].*reached low water mark for data device.*/\1/p' | tail -n 1)
  late=$(awk -v told="$(since_boot "$told")" -v kernel="$kernel" 'BEGIN { printf "%.3f", told - kernel }')
  say "the kernel's event at $kernel s, told $late s later"
  awk -v late="$late" 'BEGIN { exit !(late < 1) }' || fail "the event was told $late s after the kernel's"
}

# The ends that were forecast, as moments in seconds since boot: the later ones agree with what then happened.
forecast_converges() {
  local full forecasts
  full=$1
  watch_lines '.kind == "sample" and .pool == "marked" and .forecast.data.full_in_seconds != null' |
    jq -r '[.at, .forecast.data.full_in_seconds] | @tsv' >/out/forecasts.tsv
  forecasts=$(wc -l </out/forecasts.tsv)
  [ "$forecasts" -ge 10 ] || fail "only $forecasts forecasts"
  awk -F'\t' -v full="$full" '
    function abs(x) { return x < 0 ? -x : x }
    { cmd = "date -d " $1 " +%s"; cmd | getline at; close(cmd); error[NR] = abs(at + $2 - full); left[NR] = full - at }
    END {
      half = int(NR / 2)
      for (n = 1; n <= NR; n++) { if (n <= half) early += error[n] / half; else late += error[n] / (NR - half) }
      printf "forecasts: %d; off by %.1f s on average in the first half, %.1f s in the second\n", NR, early, late
      exit !(late <= early && late < 15)
    }' /out/forecasts.tsv || fail "the forecast does not converge"
}

watches_a_pool_fill() {
  start_watch
  fill_slowly 0 1000 50
  fill_slowly 1000 $((TOTAL - 50)) 50
  tells_the_low_water_event_within_a_second
  # The rest at once would be another rate.
  write_blocks marked-thin $((TOTAL - 50)) 50
  forecast_converges "$(date +%s)"
}
