#!/usr/bin/env bash
# thinspect plan overlay2 for pool docker-8:1-131188-pool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped. With --back it takes everything back.
# It stops where the facts are not those it was made from.
set -euo pipefail
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

say() { printf 'thinspect: %s\n' "$*" >&2; }
stop() { say "stopped: $*"; exit 1; }
run() { say "+ $*"; "$@"; }

# Asks on the terminal; anything but y is a no.
agreed() {
    { printf '%s [y/N] ' "$1" >/dev/tty; } 2>/dev/null ||
        stop "there is no terminal to ask on; $2 goes on without asking"
    local answer=''
    read -r answer </dev/tty || true
    case $answer in
        y | Y | yes) ;;
        *) return 1 ;;
    esac
}
may() { [ "$yes" = yes ] || agreed "$1" --yes; }
may_destroy() { [ "$yes_destroy" = yes ] || agreed "$1" --yes-destroy; }
ask() { may "$1" || stop "you said no; what was done before stays"; }
ask_destroy() { may_destroy "$1" || stop "you said no; what was done before stays"; }

[ "$(id -u)" = 0 ] || stop "this has to be run by root"

pool=docker-8:1-131188-pool
engine=''
root=/var/lib/docker
store=/var/lib/docker/thinspect-overlay2
old_driver=devicemapper
new_driver=overlay2
commits=yes
fills=yes
archive_bytes=608265174
save_bytes=1216530348
root_bytes=2136955308
planned_images='sha256:5555555555555555555555555555555555555555555555555555555555555555 sha256:6666666666666666666666666666666666666666666666666666666666666666 sha256:7777777777777777777777777777777777777777777777777777777777777777'
planned_containers='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd'

have() {
    local tool
    for tool in "$@"; do command -v "$tool" >/dev/null || return 1; done
}

# Waits at most $1 seconds for a condition.
within() {
    local end=$(( SECONDS + $1 ))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 1
    done
}

docker_answers() { timeout 20 docker version >/dev/null 2>&1; }

# One name at a time: pgrep finds nothing by a pattern of more than 15 characters.
docker_runs() {
    local name
    for name in dockerd dockerd-current docker-current docker; do
        ! pgrep -x "$name" >/dev/null || return 0
    done
    return 1
}
docker_is_gone() { ! docker_runs; }

# Containers are stopped one by one, as they would survive the daemon with live-restore.
stop_docker() {
    local containers=()
    ! docker_is_gone || return 0
    mapfile -t containers < <(timeout 20 docker ps -q 2>/dev/null || true)
    if [ "${#containers[@]}" -gt 0 ]; then
        run timeout 300 docker stop "${containers[@]}" >/dev/null || say "not every container stopped in time"
    fi
    if have systemctl; then
        systemctl stop docker.socket 2>/dev/null || true
        run systemctl stop docker
    else
        run service docker stop
    fi
    within 120 docker_is_gone || true
}
start_docker() {
    if have systemctl; then run systemctl start docker; else run service docker start; fi
}

# Everything that is done is noted in $store, a directory for root alone: what there was, how it was, which parts are
# done, and the archives. Without it there is no way back.
say() {
    printf 'thinspect: %s\n' "$*" >&2
    [ ! -d "$store" ] || printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >>"$store/log"
}
did() { grep -qsxF -- "$1" "$store/done"; }
mark() { did "$1" || printf '%s\n' "$1" >>"$store/done"; }

# Makes the store, and keeps a second run out while this one works. A daemon must not inherit the lock: see raise_docker.
open_store() {
    [ ! -L "$store" ] || stop "$store is a symbolic link"
    run mkdir -p -m 700 -- "$store"
    [ "$(stat -c '%u %a' -- "$store")" = "0 700" ] || stop "$store is not a directory of root's alone"
    exec 9>"$store/lock"
    flock -n 9 || stop "another run of this script, or a command that it started, is still at work"
}

# --- Docker as it answers ---------------------------------------------------------------------------------------------

