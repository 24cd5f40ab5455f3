//! A stage for repairs: a fake pool with its metadata in a real file, and tools of which any may fail or be killed.

use super::fake_tools::{Run, Stage};
use super::hosts::{on_loop, published};
use std::path::PathBuf;
use thinspect::host::Host;
use thinspect::host::dm::status::Mode;
use thinspect::host::model::pool::Pool;

/// Tools that change something or whose failure matters; `real` stands for the tool itself. The nth call in total
/// fails.
const CHANGING: &[(&str, &str)] = &[
    ("systemctl", SYSTEMCTL),
    ("cp", "exec /usr/bin/cp \"$@\""),
    ("cmp", "exec /usr/bin/cmp \"$@\""),
    ("ln", "exec /usr/bin/ln \"$@\""),
    ("mv", "exec /usr/bin/mv \"$@\""),
    ("rm", "exec /usr/bin/rm \"$@\""),
    ("truncate", "exec /usr/bin/truncate \"$@\""),
    ("sha256sum", "exec /usr/bin/sha256sum \"$@\""),
    ("sync", ""),
    ("thin_check", THIN_CHECK),
    ("thin_repair", THIN_REPAIR),
];

/// Tools that only read.
const LOOKING: &[(&str, &str)] = &[
    ("reboot", ""),
    ("x", ""),
    ("id", "echo 0"),
    // As in procps: a pattern longer than the process name finds nothing.
    ("pgrep", "[ \"$2\" = dockerd ] && [ -e \"$STAGE/docker\" ] && echo 4242"),
    ("docker", "[ -e \"$STAGE/docker\" ] || exit 1; [ \"$1\" != ps ] || echo c0ffee"),
    ("losetup", LOSETUP),
    ("dmsetup", DMSETUP),
];

/// Docker deactivates its pool when it stops, and activates it, if the metadata allows, when it starts.
const SYSTEMCTL: &str = r#"case "$*" in
"show -p LoadState docker.service") echo LoadState=loaded ;;
"stop docker" | "stop docker.service") /usr/bin/rm -f "$STAGE/docker"; [ -e "$STAGE/leftover" ] || /usr/bin/rm -f "$STAGE/pool" ;;
"start docker" | "start docker.service")
    file=$(cat "$STAGE/file"); touch "$STAGE/docker"
    if grep -q DAMAGED "$file"; then exit 1; fi
    if [ "$(od -An -tu1 -j4 -N1 "$file" | tr -d ' ')" = 1 ]; then echo 'ro needs_check' > "$STAGE/pool"
    else echo 'rw -' > "$STAGE/pool"; fi ;;
esac"#;

const THIN_CHECK: &str = r#"file=${@: -1}
if grep -q DAMAGED "$file" || [ ! -s "$file" ]; then exit 1; fi
case "$*" in *--clear-needs-check-flag*) printf '\0' | dd of="$file" bs=1 seek=4 conv=notrunc status=none ;; esac"#;

const THIN_REPAIR: &str = r#"if [ -e "$STAGE/hopeless" ]; then exit 1; fi
sed s/DAMAGED/REPAIRS/ "$2" | dd of="$4" conv=notrunc status=none"#;

const LOSETUP: &str = r#"case "$*" in
-j*) [ ! -e "$STAGE/pool" ] || echo "/dev/loop1: [2049]:5 (metadata)" ;;
esac"#;

const DMSETUP: &str = r#"case "$*" in
version) ;;
"info -c "*) echo 253:0 ;;
info*) [ -e "$STAGE/pool" ] ;;
status*)
    read -r mode check < "$STAGE/pool" || exit 1
    echo "0 131072 thin-pool 4 75/512 321/1024 - $mode discard_passdown queue_if_no_space $check 128 " ;;
remove*) [ ! -e "$STAGE/busy" ] || exit 1; /usr/bin/rm -f "$STAGE/pool" "$STAGE/leftover" ;;
esac"#;

/// The way in which a tool fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fails {
    /// It reports the failure and leaves its output half written.
    Honestly,
    /// The machine crashes with it.
    Dead,
}

/// Counts the call and makes the nth one fail.
const COUNTING: &str = r#"read -r count < "$STAGE/count"; read -r fail < "$STAGE/fail"
count=$(( count + 1 )); echo "$count" > "$STAGE/count"
if [ "$count" = "$fail" ]; then
    case ${0##*/} in cp | thin_repair) echo half > "${@: -1}" ;; esac
    if [ -e "$STAGE/dead" ]; then kill -KILL "$PPID"; fi
    exit 1
fi
"#;

/// Contents of the metadata: the needs_check flag in byte 5, and words that tell whether it is damaged.
pub(crate) fn content(word: &str) -> String {
    format!("\u{1}\u{1}\u{1}\u{1}\u{1}{word} {}", "metadata ".repeat(2000))
}

/// A pool that needs a check, on loop files of this stage.
pub(crate) fn set(stage: &Stage, word: &str, file: &str) -> (Host, Pool, PathBuf) {
    for (tools, before) in [(CHANGING, COUNTING), (LOOKING, "")] {
        for (name, body) in tools {
            stage.tool(name, &format!("{before}{body}"));
        }
    }
    let path = stage.path(file);
    std::fs::write(&path, content(word)).unwrap();
    stage.write("file", &path.to_string_lossy());
    stage.write("docker", "");
    stage.write("pool", "ro needs_check\n");
    fail_at(stage, 0, Fails::Honestly);
    let (host, mut pool) = published();
    (pool.mode, pool.needs_check) = (Some(Mode::ReadOnly), Some(true));
    pool.data_backing = on_loop(0, &stage.path("data").to_string_lossy(), 64 << 20, 0, 1 << 40);
    pool.metadata_backing = on_loop(1, &path.to_string_lossy(), 18_006, 20_480, 1 << 40);
    (host, pool, path)
}

/// Makes the nth call fail from now on; 0 for none.
pub(crate) fn fail_at(stage: &Stage, call: u32, how: Fails) {
    stage.write("count", "0\n");
    stage.write("fail", &format!("{call}\n"));
    stage.allow("dead");
    if how == Fails::Dead {
        stage.refuse("dead");
    }
}

/// The number of calls of changing tools in the last run.
pub(crate) fn calls(stage: &Stage) -> u32 {
    stage.read("count").trim().parse().unwrap()
}

/// Whether the pool works and Docker runs.
pub(crate) fn works(stage: &Stage) -> bool {
    stage.exists("docker") && stage.exists("pool") && stage.read("pool") == "rw -\n"
}

/// The contents of the metadata and of every kept copy of the original.
pub(crate) fn all(path: &std::path::Path) -> Vec<Vec<u8>> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        let other = entry.file_name().to_string_lossy().into_owned();
        let kept = other.starts_with(&format!("{name}.before-repair")) && !other.ends_with(".sha256");
        if other == name || kept {
            found.push(std::fs::read(entry.path()).unwrap());
        }
    }
    found
}

/// Runs a script with every confirmation given.
pub(crate) fn agreed(stage: &Stage, text: &str) -> Run {
    stage.run(text, &["--yes"])
}
