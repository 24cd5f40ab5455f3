# shellcheck shell=bash
# What scenarios are written with. Sourced with `set -Eeuo pipefail` in force.

# What a scenario wants to keep it writes into /out.
readonly TOOL=/job/thinspect
# The last answer's exit status, and after how many milliseconds it came; see `ask`, `ask_within` and `expect_exit`.
answered=0
took=0

# --- saying and failing -----------------------------------------------------------------------------------------------

say() {
  echo "[$(cut -d' ' -f1 /proc/uptime)] $*"
}

# Keeps the first reason: what fails afterwards is a consequence.
because() {
  [ -s /run/lab/why ] || echo "$*" >/run/lab/why
}

fail() {
  because "$*"
  echo "FAILED: $*" >&2
  exit 1
}

# expect WHAT ACTUAL EXPECTED
expect() {
  [ "$2" = "$3" ] || fail "$1: expected '$3', got '$2'"
}

# expect_text WHAT TEXT PIECE: the piece stands in the text, word for word.
expect_text() {
  case $2 in
    *"$3"*) ;;
    *) fail "$1: expected the words '$3' in '$2'" ;;
  esac
}

# expect_json FILE FILTER: jq's answer to the filter is true.
expect_json() {
  jq -e "$2" "$1" >/dev/null && return
  jq -M -c '{verdict, pools: [.pools[]? | {name, mode, data, min_free_space}], findings: [.findings[]? | {rule, severity}]}' \
    "$1" || head -c 2000 "$1"
  fail "${1##*/}: expected $2"
}

# wait_until SECONDS CONDITION...: a command that succeeds, asked again and again. There is no other waiting.
wait_until() {
  local limit=$1 end
  shift
  end=$((SECONDS + limit))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt "$end" ] || fail "not within $limit s: $*"
    sleep 0.2
  done
}

# --- docker -----------------------------------------------------------------------------------------------------------

# configure_docker [OPTION=VALUE]...: what an operator writes into daemon.json.
configure_docker() {
  mkdir -p /etc/docker
  jq -n '{"storage-driver": "devicemapper"} + if $ARGS.positional == [] then {} else {"storage-opts": $ARGS.positional} end' \
    --args "$@" >/etc/docker/daemon.json
}

dockerd_lives() {
  kill -0 "$(cat /run/lab/dockerd.pid)" 2>/dev/null
}

docker_answers() {
  docker version
}

docker_answers_or_died() {
  ! dockerd_lives || docker_answers
}

# start_dockerd [ARGUMENT]...: remembers the arguments, so that `systemctl restart docker` means the same daemon.
start_dockerd() {
  [ $# = 0 ] || printf '%s\0' "$@" >/run/lab/dockerd.arguments
  restart_dockerd
}

restart_dockerd() {
  local arguments=()
  [ ! -f /run/lab/dockerd.arguments ] || mapfile -d '' arguments </run/lab/dockerd.arguments
  # The guest has no network and needs none.
  dockerd --iptables=false --ip6tables=false --bridge=none --ip-forward=false "${arguments[@]}" \
    >>/run/lab/dockerd.log 2>&1 &
  echo $! >/run/lab/dockerd.pid
  wait_until 180 docker_answers_or_died
  dockerd_lives || fail "dockerd ended: $(tail -n 1 /run/lab/dockerd.log)"
  say "dockerd answers"
}

dockerd_is_gone() {
  ! dockerd_lives
}

stop_dockerd() {
  kill "$(cat /run/lab/dockerd.pid)"
  wait_until 90 dockerd_is_gone
  say "dockerd stopped"
}

# make_image [COMMAND]: an image of busybox alone, bb:1, that runs this when nothing else is said.
make_image() {
  local tree=/tmp/image applet
  mkdir -p $tree/{bin,tmp,etc,proc,sys,dev}
  cp /bin/busybox $tree/bin/
  for applet in sh cat dd df echo mkdir rm sleep sync touch true; do
    ln -sf busybox "$tree/bin/$applet"
  done
  tar -C $tree -c . | docker import ${1:+--change "CMD $1"} - bb:1 >/dev/null
  say "image made"
}

# uninstall FILE: as if its package were not there; the lab's `apt-get install` brings it back.
uninstall() {
  mkdir -p "/run/lab/uninstalled/${1%/*}"
  mv "$1" "/run/lab/uninstalled/$1"
}

# --- pools ------------------------------------------------------------------------------------------------------------

# The one thin pool of this guest. Not `dmsetup ls --target`: it asks every pool for its status, and with a flush.
pool_name() {
  dmsetup table --target thin-pool | sed 's/: .*//'
}

# A field of a pool's status line. --noflush: a question must not change what it asks about.
pool_field() {
  dmsetup status --noflush "${2:-$(pool_name)}" | awk -v field="$1" '{
    split($5, metadata, "/"); split($6, data, "/")
    answer["transaction"] = $4
    answer["metadata_used"] = metadata[1]; answer["metadata_total"] = metadata[2]
    answer["used"] = data[1]; answer["total"] = data[2]; answer["free"] = data[2] - data[1]
    answer["held"] = $7; answer["mode"] = $8; answer["when_full"] = $10; answer["needs_check"] = $11
    print answer[field]
  }'
}