unset DOCKER_CONTEXT DOCKER_TLS_VERIFY
driver_is() { [ "$(timeout 60 docker info -f '{{.Driver}}' 2>/dev/null)" = "$1" ]; }
root_is_ours() { [ "$(timeout 60 docker info -f '{{.DockerRootDir}}' 2>/dev/null)" = "$root" ]; }
no_swarm() { [ "$(timeout 60 docker info -f '{{.Swarm.LocalNodeState}}' 2>/dev/null)" = inactive ]; }
# An answer that could not be had is none.
nothing_runs() {
    local running
    running=$(docker ps -q) && [ -z "$running" ]
}
all_images_now() { docker images -aq --no-trunc | sort -u; }
# Images, and each name of each. What this script makes itself does not count.
images_now() {
    docker images -a --no-trunc --format '{{.ID}} {{.Repository}}' | sed '/ thinspect-saved$/d; s/ .*//' | sort -u
}
names_now() {
    docker images -a --no-trunc --digests --format '{{.ID}} {{.Repository}}:{{.Tag}} {{.Digest}}' |
        sed '/ thinspect-saved:/d' | sort
}
containers_now() { docker ps -aq --no-trunc | sort; }
containers_named() { docker ps -a --no-trunc --format '{{.ID}} {{.Names}}' | sort; }
volumes_now() { docker volume ls -q | sort; }
# Whether the lines of a file and the output of a command are the same.
as_noted() {
    local now
    [ -f "$store/$1" ] && now=$("$2") && [ "$now" = "$(cat -- "$store/$1")" ]
}
# Whether the plan knew exactly these.
as_planned() {
    local now
    now=$("$2") && [ "$now" = "$(printf '%s' "$1" | tr ' ' '\n' | sort -u)" ]
}
room_for() { [ $(( $(stat -f -c '%a * %S' -- "$1") )) -ge "$2" ]; }

# Without the lock: a daemon would hold it for as long as it lives.
raise_docker() {
    start_docker 9>&-
    within 120 docker_answers || stop "Docker does not answer; journalctl -u docker says why, and --back goes back"
}
lower_docker() {
    stop_docker 9>&-
    docker_is_gone || stop "Docker does not stop"
}

# --- what there is ----------------------------------------------------------------------------------------------------

# What ran is noted once: an interrupted run has stopped some of it already.
note_running() { [ -f "$store/running" ] || keep running docker ps -q --no-trunc; }
# keep FILE COMMAND...: its output in a file of the store, whole or not at all.
keep() {
    local file=$store/$1
    shift
    "$@" >"$file.part"
    mv -f -- "$file.part" "$file"
}
settings=/etc/docker/daemon.json
note_what_is_there() {
    keep names names_now
    keep images images_now
    keep volumes volumes_now
    keep info docker info 2>/dev/null
    cp -a -- "$root/image/$old_driver/repositories.json" "$store/repositories.json"
}
stop_containers() {
    local id
    for id in $(docker ps -q --no-trunc --filter status=paused); do
        run docker unpause "$id" >/dev/null
    done
    for id in $(docker ps -q --no-trunc); do
        run timeout 300 docker stop "$id" >/dev/null || say "container $id did not stop in time"
    done
    nothing_runs || stop "containers still run: $(docker ps --format '{{.Names}}' | tr '\n' ' ')"
}
# --- settings ---------------------------------------------------------------------------------------------------------

text_of() { cat -- "$1" 2>/dev/null || true; }
settings_are() { [ "$(text_of "$settings")" = "$1" ]; }
keep_settings() {
    [ ! -e "$store/daemon.json" ] || return 0
    if [ -e "$settings" ]; then
        cp -aL -- "$settings" "$store/daemon.json.part"
    else
        : >"$store/daemon.json.part"
    fi
    mv -f -- "$store/daemon.json.part" "$store/daemon.json"
}
write_settings() {
    local file
    run mkdir -p -- "${settings%/*}"
    file=$(readlink -f "$settings")
    [ ! -e "$file" ] || cp -a -- "$file" "$file.new"
    printf '%s\n' "$1" >"$file.new"
    run mv -f -- "$file.new" "$file"
}
restore_settings() {
    if [ -s "$store/daemon.json" ]; then
        run cp -a -- "$store/daemon.json" "$(readlink -f "$settings")"
    else
        run rm -f -- "$settings"
    fi
}

# --- afterwards ------------------------------------------------------------------------------------------------------

