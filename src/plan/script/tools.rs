//! Programs that the scripts run, the options they use, and the versions that introduced those.
//!
//! Hosts with a pool on loop files are old: Ubuntu 14.04, RHEL and CentOS 7, Amazon Linux 1, Debian 8. A script must
//! check for anything newer than the oldest of them before using it.

/// A version, to the precision needed here.
pub type Version = (u32, u32, u32);

/// Always available, or older than every supported host.
const EVER: Version = (0, 0, 0);

/// The package that provides a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Package {
    /// GNU coreutils.
    Coreutils,
    /// util-linux, and tools that were once separate (`mountpoint`, `losetup`).
    UtilLinux,
    /// lvm2, with device-mapper; versions are lvm2's.
    Lvm2,
    /// thin-provisioning-tools, or device-mapper-persistent-data.
    ThinTools,
    /// procps, or procps-ng.
    Procps,
    /// GNU findutils.
    Findutils,
    /// GNU grep, sed, tar, diffutils, and any awk.
    Text,
    /// Docker's client.
    Docker,
    /// containerd's client.
    Containerd,
    /// systemd, and System V's `service`, which upstart has too.
    Init,
    /// kmod, xfsprogs, SELinux's tools: they match the host's kernel and filesystems.
    Kernel,
}

impl Package {
    /// The oldest version on a supported host.
    #[must_use]
    pub const fn oldest(self) -> Version {
        match self {
            Self::Coreutils => (8, 21, 0),
            Self::UtilLinux => (2, 20, 0),
            // Ubuntu 14.04; RHEL 7.0 has 2.02.105.
            Self::Lvm2 => (2, 2, 98),
            Self::ThinTools => (0, 2, 8),
            Self::Procps => (3, 2, 8),
            Self::Findutils => (4, 4, 2),
            Self::Docker => (1, 12, 0),
            Self::Text | Self::Containerd | Self::Init | Self::Kernel => EVER,
        }
    }
}

/// A program.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// Its package.
    pub package: Package,
    /// Options; a one-letter option includes its attached value.
    pub options: &'static [&'static str],
}

/// A feature newer than [`Package`]'s oldest version, and the shell function that checks for it; empty if every host
/// has it.
#[derive(Debug, Clone, Copy)]
pub struct Younger {
    /// The program.
    pub tool: &'static str,
    /// The option; empty for the program itself.
    pub option: &'static str,
    /// The version that introduced it.
    pub since: Version,
    /// The function that a script calls before it uses it.
    pub asked_by: &'static str,
}