pool_mode_is() {
  [ "$(pool_field mode)" = "$1" ]
}

# show_pools: what the kernel says, into the log.
show_pools() {
  dmsetup status --noflush --target thin-pool | sed 's/^/  kernel: /'
}

# loop_device FILE SIZE: prints the loop device on a new sparse file below /raw.
loop_device() {
  mkdir -p /raw
  truncate -s "$2" "/raw/$1"
  losetup -f --show "/raw/$1"
}

# pool_on NAME METADATA DATA [FEATURE]...: a pool on these devices that no program owns, with one thin device NAME-thin.
pool_on() {
  local name=$1 metadata=$2 data=$3 sectors
  sectors=$(blockdev --getsz "$data")
  shift 3
  set -- skip_block_zeroing "$@"
  dmsetup create "$name" --table "0 $sectors thin-pool $metadata $data 128 64 $# $*"
  dmsetup message "$name" 0 "create_thin 0"
  dmsetup create "$name-thin" --table "0 $sectors thin /dev/mapper/$name 0"
}

# loop_pool NAME DATA_SIZE METADATA_SIZE [FEATURE]...: such a pool on loop files.
loop_pool() {
  local name=$1 data metadata
  data=$(loop_device "$name.data" "$2")
  metadata=$(loop_device "$name.metadata" "$3")
  shift 3
  pool_on "$name" "$metadata" "$data" "$@"
}

# raw_pool NAME DATA_SIZE METADATA_SIZE: the same, but its metadata device is a linear one over the loop device, so that it
# can be made to stop or to fail.
raw_pool() {
  local name=$1 data metadata
  data=$(loop_device "$name.data" "$2")
  metadata=$(loop_device "$name.metadata" "$3")
  dmsetup create "$name-metadata" --table "0 $(blockdev --getsz "$metadata") linear $metadata 0"
  pool_on "$name" "/dev/mapper/$name-metadata" "$data"
}

# swap_table DEVICE TABLE: whatever waits in it is asked again of the new one.
swap_table() {
  dmsetup suspend --noflush --nolockfs "$1"
  dmsetup reload "$1" --table "$2"
  dmsetup resume "$1"
}

# remove_pool NAME: with its devices and files, and what the kernel's log says of it, so that the next state stands alone.
remove_pool() {
  local device
  for device in "$1"-thin "$1" "$1"-metadata; do
    ! dmsetup info "$device" >/dev/null 2>&1 || dmsetup remove --retry "$device"
  done
  for device in $(losetup -n -O NAME,BACK-FILE | awk -v files="/raw/$1." 'index($2, files) == 1 { print $1 }'); do
    losetup -d "$device"
  done
  rm -f "/raw/$1."*
  dmesg -C
}

