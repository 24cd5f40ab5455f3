//! Definition of the command line; `values` parses sizes, durations and addresses.

mod values;

use crate::report::check_plugin::Range;
use crate::report::usage::{By, Column};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use values::{address, directory, duration, interval, prom_file, rate, size};

/// Finds out what is wrong with a thin pool, which limit was hit, and what to do, in exact numbers.
///
/// Without a command it shows the state of every pool on this host. It only reads, and it never hangs: a hung daemon, a
/// hung LVM or a stuck pool is reported as a finding.
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
    /// Command to run [default: status]
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Read a recording, pasted text (docker info, dmsetup, lvs, df, log lines) or an unpacked sos report instead of
    /// this host; `-` is standard input
    #[arg(long, global = true, value_name = "FILE|DIR")]
    pub from: Option<PathBuf>,
    /// Read the host's files below this directory, e.g. /host in a container
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "from")]
    pub root: Option<PathBuf>,
    /// History of the pools' use, for forecasts; `watch` appends to it
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Output format
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Only this pool, by its device-mapper name or, on LVM, VG/LV
    #[arg(long, global = true, value_name = "NAME")]
    pub pool: Option<String>,
    /// Time limit of each query, e.g. 800ms or 2s
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

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people.
    Text,
    /// JSON for programs; `thinspect schema` describes it.
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

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The verdict for every pool: state, space, limits, findings, what to do
    Status {
        /// Make the verdict the exit status: 0 ok, 1 warning, 2 critical, 3 unknown
        #[arg(long)]
        exit_code: bool,
        /// Write one self-contained page for a ticket instead; `-` is standard output. The file is readable for its
        /// owner only
        #[arg(long, value_name = "FILE", conflicts_with = "output")]
        html: Option<PathBuf>,
    },
    /// Space used by images, containers and devices: mapped, exclusive and shared blocks, read from the pool's metadata
    /// without writing
    Usage(Usage),
    /// Exact numbers and ordered steps for one goal; nothing is executed
    #[command(subcommand)]
    Plan(Plan),
    /// Watch the pools: events as they happen, how fast they fill, when they are full.
    ///
    /// On a terminal, a block that is redrawn in place; otherwise a line for each poll and each event. With --log, the
    /// history is kept in FILE
    Watch {
        /// Polling interval, in addition to kernel events
        #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = interval)]
        interval: Duration,
        /// Show a full-screen interface: pools, findings with explanations, users of the space, events. Also for a
        /// recording
        #[arg(short, long, conflicts_with = "output")]
        full_screen: bool,
    },
    /// One line and performance data for a monitor such as Nagios or Icinga.
    ///
    /// The exit status is the state: 0 ok, 1 warning, 2 critical, 3 unknown
    Check(Check),
    /// Prometheus metrics: on standard output, in a file for node_exporter's textfile collector, or over HTTP
    Metrics(Metrics),
    /// Write a recording of this host, for --from. It contains names of devices, files, images and containers; secrets
    /// in settings are removed
    Record {
        /// File to write, readable only by its owner [default: standard output]
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// List the rules, one per line
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

/// Options of `check`. A RANGE is `[@]start:end`, as in all monitoring plug-ins: 80 alerts above 80 (or below 0), 10:
/// below 10, ~:80 above 80, @10:20 within. Findings of other rules (read-only, refused by Docker, …) alert as well.
#[derive(Debug, Args)]
pub struct Check {
    /// Warning threshold for data usage, in percent
    #[arg(short, long, value_name = "RANGE", default_value = "80", allow_hyphen_values = true)]
    pub warning: Range,
    /// Critical threshold for data usage, in percent
    #[arg(short, long, value_name = "RANGE", default_value = "90", allow_hyphen_values = true)]
    pub critical: Range,
    /// Warning threshold for metadata usage, in percent
    #[arg(long, value_name = "RANGE", default_value = "75", allow_hyphen_values = true)]
    pub metadata_warning: Range,
    /// Critical threshold for metadata usage, in percent
    #[arg(long, value_name = "RANGE", default_value = "90", allow_hyphen_values = true)]
    pub metadata_critical: Range,
    /// Warning threshold for the time to full, in seconds or as `24h:` (less than a day).
    ///
    /// Needs a history, --log. If not given, the rule filling-fast decides: warning at 24 hours, critical at 4
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub time_warning: Option<Range>,
    /// Critical threshold for the time to full
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub time_critical: Option<Range>,
}

/// Options of `metrics`.
#[derive(Debug, Args)]
pub struct Metrics {
    /// Write to this file, whose name ends in .prom; it is replaced atomically
    #[arg(long, value_name = "FILE", value_parser = prom_file)]
    pub textfile: Option<PathBuf>,
    /// Serve /metrics at this address, e.g. 0.0.0.0:9750; a port alone listens on 127.0.0.1
    #[arg(long, value_name = "ADDRESS", value_parser = address, conflicts_with = "textfile")]
    pub listen: Option<SocketAddr>,
    /// Add the N active thin devices that map most
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "100")]
    pub per_device: Option<usize>,
}

