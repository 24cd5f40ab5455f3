#!/usr/bin/env bash
# thinspect plan grow for pool docker-thinpool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped.
# It stops where the facts are not those it was made from.
# ... here stands src/plan/script/prologue.sh

pool=docker-thinpool

# ... here stands src/plan/script/loop.sh

# ... here stands src/plan/script/resize.sh

[ "$back" = no ] || stop 'there is no way back as a whole: each step says what takes it back'
dmsetup table "$pool" >/dev/null 2>&1 || stop 'there is no device-mapper device of that name here (or you are not root)'
same_table 253:0 253:1 1024 || stop 'the pool'\''s table is not the recorded one; make a new plan'
working || stop 'the pool'\''s mode does not allow it; look at "thinspect status"'

# Step 1 (changes): grow the data of docker/thinpool by 2.0 GiB to 11.5 GiB
step_1() {
    step='1 (grow the data of docker/thinpool by 2.0 GiB to 11.5 GiB)'
    if [ "$(blocks data)" -ge 23544 ]; then
        say 'step 1 is done: grow the data of docker/thinpool by 2.0 GiB to 11.5 GiB'
        return
    fi
    [ "$(free_in docker)" -ge 2147483648 ] || stop 'step 1: volume group docker has less than 2147483648 bytes free'
    writable || stop 'step 1: the pool is read-only: its data cannot grow'
    ask 'step 1 (changes): grow the data of docker/thinpool by 2.0 GiB to 11.5 GiB. Go on?'
    run lvextend -L 12343836672b docker/thinpool || true
    [ "$(blocks data)" -ge 23544 ] || stop 'step 1 did not work: grow the data of docker/thinpool by 2.0 GiB to 11.5 GiB'
    say 'step 1 is done: grow the data of docker/thinpool by 2.0 GiB to 11.5 GiB'
}

step_1
finish 'all steps are done'
