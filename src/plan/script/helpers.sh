# Sizes, files and blocks as they are now.
size_of() { blockdev --getsize64 "$1"; }
file_of() { losetup --noheadings --output BACK-FILE "$1" | sed 's/ *$//'; }
free_in() { vgs --noheadings --nosuffix --units b -o vg_free -- "$1" | tr -d ' '; }
blocks() {
    local field=1
    [ "$1" = data ] && field=2
    dmsetup status --noflush "$pool" | grep -o '[0-9][0-9]*/[0-9][0-9]*' | sed -n "$field s:.*/::p"
}

# Whether the filesystem of file $1 carries it when it is $2 bytes large.
carries() {
    local allocated free
    allocated=$(( $(stat -L -c '%b * %B' -- "$1") ))
    free=$(( $(stat -f -c '%f * %S' -- "$1") ))
    [ $(( allocated + free )) -ge "$2" ]
}

# Whether the pool's table has this metadata device, data device and block size.
same_table() {
    local table start length kind metadata data block
    table=$(dmsetup table "$pool") || return 1
    read -r start length kind metadata data block _ <<<"$table"
    [ "$start $kind" = "0 thin-pool" ] && [ "$length" -gt 0 ] || return 1
    case "$metadata $data $block" in
        "${1/#any/$metadata} ${2/#any/$data} ${3/#any/$block}") ;;
        *) return 1 ;;
    esac
}

# Whether the pool's mode lets it grow at all, and whether its data may grow.
working() {
    ! suspended && case $(dmsetup status --noflush "$pool") in
        *needs_check* | *Fail* | *Error*) return 1 ;;
        *" thin-pool "*) ;;
        *) return 1 ;;
    esac
}
writable() { case $(dmsetup status --noflush "$pool") in *" ro "*) return 1 ;; esac; }
suspended() { dmsetup info "$pool" | grep -q 'State: *SUSPENDED'; }

# Whatever happens, the pool is not left suspended.
swapping=no old=''
restore() {
    local status=$?
    if [ "$swapping" = yes ]; then
        say "making sure that the pool is not left suspended"
        if suspended; then
            run dmsetup resume "$pool" ||
                { run dmsetup reload "$pool" --table "$old" && run dmsetup resume "$pool"; } ||
                say "THE POOL IS STILL SUSPENDED: load a table that fits (dmsetup reload) and resume it"
        else
            run dmsetup clear "$pool" || true
        fi
    fi
    exit "$status"
}
trap restore EXIT

# Gives the pool a table of $1 sectors, or the one it has, and makes it look at its devices again.
swap() {
    local start length rest new
    old=$(dmsetup table "$pool")
    read -r start length rest <<<"$old"
    if [ "$1" != same ]; then
        [ "$1" -ge "$length" ] || stop "the pool has $length sectors already: it is never made smaller"
        length=$1
    fi
    new="$start $length $rest"
    trap '' HUP INT TERM
    swapping=yes
    run dmsetup reload "$pool" --table "$new"
    run dmsetup suspend "$pool"
    run dmsetup resume "$pool"
    swapping=no
    trap - HUP INT TERM
}
