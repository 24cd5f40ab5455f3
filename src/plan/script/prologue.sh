set -Eeuo pipefail
export LC_ALL=C

yes=no yes_destroy=no back=no
for option in "$@"; do
    case $option in
        --yes) yes=yes ;;
        --yes-destroy) yes_destroy=yes ;;
        --back) back=yes ;;
        *) echo "usage: ${0##*/} [--yes] [--yes-destroy] [--back]" >&2; exit 64 ;;
    esac
done

# --- output -----------------------------------------------------------------------------------------------------------

# A terminal that closes, a reader that ends and a filesystem that fills must not decide what happens to the host. So this
# script and every command it starts write into a pipe whose reader always lives: it shows what it can, logs what it can,
# and takes the rest.
log=/var/log/thinspect.log
pass_on() { tee -a -- "$log" >&8 2>/dev/null || cat >/dev/null; }
trap '' HUP INT QUIT PIPE TERM TSTP TTIN TTOU
(umask 077; : >>"$log") 2>/dev/null || true
exec 8>&2 2> >(pass_on) >&2
# What plans that note their steps say is noted there as well.
journal=''
say() {
    printf 'thinspect: %s\n' "$*" >&2 || true
    [ -z "$journal" ] || printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" 2>/dev/null >>"$journal" || true
}
run() {
    say "+ $*"
    running=$*
    "$@" 8>&-
}
stop() {
    explained=yes
    say "stopped: $*"
    exit 1
}
finish() {
    explained=yes
    say "$*"
    exit 0
}

# --- the end ----------------------------------------------------------------------------------------------------------

# No run ends without a sentence. What is urgent comes first, silently: see release_pool.
explained=no step='' running='' failed='' failed_status=''
note_failure() {
    failed_status=$1
    case $2 in '"$@"'*) failed=$running ;; *) failed=$2 ;; esac
}
ended() {
    local status=$?
    trap - ERR EXIT
    trap '' HUP INT QUIT PIPE TERM
    set +eu
    ! defined release_pool || release_pool
    if [ "$explained" = no ]; then
        case $status in
            129 | 130 | 131 | 143) say "interrupted by a signal${step:+ in step $step}" ;;
            *) say "stopped${step:+ in step $step}: this failed with status ${failed_status:-$status}: ${failed:-(not known)}" ;;
        esac
        [ "$status" != 0 ] || status=1
    fi
    if [ "$status" != 0 ]; then
        if [ -z "$step" ]; then say "this run changed nothing"; elif defined describe_state; then describe_state; fi
        say "run again, this script skips what is done and goes on, or says why it cannot; the log is $log"
    fi
    # The reader has to see the end before the caller's next line is printed.
    exec 2>&8 >&2
    sleep 0.1
    exit "$status"
}
defined() { declare -F "$1" >/dev/null; }
trap 'note_failure $? "$BASH_COMMAND"' ERR
trap ended EXIT
mind_signals() {
    trap - TSTP TTIN TTOU
    trap : PIPE
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 131' QUIT
    trap 'exit 143' TERM
}
ignore_signals() { trap '' HUP INT QUIT PIPE TERM ALRM USR1 USR2 TSTP TTIN TTOU; }
mind_signals

# --- questions --------------------------------------------------------------------------------------------------------

# Asks on the terminal; anything but y is a no.
agreed() {
    local answer=''
    sleep 0.1
    (printf '%s [y/N] ' "$1" >/dev/tty) 2>/dev/null ||
        stop "there is no terminal to ask on; $2 goes on without asking"
    { read -r answer </dev/tty; } 2>/dev/null || true
    case $answer in
        y | Y | yes) ;;
        *) return 1 ;;
    esac
}
may() { [ "$yes" = yes ] || agreed "$1" --yes; }
may_destroy() { [ "$yes_destroy" = yes ] || agreed "$1" --yes-destroy; }
ask() { may "$1" || stop "you said no; what was done before stays"; }
ask_destroy() { may_destroy "$1" || stop "you said no; what was done before stays"; }

# --- conditions -------------------------------------------------------------------------------------------------------

have() {
    local tool
    for tool in "$@"; do command -v "$tool" >/dev/null || return 1; done
}
need_tools() {
    local tool missing=''
    for tool in "$@"; do have "$tool" || missing="$missing $tool"; done
    [ -z "$missing" ] || stop "tools are missing here:$missing"
}
# A step that cannot be done yet.
not_ready() { stop "step ${step%% *}: $*"; }
# Bytes as a person reads them, rounded up.
mib() { printf '%s MiB' $(( ($1 + 1048575) / 1048576 )); }
# Waits at most $1 seconds for a condition.
within() {
    local end=$(( SECONDS + $1 ))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 1
    done
}

[ "$(id -u)" = 0 ] || stop "this has to be run by root"
