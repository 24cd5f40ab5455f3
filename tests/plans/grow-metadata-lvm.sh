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

# Step 1 (changes): grow the metadata of docker/thinpool by 12.0 MiB to 64.0 MiB
step_1() {
    step='1 (grow the metadata of docker/thinpool by 12.0 MiB to 64.0 MiB)'
    if [ "$(blocks metadata)" -ge 16384 ]; then
        say 'step 1 is done: grow the metadata of docker/thinpool by 12.0 MiB to 64.0 MiB'
        return
    fi
    [ "$(free_in docker)" -ge 25182208 ] || stop 'step 1: volume group docker has less than 25182208 bytes free'
    ask 'step 1 (changes): grow the metadata of docker/thinpool by 12.0 MiB to 64.0 MiB. Go on?'
    run lvextend --poolmetadatasize 67108864b docker/thinpool || true
    [ "$(blocks metadata)" -ge 16384 ] || stop 'step 1 did not work: grow the metadata of docker/thinpool by 12.0 MiB to 64.0 MiB'
    say 'step 1 is done: grow the metadata of docker/thinpool by 12.0 MiB to 64.0 MiB'
}

step_1
finish 'all steps are done'
