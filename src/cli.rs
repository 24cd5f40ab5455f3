//! The command line as types, and the words that stand for sizes and durations. It does nothing.

use crate::report::check_plugin::Range;
use crate::report::usage::{By, Column};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Says what is wrong with a thin pool, which limit was hit, and what to do, in exact numbers.
///
/// Without a command it shows the state of every pool of this host. It only reads, and never waits long: a hung
/// daemon, a hung LVM or a stuck pool is a finding, not an obstacle.
#[derive(Debug, Parser)]
#[command(
    name = "thinspect",
    version,
    propagate_version = true,
    max_term_width = 100,
    disable_help_subcommand = true
)]
#[command(
    after_help = "Exit status: 0 answered, 3 could not answer, 64 wrong usage. With `status --exit-code`: 0 ok, \
                        1 warning, 2 critical, 3 unknown."
)]
pub struct Cli {
    /// What to do; `status` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Read a recording, pasted text (docker info, dmsetup, lvs, df, log lines) or an unpacked sos report instead of
    /// asking this machine; `-` is standard input
    #[arg(long, global = true, value_name = "FILE|DIR")]
    pub from: Option<PathBuf>,
    /// Look for the host's files below this directory, e.g. /host in a container
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "from")]
    pub root: Option<PathBuf>,
    /// A history of the pools' use, for forecasts; `watch` keeps it there
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// How to print
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Only this pool, by its device-mapper name
    #[arg(long, global = true, value_name = "NAME")]
    pub pool: Option<String>,
    /// Longest wait for any one answer, e.g. 800ms or 2s
    #[arg(short, long, global = true, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub timeout: Duration,
    /// Colour on a terminal, always, or never
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    /// Show amounts in bytes
    #[arg(long, global = true, conflicts_with = "si")]
    pub bytes: bool,
    /// Show amounts in kB, MB, GB instead of KiB, MiB, GiB
    #[arg(long, global = true)]
    pub si: bool,
    /// Show the facts behind each finding, all advice and all notes
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// Output forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: `thinspect schema` describes it.
    Json,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The verdict for every pool: state, space, limits, findings, what to do
    Status {
        /// Make the verdict the exit status: 0 ok, 1 warning, 2 critical, 3 unknown
        #[arg(long)]
        exit_code: bool,
        /// Write one self-contained page for a ticket instead; `-` is standard output. A file is made readable for its
        /// owner only
        #[arg(long, value_name = "FILE", conflicts_with = "output")]
        html: Option<PathBuf>,
    },
    /// Who uses the space: mapped, exclusive and shared blocks, read from the pool's own metadata without writing
    Usage(Usage),
    /// Exact numbers and ordered steps for one goal; nothing is executed
    #[command(subcommand)]
    Plan(Plan),
    /// Follow the pools: events when they happen, how fast they fill, when they are full. On a terminal a block that is
    /// drawn in place; else a line for each look and each event. With --log, the history is kept in FILE
    Watch {
        /// Look so often, besides at every event of the kernel's
        #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = interval)]
        interval: Duration,
        /// Use the whole screen: pools, findings and what they mean, who uses the space, events. Works on a recording too
        #[arg(short, long, conflicts_with = "output")]
        full_screen: bool,
    },
    /// One line and performance data for a monitor (Nagios, Icinga and their kin), and the state as exit status: 0 ok,
    /// 1 warning, 2 critical, 3 unknown
    Check(Check),
    /// Prometheus metrics: on standard output, in a file for node_exporter's textfile collector, or at each scrape
    Metrics(Metrics),
    /// Write a recording of this machine, for --from. It holds names of devices, files, images and containers;
    /// values of secrets in settings are left out
    Record {
        /// Where to; standard output if not given. A file is made readable for its owner only
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// List the rules, one a line
    Rules,
    /// Explain a rule: what it means, why it matters, what to do
    Explain {
        /// The rule's name, as findings show it
        rule: String,
    },
    /// Print the JSON Schema of an output
    Schema {
        /// Which output
        #[arg(value_enum, default_value_t = SchemaOf::Status)]
        of: SchemaOf,
    },
    /// Print the manual page of the program or of one command, e.g. `man plan grow`
    Man {
        /// The command
        #[arg(value_name = "COMMAND")]
        of: Vec<String>,
        /// Write the pages of all commands into this directory instead
        #[arg(long, value_name = "DIR", conflicts_with = "of")]
        dir: Option<PathBuf>,
    },
    /// Print a script that completes command lines
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Options of `check`. A RANGE is `[@]start:end` as monitoring plug-ins have it: 80 alerts above 80, 10: below 10, ~:80
/// above 80, @10:20 within. The rules' other findings (read-only, refused by Docker, …) count as they are.
#[derive(Debug, Args)]
pub struct Check {
    /// Warn when this much of the data is used, in percent
    #[arg(short, long, value_name = "RANGE", default_value = "80", allow_hyphen_values = true)]
    pub warning: Range,
    /// Critical when this much of the data is used, in percent
    #[arg(short, long, value_name = "RANGE", default_value = "90", allow_hyphen_values = true)]
    pub critical: Range,
    /// The same for the metadata
    #[arg(long, value_name = "RANGE", default_value = "75", allow_hyphen_values = true)]
    pub metadata_warning: Range,
    /// The same for the metadata
    #[arg(long, value_name = "RANGE", default_value = "90", allow_hyphen_values = true)]
    pub metadata_critical: Range,
    /// Warn by the time until something is full, in seconds or as 24h: (less than a day). It takes a history, --log;
    /// unless given, the rule filling-fast decides: 24 hours warning, 4 hours critical
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub time_warning: Option<Range>,
    /// The same for critical
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub time_critical: Option<Range>,
}

/// Options of `metrics`.
#[derive(Debug, Args)]
pub struct Metrics {
    /// Replace this file, whose name ends in .prom, whole or not at all
    #[arg(long, value_name = "FILE", value_parser = prom_file)]
    pub textfile: Option<PathBuf>,
    /// Answer scrapes of /metrics at this address, e.g. 0.0.0.0:9750; a port alone is 127.0.0.1's
    #[arg(long, value_name = "ADDRESS", value_parser = address, conflicts_with = "textfile")]
    pub listen: Option<SocketAddr>,
    /// Show the active thin devices too, the N that map most
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "100")]
    pub per_device: Option<usize>,
}