# In the order in which they were started, oldest first: some need another one's network.
start_again() {
    local id
    for id in $(tac "$store/running"); do
        grep -q "^$id" "$store/containers" || continue
        [ "$(docker inspect -f '{{.State.Running}}' "$id")" = true ] || run docker start "$id" >/dev/null ||
            say "container ${id:0:12} does not start: docker logs and docker inspect say why"
    done
    mark started
}

# --- what containers hold ---------------------------------------------------------------------------------------------

# The records of containers as they are once nothing runs: the way back restores them.
note_containers() {
    local id
    keep containers containers_named
    for id in $(containers_now); do
        mkdir -p -- "$store/records/$id"
        cp -a -- "$root/containers/$id/"{config.v2,hostconfig}.json "$store/records/$id/"
        keep "records/$id/changes" docker diff "$id" ||
            stop "container ${id:0:12} cannot be read: remove it (docker rm), or see what is wrong with it, first"
    done
}

# --- saving -----------------------------------------------------------------------------------------------------------

moved() { cut -d' ' -f1 "$store/containers" 2>/dev/null || true; }
saved_name() { printf 'thinspect-saved:%s' "${1:0:12}"; }
has_image() { docker inspect --type image "$1" >/dev/null 2>&1; }
# How container $1 is saved: nothing (it wrote nothing), commit, or export.
saved_as() { cat -- "$store/records/$1/saved" 2>/dev/null || true; }

# Each container that has written something becomes an image of its own; where the pool refuses that, an archive.
save_containers() {
    local id
    for id in $(moved); do
        [ -z "$(saved_as "$id")" ] || continue
        docker rmi "$(saved_name "$id")" >/dev/null 2>&1 || true
        if [ ! -s "$store/records/$id/changes" ] && has_image "$(docker inspect -f '{{.Image}}' "$id")"; then
            keep "records/$id/saved" echo nothing
        elif [ "$commits" = yes ] && run docker commit -m 'saved by thinspect' "$id" "$(saved_name "$id")" >/dev/null; then
            keep "records/$id/saved" echo commit
        else
            say "container ${id:0:12} is exported as a whole"
            room_for "$store" "$(docker inspect -s -f '{{.SizeRootFs}}' "$id")" ||
                stop "$store has no room for the archive of container ${id:0:12}"
            run docker export -o "$store/$id.tar.part" "$id"
            tar -tf "$store/$id.tar.part" >/dev/null
            mv -f -- "$store/$id.tar.part" "$store/$id.tar"
            keep "records/$id/saved" echo export
        fi
    done
}

# All images in one archive, in which layers they share are once; by name where they have one, so that the names come
# along, else by id.
names_to_save() {
    docker images -a --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' |
        awk '{ print $2 ~ /<none>/ ? $1 : $2 }' | sort -u
}
save_images() {
    local names=()
    mapfile -t names < <(names_to_save)
    [ "${#names[@]}" -gt 0 ] || return 0
    run docker save -o "$store/images.tar.part" "${names[@]}"
    mv -f -- "$store/images.tar.part" "$store/images.tar"
}
# The ids of images and the names of layers are checksums of what they hold: an archive in which each of them is found is
# whole. Read once from end to end.
verify_archive() {
    local missing
    keep saved all_images_now
    [ -s "$store/saved" ] || return 0
    say "reading the archive from end to end"
    (cd "$store" && tar -xf images.tar --to-command=sha256sum) | cut -c1-64 | sort -u >"$store/found"
    missing=$(wanted | comm -23 - "$store/found" | head -n 3)
    [ -z "$missing" ] || stop "the archive lacks $(tr '\n' ' ' <<<"$missing"); it is made anew if it is deleted"
}
wanted() {
    xargs -r docker inspect --type image -f '{{.Id}}{{range .RootFS.Layers}} {{.}}{{end}}' <"$store/saved" |
        tr ' ' '\n' | sed '/^$/d; s/^sha256://' | sort -u
}

# What was saved is still all there is.
unchanged() {
    if ! nothing_runs || ! as_noted saved all_images_now || ! as_noted containers containers_named; then
        stop "something was made, removed or started since it was saved: go --back, and then run this again"
    fi
}

