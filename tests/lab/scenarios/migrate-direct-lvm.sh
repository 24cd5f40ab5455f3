# Docker's pool moves from loop files to LVM by the plan: every image, container and id comes along, and LVM grows it.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly COPIES=/root/thinspect-direct-lvm OLD=/var/lib/docker/devicemapper/devicemapper

# What an operator may have written, other settings included.
settings() {
  mkdir -p /etc/docker
  cat >/etc/docker/daemon.json <<'END'
{
  "labels": ["kept=yes"],
  "storage-driver": "devicemapper",
  "storage-opts": ["dm.basesize=200M", "dm.fs=ext4", "dm.loopdatasize=20G"]
}
END
}

# Images that share layers, several names, a stopped container with changes, one that runs, a volume.
things() {
  make_image
  docker volume create kept >/dev/null
  docker run --name stopped --network none -v kept:/kept bb:1 \
    sh -c 'echo changed >/changed; echo in the volume >/kept/file; dd if=/dev/urandom of=/large bs=64k count=200'
  docker commit stopped bb:2 >/dev/null
  docker tag bb:2 other/name:latest
  docker run -d --name runs --stop-signal KILL --network none bb:2 sleep 100000 >/dev/null
}

# Everything that has to be the same: ids and names, what containers wrote, volumes.
everything() {
  docker images -a --no-trunc --digests --format '{{.ID}} {{.Repository}}:{{.Tag}} {{.Digest}}' | sort
  docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.Image}}' | sort
  docker volume ls -q
  cat /var/lib/docker/volumes/kept/_data/file
  docker export stopped | sha256sum
}

# refused WORDS ARGUMENT...: told from the recording, in one sentence with these words.
refused() {
  local words=$1
  shift
  ask refused plan direct-lvm --from /out/refusals.json "$@"
  expect_exit 3
  expect_json /out/refused.json '.possible == false and (.blocked_by | length) == 1 and .steps == []'
  expect_text "the refusal of $*" "$(jq -r '.blocked_by[0]' /out/refused.json)" "$words"
}

# A disk of four partitions: a small one, one with a filesystem, one mounted, one that would do; and no lvcreate.
refusals() {
  printf 'size=500M\nsize=500M\nsize=500M\nsize=10G\n' | sfdisk -q --label gpt /dev/vdd
  udevadm settle
  mkfs.ext4 -q /dev/vdd2
  mkfs.ext4 -q /dev/vdd3
  mount /dev/vdd3 /mnt
  mv /usr/sbin/lvcreate /usr/sbin/lvcreate.away
  thinspect record --timeout 5s --file /out/refusals.json || [ $? = 3 ]
  mv /usr/sbin/lvcreate.away /usr/sbin/lvcreate
  umount /mnt
  refused "--device /dev/vdd4"
  refused "no block device /dev/nothing" --device /dev/nothing
  refused "has partitions (/dev/vdd1)" --device /dev/vdd
  refused "too small" --device /dev/vdd1
  refused "holds a filesystem of type ext4" --device /dev/vdd2
  refused "mounted on /mnt" --device /dev/vdd3
  refused "no volume group" --vg absent
  refused "lvcreate is not installed" --device /dev/vdd4
  wipefs -qa /dev/vdd2 /dev/vdd3 /dev/vdd
  blockdev --rereadpt /dev/vdd
  udevadm settle
}

plan_it() {
  ask whole plan direct-lvm --timeout 5s --device /dev/vdd
  expect_json /out/whole.json '.possible and .numbers.new_total_bytes * 1.2 + 2 * .numbers.metadata_new_total_bytes < 20 * 1073741824'
  expect_json /out/whole.json '.numbers.new_total_bytes > 15 * 1073741824'
  ask plan plan direct-lvm --timeout 5s --device /dev/vdd --size 1100M
  expect_exit 0
  thinspect plan direct-lvm --timeout 5s --device /dev/vdd --size 1100M >/out/plan.txt
  thinspect plan direct-lvm --timeout 5s --device /dev/vdd --size 1100M --script >/out/way.sh
  bash -n /out/way.sh
  ! bash /out/way.sh </dev/null >/out/unanswered.txt 2>&1 || fail "it went on without an answer"
  expect_text "the script without an answer" "$(cat /out/unanswered.txt)" "--yes goes on without asking"
  # A disk that was written to since the plan was made.
  mkswap -q /dev/vdd
  ! bash /out/way.sh --yes >/out/signature.txt 2>&1 || fail "it took a disk with something on it"
  expect_text "the script on a disk with a signature" "$(cat /out/signature.txt)" "holds something by now"
  wipefs -qa /dev/vdd
  expect "volume groups" "$(vgs --noheadings -o vg_name)" ""
}