/// What `usage` is asked.
#[derive(Debug, Args)]
pub struct Usage {
    /// What the rows are
    #[arg(long, value_enum, default_value_t = By::Device, value_name = "WHAT")]
    pub by: By,
    /// Sort by this column instead of the first
    #[arg(long, value_enum, value_name = "COLUMN")]
    pub sort: Option<Column>,
    /// The columns to show, separated by commas
    #[arg(long, value_enum, value_name = "COLUMN,…", value_delimiter = ',')]
    pub columns: Vec<Column>,
    /// Also say what comes back if this container or image is removed; may be given several times, for a set
    #[arg(long, value_name = "NAME")]
    pub without: Vec<String>,
    /// Read this copy of the metadata instead of the pool's own
    #[arg(long, value_name = "FILE")]
    pub metadata: Option<PathBuf>,
    /// Read through the metadata snapshot that somebody else holds; it is not released
    #[arg(long)]
    pub held_root: bool,
    /// Take a metadata snapshot, read through it, and release it: THIS WRITES TO THE POOL. For pools that change faster
    /// than they can be read
    #[arg(long, conflicts_with_all = ["metadata", "from", "held_root"])]
    pub snapshot: bool,
    /// Ask the device for no more than this in a second, e.g. 20M; at least 4K, one block
    #[arg(long, value_name = "SIZE", value_parser = rate)]
    pub max_rate: Option<u64>,
}

/// Outputs that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// `status -o json`: thinspect/1.
    Status,
    /// `plan … -o json`: thinspect-plan/1.
    Plan,
    /// `usage -o json`: thinspect-usage/1.
    Usage,
    /// `watch -o json`, and the lines of a history: thinspect-watch/1.
    Watch,
}

/// Goals.
#[derive(Debug, Subcommand)]
pub enum Plan {
    /// Lower Docker's free-space floor: what it would unblock, and why it only buys time
    MinFreeSpace {
        /// Set this percent instead of the largest that unblocks
        #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(0..100))]
        percent: Option<u64>,
        /// Print a guarded shell script of the steps
        #[arg(long)]
        script: bool,
    },
    /// Grow the pool: how much at least, how much better, and how
    Grow {
        /// Grow the data only
        #[arg(long, conflicts_with = "metadata")]
        data: bool,
        /// Grow the metadata only
        #[arg(long)]
        metadata: bool,
        /// By this much, e.g. 20G (GiB) or 512M
        #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "to")]
        by: Option<u64>,
        /// To this size in all
        #[arg(long, value_name = "SIZE", value_parser = size)]
        to: Option<u64>,
        /// Print a guarded shell script of the steps
        #[arg(long)]
        script: bool,
    },
    /// Make room in the pool: how much has to go, and the steps, mildest first
    Free {
        /// Free this much, e.g. 20G (GiB) or 512M: names what to remove, at the smallest loss, and what each gives back
        #[arg(long, value_name = "SIZE", value_parser = size)]
        need: Option<u64>,
        /// With --need: count in this copy of the metadata instead of the pool's own
        #[arg(long, value_name = "FILE", requires = "need")]
        metadata: Option<PathBuf>,
        /// Print a guarded shell script of the steps; what deletes is asked for one by one
        #[arg(long)]
        script: bool,
    },
    /// Move Docker's pool, or containerd's, from loop files to LVM, with all that is in it; names free disks where none is given
    DirectLvm {
        /// Where to
        #[command(flatten)]
        to: To,
        /// Give the pool this much data space, e.g. 100G; else all of the device but room to grow, and of a group what it needs
        #[arg(long, value_name = "SIZE", value_parser = size)]
        size: Option<u64>,
        /// Where copies go of Docker's or containerd's records and the pool's metadata, and the script's notes
        #[arg(long, value_name = "DIR", value_parser = directory)]
        copies: Option<String>,
        /// Count what is in use in this copy of the metadata instead of the pool's own
        #[arg(long, value_name = "FILE")]
        metadata: Option<PathBuf>,
        /// Print a guarded shell script of the steps
        #[arg(long)]
        script: bool,
    },
    /// Bring a full, read-only, needs-check or failed pool back without wiping it
    Repair {
        /// Where copies go of metadata that is no file
        #[arg(long, value_name = "DIR", value_parser = directory)]
        copies: Option<String>,
        /// Print a guarded shell script of the steps
        #[arg(long)]
        script: bool,
    },
    /// Move Docker from its devicemapper pool to overlay2: what is kept, what is saved and where it fits, and the way back
    Overlay2 {
        /// Where the archives go; else where they fit
        #[arg(long, value_name = "DIR", value_parser = directory)]
        archives: Option<String>,
        /// Where a Docker that still has the driver was unpacked, if the installed one has it no more: the directory
        /// of its dockerd
        #[arg(long, value_name = "DIR", value_parser = directory)]
        old_engine: Option<String>,
        /// Count what containers have written in this copy of the metadata instead of the pool's own
        #[arg(long, value_name = "FILE")]
        metadata: Option<PathBuf>,
        /// Print a guarded shell script of the steps, which can go on where it was interrupted, and back
        #[arg(long)]
        script: bool,
    },
}

