#!/usr/bin/env bash
# thinspect plan grow for pool docker-8:1-131188-pool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped.
# It stops where the facts are not those it was made from.
# ... here stands src/plan/script/prologue.sh

pool=docker-8:1-131188-pool

# ... here stands src/plan/script/loop.sh

# ... here stands src/plan/script/resize.sh

[ "$back" = no ] || stop 'there is no way back as a whole: each step says what takes it back'
dmsetup table "$pool" >/dev/null 2>&1 || stop 'there is no device-mapper device of that name here (or you are not root)'
same_table 7:1 7:0 128 || stop 'the pool'\''s table is not the recorded one; make a new plan'
working || stop 'the pool'\''s mode does not allow it; look at "thinspect status"'
runs_elsewhere || stop 'this shell, its directory, its output or its tools lie on the pool itself, or that cannot be told: while the pool stands still they would too; run it from a shell of the host, not of a container'
[ "$(file_of /dev/loop0)" = /var/lib/docker/devicemapper/devicemapper/data ] || stop 'the loop device of the data carries another file than recorded; make a new plan'

# Step 1 (changes): enlarge the loop file of the data to 121.0 GiB, and tell /dev/loop0
step_1() {
    step='1 (enlarge the loop file of the data to 121.0 GiB, and tell /dev/loop0)'
    if [ "$(size_of /dev/loop0)" -ge 129922760704 ]; then
        say 'step 1 is done: enlarge the loop file of the data to 121.0 GiB, and tell /dev/loop0'
        return
    fi
    [ -f /var/lib/docker/devicemapper/devicemapper/data ] || stop 'step 1: there is no file /var/lib/docker/devicemapper/devicemapper/data'
    [ "$(file_of /dev/loop0)" = /var/lib/docker/devicemapper/devicemapper/data ] || stop 'step 1: /dev/loop0 carries another file than recorded; make a new plan'
    carries /var/lib/docker/devicemapper/devicemapper/data 129922760704 || stop 'step 1: the filesystem under the loop file has not enough free for a file of that size'
    ask 'step 1 (changes): enlarge the loop file of the data to 121.0 GiB, and tell /dev/loop0. Go on?'
    run truncate -c -s '>129922760704' /var/lib/docker/devicemapper/devicemapper/data
    run losetup -c /dev/loop0
    [ "$(size_of /dev/loop0)" -ge 129922760704 ] || stop 'step 1 did not work: enlarge the loop file of the data to 121.0 GiB, and tell /dev/loop0'
    say 'step 1 is done: enlarge the loop file of the data to 121.0 GiB, and tell /dev/loop0'
}

# Step 2 (changes): let the pool take the new size of its data: 1982464 blocks (121.0 GiB) in all
step_2() {
    step='2 (let the pool take the new size of its data: 1982464 blocks (121.0 GiB) in all)'
    if [ "$(blocks data)" -ge 1982464 ]; then
        say 'step 2 is done: let the pool take the new size of its data: 1982464 blocks (121.0 GiB) in all'
        return
    fi
    [ "$(size_of /dev/loop0)" -ge 129922760704 ] || stop 'step 2: /dev/loop0 is smaller than 129922760704 bytes'
    writable || stop 'step 2: the pool is read-only: its data cannot grow'
    ask 'step 2 (changes): let the pool take the new size of its data: 1982464 blocks (121.0 GiB) in all. Go on?'
    exchange_table 253755392
    [ "$(blocks data)" -ge 1982464 ] || stop 'step 2 did not work: let the pool take the new size of its data: 1982464 blocks (121.0 GiB) in all'
    say 'step 2 is done: let the pool take the new size of its data: 1982464 blocks (121.0 GiB) in all'
}

step_1
step_2
finish 'all steps are done'
