# A stand-in for Docker with two stores, devicemapper and overlay2. $STAGE/root is its data root, $STAGE/driver the driver
# that it runs with, $STAGE/up is there while it runs. What containers wrote are real files, layers are real archives.
root=$STAGE/root driver=$(cat "$STAGE/driver")
store=$root/image/$driver
[ "$1" = ps ] || [ -e "$STAGE/up" ] || exit 1
[ -e "$STAGE/up" ] || exit 1

config() { echo "$root/containers/$1/config.v2.json"; }
field() { sed -n "s/.*\"$2\":\"\([^\"]*\)\".*/\1/p" "$(config "$1")"; }
image_of_container() { sed -n 's/.*"Image":"\([^"]*\)","NetworkSettings".*/\1/p' "$(config "$1")"; }
running() { grep -q '"Running":true' "$(config "$1")"; }
# Containers whose record names the driver, and that have a layer in its store; newest first.
containers() {
    local id
    for id in $(ls -t "$root/containers" 2>/dev/null); do
        [ ! -d "$store/layerdb/mounts/$id" ] || [ "$(field "$id" Driver)" != "$driver" ] || echo "$id"
    done
}
# An id, a name or the beginning of an id.
container() {
    local id
    for id in $(containers); do
        case $id in "$1"*) echo "$id"; return ;; esac
        [ "$(field "$id" Name)" != "/$1" ] || { echo "$id"; return; }
    done
    return 1
}
upper() {
    if [ "$driver" = overlay2 ]; then echo "$root/overlay2/$(cat "$store/layerdb/mounts/$1/mount-id")/diff"
    else echo "$root/devicemapper/mnt/$1"; fi
}
images() { ls "$store/imagedb/content/sha256" 2>/dev/null | sed 's/^/sha256:/'; }
names() { cat "$store/names" 2>/dev/null; }
# An id, a name, or a name without the tag that is latest.
image() {
    local found
    case $1 in sha256:*) [ -e "$store/imagedb/content/sha256/${1#sha256:}" ] && { echo "$1"; return; } ;; esac
    found=$(names | awk -v name="$1" '$2 == name || $2 == name ":latest" { print $1; exit }')
    [ -n "$found" ] && echo "$found"
}
layers() { sed 1d "$store/imagedb/content/sha256/${1#sha256:}"; }
packed() { tar -C "$1" --sort=name --mtime=@0 --numeric-owner -cf - .; }
unpack() {
    mkdir -p "$store/layers"
    cat >"$store/layers/new"
    sum=$(sha256sum <"$store/layers/new" | cut -c1-64)
    mv "$store/layers/new" "$store/layers/$sum"
    if [ "$driver" = overlay2 ]; then
        mkdir -p "$root/overlay2/$sum/diff"
        tar -C "$root/overlay2/$sum/diff" -xf "$store/layers/$sum"
    fi
    echo "$sum"
}
describe() {
    mkdir -p "$store/imagedb/content/sha256" "$store/imagedb/metadata/sha256" "$store/distribution"
    cat >"$store/imagedb/new"
    sum=$(sha256sum <"$store/imagedb/new" | cut -c1-64)
    mv "$store/imagedb/new" "$store/imagedb/content/sha256/$sum"
    echo "sha256:$sum"
}
tag() {
    names | awk -v name="$2" '$2 != name' >"$store/names.new"
    echo "$1 $2" >>"$store/names.new"
    mv "$store/names.new" "$store/names"
}
state() {
    sed -i "s/\"Running\":[a-z]*/\"Running\":$2/; s/\"$3\":\"[^\"]*\"/\"$3\":\"$(date +%s%N)\"/" "$(config "$1")"
}
remove_container() {
    rm -rf "$root/containers/$1" "$store/layerdb/mounts/$1" "$root/devicemapper/mnt/$1"
}
inspect() {
    local kind=$1 format=$2 id=$3 found
    case $format in
        '{{.State.Running}}') found=$(container "$id") || return 1; if running "$found"; then echo true; else echo false; fi ;;
        '{{.State.StartedAt}} {{.State.FinishedAt}}') found=$(container "$id") || return 1
            echo "$(field "$found" StartedAt) $(field "$found" FinishedAt)" ;;
        '{{.Image}}') found=$(container "$id") || return 1; image_of_container "$found" ;;
        '{{.SizeRootFs}}') echo 1000 ;;
        '{{range .Mounts}}{{println .Name}}{{end}}') echo ;;
        '{{.Id}}') image "$id" ;;
        '{{range .RootFS.Layers}}{{println .}}{{end}}') found=$(image "$id") || return 1; layers "$found" | sed 's/^/sha256:/' ;;
        '{{.Id}}{{range .RootFS.Layers}} {{.}}{{end}}') found=$(image "$id") || return 1
            echo "$found $(layers "$found" | sed 's/^/sha256:/' | tr '\n' ' ')" ;;
        '{{.GraphDriver.Data.UpperDir}}')
            if [ "$kind" = container ]; then upper "$(container "$id")"
            else found=$(image "$id") || return 1; echo "$root/overlay2/$(layers "$found" | tail -n 1)/diff"; fi ;;
        '') if [ "$kind" = image ]; then image "$id" >/dev/null; else container "$id" >/dev/null; fi ;;
        *) echo "fake docker: inspect $format" >&2; return 3 ;;
    esac
}
verb=$1
shift
case $verb in
info) printf ' Storage Driver: %s\n' "$driver"; [ "$driver" = overlay2 ] || printf '  Pool Name: pool\n'
    printf ' Docker Root Dir: %s\n Swarm: inactive\n' "$root" ;;
