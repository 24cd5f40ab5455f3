# The same mark, and then damage, in the metadata of a logical volume: LVM repairs it by the plan, and keeps the old.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly COPIES=/root/thinspect-docker_thinpool
# LVM takes the mark off by itself when it activates a pool, and refuses a damaged one; a kernel error does not ask it.
readonly UNCHECKED='global { thin_check_executable = "" }'

make_volumes() {
  pvcreate -q /dev/vdd
  vgcreate -q docker /dev/vdd
  lvcreate -q --wipesignatures y -n thinpool docker -L 2G
  lvcreate -q --wipesignatures y -n thinpoolmeta docker -L 16M
  lvconvert -q -y --zero n -c 64K --thinpool docker/thinpool --poolmetadata docker/thinpoolmeta
}

# mark DAMAGE...: stops Docker, sets the mark as the kernel does, and carries out the damage on the bare metadata.
mark() {
  local table
  stop_dockerd
  table=$(dmsetup table docker-thinpool_tmeta)
  lvchange -an docker/thinpool
  dmsetup create bare --table "$table"
  thin_dump /dev/mapper/bare | sed 's/flags="0"/flags="1"/' >/tmp/marked.xml
  thin_restore -i /tmp/marked.xml -o /dev/mapper/bare >/dev/null
  "$@"
  dmsetup remove --retry bare
  lvchange -ay --config "$UNCHECKED" docker/thinpool
  start_dockerd
  expect "the pool's mode" "$(pool_field mode)" ro
  expect "the mark" "$(pool_field needs_check)" needs_check
}

# Overwrites the index of the data space map: the kernel starts without it, thin_check does not pass.
damage_space_map() {
  local at
  at=$(dd if=/dev/mapper/bare iflag=direct bs=4096 count=1 status=none | od -An -tu8 -j$((64 + 16)) -N8 | tr -d ' ')
  dd if=/dev/urandom of=/dev/mapper/bare oflag=direct bs=4096 seek="$at" count=1 status=none
  ! thin_check -q /dev/mapper/bare >/dev/null 2>&1 || fail "the damage does not show"
}

is_repaired() {
  local daemon
  daemon=$(cat /run/lab/dockerd.pid)
  carry_out "repair$1" repair
  ! kill -0 "$daemon" 2>/dev/null || fail "the daemon was not stopped for it"
  expect "the pool's mode" "$(pool_field mode)" rw
  expect "the mark" "$(pool_field needs_check)" -
  docker start before
  expect "what the container wrote" "$(docker exec before cat /written)" "still here"
  docker stop -t 1 before
  docker create --network none bb:1 true
  sha256sum --check --quiet "$COPIES/metadata$1.sha256" || fail "the copy is not what it was"
  ask "cured$1" status
  expect_json "/out/cured$1.json" 'all(.findings[]; .rule != "pool-needs-check") and .verdict != "critical"'
}

keeps_the_old_volume() {
  lvs -a docker
  expect_text "the volumes" "$(lvs -a --noheadings -o lv_name docker)" thinpool_meta0
}

names_the_mark() {
  ask marked status
  expect_json /out/marked.json '.findings[0].rule == "pool-needs-check" and .pools[0].needs_check'
}

make_volumes
configure_docker dm.thinpooldev=/dev/mapper/docker-thinpool dm.basesize=400M dm.fs=ext4
start_dockerd
make_image
docker run -d --name before --network none bb:1 sh -c '[ -e /written ] || echo still here >/written; sync; sleep 100000'
wait_until 30 docker exec before cat /written
docker stop -t 1 before
mark true
with_tool names_the_mark
with_tool keep_recording
with_tool is_repaired ''
mark damage_space_map
with_tool is_repaired -2
with_tool keeps_the_old_volume
