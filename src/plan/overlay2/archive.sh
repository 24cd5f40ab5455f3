# --- what containers hold ---------------------------------------------------------------------------------------------

# The records of a container as they are once it does not run, and what it changed: the way back needs them.
note_container() {
    local record=$store/records/$1
    mkdir -p -- "$record"
    rm -f -- "$record/saved"
    cp -a -- "$root/containers/$1/"{config.v2,hostconfig}.json "$record/"
    save_output "records/$1/life" life_of "$1"
    save_output "records/$1/changes" changes_of "$1" ||
        stop "container ${1:0:12} cannot be read: remove it (docker rm), or see what is wrong with it, first"
}
changes_of() { docker diff "$1" | sort; }
note_containers() {
    local id
    save_output containers containers_named
    for id in $(containers_now); do
        ! is_saved "$id" || continue
        note_container "$id"
    done
}

# --- saving -----------------------------------------------------------------------------------------------------------

moved() { cut -d' ' -f1 "$store/containers" 2>/dev/null || true; }
saved_name() { printf 'thinspect-saved:%s' "${1:0:12}"; }
has_image() { docker inspect --type image "$1" >/dev/null 2>&1; }
# How container $1 is saved: nothing (it wrote nothing), commit, or export.
saved_as() { cat -- "$store/records/$1/saved" 2>/dev/null || true; }

# An earlier run may have ended after it stopped Docker: then it is started again, and what it does is looked at anew.
docker_comes_up() {
    docker_answers && return
    { [ -e "$store/switching" ] && docker_is_gone; } || return 1
    say "Docker was stopped by an earlier run, and is started again"
    start_docker && within 120 docker_answers
}

# Whether what is saved of a container is what it holds now. Since it was saved it may have run again, or files may have
# been copied into it; within one run, its records tell; after a pause, its content is compared.
session=$(cat /proc/sys/kernel/random/uuid)
is_saved() {
    local record=$store/records/$1 life now
    [ -s "$record/saved" ] && [ -s "$record/content" ] || return 1
    life=$(life_of "$1") && [ "$life" = "$(cat -- "$record/life")" ] || return 1
    cmp -s -- "$root/containers/$1/config.v2.json" "$record/config.v2.json" || return 1
    cmp -s -- "$root/containers/$1/hostconfig.json" "$record/hostconfig.json" || return 1
    [ "$(cat -- "$record/session" 2>/dev/null)" != "$session" ] || return 0
    now=$(changes_of "$1") && [ "$now" = "$(cat -- "$record/changes")" ] || return 1
    now=$(content_of "$1" "$(saved_as "$1")") && [ "$now" = "$(cat -- "$record/content")" ] || return 1
    save_output "records/$1/session" echo "$session"
}
# Checksums of what it holds: Docker makes the same archive of the same files.
content_of() {
    local again
    case $2 in
        nothing) echo nothing ;;
        export) docker export "$1" | sha256sum | cut -c1-64 ;;
        *)
            again=$(saved_name "$1")-again
            docker commit "$1" "$again" >/dev/null || return 1
            layers_of "$again" || return 1
            docker rmi "$again" >/dev/null
            ;;
    esac
}
layers_of() { docker inspect --type image -f '{{range .RootFS.Layers}}{{println .}}{{end}}' "$1"; }
all_saved() {
    local id
    [ -f "$store/containers" ] || return 1
    for id in $(moved); do
        is_saved "$id" || return 1
    done
}

# Each container that has written something becomes an image of its own; where the pool refuses that, an archive.
save_containers() {
    local id
    for id in $(moved); do
        is_saved "$id" || save_container "$id"
    done
}
save_container() {
    local id=$1
    forget saved
    note_container "$id"
    docker rmi "$(saved_name "$id")" >/dev/null 2>&1 || true
    if [ ! -s "$store/records/$id/changes" ] && has_image "$(docker inspect -f '{{.Image}}' "$id")"; then
        save_output "records/$id/content" echo nothing
        save_output "records/$id/saved" echo nothing
    elif run docker commit -m 'saved by thinspect' "$id" "$(saved_name "$id")" >/dev/null; then
        save_output "records/$id/content" layers_of "$(saved_name "$id")"
        save_output "records/$id/saved" echo commit
    else
        export_container "$id"
    fi
    save_output "records/$id/session" echo "$session"
}
export_container() {
    local id=$1
    say "container ${id:0:12} is exported as a whole"
    room_for "$store" "$(docker inspect -s -f '{{.SizeRootFs}}' "$id")" ||
        stop "$store has no room for the archive of container ${id:0:12}"
    run docker export -o "$store/$id.tar.part" "$id"
    tar -tf "$store/$id.tar.part" >/dev/null
    sha256sum <"$store/$id.tar.part" | cut -c1-64 >"$store/records/$id/content"
    mv -f -- "$store/$id.tar.part" "$store/$id.tar"
    save_output "records/$id/saved" echo export
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
    save_output saved all_images_now
    [ -s "$store/saved" ] || return 0
    say "reading the archive from end to end"
    (cd "$store" && tar -xf images.tar --to-command=sha256sum) | cut -c1-64 | sort -u >"$store/found"
    missing=$(wanted | comm -23 - "$store/found" | sed -n 1,3p)
    [ -z "$missing" ] || stop "the archive lacks $(printf '%s' "$missing" | tr '\n' ' '); it is made anew if this is run again"
}
archive_is_whole() { is_done saved && matches_saved saved all_images_now && { [ ! -s "$store/saved" ] || [ -s "$store/images.tar" ]; }; }
wanted() {
    xargs -r docker inspect --type image -f '{{.Id}}{{range .RootFS.Layers}} {{.}}{{end}}' <"$store/saved" |
        tr ' ' '\n' | sed '/^$/d; s/^sha256://' | sort -u
}