# close_to WHAT EXPECTED ACTUAL: prints both; within 5 %.
close_to() {
  awk -v what="$1" -v expected="$2" -v actual="$3" 'BEGIN {
    difference = 100 * (actual - expected) / expected
    printf "  %-28s planned %12.0f  in fact %12.0f  %+.2f %%\n", what, expected, actual, difference
    exit !(difference >= -5 && difference <= 5)
  }' | tee -a /out/sizes.txt || fail "$1 is not what was planned"
}
number() {
  jq ".numbers.$1" /out/plan.json
}

moves() {
  everything >/out/before
  bash /out/way.sh --yes 2>&1 | tee /out/way.log || fail "the script failed"
  docker info >/out/info.txt 2>/out/warnings.txt
  expect_text "docker info" "$(cat /out/info.txt)" "Pool Name: docker-thinpool"
  ! grep -i loop /out/info.txt /out/warnings.txt || fail "docker info still speaks of loop files"
  expect_text "docker info" "$(cat /out/info.txt)" "kept=yes"
  everything >/out/after
  diff /out/before /out/after || fail "not everything is as it was"
  expect "the container that ran" "$(docker ps --format '{{.Names}}')" runs
  docker stop -t 1 runs >/dev/null
  expect "the old files" "$(stat -c '%n %i %s %y' $OLD/data $OLD/metadata)" "$(cat $COPIES/state)"
  lvs -a -o+seg_monitor,lv_profile,chunk_size,discards docker
  close_to "data in use" "$(number used_bytes)" $(($(pool_field used) * 65536))
  close_to "data volume" "$(number new_total_bytes)" "$(lvs --noheadings --nosuffix --units b -o lv_size docker/thinpool)"
  close_to "metadata volume" "$(number metadata_new_total_bytes)" "$(lvs --noheadings --nosuffix --units b -o lv_metadata_size docker/thinpool)"
  close_to "free to grow" "$(number autoextend_room_bytes)" "$(vgs --noheadings --nosuffix --units b -o vg_free docker)"
}

is_well() {
  keep_recording
  expect_json /out/live.json '[.findings[].rule] | all(. != "loopback-in-use" and . != "thresholds-collide" and . != "autoextend-off")'
  expect_json /out/live.json '.verdict == "ok" or .verdict == "warning"'
  expect_json /out/live.json '.pools[0].backing.data.kind == "lvm" and .pools[0].owner.kind == "docker"'
}

does_no_harm_twice() {
  local daemon tables
  daemon=$(cat /run/lab/dockerd.pid)
  tables=$(dmsetup table)
  bash /out/way.sh --yes >/out/twice.txt 2>&1 || fail "run again, the script failed"
  expect "the daemon" "$(pidof dockerd)" "$daemon"
  expect "the tables" "$(dmsetup table)" "$tables"
}

grown() {
  [ "$(pool_field total)" -gt "$total" ]
}
# Past the threshold, and then past the old end: what is added must be of use.
grows_by_itself() {
  total=$(pool_field total)
  dmsetup message docker-thinpool 0 "create_thin 16000000"
  dmsetup create filler --table "0 4194304 thin /dev/mapper/docker-thinpool 16000000"
  write_blocks filler 0 $((total * 82 / 100 - $(pool_field used)))
  wait_until 60 grown
  say "grown from $total to $(pool_field total) blocks"
  timeout 100 dd if=/dev/zero of=/dev/mapper/filler bs=64k seek=$((total * 82 / 100)) count=$((total * 25 / 100)) \
    oflag=direct status=none || fail "the added space is of no use"
  [ "$(pool_field used)" -gt "$total" ] || fail "no more than the old size is in use"
  expect "the pool's mode" "$(pool_field mode)" rw
  dmsetup remove --retry filler
  dmsetup message docker-thinpool 0 "delete 16000000"
}

ends() {
  bash /out/way.sh --yes --yes-destroy >/out/last.txt 2>&1 || fail "the last step failed"
  [ ! -e $OLD/data ] || fail "the old pool is still there"
  docker run --rm --network none other/name:latest cat /changed
  ! bash /out/way.sh --yes --back >/out/back.txt 2>&1 || fail "it went back to a pool that is gone"
  expect_text "going back then" "$(cat /out/back.txt)" "the old pool is gone"
}

settings
start_dockerd
things
show_pools
with_tool refusals
with_tool plan_it
with_tool moves
with_tool is_well
with_tool does_no_harm_twice
with_tool grows_by_itself
with_tool ends