version) ;;
ps)
    case "$*" in
    *status=paused*) ;;
    '-q' | '-q --no-trunc') for id in $(containers); do ! running "$id" || echo "$id"; done ;;
    '-aq --no-trunc') containers ;;
    *'{{.ID}} {{.Names}}') for id in $(containers); do echo "$id $(field "$id" Name | tr -d /)"; done ;;
    *'{{.Names}}') for id in $(containers); do ! running "$id" || field "$id" Name | tr -d /; done ;;
    *) exit 3 ;;
    esac ;;
images)
    case "$*" in
    '-aq --no-trunc') images ;;
    '-q --no-trunc') images ;;
    *) for id in $(images); do
            found=$(names | awk -v id="$id" '$1 == id { print $2 }')
            for name in ${found:-<none>:<none>}; do
                case "$*" in
                *'{{.Repository}}:{{.Tag}} {{.Digest}}') echo "$id $name <none>" ;;
                *'{{.Repository}}:{{.Tag}}') echo "$id $name" ;;
                *) echo "$id ${name%:*}" ;;
                esac
            done
        done ;;
    esac ;;
volume) [ "$1" != ls ] || echo data ;;
inspect)
    kind='' format=''
    while :; do
        case $1 in --type) kind=$2; shift 2 ;; -s) shift ;; -f) format=$2; shift 2 ;; *) break ;; esac
    done
    [ -n "$kind" ] || { kind=container; }
    for id in "$@"; do inspect "$kind" "$format" "$id" || exit 1; done ;;
diff) found=$(container "$1") || exit 1; (cd "$(upper "$found")" && find . -type f | sed 's:^\.:A :; s:^A /:A /:') ;;
commit)
    [ "$1" != -m ] || shift 2
    found=$(container "$1") || exit 1
    layer=$(packed "$(upper "$found")" | unpack)
    id=$({ echo "commit of $found"; layers "$(image_of_container "$found")"; echo "$layer"; } | describe)
    case $2 in *:*) tag "$id" "$2" ;; *) tag "$id" "$2:latest" ;; esac
    echo "$id" ;;
export)
    if [ "$1" = -o ]; then packed "$(upper "$(container "$3")")" >"$2"; else packed "$(upper "$(container "$1")")"; fi ;;
import) layer=$(unpack <"$1"); id=$(printf 'import\n%s\n' "$layer" | describe); tag "$id" "$2" ;;
save)
    file=$2; shift 2
    work=$(mktemp -d "$STAGE/save.XXXXXX")
    for name in "$@"; do
        id=$(image "$name") || exit 1
        cp "$store/imagedb/content/sha256/${id#sha256:}" "$work/"
        for layer in $(layers "$id"); do cp "$store/layers/$layer" "$work/"; done
        names | awk -v id="$id" '$1 == id' >>"$work/names"
    done
    tar -C "$work" -cf "$file" .; rm -rf "$work" ;;
load)
    [ "$1" != -q ] || shift
    work=$(mktemp -d "$STAGE/load.XXXXXX")
    tar -C "$work" -xf "$2" || exit 1
    for file in "$work"/*; do
        case ${file##*/} in
        names) ;;
        *) if tar -tf "$file" >/dev/null 2>&1; then unpack <"$file" >/dev/null; else describe <"$file" >/dev/null; fi ;;
        esac
    done
    [ ! -e "$work/names" ] || while read -r id name; do tag "$id" "$name"; done <"$work/names"
    [ -e "$store/repositories.json" ] || echo '{}' >"$store/repositories.json"
    rm -rf "$work" ;;
create)
    name=$(echo "$RANDOM$RANDOM" | sha256sum | cut -c1-12) network=''
    while :; do case $1 in --name) name=$2; shift 2 ;; --network) shift 2 ;; *) break ;; esac; done
    base=$(image "$1") || exit 1
    id=$(echo "$name$RANDOM$RANDOM" | sha256sum | cut -c1-64)
    mkdir -p "$root/containers/$id" "$store/layerdb/mounts/$id"
    if [ "$driver" = overlay2 ]; then mkdir -p "$root/overlay2/$id/diff"; else mkdir -p "$root/devicemapper/mnt/$id"; fi
    echo "$id" >"$store/layerdb/mounts/$id/mount-id"
    printf '{"ID":"%s","State":{"Running":false,"StartedAt":"0","FinishedAt":"0"},"Image":"%s","NetworkSettings":{},"Name":"/%s","Driver":"%s"}' \
        "$id" "$base" "$name" "$driver" >"$(config "$id")"
    echo '{}' >"$root/containers/$id/hostconfig.json"
    echo "$id" ;;
start) found=$(container "$1") || exit 1; state "$found" true StartedAt; echo "$1" ;;
stop) for id in "$@"; do found=$(container "$id") || exit 1; state "$found" false FinishedAt; done ;;
unpause) ;;
rm) while :; do case $1 in -f | -v) shift ;; *) break ;; esac; done
    found=$(container "$1") || exit 1; remove_container "$found" ;;
rmi)
    found=$(image "$1") || exit 1
    case $1 in
    sha256:*) rm -f "$store/imagedb/content/sha256/${found#sha256:}"; names | awk -v id="$found" '$1 != id' >"$store/names.new" ;;
    *) names | awk -v name="$1" '$2 != name && $2 != name ":latest"' >"$store/names.new" ;;
    esac
    mv "$store/names.new" "$store/names"
    names | grep -q "^$found " || rm -f "$store/imagedb/content/sha256/${found#sha256:}" ;;
tag) found=$(image "$1") || exit 1; tag "$found" "$2" ;;
*) echo "fake docker: $verb" >&2; exit 3 ;;
esac