/// Options of `usage`.
#[derive(Debug, Args)]
pub struct Usage {
    /// Rows of the table
    #[arg(long, value_enum, default_value_t = By::Device, value_name = "WHAT")]
    pub by: By,
    /// Sort by this column instead of the first
    #[arg(long, value_enum, value_name = "COLUMN")]
    pub sort: Option<Column>,
    /// The columns to show, separated by commas
    #[arg(long, value_enum, value_name = "COLUMN,…", value_delimiter = ',')]
    pub columns: Vec<Column>,
    /// Count the space that removing this container or image returns; repeat for a set
    #[arg(long, value_name = "NAME")]
    pub without: Vec<String>,
    /// Read this copy of the metadata instead of the pool's own
    #[arg(long, value_name = "FILE")]
    pub metadata: Option<PathBuf>,
    /// Read the metadata snapshot that is already held; it is not released
    #[arg(long)]
    pub held_root: bool,
    /// Take a metadata snapshot, read it, and release it: THIS WRITES TO THE POOL. For pools that change faster than
    /// they can be read
    #[arg(long, conflicts_with_all = ["metadata", "from", "held_root"])]
    pub snapshot: bool,
    /// Read at most this much per second, e.g. 20M; at least 4K
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
    /// `watch -o json`, and the lines of a history file: thinspect-watch/1.
    Watch,
}

/// Text after the options in `plan direct-lvm --help`.
const DIRECT_LVM: &str = include_str!("direct_lvm.txt");
/// Text after the options in `plan overlay2 --help`.
const OVERLAY2: &str = include_str!("overlay2.txt");

/// The goals of `plan`.
#[derive(Debug, Subcommand)]
pub enum Plan {
    /// Lower Docker's minimum of free space: what that unblocks, and why it only buys time
    MinFreeSpace {
        /// Set this percentage instead of the largest one that unblocks
        #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(0..100))]
        percent: Option<u64>,
        /// Print a guarded shell script of the steps
        #[arg(long)]
        script: bool,
    },
    /// Grow the pool: the least that helps, the recommended size, and the steps
    Grow {
        /// Grow only the data
        #[arg(long, conflicts_with = "metadata")]
        data: bool,
        /// Grow only the metadata
        #[arg(long)]
        metadata: bool,
        /// Grow by this amount, e.g. 20G (GiB) or 512M
        #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "to")]
        by: Option<u64>,
        /// Grow to this total size
        #[arg(long, value_name = "SIZE", value_parser = size)]
        to: Option<u64>,
        /// Print a guarded shell script of the steps
        #[arg(long)]
        script: bool,
    },
    /// Free space in the pool: how much is needed, and the steps, mildest first
    Free {
        /// Free this amount, e.g. 20G (GiB) or 512M: selects what to remove at the smallest loss, and counts what each
        /// removal returns
        #[arg(long, value_name = "SIZE", value_parser = size)]
        need: Option<u64>,
        /// With --need: count in this copy of the metadata instead of the pool's own
        #[arg(long, value_name = "FILE", requires = "need")]
        metadata: Option<PathBuf>,
        /// Print a guarded shell script of the steps; it asks before each deletion
        #[arg(long)]
        script: bool,
    },
    /// Move Docker's or containerd's pool from loop files to LVM, with everything in it. Without a destination, lists
    /// free disks and volume groups
    #[command(after_long_help = DIRECT_LVM)]
    DirectLvm {
        /// Destination
        #[command(flatten)]
        to: To,
        /// Data space of the new pool, e.g. 100G [default: the whole device minus room to grow; in a volume group, what
        /// is needed]
        #[arg(long, value_name = "SIZE", value_parser = size)]
        size: Option<u64>,
        /// Directory for backups of the engine's records and the pool metadata, and for the script's state
        #[arg(long, value_name = "DIR", value_parser = directory)]
        copies: Option<String>,
        /// Read this copy of the metadata instead of the pool's own
        #[arg(long, value_name = "FILE")]
        metadata: Option<PathBuf>,
        /// Print a guarded shell script of the steps
        #[arg(long)]
        script: bool,
    },
    /// Bring a full, read-only, needs-check or failed pool back without wiping it
    Repair {
        /// Directory for a backup of metadata that is not in a loop file
        #[arg(long, value_name = "DIR", value_parser = directory)]
        copies: Option<String>,
        /// Print a guarded shell script of the steps
        #[arg(long)]
        script: bool,
    },
    /// Move Docker from its devicemapper pool to overlay2: what is kept, what is archived and where, and how to go back
    #[command(after_long_help = OVERLAY2)]
    Overlay2 {
        /// Directory for the archives [default: a filesystem with enough space]
        #[arg(long, value_name = "DIR", value_parser = directory)]
        archives: Option<String>,
        /// Directory with the dockerd of an unpacked Docker that still has the driver, if the installed one no longer
        /// has it
        #[arg(long, value_name = "DIR", value_parser = directory)]
        old_engine: Option<String>,
        /// Read this copy of the metadata instead of the pool's own
        #[arg(long, value_name = "FILE")]
        metadata: Option<PathBuf>,
        /// Print a guarded shell script of the steps, which resumes after an interruption and can go back
        #[arg(long)]
        script: bool,
    },
}

/// The destination of `plan direct-lvm`.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct To {
    /// Move to this disk or partition, which must be empty; it becomes the volume group docker
    #[arg(long, value_name = "DEVICE", value_parser = directory)]
    pub device: Option<String>,
    /// Move to the free space of this volume group
    #[arg(long, value_name = "NAME")]
    pub vg: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
