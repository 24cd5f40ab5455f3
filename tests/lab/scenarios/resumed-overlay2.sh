# overlay2 begun, the day's work done in between, and gone on with on a data root behind a link: nothing of what a container
# wrote meanwhile is lost, and what runs in the end is what ran last.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly STORE=/data/docker/thinspect-overlay2

begins() {
  timeout 60 thinspect plan overlay2 --timeout 5s --script >/out/way.sh
  # Until all is saved: then somebody says no.
  # shellcheck disable=SC2016 # for that shell
  sed 's/^step_6$/exit 9/' /out/way.sh >/out/half.sh
  ! bash /out/half.sh --yes >/out/half.txt 2>&1 || fail "it did not end in the middle"
  expect "what is saved" "$(tail -n 1 $STORE/done)" saved
}

# The downtime is over for today.
works_in_between() {
  docker start one two >/dev/null
  docker exec one sh -c 'echo later >>/file; rm /gone'
  docker stop -t 1 one >/dev/null
  # Docker notes neither a beginning nor an end of this.
  docker stop -t 1 two >/dev/null
  docker start two >/dev/null
  echo copied >/tmp/file
  docker cp /tmp/file never:/file
}

goes_on() {
  bash /out/way.sh --yes >/out/rest.txt 2>&1 || { cat /out/rest.txt; fail "it does not go on"; }
  expect "the driver" "$(docker info -f '{{.Driver}}')" overlay2
  docker export one | tar -xO -f - file >/out/one.txt
  expect "what one wrote" "$(cat /out/one.txt)" "$(printf 'first\nlater')"
  ! docker export one | tar -tf - | grep '^gone$' || fail "what one removed is there again"
  docker export never | tar -xO -f - file >/out/never.txt
  expect "what was copied" "$(cat /out/never.txt)" copied
  expect "what runs" "$(docker ps --format '{{.Names}}')" two
}

ends() {
  bash /out/way.sh --yes --yes-destroy >/out/last.txt 2>&1 || { cat /out/last.txt; fail "the last step failed"; }
  [ ! -e /data/docker/devicemapper ] || fail "the old pool is still there"
  docker export one | tar -xO -f - file | cmp - /out/one.txt
}

mkdir -p /data/docker
rm -rf /var/lib/docker
ln -s /data/docker /var/lib/docker
configure_docker dm.loopdatasize=2G dm.loopmetadatasize=8M dm.basesize=200M dm.fs=ext4
start_dockerd
make_image
docker run -d --name one --stop-signal KILL --network none bb:1 sh -c 'echo first >/file; echo x >/gone; sync; sleep 100000' >/dev/null
docker run -d --name two --stop-signal KILL --network none bb:1 sleep 100000 >/dev/null
docker create --name never --network none bb:1 true >/dev/null
with_tool begins
with_tool works_in_between
with_tool goes_on
with_tool ends