# write_blocks THIN FIRST COUNT: provisions so many blocks of 64 KiB.
write_blocks() {
  dd if=/dev/zero of="/dev/mapper/$1" bs=64k seek="$2" count="$3" oflag=direct status=none
}

# The data blocks that a dump maps, as "first end" lines, sorted and merged: snapshots share blocks.
mapped_extents() {
  awk -F'"' '
    /<single_mapping/ { print $4, $4 + 1 }
    /<range_mapping/ { print $4, $4 + $6 }' "$1" | sort -n |
    awk '
      NR == 1 { first = $1; end = $2; next }
      $1 <= end { if ($2 > end) end = $2; next }
      { print first, end; first = $1; end = $2 }
      END { if (NR) print first, end }'
}

# Prints a thin device that maps `$1` of the data blocks that the dump `$2` leaves free.
ballast() {
  local count=$1 dump=$2 total
  total=$(sed -n 's/.*nr_data_blocks="\([0-9]*\)".*/\1/p;q' "$dump")
  echo "<device dev_id=\"16000000\" mapped_blocks=\"$count\" transaction=\"0\" creation_time=\"0\" snap_time=\"0\">"
  { mapped_extents "$dump"; echo "$total $total"; } | awk -v left="$count" '
    { gap = $1 - free; if (gap > left) gap = left }
    gap > 0 {
      printf "<range_mapping origin_begin=\"%d\" data_begin=\"%d\" length=\"%d\" time=\"0\"/>\n", at, free, gap
      at += gap; left -= gap
    }
    { free = $2 }
    END { exit left > 0 }'
  echo "</device>"
}

# leave_free BLOCKS FILE: adds a device to the metadata in FILE so that exactly so many data blocks stay free.
# Nobody may use the pool meanwhile. Docker ignores devices that it does not know.
leave_free() {
  local free=$1 file=$2 total used
  thin_dump "$file" >/tmp/before.xml
  total=$(sed -n 's/.*nr_data_blocks="\([0-9]*\)".*/\1/p;q' /tmp/before.xml)
  used=$(mapped_extents /tmp/before.xml | awk '{ sum += $2 - $1 } END { print sum + 0 }')
  say "filling: $used of $total blocks used, $free to stay free"
  sed '/<\/superblock>/d' /tmp/before.xml >/tmp/after.xml
  ballast $((total - free - used)) /tmp/before.xml >>/tmp/after.xml
  echo "</superblock>" >>/tmp/after.xml
  thin_restore -i /tmp/after.xml -o "$file" >/dev/null
  say "filled"
}

# --- the program under test -------------------------------------------------------------------------------------------

# with_tool FUNCTION [ARGUMENT]...: runs it if there is a program to test, says so if not.
with_tool() {
  if [ -x "$TOOL" ]; then
    say "checking: $*"
    "$@"
  else
    say "NOT CHECKED, no program: $*"
  fi
}

# ask NAME ARGUMENT...: the program's JSON in /out/NAME.json.
ask() {
  local name=$1 started
  shift
  started=$(date +%s%N)
  answered=0
  timeout 30 thinspect "$@" -o json >"/out/$name.json" || answered=$?
  took=$((($(date +%s%N) - started) / 1000000))
  say "thinspect $*: exit status $answered after $took ms"
  [ "$answered" != 124 ] || fail "thinspect $* did not answer within 30 s"
  jq -e .schema "/out/$name.json" >/dev/null || fail "thinspect $* printed no JSON (exit status $answered)"
}

# ask_within MILLISECONDS NAME ARGUMENT...: like `ask`, and the best of three answers took no longer. Of three, because
# the processor is emulated and not ours alone.
ask_within() {
  local limit=$1
  shift
  for _ in 1 2 3; do
    ask "$@"
    [ "$took" -gt "$limit" ] || return 0
  done
  fail "three times in a row, thinspect took more than $limit ms"
}

