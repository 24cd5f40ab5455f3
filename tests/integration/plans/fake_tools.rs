//! A stage for scripts: fake tools in a `PATH` of its own, with a fake pool behind them.

use super::hosts::{host, on_loop, published};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use thinspect::host::Host;
use thinspect::host::model::pool::Pool;
use thinspect::host::model::units::{DataBlocks, Sectors};
use thinspect::record::Source;

/// The stage; dropping it removes its directory.
pub(crate) struct Stage(PathBuf);

/// The result of a script.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) said: String,
    pub(crate) calls: String,
}

/// Every fake tool appends its arguments to `log`, then changes the files in `$STAGE` as its name implies.
const TOOLS: &[(&str, &str)] = &[
    ("reboot", ""),
    ("x", ""),
    ("id", "echo 0"),
    (
        "systemctl",
        "case \"$*\" in restart*) touch \"$STAGE/restarted\" ;; 'show -p LoadState docker.service') echo LoadState=loaded ;; esac",
    ),
    (
        "docker",
        "[ \"$1\" != info ] || [ ! -e \"$STAGE/restarted\" ] || echo ' Thin Pool Minimum Free Space: 9.664GB'",
    ),
    ("truncate", "exec /usr/bin/truncate \"$@\""),
    ("vgs", "echo ' 5368709120'"),
    (
        "lvextend",
        "read -r start _ rest <<< \"$(cat \"$STAGE/table\")\"; size=${2%b}\n\
         printf '%s' \"$start $((size / 512)) $rest\" > \"$STAGE/table\"",
    ),
    ("blockdev", "cat \"$STAGE/size${2#/dev/loop}\""),
    ("losetup", LOSETUP),
    ("timeout", "shift; exec \"$@\""),
    ("pgrep", "[ \"$2\" = dockerd ] || exit 1; echo 4242"),
    ("service", "echo no; exit 1"),
    ("dmsetup", DMSETUP),
];

/// As in util-linux 2.23.
const LOSETUP: &str = r#"case $1 in
-c) stat -c %s "$(cat "$STAGE/back${2#/dev/loop}")" > "$STAGE/size${2#/dev/loop}" ;;
-j) for back in "$STAGE"/back*; do
        [ "$(cat "$back")" != "$2" ] || echo "/dev/loop${back##*back}: [2049]:5 ($2)"
    done ;;
*) echo "losetup: unrecognized option '$1'" >&2; exit 1 ;;
esac"#;

/// Like the kernel: a new table waits for the resume, which suspends and resumes the pool in one call; a refused
/// table leaves the pool suspended.
const DMSETUP: &str = r#"case "$*" in version) exit ;; "info -c "*) echo 253:0; exit ;; esac
verb=$1; shift
[ "${1-}" = --noflush ] && shift
[ "$1." = "$(cat "$STAGE/name"; echo .)" ] || { echo "no device $1" >&2; exit 1; }
case $verb in
table) cat "$STAGE/table" || exit 1; [ "$(cat "$STAGE/table")" ] ;;
status)
    read -r _ length _ _ _ block _ <<< "$(cat "$STAGE/table")"
    words="- rw discard_passdown queue_if_no_space $(cat "$STAGE/check") 1024"
    echo "0 $length thin-pool 4 1667/$(cat "$STAGE/counted" 2>/dev/null || echo 16384) 900/$((length / block)) $words" ;;
info)
    if [ -e "$STAGE/suspended" ]; then state=SUSPENDED; else state=ACTIVE; fi
    echo "State:             $state" ;;
reload)
    if [ -e "$STAGE/reader" ]; then kill -KILL "$(cat "$STAGE/reader")"; sleep 0.2; fi
    if [ -e "$STAGE/refuse-reload" ]; then echo refused >&2; exit 1; fi
    printf '%s' "$3" > "$STAGE/inactive" ;;