# --- loading ----------------------------------------------------------------------------------------------------------

load_images() {
    local id
    if [ -s "$store/saved" ]; then
        run docker load -q -i "$store/images.tar"
    fi
    for id in $(moved); do
        [ "$(saved_as "$id")" != export ] || has_image "$(saved_name "$id")" ||
            run docker import "$store/$id.tar" "$(saved_name "$id")" >/dev/null
    done
}
all_loaded() { [ ! -s "$store/saved" ] || xargs docker inspect --type image <"$store/saved" >/dev/null; }

# --- containers -------------------------------------------------------------------------------------------------------
# Docker loads the containers whose record names the driver in use and whose layer is in that driver's store. So each gets
# a layer there, which Docker itself makes for a stand-in, and its record is told the driver (moby daemon/daemon.go,
# restore; layer/layer_store.go, mounts). Its id, name, settings, volumes, networks and log stay what they are.

# The image in a record stands before the network settings; the one in the container's own settings is only a name.
image_of() { grep -o '"Image":"[^"]*","\(NetworkSettings\|ImageManifest\)"' "$1" | cut -d'"' -f4; }
upper_of() { docker inspect --type "$1" -f '{{.GraphDriver.Data.UpperDir}}' "$2"; }

# Whether a container keeps its image, and what it wrote is put into its new layer; else it stands on the image that was
# made of it. An export is told apart from the image by the list of changes, if no name in that has a line break.
keeps_image() {
    case "$(saved_as "$1") $fills" in
        nothing* | "commit yes") ;;
        "export yes") has_image "$(image_of "$store/records/$1/config.v2.json")" &&
            ! grep -qv '^[ACD] /' "$store/records/$1/changes" ;;
        *) return 1 ;;
    esac
}
make_stand_ins() {
    local id record image name new
    for id in $(moved); do
        record=$store/records/$id name=thinspect-${id:0:12}
        [ ! -e "$record/stand-in" ] || continue
        image=$(saved_name "$id")
        ! keeps_image "$id" || image=$(image_of "$record/config.v2.json")
        docker rm -f -v "$name" >/dev/null 2>&1 || true
        new=$(run docker create --name "$name" --network none "$image" true)
        keep "records/$id/image" docker inspect --type image -f '{{.Id}}' "$image"
        keep "records/$id/spare" docker inspect -f '{{range .Mounts}}{{println .Name}}{{end}}' "$new"
        if [ "$image" != "$(saved_name "$id")" ] && [ "$(saved_as "$id")" != nothing ]; then
            keep "records/$id/helper" docker inspect --type image -f '{{.Id}}' "$(saved_name "$id")"
            keep "records/$id/from" upper_of image "$(saved_name "$id")"
            keep "records/$id/to" upper_of container "$new"
        fi
        keep "records/$id/stand-in" echo "$new"
    done
}