# What was saved is still all there is.
unchanged() {
    { nothing_runs && matches_saved saved all_images_now && matches_saved containers containers_named && all_saved; } ||
        stop "something was made, removed, changed or started since it was saved: run this again; where containers came or went, go --back before"
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
    case $(saved_as "$1") in
        nothing | commit) ;;
        export) has_image "$(image_of "$store/records/$1/config.v2.json")" &&
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
        save_output "records/$id/image" docker inspect --type image -f '{{.Id}}' "$image"
        save_output "records/$id/spare" docker inspect -f '{{range .Mounts}}{{println .Name}}{{end}}' "$new"
        if [ "$image" != "$(saved_name "$id")" ] && [ "$(saved_as "$id")" != nothing ]; then
            save_output "records/$id/helper" docker inspect --type image -f '{{.Id}}' "$(saved_name "$id")"
            save_output "records/$id/from" upper_of image "$(saved_name "$id")"
            save_output "records/$id/to" upper_of container "$new"
        fi
        save_output "records/$id/stand-in" echo "$new"
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
    holds_the_same "$from" "$to" "$1" || stop "$to does not hold what $from does"
    printf 'yes\n' >"$1/filled"
}
# Every file below a directory: kind, mode, owner and target; and the checksums of their content.
listed() {
    (cd "$1" && find . -mindepth 1 -printf '%y %m %U %G %l %p\n' && find . -type f -print0 | xargs -0 -r sha256sum --) | sort
}
# A commit's layer is taken whole; of an export that which changed, beside marks of what was deleted.
holds_the_same() {
    local path
    listed "$1" >"$store/listed-there" && listed "$2" >"$store/listed-here" || return 1
    if [ "$(cat -- "$3/saved")" = commit ]; then
        cmp -s -- "$store/listed-there" "$store/listed-here"
        return
    fi
    while IFS= read -r -d '' path; do
        [ -e "$2/$path" ] || [ -L "$2/$path" ] || return 1
    done < <(present "$1" <"$3/changes")
    [ -z "$(comm -13 "$store/listed-there" "$store/listed-here" | sed '/^c 0 /d')" ]
}
contents_are_there() {
    local id
    for id in $(moved); do
        [ ! -e "$store/records/$id/from" ] || [ -s "$store/records/$id/filled" ] || return 1
    done
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
    matches_saved images images_of_old && matches_saved names names_now && matches_saved containers containers_named &&
        matches_saved volumes volumes_now
}
# The noted images that are there: those that this script made do not count.
images_of_old() { all_images_now | comm -12 - "$store/images"; }
compare() {
    local what
    local file command
    for what in "images images_of_old" "names names_now" "containers containers_named" "volumes volumes_now"; do
        file=${what% *} command=${what#* }
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

old_store_is_there() { [ -d "$root/devicemapper/metadata" ] && [ -d "$root/image/devicemapper" ]; }
put_aside() {
    run mkdir -p -m 700 -- "$1"
    ! mountpoint -q "$root/overlay2" || run umount "$root/overlay2"
    [ ! -d "$root/overlay2" ] || run mv -T -- "$root/overlay2" "$1/overlay2"
    [ ! -d "$root/image/overlay2" ] || run mv -T -- "$root/image/overlay2" "$1/image-overlay2"
    rmdir -- "$1" 2>/dev/null || say "what was made in overlay2 lies in $1; delete that when nothing of it is needed"
}
# The old pool was only read, so going back is: the old settings, the old records, and the new store put aside.
rollback() {
    local id left=1
    [ -s "$store/done" ] || [ -e "$store/running" ] || [ -e "$store/engine-used" ] || stop "nothing was done yet that could be taken back"
    old_store_is_there || stop "the old pool is gone: there is no way back any more"
    open_store
    ask "go back to $old_driver, as it was before? What was made or written since is put aside, not deleted."
    [ ! -e "$store/engine-used" ] || stop_old_engine
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
    docker_answers || start_docker
    if [ ! -e "$store/engine-used" ]; then
        within 120 driver_is "$old_driver" || stop "Docker did not come back with $old_driver: see docker info"
        take_back_containers
    fi
    run rm -rf -- "$store/records" "$store/running" "$store/ends" "$store/containers" "$store/switching" "$store/engine-used" \
        "$kept"
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