suspend) touch "$STAGE/suspended" ;;
resume)
    if [ -e "$STAGE/refuse-resume" ]; then rm "$STAGE/refuse-resume"; exit 1; fi
    if [ -e "$STAGE/inactive" ]; then
        touch "$STAGE/suspended"
        if [ -e "$STAGE/refuse-new" ] && [ "$(cat "$STAGE/inactive")" != "$(cat "$STAGE/first")" ]; then
            mv "$STAGE/inactive" "$STAGE/bad"; exit 1
        fi
        mv "$STAGE/inactive" "$STAGE/table"
    elif [ -e "$STAGE/bad" ]; then exit 1; fi
    if [ -e "$STAGE/size1" ]; then echo $(( $(cat "$STAGE/size1") / 4096 )) > "$STAGE/counted"; fi
    rm -f "$STAGE/suspended" "$STAGE/bad" ;;
clear) rm -f "$STAGE/inactive" ;;
esac"#;

impl Stage {
    /// The table of the fake pool.
    pub(crate) const TABLE: &str = "0 131072 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing ";

    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("thinspect-plans-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        let stage = Self(directory);
        for (name, body) in TOOLS {
            stage.tool(name, body);
        }
        stage.write("name", "docker-thinpool");
        stage.write("table", "0 19914752 thin-pool 253:0 253:1 1024 0 1 skip_block_zeroing ");
        stage.write("check", "-");
        stage.write("info", "Server:\n Docker Root Dir: /var/lib/docker\n  Pool Name: docker-8:1-131188-pool\n Swarm: inactive\n");
        stage.daemon("dockerd\0-H\0fd://\0");
        stage.write("run/systemd/system/units", "");
        std::fs::create_dir_all(stage.path("sys/dev/block/253:0/holders")).unwrap();
        for minor in [0, 1] {
            let (node, file) = (format!("sys/block/loop{minor}"), stage.path(&format!("back{minor}")));
            stage.write(&format!("{node}/ro"), "0\n");
            stage.write(&format!("{node}/loop/offset"), "0\n");
            stage.write(&format!("{node}/loop/sizelimit"), "0\n");
            std::os::unix::fs::symlink(file, stage.path(&format!("{node}/loop/backing_file"))).unwrap();
        }
        stage
    }

    /// Creates a fake tool that logs its calls.
    pub(crate) fn tool(&self, name: &str, body: &str) {
        // What every Docker reports about itself, unless a test removes it.
        let body = match name {
            "docker" => format!("if [ \"$1\" = info ]; then cat \"$STAGE/info\" || exit 1; fi\n{body}"),
            _ => body.to_owned(),
        };
        self.plain_tool(name, &body);
    }