# With the daemon down: each container takes over the layer of its stand-in.
adopt_containers() {
    local id new mounts=$root/image/$new_driver/layerdb/mounts
    for id in $(moved); do
        new=$(cat -- "$store/records/$id/stand-in")
        if [ -d "$mounts/$new" ]; then
            [ ! -e "$store/records/$id/from" ] || fill_layer "$store/records/$id"
            run mv -T -- "$mounts/$new" "$mounts/$id"
        fi
        [ -d "$mounts/$id" ] || stop "container ${id:0:12} has no layer in $mounts"
        write_record "$id"
        ! grep -qs '"Name":"/thinspect-' "$root/containers/$new/config.v2.json" || run rm -rf -- "$root/containers/$new"
    done
}
# Anew in each attempt: an interrupted one may have copied a part. A commit's layer is what the container wrote; an export
# is all its files, of which those are taken that were added or changed.
fill_layer() {
    local from to
    from=$(cat -- "$1/from") to=$(cat -- "$1/to")
    if [ ! -d "$from" ] || [ ! -d "$to" ]; then stop "$from or $to is no directory"; fi
    find "$to" -mindepth 1 -delete
    if [ "$(cat -- "$1/saved")" = commit ]; then
        run cp -a -- "$from/." "$to/"
    else
        say "taking from $from what was added or changed"
        present "$from" <"$1/changes" |
            tar -C "$from" --no-recursion --null -T - --xattrs --xattrs-include='*' -cf - |
            tar -C "$to" -xpf - --xattrs --xattrs-include='*' --same-owner --numeric-owner
        sed -n 's:^D /::p' "$1/changes" | delete_below "$to"
    fi
}
# What Docker lists as changed but does not export, as sockets, is left out.
present() {
    local path
    sed -n 's:^[AC] /::p' | while IFS= read -r path; do
        if [ -e "$1/$path" ] || [ -L "$1/$path" ]; then printf '%s\0' "$path"; fi
    done
}
# As overlay filesystems note that a name below is deleted (Documentation/filesystems/overlayfs.rst, whiteouts).
delete_below() {
    local path
    while IFS= read -r path; do
        mkdir -p -- "$(dirname -- "$1/$path")"
        mknod -m 0 -- "$1/$path" c 0 0
    done
}
# A record says the driver once; anything else is a version that this script does not know.
write_record() {
    local kept=$store/records/$1/config.v2.json place=$root/containers/$1/config.v2.json old new
    old=$(image_of "$kept") new=$(cat -- "$store/records/$1/image")
    [ "$(grep -o "\"Driver\":\"$old_driver\"" "$kept" | wc -l) ${old:+image}" = "1 image" ] ||
        stop "$kept is not written as this script expects"
    cp -a -- "$kept" "$place.new"
    sed "s/\"Driver\":\"$old_driver\"/\"Driver\":\"$new_driver\"/
        s/\"Image\":\"$old\",\"\(NetworkSettings\|ImageManifest\)\"/\"Image\":\"$new\",\"\1\"/" "$kept" >"$place.new"
    mv -f -- "$place.new" "$place"
}
# With the daemon down: names with a digest, when images were tagged, what they were built on, and which registry a layer
# came from. Images have the same ids in every store.
carry_names() {
    local from=$root/image/$old_driver to=$root/image/$new_driver id
    cp -a -- "$store/repositories.json" "$to/repositories.json.new"
    mv -f -- "$to/repositories.json.new" "$to/repositories.json"
    while read -r id; do
        [ ! -d "$from/imagedb/metadata/sha256/${id#sha256:}" ] ||
            cp -a -- "$from/imagedb/metadata/sha256/${id#sha256:}" "$to/imagedb/metadata/sha256/"
    done <"$store/images"
    [ ! -d "$from/distribution" ] || cp -a -- "$from/distribution" "$to/"
}
name_bases() {
    local id
    for id in $(moved); do
        [ -e "$store/records/$id/from" ] || [ "$(saved_as "$id")" = nothing ] ||
            run docker tag "$(cat -- "$store/records/$id/image")" "$(saved_name "$id")"
    done
}
# What only helped on the way: images of containers whose layer holds it now, volumes of stand-ins.
drop_helpers() {
    local id volume
    for id in $(moved); do
        [ ! -e "$store/records/$id/helper" ] ||
            docker rmi "$(cat -- "$store/records/$id/helper")" >/dev/null 2>&1 || true
        while read -r volume; do
            [ -z "$volume" ] || grep -qxF -- "$volume" "$store/volumes" || docker volume rm "$volume" >/dev/null 2>&1 || true
        done <"$store/records/$id/spare"
    done
}

# --- what came of it --------------------------------------------------------------------------------------------------

all_there() {
    as_noted images images_of_old && as_noted names names_now && as_noted containers containers_named &&
        as_noted volumes volumes_now
}
# The noted images that are there: those that this script made do not count.
images_of_old() { all_images_now | comm -12 - "$store/images"; }
compare() {
    local what
    for what in "images images_of_old" "names names_now" "containers containers_named" "volumes volumes_now"; do
        read -r file command <<<"$what"
        diff -u --label before --label now "$store/$file" <("$command") >&2 || say "not all $file are as they were"
    done
}
show_changes() {
    local id
    for id in $(moved); do
        [ ! -e "$store/records/$id/from" ] ||
            diff -q <(sort "$store/records/$id/changes") <(docker diff "$id" | sort) >/dev/null ||
            say "docker diff of container ${id:0:12} reads differently: compare with $store/records/$id/changes"
    done
}

