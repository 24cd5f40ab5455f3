# From devicemapper to overlay2 with nothing lost: killed in every step, finished, and gone back from the end.
# Long: left out of the short run.
# shellcheck shell=bash source=tests/lab/guest/lib.sh

readonly ROOT=/var/lib/docker
readonly STORE=$ROOT/thinspect-overlay2
readonly DIGEST=sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff

# Images that share layers, with a large file and many small ones, tags, an image without a name, a name by digest.
make_images() {
  make_image
  mkdir /tmp/build
  cp -a /usr/lib/x86_64-linux-gnu/perl-base /tmp/build/small
  dd if=/dev/urandom of=/tmp/build/file bs=64k count=700 status=none
  printf 'FROM bb:1\nCOPY . /\n' >/tmp/build/Dockerfile
  docker build --quiet --network none --tag top:1 /tmp/build >/dev/null
  docker tag top:1 registry.example/team/top:stable
  tar -C / -c etc/group | docker import - lost:1 >/dev/null
  docker tag top:1 lost:1
  say "images made"
}

# One that ran, wrote, deleted and linked; one that runs and writes; one that never started.
make_containers() {
  docker volume create data >/dev/null
  docker run --name one --network none --hostname uno --env "words=it's \"quoted\"" --label a=b -v data:/data -v /anonymous top:1 sh -c '
    echo kept >/data/kept; echo kept >/anonymous/kept; echo said
    dd if=/dev/urandom of=/big bs=64k count=32; echo small >"/a name"; chmod 4711 "/a name"; ln "/a name" /linked
    rm /bin/touch; ln -s nowhere /dangling; mkdir -p /tmp/new/deep; rm /bin/df; mkdir /bin/df; echo x >/bin/df/x; exit 7' || [ $? = 7 ]
  # The first process of a container does not hear a request to end: that would take ten seconds each time.
  docker run -d --name alive --restart always --stop-signal KILL --network none top:1 sh -c 'echo begun >>/begun; sync; sleep 100000' >/dev/null
  docker create --name fresh --network none top:1 /bin/true >/dev/null
  say "containers made"
}

name_by_digest() {
  local names=$ROOT/image/devicemapper/repositories.json
  jq -c --arg name "bb@$DIGEST" '.Repositories.bb[$name] = .Repositories.bb["bb:1"]' $names >/tmp/names
  cp /tmp/names $names
}

# Everything that must be the same afterwards, the states of containers left out.
everything() {
  docker images -a --no-trunc --digests --format '{{.ID}} {{.Repository}}:{{.Tag}} {{.Digest}}' | sort
  docker volume ls -q | sort
  docker inspect one alive fresh | jq -S -c '.[]
    | (select(.Name == "/one").State | [.ExitCode, .StartedAt]), del(.State, .GraphDriver, .Driver, .RestartCount, .ResolvConfPath, .NetworkSettings.SandboxID, .NetworkSettings.SandboxKey,
      .NetworkSettings.Networks[].EndpointID, .NetworkSettings.Networks[].NetworkID) '
  docker logs one
  docker diff one | sort
  docker export one >/tmp/one.tar
  tar -t -v --numeric-owner --full-time -f /tmp/one.tar | grep -E ' (big|a name|linked|dangling|tmp/.*|bin/df.*)( |$)' | sort
  tar -xO -f /tmp/one.tar big file | sha256sum
  cat $ROOT/volumes/data/_data/kept
}

driver() {
  docker info -f '{{.Driver}}'
}

is_running() {
  [ "$(docker inspect -f '{{.State.Running}}' "$1")" = true ]
}

# The script with a hole in it: told a step, and a command there, it kills itself before that.
breakable() {
  # shellcheck disable=SC2016 # for that shell
  sed -e 's/^    running=\$\*$/    running=$*; die_at "$1"/' \
    -e '/^run() /i die_at() { case "${DIE-} ${FUNCNAME[*]}" in "$1 "*" ${DIE_IN-} "*) kill -9 $$ ;; esac; }' \
    -e 's/^mark_done() {/mark_done() { die_at mark;/' "$1"
}

# killed STEP COMMAND: the next run of the script ends there.
killed() {
  local status=0
  DIE_IN=step_$1 DIE=$2 bash /out/broken.sh --yes >>/out/killed.txt 2>&1 || status=$?
  expect "the end of a run killed in step $1 before $2" "$status" 137
  # What it had started goes on for a moment, and keeps a second run out.
  wait_until 60 flock -n $STORE/lock true
  say "killed in step $1 before $2"
}