    /// Creates a fake tool with exactly this body.
    pub(crate) fn plain_tool(&self, name: &str, body: &str) {
        let log = "{ printf '%s' \"${0##*/}\"; printf ' %q' \"$@\"; echo ' '; } >> \"$STAGE/log\"";
        self.write(&format!("bin/{name}"), &format!("#!/bin/bash\n{log}\n{body}\n"));
        let path = self.path(&format!("bin/{name}"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Docker's daemon, process 4242, with this command line.
    pub(crate) fn daemon(&self, words: &str) {
        self.write("proc/4242/cmdline", words);
        self.write("proc/4242/cgroup", "0::/system.slice/docker.service\n");
    }

    /// A pool of 1024 blocks on loop files of its own.
    pub(crate) fn loop_pool(&self, name: &str) -> (Host, Pool) {
        self.write("name", name);
        self.write("table", Self::TABLE);
        self.write("first", Self::TABLE);
        let (data, metadata) = (self.path("it's $(x) data"), self.path("metadata"));
        for (minor, path) in [(0, &data), (1, &metadata)] {
            std::fs::File::create(path).unwrap().set_len(64 << 20).unwrap();
            self.write(&format!("back{minor}"), &path.to_string_lossy());
            self.write(&format!("size{minor}"), &(64_u64 << 20).to_string());
        }
        let (_, mut pool) = published();
        pool.name = Some(name.into());
        pool.length = Some(Sectors(131_072));
        (pool.data.total, pool.data.used) = (Some(DataBlocks(1024)), Some(DataBlocks(900)));
        pool.data_backing = on_loop(0, &data.to_string_lossy(), 64 << 20, 0, 1 << 40);
        pool.metadata_backing = on_loop(1, &metadata.to_string_lossy(), 64 << 20, 0, 1 << 40);
        (host(Source::Machine), pool)
    }

    /// Runs a script here with only the fake and harmless tools, and without a terminal.
    pub(crate) fn run(&self, script: &str, arguments: &[&str]) -> Run {
        self.run_by("exec \"$@\"", script, arguments)
    }

    /// Runs a script through a shell line in which `$@` is its command.
    pub(crate) fn run_by(&self, line: &str, script: &str, arguments: &[&str]) -> Run {
        self.write("as-made", script);
        self.parses(&self.placed(script));
        self.write("log", "");
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let mut command = Command::new("setsid");
        command.args(["-w", "bash", "-c", line, "bash", "bash"]);
        command.arg(self.path("script")).args(arguments).current_dir(&self.0);
        command.env_clear().env("PATH", path).env("STAGE", &self.0).stdin(std::process::Stdio::null());
        let out = command.output().unwrap();
        Run {
            status: out.status.code().unwrap_or(-1),
            said: String::from_utf8_lossy(&out.stderr).into_owned(),
            calls: self.read("log"),
        }
    }

    /// A script that reads this stage's sysfs and logs here.
    pub(crate) fn placed(&self, script: &str) -> String {
        let root = self.0.display();
        let mut script = script.replace("=/var/log/thinspect.log", &format!("={root}/said.log"));
        for process in ["$process", "$1"] {
            script = script.replace(&format!("/proc/{process}/c"), &format!("{root}/proc/{process}/c"));
        }
        for place in ["/sys/dev/block", "/sys/block", "/run/systemd/system", "/etc/init"] {
            script = script.replace(place, &format!("{root}{place}"));
        }
        script
    }

    /// Checks that bash can parse it.
    pub(crate) fn parses(&self, script: &str) {
        self.write("script", script);
        let parsed = Command::new("bash").arg("-n").arg(self.path("script")).output().unwrap();
        assert!(parsed.status.success(), "{}\n{script}", String::from_utf8_lossy(&parsed.stderr));
    }

    /// A script that edits files below this stage instead of the host's.
    pub(crate) fn rooted(&self, script: &str) -> String {
        let script = script.replace("/etc/docker", &self.path("etc").display().to_string());
        // As on a host running systemd.
        script.replace("/run/systemd/system", &self.path("bin").display().to_string())
    }

    pub(crate) fn table(&self) -> String {
        self.read("table")
    }

    pub(crate) fn suspended(&self) -> bool {
        self.exists("suspended")
    }

    pub(crate) fn waiting(&self) -> bool {
        self.exists("inactive")
    }

    pub(crate) fn file_size(&self, which: &str) -> u64 {
        let name = if which == "data" { "it's $(x) data" } else { which };
        std::fs::metadata(self.path(name)).unwrap().len()
    }

    pub(crate) fn refuse(&self, what: &str) {
        self.write(what, "");
    }

    pub(crate) fn allow(&self, what: &str) {
        let _ = std::fs::remove_file(self.path(what));
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.0).join(name)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Run {
    pub(crate) fn ok(&self) -> bool {
        self.status == 0
    }

    pub(crate) fn failed_saying(&self, word: &str) -> bool {
        self.status == 1 && self.said.contains(word)
    }

    /// Whether a tool was called with these first words.
    pub(crate) fn called(&self, words: &str) -> bool {
        self.calls.lines().any(|l| l.starts_with(words) || l.starts_with(&format!("dmsetup {words}")))
    }
}
