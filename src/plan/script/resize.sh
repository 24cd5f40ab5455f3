# Current sizes, files and blocks.
size_of() { blockdev --getsize64 "$1"; }
free_in() { vgs --noheadings --nosuffix --units b -o vg_free -- "$1" | tr -d ' '; }
blocks() {
    local field=1
    [ "$1" = data ] && field=2
    dmsetup status --noflush "$pool" | grep -o '[0-9][0-9]*/[0-9][0-9]*' | sed -n "$field s:.*/::p"
}

# Whether the filesystem of file $1 has room for it at $2 bytes.
carries() {
    local allocated free
    allocated=$(( $(stat -L -c '%b * %B' -- "$1") )) || return 1
    free=$(( $(stat -f -c '%f * %S' -- "$1") )) || return 1
    [ $(( allocated + free )) -ge "$2" ]
}

# Whether the pool's table has this metadata device, data device and block size.
same_table() {
    local table
    table=$(dmsetup table "$pool") || return 1
    # shellcheck disable=SC2086 # its words
    set -- "$@" $table
    [ $# -ge 9 ] && [ "$4 $6" = "0 thin-pool" ] && [ "$5" -gt 0 ] || return 1
    [ "${1/#any/$7} ${2/#any/$8} ${3/#any/$9}" = "$7 $8 $9" ]
}

# Whether the pool's mode allows growing at all, and growing the data.
working() {
    ! suspended && case $(dmsetup status --noflush "$pool") in
        *needs_check* | *Fail* | *Error*) return 1 ;;
        *" thin-pool "*) ;;
        *) return 1 ;;
    esac
}
writable() { case $(dmsetup status --noflush "$pool") in *" ro "*) return 1 ;; esac; }
suspended() {
    local info
    info=$(dmsetup info "$pool") || return 1
    case $info in *SUSPENDED*) ;; *) return 1 ;; esac
}

# --- from where this runs ---------------------------------------------------------------------------------------------

# Numbers of the devices that lie on device $1, and on those.
devices_on() {
    local place number
    for place in "/sys/dev/block/$1/holders"/*/dev; do
        [ -e "$place" ] || continue
        read -r number <"$place" || return 1
        printf '%s\n' "$number"
        devices_on "$number" || return 1
    done
}
# While the pool's table is exchanged nothing on it can be read. Whatever this script is, runs in or starts must lie
# elsewhere; of a container on the pool that is not so, and of what is layered its parts count.
runs_elsewhere() {
    local number above place device mount option
    number=$(dmsetup info -c --noheadings --separator : -o major,minor "$pool" | tr -d ' ') || return 1
    [ -d "/sys/dev/block/$number/holders" ] || return 1
    above=$(devices_on "$number") || return 1
    for place in / . "/proc/$$/exe" "/proc/$$/fd/"* "$(command -v dmsetup)" "$(command -v bash)" "/proc/$PPID/exe"; do
        device=$(device_under "$place") || continue
        case "
$above
" in *"
$device
"*) return 1 ;; esac
    done
    while read -r _ _ device _ mount option; do
        [ "$mount" = / ] || continue
        case $option in *' overlay '* | *' aufs '*) [ -z "$above" ] || return 1 ;; esac
    done </proc/self/mountinfo
}
# The number of the device under the filesystem of a path.
device_under() {
    local number
    number=$(stat -L -c %d -- "$1" 2>/dev/null) || return 1
    printf '%d:%d' $(( number >> 8 & 0xfff )) $(( number & 0xff | number >> 12 & 0xfff00 ))
}

# --- the table --------------------------------------------------------------------------------------------------------

# Gives the pool a table of $1 sectors, or the one it has, and makes it look at its devices again. The kernel suspends the
# pool, exchanges the table and resumes it in the one call that resumes it (drivers/md/dm-ioctl.c, do_resume), so there is
# no moment at which this script could end and leave it suspended; a table that is refused in that call does, and then the
# old one goes back. Nothing is written meanwhile, and no signal counts.
exchanging=no old='' refusal=''
exchange_table() {
    local start length rest new
    old=$(dmsetup table "$pool")
    read -r start length rest < <(printf '%s\n' "$old")
    if [ "$1" != same ]; then
        [ "$1" -ge "$length" ] || stop "the pool has $length sectors already: it is never made smaller"
        length=$1
    fi
    new="$start $length $rest"
    say "+ dmsetup reload $pool --table '$new', and resume it"
    ignore_signals
    exchanging=yes
    if refusal=$(dmsetup reload "$pool" --table "$new" 2>&1) && refusal=$(dmsetup resume "$pool" 2>&1); then
        exchanging=no
        mind_signals
        return 0
    fi
    release_pool
    mind_signals
    stop "the kernel refused the new table: $refusal; the pool is $(if suspended; then echo SUSPENDED; else echo 'as it was'; fi)"
}
# Never leaves the pool suspended. Silent: see exchange_table.
release_pool() {
    [ "$exchanging" = yes ] || return 0
    exchanging=no
    {
        case $(dmsetup info "$pool") in
            *ACTIVE*) dmsetup clear "$pool" || true ;;
            *) dmsetup resume "$pool" || { dmsetup reload "$pool" --table "$old" && dmsetup resume "$pool"; } || still_suspended=yes ;;
        esac
    } >/dev/null 2>&1
}
still_suspended=no
describe_state() {
    [ "$still_suspended" = no ] ||
        say "THE POOL IS STILL SUSPENDED: load a table that fits (dmsetup reload $pool --table ...) and resume it (dmsetup resume $pool)"
    say "what was enlarged stays so, which does no harm: nothing is ever made smaller"
}
