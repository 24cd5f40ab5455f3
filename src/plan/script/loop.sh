# Loop devices. Their facts stand in sysfs; losetup learned to print them only with util-linux 2.24.
file_of() { cat -- "/sys/block/${1##*/}/loop/backing_file"; }
# Every loop device on a file, by the file itself and not by its name.
loops_on() {
    local nodes
    nodes=$(losetup -j "$1") || return 1
    printf '%s' "$nodes" | cut -d: -f1
}
# Those that may write, and those that may not.
loops_with() {
    local node nodes ro
    nodes=$(loops_on "$2") || return 1
    for node in $nodes; do
        read -r ro <"/sys/block/${node##*/}/ro" || return 1
        [ "$ro" != "$1" ] || printf '%s\n' "$node"
    done
}
writing_loops() { loops_with 0 "$1"; }
reading_loops() { loops_with 1 "$1"; }
# Whether every loop device on a file shows all of it.
shown_whole() {
    local node nodes offset limit
    nodes=$(loops_on "$1") || return 1
    for node in $nodes; do
        read -r offset <"/sys/block/${node##*/}/loop/offset" || return 1
        read -r limit <"/sys/block/${node##*/}/loop/sizelimit" || return 1
        [ "$offset $limit" = "0 0" ] || return 1
    done
}
