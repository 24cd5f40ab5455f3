set -euo pipefail
export LC_ALL=C

yes=no
case ${1-} in
    '') ;;
    --yes) yes=yes ;;
    *) echo "usage: ${0##*/} [--yes]" >&2; exit 64 ;;
esac

say() { printf 'thinspect: %s\n' "$*" >&2; }
stop() { say "stopped: $*"; exit 1; }
run() { say "+ $*"; "$@"; }

# Asks on the terminal; anything but y stops the script.
ask() {
    [ "$yes" = yes ] && return 0
    { printf '%s [y/N] ' "$1" >/dev/tty; } 2>/dev/null ||
        stop "there is no terminal to ask on; --yes goes on without asking"
    local answer=''
    read -r answer </dev/tty || true
    case $answer in
        y | Y | yes) ;;
        *) stop "you said no; what was done before stays" ;;
    esac
}

[ "$(id -u)" = 0 ] || stop "this has to be run by root"
