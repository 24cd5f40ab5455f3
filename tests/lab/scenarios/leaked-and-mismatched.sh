# Devices that nobody owns, records without a device, transactions that disagree: each leads with its numbers and goes as advised.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly RECORDS=/var/lib/docker/devicemapper/metadata
readonly METADATA=/var/lib/docker/devicemapper/devicemapper/metadata

# device_of CONTAINER: the id of its own disk in the pool.
device_of() {
  docker inspect -f '{{.GraphDriver.Data.DeviceId}}' "$1"
}

# record_of CONTAINER: the file with the record of the same.
record_of() {
  local name
  name=$(docker inspect -f '{{.GraphDriver.Data.DeviceName}}' "$1")
  echo "$RECORDS/${name##*-}"
}

message() {
  dmsetup message "$(pool_name)" 0 "$1"
}

# The ids in the pool, one a line, as thin_ls reads them from a metadata snapshot.
ids_in_pool() {
  message reserve_metadata_snap
  thin_ls --no-headers -m -o DEV "$(losetup -n -O NAME -j $METADATA)" | tr -d ' '
  message release_metadata_snap
}

crash_dockerd() {
  kill -KILL "$(cat /run/lab/dockerd.pid)"
  wait_until 20 dockerd_is_gone
}

# What Docker has done when it dies between making a device and writing its record: the note of the next transaction, the device.
interrupted_change() {
  message "create_snap 900 $base"
  printf '{"open_transaction_id":%s,"device_hash":"%064d","device_id":900}' $(($(pool_field transaction) + 1)) 7 \
    >$RECORDS/transaction-metadata
}

# Two devices that nobody made a record of, with 160 blocks and with none.
leak() {
  message "create_snap 5000 $base"
  message "create_thin 5001"
  dmsetup create leaked --table "0 $((200 * 2048)) thin /dev/mapper/$(pool_name) 5000"
  write_blocks leaked 1000 160
  dmsetup remove --retry leaked
}

leaked_are() {
  expect "the leaked devices" "$(jq -r '.findings[0].evidence[] | select(.fact == "devices without a record").value' \
    "/out/$1.json" | grep -oE '(^|, )[0-9]+' | tr -d ', ' | sort -n | tr '\n' ' ')" "$2 "
}

# The device of the interrupted change is not among them: Docker takes that back itself.
names_the_leaked() {
  leads "$1" thin-devices-leaked '.findings[0] | .certainty == "certain" and (.summary | test("^3 thin devices .* they map [0-9]+ blocks"))'
  leaked_are "$1" "$lost 5000 5001"
}

deletes_the_leaked() {
  local before
  before=$(pool_field free)
  follow_advice leaked reads
  follow_advice leaked destroys
  [ "$(pool_field free)" -ge $((before + 160)) ] || fail "only $(($(pool_field free) - before)) blocks came back"
  gone deleted thin-devices-leaked docker-metadata-mismatch
  expect "the ids" "$(ids_in_pool | grep -xE "$lost|900|5000|5001" || true)" ""
}

names_the_missing_device() {
  leads missing docker-metadata-mismatch '.findings[0].summary | test("^1 of Docker.s [0-9]+ recorded devices is not in the pool")'
  expect_json /out/missing.json '.findings[0].evidence[0].value | test("container gone")'
}

removes_what_is_lost() {
  follow_advice missing reads
  follow_advice missing changes
  follow_advice missing destroys
  ! docker inspect gone >/dev/null 2>&1 || fail "the container is still there"
  gone removed docker-metadata-mismatch thin-devices-leaked
}

names_the_other_transaction() {
  local known
  known=$(jq .open_transaction_id $RECORDS/transaction-metadata)
  leads ahead transaction-id-mismatch ".findings[0].summary | test(\"at transaction $((first + 5)), .* know $known\")"
  printf '%s\n' "$refusal" >/out/refusal.txt
  ask line --from - </out/refusal.txt
  expect_json /out/line.json '.findings[0].rule == "transaction-id-mismatch"'
}

counts_alike_again() {
  follow_advice ahead reads
  follow_advice ahead stops
  gone alike transaction-id-mismatch
}

# How many of Docker's records name a device that the pool does not have.
records_without_device() {
  find $RECORDS -type f ! -name '*-metadata' -exec jq .device_id {} + | grep -cvxFf <(ids_in_pool)
}

names_the_older_pool() {
  local lost
  lost=$(records_without_device)
  [ "$lost" -ge 3 ] || fail "only $lost of Docker's records have no device"
  leads older docker-metadata-mismatch ".findings[0].summary | test(\"^$lost of \")"
  expect_json /out/older.json "any(.findings[]; .rule == \"transaction-id-mismatch\" and (.summary | test(\"older than $lost of\")))"
  expect_json /out/older.json 'all(.findings[]; .rule != "thin-devices-leaked")'
}

gives_up_what_is_newer() {
  follow_advice older changes
  follow_advice older destroys
  gone given-up docker-metadata-mismatch transaction-id-mismatch thin-devices-leaked
  docker create --network none bb:1 true
}

start_dockerd --storage-driver=devicemapper --storage-opt dm.loopdatasize=2G --storage-opt dm.loopmetadatasize=8M \
  --storage-opt dm.basesize=200M --storage-opt dm.fs=ext4
make_image
base=$(jq .device_id $RECORDS/base)

leak
docker create --name unrecorded --network none bb:1 true
docker create --name gone --network none bb:1 true
lost=$(device_of unrecorded)
record=$(record_of unrecorded)
crash_dockerd
interrupted_change
# A crash of the whole machine can lose a file that was renamed just before.
rm "$record"
with_tool names_the_leaked crashed
restart_dockerd
! ids_in_pool | grep -qx 900 || fail "Docker did not take the interrupted change back"
with_tool names_the_leaked leaked
with_tool keep_recording leaked-devices
with_tool deletes_the_leaked
docker rm unrecorded

message "delete $(device_of gone)"
! refusal=$(docker start gone 2>&1) || fail "a container without its device started"
expect_text "docker start" "$refusal" "ActivateDevice"
with_tool names_the_missing_device
with_tool keep_recording record-without-device
with_tool removes_what_is_lost

# As if another Docker had made some changes.
first=$(pool_field transaction)
message "set_transaction_id $first $((first + 5))"
! refusal=$(docker create --network none bb:1 true 2>&1) || fail "Docker noticed nothing"
expect_text "docker create" "$refusal" "devmapper transaction ID"
with_tool names_the_other_transaction
with_tool keep_recording transaction-ahead
with_tool counts_alike_again

stop_dockerd
cp --sparse=always $METADATA /root/metadata
restart_dockerd
docker create --name newer --network none bb:1 true
docker create --name newest --network none bb:1 true
stop_dockerd
cp --sparse=always /root/metadata $METADATA
# Docker takes its last change for interrupted, and forgets that record.
restart_dockerd
with_tool names_the_older_pool
with_tool keep_recording older-metadata
with_tool gives_up_what_is_newer
