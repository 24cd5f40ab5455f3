# 5,000 active thin devices on one pool and 100 pools: complete answers, and no more processor time than dmsetup's.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly THINS=5000
readonly POOLS=100

# Metadata with `$1` thin devices of one block each, device N mapping block N.
metadata_of() {
  local thins=$1
  echo '<superblock uuid="" time="0" transaction="0" version="2" data_block_size="128" nr_data_blocks="16384">'
  seq 0 $((thins - 1)) | awk '{
    printf "<device dev_id=\"%d\" mapped_blocks=\"1\" transaction=\"0\" creation_time=\"0\" snap_time=\"0\">", $1
    printf "<single_mapping origin_block=\"0\" data_block=\"%d\" time=\"0\"/></device>\n", $1
  }'
  echo '</superblock>'
}

# Creates the devices that are described on standard input, one `NAME,,,rw,TABLE` a line.
create_all() {
  local described
  split -l 500 - /tmp/described.
  for described in /tmp/described.*; do
    dmsetup create --concise "$(paste -sd';' "$described")"
    say "$(wc -l <"$described") devices made"
    rm "$described"
  done
}

many_thins() {
  local data metadata number
  mkdir -p /raw
  truncate -s 1G /raw/many.data
  # A tree for each, of one node at least.
  truncate -s 64M /raw/many.metadata
  metadata_of $THINS >/raw/many.xml
  thin_restore -i /raw/many.xml -o /raw/many.metadata >/dev/null
  data=$(losetup -f --show /raw/many.data)
  metadata=$(losetup -f --show /raw/many.metadata)
  dmsetup create many --table "0 2097152 thin-pool $metadata $data 128 64 1 skip_block_zeroing"
  number=$(dmsetup info -c --noheadings -o major,minor --separator : many)
  seq 0 $((THINS - 1)) | awk -v pool="$number" '{ printf "many-%d,,,rw,0 128 thin %s %d\n", $1, pool, $1 }' | create_all
}

# Slices of two loop devices: a hundred pools, and not two hundred files.
many_pools() {
  local data metadata
  truncate -s 8G /raw/pools.data
  truncate -s 512M /raw/pools.metadata
  data=$(losetup -f --show /raw/pools.data)
  metadata=$(losetup -f --show /raw/pools.metadata)
  seq 1 $POOLS | awk -v data="$data" -v metadata="$metadata" '{
    printf "pool-%d-tdata,,,rw,0 131072 linear %s %d\n", $1, data, $1 * 131072
    printf "pool-%d-tmeta,,,rw,0 8192 linear %s %d\n", $1, metadata, $1 * 8192
  }' | create_all
  seq 1 $POOLS | awk '{
    printf "pool-%d,,,rw,0 131072 thin-pool /dev/mapper/pool-%d-tmeta /dev/mapper/pool-%d-tdata 128 64 1 skip_block_zeroing\n", $1, $1, $1
  }' | create_all
}

# Milliseconds of processor time, the program's and the kernel's, that a command takes, with all processes that it makes:
# of those that it leaves to themselves no shell knows the time.
processor_time() {
  local group=/sys/fs/cgroup/measured before
  mkdir -p $group
  before=$(usage_of $group)
  bash -c "echo \$\$ >$group/cgroup.procs; exec \"\$@\"" - "$@" >/dev/null 2>&1
  echo $((($(usage_of $group) - before) / 1000))
}

usage_of() {
  sed -n 's/^usage_usec //p' "$1/cpu.stat"
}

# asked QUESTION: how often the traced program asked it of device-mapper.
asked() {
  grep -c "DM_$1," /run/lab/trace || true
}

answers_for_all() {
  # On an emulated processor that is shared it takes its time.
  timeout 120 thinspect status --timeout 20s -o json >/out/many.json || fail "thinspect status: exit status $?"
  expect "pools" "$(jq '.pools | length' /out/many.json)" $((POOLS + 1))
  expect "pools with numbers" "$(jq '[.pools[] | select(.data.used_blocks != null)] | length' /out/many.json)" $((POOLS + 1))
  expect_json /out/many.json ".pools[] | select(.name == \"many\") | .data.used_blocks == $THINS"
}

# One list, the table and the state of each device, and what only pools are asked.
asks_no_more_than_it_needs() {
  local devices
  devices=$(dmsetup info -c --noheadings -o name | wc -l)
  strace -f --seccomp-bpf -o /run/lab/trace -e trace=ioctl thinspect status --timeout 20s >/dev/null
  say "$devices devices: $(asked LIST_DEVICES) lists, $(asked TABLE_STATUS) tables and states, $(asked DEV_STATUS) infos"
  # Once, and again for each time that the answer was longer than the room for it.
  [ "$(asked LIST_DEVICES)" -le 8 ] || fail "$(asked LIST_DEVICES) lists"
  [ "$(asked TABLE_STATUS)" -le $((2 * devices)) ] || fail "$(asked TABLE_STATUS) questions for $devices devices"
  [ "$(asked DEV_STATUS)" -le $((POOLS + 1)) ] || fail "$(asked DEV_STATUS) infos for $POOLS pools"
}

# The smallest of three each, in turn: another process can only add.
costs_no_more_than_dmsetup() {
  local ours theirs
  for _ in 1 2 3; do
    processor_time dmsetup status --noflush >>/run/lab/theirs
    processor_time thinspect status --timeout 20s >>/run/lab/ours
  done
  theirs=$(sort -n /run/lab/theirs | head -n 1)
  ours=$(sort -n /run/lab/ours | head -n 1)
  say "processor time: thinspect $ours ms, dmsetup status --noflush $theirs ms, $((100 * ours / theirs)) %"
  say "of $(paste -sd' ' /run/lab/ours) and $(paste -sd' ' /run/lab/theirs)"
  [ "$ours" -le "$theirs" ] || fail "processor time: $ours ms, dmsetup $theirs ms"
}

# Nobody needs udev's links, and its workers would take the processor for minutes; nor may anybody wait for it.
pkill -KILL systemd-udevd
rm /run/udev/control
export DM_DISABLE_UDEV=1
many_thins
say "$THINS thin devices"
many_pools
say "$POOLS pools"
with_tool answers_for_all
with_tool asks_no_more_than_it_needs
with_tool costs_no_more_than_dmsetup