/// node_exporter reads no other names.
fn prom_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let ends = path.extension().is_some_and(|e| e == "prom");
    if ends {
        Ok(path)
    } else {
        Err(format!("`{text}` does not end in .prom: node_exporter would not read it"))
    }
}

/// `9750`, `10.0.0.5:9750` or `[::1]:9750`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    port.or_else(|_| text.parse())
        .map_err(|_| format!("`{text}` is no address; write for example 9750, 0.0.0.0:9750 or [::]:9750"))
}

/// Where `plan direct-lvm` moves the pool.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct To {
    /// To this disk or partition, which must be empty; it becomes the volume group docker
    #[arg(long, value_name = "DEVICE", value_parser = directory)]
    pub device: Option<String>,
    /// Into what this volume group has free
    #[arg(long, value_name = "NAME")]
    pub vg: Option<String>,
}

/// An absolute path: plans may be followed from anywhere.
fn directory(text: &str) -> Result<String, String> {
    if text.starts_with('/') { Ok(text.to_owned()) } else { Err(format!("`{text}` does not begin with /")) }
}

/// `20G`, `512MiB`, `1.5T`, `107.4GB`: K, M, G, T and KiB… are powers of 1024 as LVM and Docker read them; kB, MB, GB,
/// TB are powers of 1000.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; write for example 20G, 512M or 107374182400");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split).ok_or_else(wrong)?;
    let scale: u128 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(wrong()),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let places = u32::try_from(part.len()).ok().filter(|p| *p <= 12).ok_or_else(wrong)?;
    let digits: u128 = format!("{whole}{part}").parse().map_err(|_| wrong())?;
    let bytes = digits.checked_mul(scale).ok_or_else(wrong)? / 10_u128.pow(places);
    u64::try_from(bytes).map_err(|_| wrong())
}

/// A rate of no less than a block a second: slower, nothing would ever be read.
fn rate(text: &str) -> Result<u64, String> {
    const BLOCK: u64 = 4096;
    size(text).and_then(|rate| {
        if rate >= BLOCK { Ok(rate) } else { Err(format!("`{text}` is less than 4K, one block a second")) }
    })
}

/// `800ms`, `2s`, `1.5s` or plain seconds; from 10 ms to 10 min.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration; write for example 800ms or 2s (10ms to 600s)");
    let (number, scale) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 0.001),
        (None, Some(number)) => (number, 1.0),
        (None, None) => (text, 1.0),
    };
    let seconds = number.trim().parse::<f64>().map_err(|_| wrong())? * scale;
    if !(0.01..=600.0).contains(&seconds) {
        return Err(wrong());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// The same from 100 ms to 10 min: how often to look.
fn interval(text: &str) -> Result<Duration, String> {
    let least = Duration::from_millis(100);
    duration(text).and_then(|d| if d < least { Err(format!("`{text}` is less than 100ms")) } else { Ok(d) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes() {
        assert_eq!(size("20G"), Ok(20 << 30));
        assert_eq!(size("1.5MiB"), Ok(3 << 19));
        assert_eq!(size("107.4 GB"), Ok(107_400_000_000));
        assert_eq!(size("4096"), Ok(4096));
        for bad in ["", "G", "-1G", "1.2.3G", "10X", "99999999999999999999T", "1e9"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(address("9750").unwrap().to_string(), "127.0.0.1:9750");
        assert_eq!(address("[::]:1").unwrap().to_string(), "[::]:1");
        for bad in ["", "localhost:9750", "70000", "127.0.0.1"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("4K"), Ok(4096));
        assert!(rate("0").is_err() && rate("4095").is_err());
    }

    #[test]
    fn durations() {
        assert_eq!(duration("800ms"), Ok(Duration::from_millis(800)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        for bad in ["", "0s", "NaN", "1h", "-1s", "1000s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
