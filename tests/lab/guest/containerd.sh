# shellcheck shell=bash
# What scenarios about containerd's devmapper snapshotter are written with, beside lib.sh.

# Not its usual places: they have to be found.
readonly ROOT=/ctr/root STATE=/ctr/state SNAPSHOTTER=/ctr/devmapper

containerd_answers() {
  ctr version
}

containerd_lives() {
  kill -0 "$(cat /run/lab/containerd.pid)" 2>/dev/null
}

containerd_is_gone() {
  ! containerd_lives
}

restart_containerd() {
  mkdir -p /run/lab
  containerd >>/out/containerd.log 2>&1 &
  echo $! >/run/lab/containerd.pid
  wait_until 60 containerd_answers
  say "containerd answers"
}

stop_containerd() {
  kill "$(cat /run/lab/containerd.pid)"
  wait_until 60 containerd_is_gone
  say "containerd stopped"
}

# The pool on loop files, as containerd's documentation makes one, and settings that an operator may have written.
start_containerd() {
  local data metadata
  mkdir -p /ctr /etc/containerd
  truncate -s 4G /ctr/data
  truncate -s 64M /ctr/metadata
  data=$(losetup -f --show /ctr/data)
  metadata=$(losetup -f --show /ctr/metadata)
  dmsetup create ctr-pool \
    --table "0 $(blockdev --getsz "$data") thin-pool $metadata $data 128 32768 1 skip_block_zeroing"
  cat >/etc/containerd/config.toml <<END
version = 2
root = "$ROOT"
state = "$STATE"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[plugins."io.containerd.snapshotter.v1.devmapper"]
  root_path = "$SNAPSHOTTER"
  pool_name = "ctr-pool" # on loop files
  base_image_size = "512MB"
  fs_type = "ext4"
END
  restart_containerd
}

# layer FILE BLOCKS: a layer with busybox, or with so many blocks of 64 KiB that nothing compresses.
layer() {
  local tree
  tree=$(mktemp -d)
  if [ "$2" = 0 ]; then
    mkdir -p "$tree/bin" "$tree/tmp"
    cp /usr/bin/busybox "$tree/bin/"
    for applet in sh dd sleep sync true; do ln -s busybox "$tree/bin/$applet"; done
  else
    dd if=/dev/urandom of="$tree/$(basename "$1" .tar)" bs=64k count="$2" status=none
  fi
  tar -C "$tree" -cf "$1" .
  rm -rf "$tree"
}

# import NAMESPACE NAME LAYER...: an image made by hand, as `docker save` writes them.
import() {
  local namespace=$1 name=$2 folder config diffs
  shift 2
  folder=$(mktemp -d)
  diffs=$(for file in "$@"; do echo "sha256:$(sha256sum <"$file" | cut -d' ' -f1)"; done | jq -R . | jq -s .)
  jq -n --argjson diffs "$diffs" '{architecture: "amd64", os: "linux", config: {Cmd: ["/bin/sh"]},
    rootfs: {type: "layers", diff_ids: $diffs}}' >"$folder/config.json"
  config=$(sha256sum <"$folder/config.json" | cut -d' ' -f1).json
  mv "$folder/config.json" "$folder/$config"
  cp "$@" "$folder/"
  jq -n --arg config "$config" --arg name "$name" '[{Config: $config, RepoTags: [$name], Layers: $ARGS.positional}]' \
    --args "$@" | jq '.[].Layers |= map(split("/") | last)' >"$folder/manifest.json"
  tar -C "$folder" -cf /tmp/image.tar .
  ctr --namespace "$namespace" images import --snapshotter devmapper /tmp/image.tar
  rm -rf "$folder" /tmp/image.tar
}

# sums_in KEY FILE...: checksums of files in a snapshot of the namespace work.
sums_in() {
  local key=$1
  shift
  mount "$(ctr --namespace work snapshots --snapshotter devmapper mounts /mnt "$key" | grep -o '/dev/mapper/[^ ]*')" /mnt
  (cd /mnt && sha256sum "$@")
  umount /mnt
}

# make_container: an image of two layers in the namespace work, and a container, "done", that has written a file.
make_container() {
  layer /tmp/base.tar 0
  layer /tmp/middle.tar 128
  import work docker.io/library/middle:1 /tmp/base.tar /tmp/middle.tar
  ctr --namespace work run --snapshotter devmapper docker.io/library/middle:1 "done" \
    /bin/dd if=/dev/urandom of=/file bs=64k count=160
}

# Everything that has to be the same after a move: images, snapshots, containers, labels, and what that container wrote.
everything() {
  local namespace
  for namespace in $(ctr namespaces ls -q); do
    ctr --namespace "$namespace" images ls
    ctr --namespace "$namespace" snapshots --snapshotter devmapper ls | sort
    ctr --namespace "$namespace" containers ls
  done
  sums_in "done" file middle
}

# As before, by what is in /out/before and /out/config.toml.
is_as_it_was() {
  expect "the pool" "$(pool_name)" ctr-pool
  expect "the settings" "$(cat /etc/containerd/config.toml)" "$(cat /out/config.toml)"
  expect "lists of devices" "$(cd "$SNAPSHOTTER" && echo *.db)" "ctr-pool.db metadata.db"
  everything >/out/back
  diff /out/before /out/back || fail "not everything is back"
}