# expect_exit STATUS...: the last question ended so, or so.
expect_exit() {
  local status
  for status in "$@"; do
    [ "$answered" != "$status" ] || return 0
  done
  fail "the exit status of thinspect: expected $*, got $answered"
}

# leads NAME RULE [FILTER]: the status, in /out/NAME.json, has this rule's finding at its head, and the filter holds.
leads() {
  ask "$1" status --timeout 5s
  expect_json "/out/$1.json" ".findings[0].rule == \"$2\""
  [ $# -lt 3 ] || expect_json "/out/$1.json" "$3"
}

# shows STATE RULE [FILTER]: the same of a recording of this state, which is kept for the tests that run without a kernel.
shows() {
  mkdir -p /out/recordings
  thinspect record --timeout 5s --file "/out/recordings/$1.json" || [ $? = 3 ]
  ask "$1" status --from "/out/recordings/$1.json"
  expect_json "/out/$1.json" ".findings[0].rule == \"$2\""
  [ $# -lt 3 ] || expect_json "/out/$1.json" "$3"
}

# gone NAME RULE...: in the status, in /out/NAME.json, none of these rules finds anything.
gone() {
  local name=$1 rule
  shift
  ask "$name" status --timeout 5s
  for rule in "$@"; do
    expect_json "/out/$name.json" "all(.findings[]; .rule != \"$rule\")"
  done
}

# What an answer finds about pools. Of the programs around them even one that is well may not be asked in time here.
rules_of() {
  jq -c '[.findings[] | select(.subject.kind == "pool") | [.rule, .subject.name]]' "$1"
}

# keep_recording [STATE]: records this state for the tests that run without a kernel, in a folder named after it, or after
# the scenario. Expects it to mean the same read back as live. With more time than usual, which an emulated processor needs.
keep_recording() {
  local file=/out/recording.json
  [ $# = 0 ] || file=/out/recordings/$1.json
  mkdir -p "${file%/*}"
  thinspect record --timeout 5s --file "$file" || [ $? = 3 ]
  ask live status --timeout 5s
  ask recorded status --from "$file"
  expect "the findings from the recording" "$(rules_of /out/recorded.json)" "$(rules_of /out/live.json)"
}

# thin_ls_counts NAME ARGUMENT...: what thin_ls counts for each device, in /out/NAME.thin_ls.txt.
thin_ls_counts() {
  local name=$1
  shift
  thin_ls --no-headers -o DEV,MAPPED_BLOCKS,EXCLUSIVE_BLOCKS,SHARED_BLOCKS "$@" |
    awk '{ print $1, $2, $3, $4 }' | sort -n >"/out/$name.thin_ls.txt"
}

# expect_same_counts NAME: /out/NAME.json has the same of each device.
expect_same_counts() {
  jq -r '.devices[] | "\(.device_id) \(.mapped_blocks) \(.exclusive_blocks) \(.shared_blocks)"' "/out/$1.json" |
    sort -n >"/out/$1.txt"
  [ -s "/out/$1.txt" ] || fail "no device was counted"
  diff "/out/$1.thin_ls.txt" "/out/$1.txt" || fail "$1: thin_ls counts otherwise"
  say "$(wc -l <"/out/$1.txt") devices as thin_ls counts them"
}

# As the kernel counts once everything written has reached the pool.
settled() {
  sync
  dmsetup status "$(pool_name)" >/dev/null
  pool_field "$1"
}

# carry_out_steps PLAN: the commands of a plan to free, as printed. After each step that removes something, at least what
# was promised up to it is back, and its check agrees.
carry_out_steps() {
  local plan=$1 before promised=0 step steps command back
  before=$(settled used)
  steps=$(jq '.steps | length' "$plan")
  for ((step = 0; step < steps; step++)); do
    [ "$(jq -r ".steps[$step].risk" "$plan")" != reads ] || continue
    while read -r command; do
      say "carrying out: $command"
      bash -c "$command" </dev/null
    done < <(jq -r ".steps[$step].commands[]" "$plan")
    promised=$((promised + $(jq ".steps[$step].gain_blocks // 0" "$plan")))
    back=$((before - $(settled used)))
    say "promised $promised blocks, $back came back"
    [ "$back" -ge "$promised" ] || fail "after step $((step + 1)): $promised blocks promised, $back came back"
    [ "$(jq ".steps[$step].gain_blocks" "$plan")" = null ] ||
      bash -c "$(jq -r ".steps[$step].check" "$plan")" || fail "the check of step $((step + 1))"
  done
}

# carry_out NAME PLAN...: the script of `thinspect plan PLAN...`, first refused, then agreed to.
carry_out() {
  local name=$1 before agreed=(--yes)
  shift
  # What that plan deletes is what it is made for.
  [ "$1" != free ] || agreed+=(--yes-destroy)
  timeout 60 thinspect plan "$@" --timeout 5s --script >"/out/$name.sh"
  bash -n "/out/$name.sh"
  before=$(dmsetup table)
  bash "/out/$name.sh" </dev/null >"/out/$name.refused.txt" 2>&1 || true
  expect "the tables after the script was not agreed to" "$(dmsetup table)" "$before"
  say "carrying out: plan $*"
  bash "/out/$name.sh" "${agreed[@]}" || fail "the script of plan $* failed"
}

# advised NAME RISK [RULE]: the commands at this risk that the leading finding of /out/NAME.json advises, or that of a rule.
advised() {
  jq -r --arg risk "$2" --arg rule "${3:-}" 'first(.findings[] | select($rule == "" or .rule == $rule))
    | .advice[] | select(.risk == $risk) | .commands[]' "/out/$1.json"
}

# type_in NAME WORST COMMAND...: types commands word for word into one shell, as a person does; none may end with more
# than WORST. What was said is in /out/NAME.typed.txt.
type_in() {
  local said=/out/$1.typed.txt worst=$2 command limit
  shift 2
  for command in "$@"; do
    say "typing: $command" >&2
    limit=$worst
    # With 1 it says that it found nothing.
    [[ $command != *'| grep '* ]] || limit=1
    printf 'printf "# %%s\n" %q\n%s\n' "$command" "$command"
    # shellcheck disable=SC2016 # for that shell
    printf 'status=$?; [ "$status" -le %s ] || { echo "exit status $status"; exit 1; }\n' "$limit"
  done >/run/lab/typed.sh
  timeout 300 bash /run/lab/typed.sh </dev/null >>"$said" 2>&1 ||
    fail "what was typed failed: $(tail -n 4 "$said" | tr '\n' ' ')"
}

# follow_advice NAME RISK [RULE]: types the commands that the same advice gives, in order. Those that only look may find
# nothing, which grep and pgrep say with 1.
follow_advice() {
  local commands=() worst=0
  [ "$2" != reads ] || worst=1
  mapfile -t commands < <(advised "$@")
  [ ${#commands[@]} -gt 0 ] || fail "nothing at the risk '$2' is advised in $1.json${3:+ by $3}"
  type_in "$1" "$worst" "${commands[@]}"
}

# follow_steps NAME PLAN...: types the commands of the steps of `thinspect PLAN...`, and after each step its check.
follow_steps() {
  local typed=()
  ask "$@" --timeout 5s
  expect_json "/out/$1.json" .possible
  mapfile -t typed < <(jq -r '.steps[] | .commands[], (.check // empty | "{ \(.); } || exit")' "/out/$1.json")
  type_in "$1" 0 "${typed[@]}"
}

# follow_plan NAME GOAL [RULE]: carries out the plan that the same advice points to.
follow_plan() {
  local command words=()
  command=$(advised "$1" reads "${3:-}" | grep "^thinspect plan $2\b") || fail "no plan '$2' is advised in $1.json"
  eval "words=(${command%%$'\n'*})"
  carry_out "$1-$2" "${words[@]:2}"
}
