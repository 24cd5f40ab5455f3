# The pool is active, writable and without needs_check: nothing is left to repair.
works() {
    case $(dmsetup status --noflush "$pool" 2>/dev/null) in
        *needs_check*) return 1 ;;
        *" thin-pool "*" rw "* | *" thin-pool "*" out_of_data_space "*) ;;
        *) return 1 ;;
    esac
}
pool_exists() { dmsetup info "$pool" >/dev/null 2>&1; }
# A failed query does not mean that the pool is absent.
pool_is_absent() { ! pool_exists && dmsetup version >/dev/null 2>&1; }

# The pool's users: names of the devices stacked on it, except LVM's layer device.
users() {
    local number name
    pool_exists || return 0
    number=$(dmsetup info -c --noheadings --separator : -o major,minor "$pool" | tr -d ' ') || return 1
    [ -d "/sys/dev/block/$number/holders" ] || return 1
    for name in "/sys/dev/block/$number/holders"/*/dm/name; do
        [ ! -e "$name" ] || grep -vxF -- "${pool%-tpool}" "$name" || true
    done
}
unused() {
    local using
    using=$(users) && [ -z "$using" ]
}
processes_with() { grep -lsF -- "$1" /proc/[0-9]*/mountinfo | cut -d/ -f3 | tr '\n' ' ' || true; }

# Removes unused devices on the pool; fails at the first that is in use.
clear_pool() {
    local name using
    using=$(users) || stop "what uses the pool $pool cannot be listed"
    while read -r name; do
        [ -z "$name" ] || run dmsetup remove --retry "$name" ||
            stop "$name is in use; processes that have it mounted: $(processes_with "$name")"
    done < <(printf '%s\n' "$using")
}

# Whether a metadata file has no errors and no needs_check: bit 0 of the superblock flags.
unmarked() {
    case $(od -An -tu1 -j4 -N1 -- "$1" 2>/dev/null | tr -d ' ') in
        *[02468]) ;;
        *) return 1 ;;
    esac
}
sound() { [ -f "$1" ] && unmarked "$1" && thin_check -q "$1" >/dev/null 2>&1; }

# Repairs $1 into the new file $2, which is never the only copy. Further arguments are options for a lost superblock.
repair_into() {
    run thin_repair -i "$1" -o "$2" && return
    [ -n "${superblock_words-}" ] || return 1
    say "trying again with what is known of the superblock"
    # shellcheck disable=SC2086 # words
    run thin_repair -i "$1" -o "$2" $superblock_words
}
