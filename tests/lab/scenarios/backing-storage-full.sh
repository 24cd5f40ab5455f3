# A pool whose data lies on a thin volume of another pool: that one runs full, and this one, with room, loses writes.
# Long
# shellcheck shell=bash source=tests/lab/guest/lib.sh

is_quiet() {
  gone "$1" backing-storage-full data-full
}

# Where room must be given is said of both.
names_both() {
  shows backing-storage-full backing-storage-full '.findings[0].subject.name == "inner" and .findings[0].severity == "critical"
    and .findings[1].rule == "data-full" and .findings[1].subject.name == "outer"'
  follow_advice backing-storage-full reads
}

grows_what_lies_below() {
  follow_plan backing-storage-full grow
  write_blocks inner-thin 1200 200
  is_quiet grown
}

loop_pool outer 64M 4M error_if_no_space
metadata=$(loop_device inner.metadata 4M)
dmsetup message outer 0 "create_thin 1"
dmsetup create lower --table "0 262144 thin /dev/mapper/outer 1"
pool_on inner "$metadata" /dev/mapper/lower
write_blocks inner-thin 0 800
expect "used in the pool above" "$(pool_field used inner)" 800
with_tool is_quiet before
! write_blocks inner-thin 800 400 2>/dev/null || fail "the pool below took more than it has"
expect "the mode below" "$(pool_field mode outer)" out_of_data_space
show_pools
with_tool names_both
with_tool grows_what_lies_below