const fn tool(name: &'static str, package: Package, options: &'static [&'static str]) -> Tool {
    Tool { name, package, options }
}

use Package::{
    Containerd, Coreutils, Docker, Findutils, Init, Kernel, Lvm2, Procps, Text, ThinTools, UtilLinux,
};

/// All programs that scripts run.
pub const TOOLS: &[Tool] = &[
    tool("basename", Coreutils, &[]),
    tool("cat", Coreutils, &[]),
    tool("comm", Coreutils, &["-1", "-2"]),
    tool("cp", Coreutils, &["-a", "--attributes-only", "--sparse"]),
    tool("cut", Coreutils, &["-c", "-d", "-f"]),
    tool("date", Coreutils, &["-u"]),
    tool("dd", Coreutils, &[]),
    tool("dirname", Coreutils, &[]),
    tool("du", Coreutils, &["-s", "--exclude"]),
    tool("head", Coreutils, &["-c", "-n"]),
    tool("id", Coreutils, &["-u"]),
    tool("ln", Coreutils, &[]),
    tool("ls", Coreutils, &["-A", "-d"]),
    tool("mkdir", Coreutils, &["-m", "-p"]),
    tool("mknod", Coreutils, &["-m"]),
    tool("mv", Coreutils, &["-T", "-f"]),
    tool("od", Coreutils, &["-A", "-N", "-j", "-t"]),
    tool("readlink", Coreutils, &["-f"]),
    tool("rm", Coreutils, &["-f", "-r", "--one-file-system"]),
    tool("rmdir", Coreutils, &[]),
    tool("sha256sum", Coreutils, &["-c"]),
    tool("sleep", Coreutils, &[]),
    tool("sort", Coreutils, &["-T", "-n", "-u"]),
    tool("stat", Coreutils, &["-L", "-c", "-f"]),
    tool("sync", Coreutils, &[]),
    tool("tac", Coreutils, &[]),
    tool("tail", Coreutils, &["-c", "-n"]),
    tool("tee", Coreutils, &["-a"]),
    tool("timeout", Coreutils, &[]),
    tool("tr", Coreutils, &["-c", "-d", "-s"]),
    tool("truncate", Coreutils, &["-c", "-s"]),
    tool("wc", Coreutils, &["-l"]),
    tool("blkid", UtilLinux, &["-o", "-p", "-s"]),
    tool("blockdev", UtilLinux, &["--getro", "--getsize64", "--getss"]),
    tool("flock", UtilLinux, &["-n"]),
    tool("fstrim", UtilLinux, &["-v"]),
    // --list, --noheadings, --output and RO, OFFSET came with 2.21 to 2.24; scripts read sysfs instead.
    tool("losetup", UtilLinux, &["-c", "-d", "--find", "-j", "-r", "--show"]),
    tool("mount", UtilLinux, &["-o", "-t"]),
    tool("mountpoint", UtilLinux, &["-q"]),
    tool("nsenter", UtilLinux, &["-m", "-t"]),
    tool("setsid", UtilLinux, &[]),
    tool("umount", UtilLinux, &[]),
    tool("wipefs", UtilLinux, &["-a"]),
    tool(
        "dmsetup",
        Lvm2,
        &["--noflush", "--noheadings", "--readonly", "--retry", "--separator", "--table", "-c", "-o"],
    ),
    tool(
        "lvchange",
        Lvm2,
        &["--help", "-a", "-y", "--addtag", "--config", "--deltag", "--metadataprofile", "--monitor"],
    ),
    tool(
        "lvconvert",
        Lvm2,
        &[
            "-c",
            "-y",
            "--discards",
            "--poolmetadata",
            "--poolmetadatasize",
            "--repair",
            "--thinpool",
            "--zero",
        ],
    ),
    tool("lvcreate", Lvm2, &["-L", "-W", "-n", "-y", "--addtag"]),
    tool("lvextend", Lvm2, &["-L", "--poolmetadatasize"]),
    tool("lvremove", Lvm2, &["-y"]),
    tool("lvs", Lvm2, &["-a", "-o", "--noheadings", "--nosuffix", "--separator", "--units"]),
    tool("pvcreate", Lvm2, &["-q", "--norestorefile", "--uuid"]),
    tool("pvremove", Lvm2, &[]),
    tool("pvs", Lvm2, &["-o", "--noheadings", "--separator"]),
    tool("vgcreate", Lvm2, &["--addtag"]),
    tool("vgremove", Lvm2, &[]),
    tool("vgs", Lvm2, &["-o", "--noheadings", "--nosuffix", "--units"]),
    tool("thin_check", ThinTools, &["-q", "--clear-needs-check-flag"]),
    tool("thin_dump", ThinTools, &["-o"]),
    tool("thin_repair", ThinTools, &["-i", "-o"]),
    tool("thin_restore", ThinTools, &["-i", "-o"]),
    tool("pgrep", Procps, &["-x"]),
    tool(
        "find",
        Findutils,
        &["-L", "-delete", "-maxdepth", "-mindepth", "-print0", "-printf", "-samefile", "-type"],
    ),
    tool("xargs", Findutils, &["-0", "-r"]),
    tool("awk", Text, &["-F", "-v"]),
    tool("cmp", Text, &["-n", "-s"]),
    tool("diff", Text, &["-q", "-u", "--label"]),
    tool("grep", Text, &["-E", "-F", "-I", "-c", "-e", "-f", "-l", "-o", "-q", "-r", "-s", "-v", "-w", "-x"]),
    tool("sed", Text, &["-i", "-n"]),
    tool(
        "tar",
        Text,
        &[
            "-C",
            "-T",
            "-c",
            "-t",
            "-x",
            "--exclude",
            "--no-recursion",
            "--null",
            "--numeric-owner",
            "--same-owner",
            "--to-command",
            "--xattrs",
            "--xattrs-include",
        ],
    ),
    tool(
        "docker",
        Docker,
        &[
            "-a",
            "-f",
            "-i",
            "-m",
            "-o",
            "-q",
            "-s",
            "-v",
            "--all",
            "--digests",
            "--filter",
            "--force",
            "--format",
            "--name",
            "--network",
            "--no-trunc",
            "--type",
        ],
    ),
    tool("ctr", Containerd, &["--address"]),
    tool("service", Init, &[]),
    tool("systemctl", Init, &["-p", "--quiet"]),
    tool("chcon", Kernel, &["--reference"]),
    tool("restorecon", Kernel, &[]),
    tool("modprobe", Kernel, &[]),
    tool("xfs_info", Kernel, &[]),
];

/// Features newer than the oldest supported version of their program.
pub const YOUNGER: &[Younger] = &[
    // coreutils NEWS.
    Younger { tool: "dd", option: "conv=sparse", since: (8, 16, 0), asked_by: "" },
    Younger { tool: "dd", option: "status=none", since: (8, 20, 0), asked_by: "" },
    // lvm2 WHATS_NEW_DM (1.02.68 and 1.02.76) and WHATS_NEW.
    Younger { tool: "dmsetup", option: "--retry", since: (2, 2, 89), asked_by: "" },
    Younger { tool: "dmsetup", option: "--noflush", since: (2, 2, 97), asked_by: "" },
    Younger { tool: "pvcreate", option: "--norestorefile", since: (2, 2, 73), asked_by: "" },
    Younger { tool: "lvconvert", option: "--poolmetadata", since: (2, 2, 98), asked_by: "" },
    Younger { tool: "lvconvert", option: "--discards", since: (2, 2, 98), asked_by: "" },
    Younger {
        tool: "lvchange",
        option: "--metadataprofile",
        since: (2, 2, 107),
        asked_by: "lvm_has_profiles",
    },
    // util-linux, Documentation/releases/v2.23-ReleaseNotes.
    Younger { tool: "nsenter", option: "", since: (2, 23, 0), asked_by: "have" },
];
