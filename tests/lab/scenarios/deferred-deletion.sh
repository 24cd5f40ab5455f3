# A removed container keeps its blocks while something holds its disk, with deferred deletion and without; the holder is found as advised.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly RECORDS=/var/lib/docker/devicemapper/metadata

# holding NAME: a container that wrote 800 blocks, and a process outside that has a file of it open, as a backup has. Its
# number is in $holder.
holding() {
  local inside
  docker run -d --name "$1" --stop-signal KILL --network none bb:1 sh -c \
    'dd if=/dev/zero of=/f bs=64k count=800 conv=fsync; echo written; sleep 100000'
  wait_until 300 written "$1"
  inside=/proc/$(docker inspect -f '{{.State.Pid}}' "$1")/root
  tail -n 0 -f "$inside/f" &
  holder=$!
}

written() {
  docker logs "$1" 2>&1 | grep -qx written
}

# let_go NAME: ends the processes that hold the disk, by what the advised search printed.
let_go() {
  local found
  found=$(awk '$5 == "REG" { print $2 }' "/out/$1.typed.txt")
  expect "who holds the disk" "$found" "$holder"
  kill "$found"
  wait "$found" 2>/dev/null || true
}

no_device_waits() {
  ! grep -rq '"deleted":true' $RECORDS
}

no_container_is_active() {
  ! dmsetup table --target thin | grep -q ': '
}

# The device below the container's is now and then one more: udev has it open while Docker deletes it.
names_the_backlog() {
  leads deferred deferred-deletion-backlog \
    '.findings[0].summary | capture("^[12] deleted devices? still maps? (?<blocks>[0-9]+) blocks").blocks | tonumber >= 800'
  expect_json /out/deferred.json '.verdict == "warning"'
}

clears_the_backlog() {
  local before
  follow_advice deferred reads
  let_go deferred
  wait_until 30 no_container_is_active
  before=$(pool_field free)
  follow_advice deferred stops
  wait_until 90 no_device_waits
  [ "$(pool_field free)" -ge $((before + 800)) ] || fail "only $(($(pool_field free) - before)) blocks came back"
  gone deleted deferred-deletion-backlog
}

names_the_busy_device() {
  leads busy device-busy '.findings[0].subject.name == "busy"'
  printf '%s\n' "$refusal" >/out/refusal.txt
  ask busy-line --from - </out/refusal.txt
  expect_json /out/busy-line.json '.findings[0].rule == "device-busy"'
}

frees_the_busy_device() {
  follow_advice busy reads
  let_go busy
  follow_advice busy destroys
  ! docker inspect busy >/dev/null 2>&1 || fail "the container is still there"
  gone removed device-busy
}

start_dockerd --storage-driver=devicemapper --storage-opt dm.loopdatasize=2G --storage-opt dm.loopmetadatasize=8M \
  --storage-opt dm.basesize=200M --storage-opt dm.fs=ext4
make_image
holding held
docker rm -f held
grep -rq '"deleted":true' $RECORDS || fail "the device is not marked as deleted"
expect_text "its state" "$(dmsetup info)" "ACTIVE (DEFERRED REMOVE)"
with_tool names_the_backlog
with_tool keep_recording deferred-deletion
with_tool clears_the_backlog
[ -x "$TOOL" ] || kill "$holder"

stop_dockerd
start_dockerd --storage-driver=devicemapper --storage-opt dm.use_deferred_removal=false \
  --storage-opt dm.use_deferred_deletion=false
holding busy
! refusal=$(docker rm -f busy 2>&1) || fail "the container was removed"
expect_text "docker rm" "$refusal" "Device is Busy"
with_tool names_the_busy_device
with_tool keep_recording device-busy
with_tool frees_the_busy_device