# --- the way back -----------------------------------------------------------------------------------------------------

# The old pool was only read, so going back is: the old settings, the old records, and the new store put aside.
way_back() {
    local id left=1
    [ -e "$store/running" ] || [ -e "$store/engine-used" ] || stop "nothing was done yet that could be taken back"
    old_store_is_there || stop "the old pool is gone: there is no way back any more"
    open_store
    ask "go back to $old_driver, as it was before? What was made or written since is put aside, not deleted."
    [ ! -e "$store/engine-used" ] || lower_engine
    if [ -e "$store/switching" ]; then
        lower_docker
        for id in $(moved); do
            [ ! -d "$root/containers/$id" ] ||
                run cp -a -- "$store/records/$id/"{config.v2,hostconfig}.json "$root/containers/$id/"
            forget_stand_in "$id"
        done
        while [ -e "$root/thinspect-left-$left" ]; do left=$(( left + 1 )); done
        put_aside "$root/thinspect-left-$left"
        restore_settings
    fi
    docker_answers || start_docker 9>&-
    if [ ! -e "$store/engine-used" ]; then
        within 120 driver_is "$old_driver" || stop "Docker did not come back with $old_driver: see docker info"
        take_back_containers
    fi
    run rm -rf -- "$store/records" "$store/running" "$store/containers" "$store/switching" "$store/engine-used" \
        "$store/daemon.json"
    mv -f -- "$store/done" "$store/done.taken-back" 2>/dev/null || true
    say "everything is as it was before; the archives stay in $store"
}
take_back_containers() {
    local id
    for id in $(moved); do
        docker rmi "$(saved_name "$id")" >/dev/null 2>&1 || true
    done
    [ ! -e "$store/running" ] || start_again
    [ ! -e "$store/names" ] || [ ! -e "$store/containers" ] || all_there || compare
}
forget_stand_in() {
    local new
    new=$(cat -- "$store/records/$1/stand-in" 2>/dev/null) || return 0
    ! grep -qs '"Name":"/thinspect-' "$root/containers/$new/config.v2.json" || run rm -rf -- "$root/containers/$new"
}

old_store_is_there() { [ -d "$root/devicemapper/metadata" ] && [ -d "$root/image/devicemapper" ]; }
put_aside() {
    run mkdir -p -m 700 -- "$1"
    ! mountpoint -q "$root/overlay2" || run umount "$root/overlay2"
    [ ! -d "$root/overlay2" ] || run mv -T -- "$root/overlay2" "$1/overlay2"
    [ ! -d "$root/image/overlay2" ] || run mv -T -- "$root/image/overlay2" "$1/image-overlay2"
    rmdir -- "$1" 2>/dev/null || say "what was made in overlay2 lies in $1; delete that when nothing of it is needed"
}
# Nothing of another life of this driver: its names would be mixed with those that come.
overlay2_is_new() { [ -z "$(ls -A "$root/image/overlay2/imagedb/content/sha256" 2>/dev/null)" ]; }

# Whether the kernel does here what overlay2 needs, tried as Docker tries it: two layers under one, and a file of a layer
# deleted in the one above.
overlay2_works() {
    local at=$root/thinspect-test works=no
    modprobe overlay 2>/dev/null || true
    ! grep -qs ftype=0 <(xfs_info "$root" 2>/dev/null) || return 1
    mkdir -p -- "$at"/{one,two,upper,work,merged}
    : >"$at/one/file"
    if mount -t overlay overlay -o "lowerdir=$at/two:$at/one,upperdir=$at/upper,workdir=$at/work" "$at/merged"; then
        rm -f -- "$at/merged/file"
        [ ! -c "$at/upper/file" ] || works=yes
        umount "$at/merged"
    fi
    rm -rf --one-file-system -- "$at"
    [ "$works" = yes ]
}

