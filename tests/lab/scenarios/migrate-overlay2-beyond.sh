# Docker was upgraded beyond the driver, and the pool takes no new layers: an older engine saves, and nothing is lost.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly ROOT=/var/lib/docker OLD_ENGINE=/opt/docker-20

# In this guest's Docker's place: an engine without the driver. What it says is what moby 25 and later say.
upgrade_docker() {
  mkdir -p $OLD_ENGINE
  mv /usr/sbin/dockerd $OLD_ENGINE/
  cat >/usr/sbin/dockerd <<END
#!/bin/sh
[ "\$1" != --version ] || { echo "Docker version 26.1.3, build b72abbb"; exit; }
if grep -qs '"devicemapper"' /etc/docker/daemon.json; then
  echo 'failed to start daemon: error initializing graphdriver: driver not supported: devicemapper' >&2
  exit 1
fi
exec $OLD_ENGINE/dockerd "\$@"
END
  chmod +x /usr/sbin/dockerd
}

everything() {
  docker images -a --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort
  docker inspect one | jq -S -c '.[] | del(.State, .GraphDriver, .Driver, .ResolvConfPath, .NetworkSettings)'
  docker logs one
  docker diff one | sort
  docker cp one:/big - | tar -xO | sha256sum
  docker cp one:/linked - | tar -tv --full-time
  cat $ROOT/volumes/data/_data/kept
}

says_what_to_get_first() {
  ask beyond plan overlay2 --timeout 5s
  expect_exit 3
  expect_json /out/beyond.json '.possible == false and (.blocked_by | length == 1) and (.blocked_by[0] | test("26.1.3 has no devicemapper driver"))'
  expect_json /out/beyond.json '.steps[-1].commands[0] | test("--old-engine /opt/docker-24/usr/bin$")'
}

saves_with_the_older_engine() {
  ask plan plan overlay2 --old-engine $OLD_ENGINE --timeout 5s
  expect_exit 0
  timeout 60 thinspect plan overlay2 --old-engine $OLD_ENGINE --timeout 5s --script >/out/way.sh
  bash /out/way.sh --yes 2>&1 | tee /out/way.txt
  expect_text "what the script did" "$(cat /out/way.txt)" "is exported as a whole"
}

has_lost_nothing() {
  expect "the driver" "$(docker info -f '{{.Driver}}')" overlay2
  everything >/out/after.txt
  diff /out/before.txt /out/after.txt || fail "not everything came along"
  [ -e $ROOT/devicemapper/devicemapper/data ] || fail "the old pool is gone"
  docker start -a one | grep -x said
}

removes_the_old_pool_last() {
  bash /out/way.sh --yes --yes-destroy
  [ ! -e $ROOT/devicemapper ] || fail "the old pool is still there"
  expect "pools" "$(dmsetup ls --target thin-pool)" "No devices found"
  bash /out/way.sh --yes --yes-destroy
  ! bash /out/way.sh --back --yes || fail "it went back to a pool that is gone"
  docker start -a one | grep -x said
}

configure_docker dm.loopdatasize=2G dm.loopmetadatasize=8M dm.basesize=400M dm.fs=ext4
start_dockerd
make_image
docker volume create data >/dev/null
docker run --name one --network none -v data:/data bb:1 sh -c '[ -e /data/kept ] || echo kept >/data/kept; echo said
  [ -e /big ] || dd if=/dev/urandom of=/big bs=64k count=16; [ -e /linked ] || ln /bin/busybox /linked; rm -f /bin/touch; sync'
stop_dockerd
configure_docker dm.loopdatasize=2G dm.loopmetadatasize=8M dm.basesize=400M dm.fs=ext4 dm.min_free_space=99%
start_dockerd
everything >/out/before.txt
! docker commit one refused:1 >/out/commit.txt 2>&1 || fail "the pool took a new layer"
stop_dockerd
upgrade_docker
with_tool says_what_to_get_first
with_tool keep_recording
with_tool saves_with_the_older_engine
with_tool has_lost_nothing
with_tool removes_the_old_pool_last