make_plan() {
  ask plan plan overlay2 --timeout 5s
  expect_exit 0
  expect_json /out/plan.json '.possible and .numbers.image_count == 3 and .numbers.container_count == 3'
  expect_json /out/plan.json '[.items[] | select(.kind == "container") | [.name, .fate]] | sort
    == [["alive", "saved"], ["fresh", "kept"], ["one", "saved"]]'
  timeout 60 thinspect plan overlay2 --timeout 5s --script >/out/way.sh
  bash -n /out/way.sh
  breakable /out/way.sh >/out/broken.sh
}

# Containers are stopped, nothing is saved: gone back from there, they run again.
goes_back_from_the_beginning() {
  killed 2 mark
  killed 3 mark
  bash /out/way.sh --back --yes
  is_running alive
  [ ! -e $STORE/done ] || fail "something is still noted as done"
}

goes_on_wherever_it_was_killed() {
  killed 4 mark
  killed 5 docker
  killed 6 mv
  killed 7 mark
  expect "containers after the switch" "$(docker ps -aq)" ""
  killed 8 mark
  killed 9 mv
  killed 10 mark
  bash /out/way.sh --yes
}

has_lost_nothing() {
  expect "the driver" "$(driver)" overlay2
  everything >/out/after.txt
  diff /out/before.txt /out/after.txt || fail "not everything came along"
  is_running alive
  expect "alive's file" "$(docker exec alive cat /begun | head -n 1)" begun
  docker start fresh
  expect "the old pool's files" "$(ls $ROOT/devicemapper/devicemapper)" "$(printf 'data\nmetadata')"
  [ "$(docker images -q thinspect-saved)" = "" ] || fail "an image that only helped is still there"
}

# within_5_percent WHAT ESTIMATED ACTUAL
within_5_percent() {
  awk -v what="$1" -v estimated="$2" -v actual="$3" 'BEGIN {
    off = 100 * (estimated - actual) / actual
    printf "%s: estimated %.0f bytes, really %.0f: %+.1f %%\n", what, estimated, actual, off
    exit !(off >= -5 && off <= 5)
  }' || fail "$1: the estimate is off by more than 5 percent"
}

takes_what_was_estimated() {
  sync
  within_5_percent "the archive" "$(jq .numbers.archive_bytes /out/plan.json)" "$(stat -c %s $STORE/images.tar)"
  within_5_percent "unpacked" "$(jq .numbers.unpacked_bytes /out/plan.json)" "$(du -xsB1 $ROOT/overlay2 | cut -f1)"
}

does_no_harm_when_run_again() {
  local before
  before=$(docker inspect -f '{{.State.Pid}}' alive)
  bash /out/way.sh --yes
  expect "the process of the running container" "$(docker inspect -f '{{.State.Pid}}' alive)" "$before"
  [ -e $ROOT/devicemapper/devicemapper/data ] || fail "the old pool is gone without --yes-destroy"
}

goes_back_from_the_end() {
  bash /out/way.sh --back --yes
  expect "the driver after the way back" "$(driver)" devicemapper
  everything >/out/back.txt
  diff /out/before.txt /out/back.txt || fail "not everything is back"
  is_running alive
  show_pools
}

refuses_while_docker_is_down() {
  ask down plan overlay2 --timeout 5s
  expect_exit 3
  expect_json /out/down.json '.possible == false and (.blocked_by | length == 1) and (.blocked_by[0] | test("does not run"))'
}

refuses_where_the_archives_do_not_fit() {
  truncate -s 16M /small.img
  mkfs.ext4 -q /small.img
  mkdir /small
  mount -o loop /small.img /small
  ask small plan overlay2 --archives /small/there --timeout 5s
  umount /small
  expect_exit 3
  expect_json /out/small.json '.possible == false and (.blocked_by | length == 1) and (.blocked_by[0] | test("/small/there has .* free and .* are needed"))'
}

configure_docker dm.loopdatasize=2G dm.loopmetadatasize=8M dm.basesize=400M dm.fs=ext4
start_dockerd
make_images
make_containers
stop_dockerd
name_by_digest
with_tool refuses_while_docker_is_down
start_dockerd
is_running alive
everything >/out/before.txt
show_pools
with_tool refuses_where_the_archives_do_not_fit
with_tool make_plan
with_tool goes_back_from_the_beginning
with_tool goes_on_wherever_it_was_killed
with_tool has_lost_nothing
with_tool takes_what_was_estimated
with_tool does_no_harm_when_run_again
with_tool goes_back_from_the_end