# The pool's own files, once nobody has them open. A pool on logical volumes is LVM's to remove.
old_pool_is_idle() {
    ! dmsetup info "$pool" >/dev/null 2>&1 || [ -z "$(ls "/sys/dev/block/$(dmsetup info -c --noheadings --separator : \
        -o major,minor "$pool" | tr -d ' ')/holders" 2>/dev/null)" ]
}
remove_old_pool() {
    ! mountpoint -q "$root/devicemapper" || run umount "$root/devicemapper"
    run rm -rf --one-file-system -- "$root/devicemapper" "$root/image/devicemapper"
    run rm -f -- "$store"/*.tar
}
old_pool_is_gone() { [ ! -e "$root/devicemapper" ] && [ ! -e "$root/image/devicemapper" ]; }

if [ "$back" = yes ]; then
    way_back
    exit 0
fi
say 'warning: these go when they are stopped, as they were started with --rm: tmp'
say 'warning: containers are down from when they are stopped to the end: about two minutes at 100 MiB a second for reading and writing'
say 'warning: not carried over: the build cache, and the limit that devicemapper'\''s base size set to each container (overlay2 has none, unless on xfs with project quotas)'
say 'warning: do not upgrade Docker to 25 or later before this is done: those have no devicemapper driver, and show none of what is in the pool; afterwards they keep using overlay2, until the containerd image store is turned on'
have docker tar sha256sum flock awk comm diff timeout || stop 'a tool is missing: docker, tar, sha256sum, flock, awk, comm, diff and timeout are needed'
{ did noted || overlay2_is_new; } || stop '/var/lib/docker/image/overlay2 holds images of another time'
{ did noted || room_for "$root" "$root_bytes"; } || stop 'the filesystem of /var/lib/docker has less free than 1.9 GiB'
{ did noted || docker_answers; } || stop 'Docker does not answer: images can only be saved by a daemon that runs'
{ did noted || root_is_ours; } || stop 'Docker'\''s data root is not /var/lib/docker'
{ did noted || driver_is "$old_driver"; } || stop 'Docker does not use devicemapper'
{ did noted || no_swarm; } || stop 'this host is part of a swarm: drain it and let it leave first'
{ did noted || as_planned "$planned_images" images_now; } || stop 'images came or went since the plan was made: make a new one'
{ did noted || as_planned "$planned_containers" containers_now; } || stop 'containers came or went since the plan was made: make a new one'
open_store || stop 'the directory for the archives cannot be made'

# Step 2 (changes): note what there is
step_2() {
    if did noted; then
        say 'step 2 is done: note what there is'
        return
    fi
    ask 'step 2 (changes): note what there is. Go on?'
    overlay2_works || stop 'this kernel does not do here what overlay2 needs; dmesg says why'
    keep_settings
    note_running
    note_what_is_there
    mark noted
    did noted || stop 'step 2 did not work: note what there is; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 2 is done: note what there is'
}

# Step 3 (stops): stop the containers
step_3() {
    if did stopped; then
        say 'step 3 is done: stop the containers'
        return
    fi
    docker_answers || stop 'step 3: Docker does not answer'
    ask 'step 3 (stops): stop the containers. Go on?'
    stop_containers
    note_containers
    mark stopped
    did stopped || stop 'step 3 did not work: stop the containers; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 3 is done: stop the containers'
}

# Step 4 (changes): save what containers have written
step_4() {
    if did committed; then
        say 'step 4 is done: save what containers have written'
        return
    fi
    nothing_runs || stop 'step 4: a container runs again'
    ask 'step 4 (changes): save what containers have written. Go on?'
    save_containers
    mark committed
    did committed || stop 'step 4 did not work: save what containers have written; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 4 is done: save what containers have written'
}

# Step 5 (changes): save the images, and check the archive
step_5() {
    if did saved; then
        say 'step 5 is done: save the images, and check the archive'
        return
    fi
    nothing_runs || stop 'step 5: a container runs again'
    room_for "$store" "$archive_bytes" || stop 'step 5: there is no room for the archive any more'
    room_for "$root" "$save_bytes" || stop 'step 5: the data root'\''s filesystem has no room for Docker'\''s own copy'
    ask 'step 5 (changes): save the images, and check the archive. Go on?'
    save_images
    verify_archive
    mark saved
    did saved || stop 'step 5 did not work: save the images, and check the archive; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 5 is done: save the images, and check the archive'
}

# Step 6 (stops): restart Docker with overlay2
step_6() {
    if did switched; then
        say 'step 6 is done: restart Docker with overlay2'
        return
    fi
    { settings_are "$(printf '%s\n' '{' '  "storage-driver": "devicemapper",' '  "storage-opts": [' '    "dm.basesize=20G"' '  ]' '}')" || settings_are "$(printf '%s\n' '{' '  "storage-driver": "overlay2"' '}')"; } || stop 'step 6: /etc/docker/daemon.json is not what it was when it was recorded; make a new plan'
    ask 'step 6 (stops): restart Docker with overlay2. Go on?'
    ! docker_answers || ! driver_is "$old_driver" || unchanged
    : >"$store/switching"
    lower_docker
    settings_are "$(printf '%s\n' '{' '  "storage-driver": "overlay2"' '}')" || write_settings "$(printf '%s\n' '{' '  "storage-driver": "overlay2"' '}')"
    raise_docker
    driver_is "$new_driver" || stop 'Docker does not use the new store; --back goes back'
    mark switched
    did switched || stop 'step 6 did not work: restart Docker with overlay2; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 6 is done: restart Docker with overlay2'
}

# Step 7 (changes): load the images
step_7() {
    if did loaded; then
        say 'step 7 is done: load the images'
        return
    fi
    { docker_answers || raise_docker; driver_is "$new_driver"; } || stop 'step 7: Docker does not use the new store'
    ask 'step 7 (changes): load the images. Go on?'
    load_images
    all_loaded || stop 'not every image was loaded'
    mark loaded
    did loaded || stop 'step 7 did not work: load the images; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 7 is done: load the images'
}

# Step 8 (changes): make a layer for each container
step_8() {
    if did stand-ins; then
        say 'step 8 is done: make a layer for each container'
        return
    fi
    { docker_answers || raise_docker; driver_is "$new_driver"; } || stop 'step 8: Docker does not use the new store'
    ask 'step 8 (changes): make a layer for each container. Go on?'
    make_stand_ins
    mark stand-ins
    did stand-ins || stop 'step 8 did not work: make a layer for each container; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 8 is done: make a layer for each container'
}

# Step 9 (stops): let the containers take those over
step_9() {
    if did adopted; then
        say 'step 9 is done: let the containers take those over'
        return
    fi
    ask 'step 9 (stops): let the containers take those over. Go on?'
    lower_docker
    adopt_containers
    carry_names
    mark adopted
    did adopted || stop 'step 9 did not work: let the containers take those over; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 9 is done: let the containers take those over'
}

# Step 10 (changes): compare everything, and start what ran before
step_10() {
    if did verified; then
        say 'step 10 is done: compare everything, and start what ran before'
        return
    fi
    { docker_answers || raise_docker; driver_is "$new_driver"; } || stop 'step 10: Docker does not use the new store'
    ask 'step 10 (changes): compare everything, and start what ran before. Go on?'
    name_bases
    drop_helpers
    all_there || { compare; stop 'not everything is as it was; --back goes back'; }
    show_changes
    start_again
    mark verified
    did verified || stop 'step 10 did not work: compare everything, and start what ran before; what takes it back: bash /root/thinspect-overlay2.sh --back'
    say 'step 10 is done: compare everything, and start what ran before'
}

# Step 11 (destroys): remove the old pool and the archives, some days later
step_11() {
    if old_pool_is_gone; then
        say 'step 11 is done: remove the old pool and the archives, some days later'
        return
    fi
    did verified || stop 'step 11: nothing was compared yet'
    driver_is "$new_driver" || stop 'step 11: Docker does not use the new store'
    old_pool_is_idle || stop 'step 11: somebody still uses the old pool'
    [ "$yes_destroy" = yes ] || {
        say 'step 11 (destroys) is left for later: remove the old pool and the archives, some days later'
        say 'run this again with --yes-destroy for it, when all has proved itself'
        return
    }
    ask_destroy 'step 11 (destroys): remove the old pool and the archives, some days later. Go on?'
    remove_old_pool
    old_pool_is_gone || stop 'step 11 did not work: remove the old pool and the archives, some days later'
    say 'step 11 is done: remove the old pool and the archives, some days later'
}

step_2
step_3
step_4
step_5
step_6
step_7
step_8
step_9
step_10
step_11
say 'all steps are done'
