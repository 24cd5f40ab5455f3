//! The devicemapper part of `docker info`, for every release from 0.7 to 24.
//!
//! Reading never fails. Docker's rounding (four significant digits) is not corrected, only taken into account.

use crate::host::model::units::Bytes;
use crate::host::parse::partial_json::{self, Token};
use crate::host::parse::size::{self, Scale};

/// A `docker info` report as far as it could be read. All sizes are rounded by Docker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DockerInfo {
    /// `Storage Driver:` or, to 0.8, `Driver:`.
    pub driver: Option<String>,
    /// `Server Version:`, printed since 1.9.
    pub server_version: Option<String>,
    /// `Kernel Version:`.
    pub kernel_version: Option<String>,
    /// `Docker Root Dir:`.
    pub root: Option<String>,
    /// `Pool Name:`.
    pub pool_name: Option<String>,
    /// `Pool Blocksize:`, rounded back to a multiple of 64 KiB; 64 KiB for releases before 1.2, which do not print
    /// it.
    pub block: Option<Bytes>,
    /// `Base Device Size:`, since 1.9.
    pub base_size: Option<Bytes>,
    /// `Backing Filesystem:`; before 1.9.1 that of the host, since then that of the base device.
    pub backing_filesystem: Option<String>,
    /// `Data file:`: a loop file to 1.4, a device since 1.5; `Some("")` if the line is blank.
    pub data_file: Option<String>,
    /// `Metadata file:`.
    pub metadata_file: Option<String>,
    /// `Data loop file:`, since 1.5.
    pub data_loop_file: Option<String>,
    /// `Metadata loop file:`.
    pub metadata_loop_file: Option<String>,
    /// `Data Space Used:`.
    pub data_used: Option<Bytes>,
    /// `Data Space Total:`.
    pub data_total: Option<Bytes>,
    /// `Data Space Available:`; on loop files at most the free space of the host filesystem.
    pub data_available: Option<Bytes>,
    /// `Metadata Space Used:`.
    pub metadata_used: Option<Bytes>,
    /// `Metadata Space Total:`.
    pub metadata_total: Option<Bytes>,
    /// `Metadata Space Available:`.
    pub metadata_available: Option<Bytes>,
    /// `Thin Pool Minimum Free Space:`, since 1.12.
    pub minimum_free: Option<Bytes>,
    /// `Udev Sync Supported:`.
    pub udev_sync: Option<bool>,
    /// `Deferred Removal Enabled:`.
    pub deferred_removal: Option<bool>,
    /// `Deferred Deletion Enabled:`.
    pub deferred_deletion: Option<bool>,
    /// `Deferred Deleted Device Count:`.
    pub deferred_deleted: Option<u64>,
    /// `Library Version:`.
    pub library_version: Option<String>,
    /// `Containers:`.
    pub containers: Option<u64>,
    /// `Running:`, since 1.10.
    pub running: Option<u64>,
    /// `Stopped:`.
    pub stopped: Option<u64>,
    /// `Images:`.
    pub images: Option<u64>,
    /// Whether sizes are printed in MiB called `Mb` (to 1.2).
    pub binary_units: bool,
    /// Whether all space lines are zero: Docker could not read the pool's status.
    pub all_zero: bool,
    /// The report's lines, verbatim.
    pub lines: Vec<String>,
}

/// Reads a `docker info` report or a part of one; also as JSON (`--format '{{json .}}'`, `GET /info`), and `podman
/// info` for the fork of Docker's driver.
#[must_use]
pub fn read(text: &str) -> DockerInfo {
    let mut info = DockerInfo::default();
    let begun = text.trim_start();
    if begun.starts_with(['{', '[']) || (begun.contains("\"Driver") && !begun.contains("Storage Driver:")) {
        info.take_json(begun);
    } else {
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
            if let Some((name, value)) = line.split_once(':') {
                info.take(name.trim(), value.trim());
            }
            info.lines.push(line.to_owned());
        }
    }
    info.conclude();
    info
}

/// Names in the API whose text form differs.
const JSON_NAMES: [(&str, &str); 9] = [
    ("Driver", "Storage Driver"),
    ("graphDriverName", "Storage Driver"),
    ("ServerVersion", "Server Version"),
    ("KernelVersion", "Kernel Version"),
    ("DockerRootDir", "Docker Root Dir"),
    ("Containers", "Containers"),
    ("ContainersRunning", "Running"),
    ("ContainersStopped", "Stopped"),
    ("Images", "Images"),
];

impl DockerInfo {
    fn take_json(&mut self, text: &str) {
        for token in partial_json::tokens(text) {
            let (name, value) = match &token {
                Token::Pair(name, value) => (name.as_str(), value.as_str()),
                Token::Member(key, value) => {
                    // Podman's driver status is an object with the names of the text form.
                    let of_text = || key.contains(' ').then_some(key.as_str());
                    let api = JSON_NAMES.iter().find(|(json, _)| json == key).map(|(_, name)| *name);
                    let Some(name) = api.or_else(of_text) else { continue };
                    (name, value.as_str())
                }
                Token::Open | Token::Close => continue,
            };
            if self.take(name, value) {
                self.lines.push(format!("{name}: {value}"));
            }
        }
    }

    /// Reads one field, the first of each name. Returns whether the name is known.
    fn take(&mut self, name: &str, value: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.take_word(&name, value) || self.take_amount(&name, value) || self.take_setting(&name, value)
    }

    /// Fields kept verbatim.
    fn take_word(&mut self, name: &str, value: &str) -> bool {
        let field = match name {
            "storage driver" | "driver" | "graphdrivername" => &mut self.driver,
            "server version" => &mut self.server_version,
            "kernel version" => &mut self.kernel_version,
            "docker root dir" => &mut self.root,
            "pool name" => &mut self.pool_name,
            "backing filesystem" => &mut self.backing_filesystem,
            "data file" => &mut self.data_file,
            "metadata file" => &mut self.metadata_file,
            "data loop file" => &mut self.data_loop_file,
            "metadata loop file" => &mut self.metadata_loop_file,
            "library version" => &mut self.library_version,
            _ => return false,
        };
        if !value.is_empty() || name.ends_with(" file") {
            field.get_or_insert_with(|| value.to_owned());
        }
        true
    }

    /// Fields with a size. `Total Memory` is not the pool's and is ignored.
    fn take_amount(&mut self, name: &str, value: &str) -> bool {
        let field = match name {
            "pool blocksize" => &mut self.block,
            "base device size" => &mut self.base_size,
            "data space used" => &mut self.data_used,
            "data space total" => &mut self.data_total,
            "data space available" => &mut self.data_available,
            "metadata space used" => &mut self.metadata_used,
            "metadata space total" => &mut self.metadata_total,
            "metadata space available" => &mut self.metadata_available,
            "thin pool minimum free space" => &mut self.minimum_free,
            _ => return false,
        };
        if field.is_none() {
            *field = size::read(value, Scale::Docker).map(|a| a.bytes);
        }
        let unit = value.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start();
        self.binary_units |= unit.starts_with("Mb") || unit.starts_with("Kb");
        true
    }

    /// Boolean fields and counts.
    fn take_setting(&mut self, name: &str, value: &str) -> bool {
        let word = value.split_whitespace().next().unwrap_or_default();
        let switch = match word {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        let count = word.parse().ok();
        match name {
            "udev sync supported" => self.udev_sync = self.udev_sync.or(switch),
            "deferred removal enabled" => self.deferred_removal = self.deferred_removal.or(switch),
            "deferred deletion enabled" => self.deferred_deletion = self.deferred_deletion.or(switch),
            "deferred deleted device count" => self.deferred_deleted = self.deferred_deleted.or(count),
            "containers" => self.containers = self.containers.or(count),
            "running" => self.running = self.running.or(count),
            "stopped" => self.stopped = self.stopped.or(count),
            "images" => self.images = self.images.or(count),
            _ => return false,
        }
        true
    }

    /// Derives values that need several lines.
    fn conclude(&mut self) {
        let multiple = 64 << 10;
        if let Some(block) = self.block {
            let snapped = (block.0.saturating_add(multiple / 2) / multiple).saturating_mul(multiple);
            self.block = Some(Bytes(snapped.max(multiple)));
        } else if self.binary_units {
            self.block = Some(Bytes(multiple));
        }
        let totals = [self.data_total, self.metadata_total];
        let used = [self.data_used, self.metadata_used];
        let said = || totals.iter().chain(&used).flatten();
        self.all_zero = totals.iter().any(Option::is_some) && said().all(|b| b.0 == 0);
    }

    /// Whether the report is about loop files: it names one, or (to 1.4) a data file that is not a device.
    #[must_use]
    pub fn on_loop(&self) -> bool {
        let named = |file: &Option<String>, none: &[&str]| {
            file.as_ref().is_some_and(|f| !f.is_empty() && !none.iter().any(|n| f.starts_with(n)))
        };
        let device = self.data_file.as_ref().is_some_and(|f| f.starts_with("/dev/loop"));
        named(&self.data_loop_file, &[]) || device || named(&self.data_file, &["/dev/"])
    }
}

/// The number of blocks in a size that Docker printed, to the nearest block: off by at most half of the last printed
/// digit.
///
/// `None` if the block size is 0. To 1.2 Docker printed tenths of MiB, less than two blocks of 64 KiB, so the result
/// is at most one block off, and exact for whole MiB (`102400.0 Mb` is 1638400 blocks).
#[must_use]
pub fn blocks(printed: Bytes, block: Bytes) -> Option<u64> {
    let half = block.0 / 2;
    printed.0.saturating_add(half).checked_div(block.0)
}

/// The exact size of a loop file from Docker's rounded one, if only one whole number of GiB prints like that.
///
/// `107.4 GB` is 100 GiB: Docker creates loop files of whole GiB, and no other whole number of GiB prints as `107.4
/// GB`. Above 1000 GiB a printed step (1 GB) is about one GiB, and a logical volume or partition need not be whole
/// GiB; in both cases the result is `None`.
#[must_use]
pub fn whole_gib(printed: Bytes) -> Option<Bytes> {
    let gib: u64 = 1 << 30;
    if printed.0 >= 1_000_000_000_000 {
        return None;
    }
    let nearest = printed.0.saturating_add(gib / 2) / gib;
    let size = nearest.checked_mul(gib).filter(|s| *s > 0)?;
    (four_digits(size) == four_digits(printed.0)).then_some(Bytes(size))
}

/// The four significant digits that Docker prints, and the number of digits.
fn four_digits(bytes: u64) -> (u64, u32) {
    let digits = bytes.checked_ilog10().unwrap_or(0).saturating_add(1);
    let step = 10_u64.pow(digits.saturating_sub(4));
    let rounded = bytes.saturating_add(step / 2) / step;
    if rounded >= 10_000 { (rounded / 10, digits + 1) } else { (rounded, digits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_2014() {
        let info = read(
            "Containers: 0\nImages: 0\nStorage Driver: devicemapper\n Pool Name: docker-8:1-131188-pool\n \
             Data file: /var/lib/docker/devicemapper/devicemapper/data\n \
             Metadata file: /var/lib/docker/devicemapper/devicemapper/metadata\n \
             Data Space Used: 291.5 Mb\n Data Space Total: 102400.0 Mb\n Metadata Space Used: 0.7 Mb\n \
             Metadata Space Total: 2048.0 Mb\nExecution Driver: native-0.1\nKernel Version: 3.13.0-29-generic\n",
        );
        assert_eq!(info.data_total, Some(Bytes(102_400 << 20)));
        assert_eq!(info.data_used, Some(Bytes(583 << 19)));
        assert_eq!(info.block, Some(Bytes(65536)), "those releases knew no other");
        assert_eq!(blocks(info.data_total.unwrap(), Bytes(65536)), Some(1_638_400));
        assert_eq!(blocks(info.data_used.unwrap(), Bytes(65536)), Some(4664));
        assert!(info.binary_units && info.on_loop() && !info.all_zero);
        assert_eq!(info.kernel_version.as_deref(), Some("3.13.0-29-generic"));
        assert_eq!(info.lines.len(), 12);
    }

    /// The keys are from Podman's `libpod/define/info.go` and containers/storage's driver.
    #[test]
    fn a_report_of_podmans() {
        let info = read(
            r#"{"store": {"graphDriverName": "devicemapper", "graphStatus": {"Pool Name": "container-253:0-134-pool",
                "Data Space Used": "106.9GB", "Data Space Total": "107.4GB"}}}"#,
        );
        assert_eq!(info.driver.as_deref(), Some("devicemapper"));
        assert_eq!(info.pool_name.as_deref(), Some("container-253:0-134-pool"));
        assert_eq!(info.data_total, Some(Bytes(107_400_000_000)));
    }

    #[test]
    fn memory_is_not_the_pools_and_blank_is_not_missing() {
        let info = read("Pool Blocksize: 524.3 kB\nData file: \nMetadata file:\nTotal Memory: 3.835 GiB");
        assert_eq!(info.block, Some(Bytes(524_288)));
        assert_eq!(info.data_file.as_deref(), Some(""));
        assert_eq!(info.metadata_file.as_deref(), Some(""));
        assert_eq!((info.data_total, info.data_used), (None, None));
        assert!(!info.all_zero && !info.on_loop());
    }

    #[test]
    fn zeros_mean_that_nothing_could_be_read() {
        assert!(read("Data Space Used: 0.0 Mb\nData Space Total: 0.0 Mb").all_zero);
        assert!(read("Data Space Total: 0 B").all_zero);
        assert!(!read("Data Space Used: 0 B\nData Space Total: 1 GB").all_zero);
        assert!(!read("Data Space Used: 0 B").all_zero, "nothing is said of the total");
    }

    #[test]
    fn json_says_the_same_also_when_cut_off() {
        let json = r#"{"Containers":3,"Driver":"devicemapper","DriverStatus":[["Pool Name","docker-thinpool"],
            ["Data Space Used","76.55MB"],["Udev Sync Supported","true"]],"KernelVersion":"6.1.0","Driver":"#;
        let info = read(json);
        assert_eq!((info.containers, info.pool_name.as_deref()), (Some(3), Some("docker-thinpool")));
        assert_eq!((info.data_used, info.udev_sync), (Some(Bytes(76_550_000)), Some(true)));
        assert_eq!(info.driver.as_deref(), Some("devicemapper"));
        assert_eq!(info.lines.first().map(String::as_str), Some("Containers: 3"));
    }

    #[test]
    fn only_a_loop_file_of_whole_gib_can_be_told() {
        assert_eq!(whole_gib(Bytes(107_400_000_000)), Some(Bytes(100 << 30)));
        assert_eq!(whole_gib(Bytes(2_147_000_000)), Some(Bytes(2 << 30)));
        assert_eq!(whole_gib(Bytes(10_740_000_000)), Some(Bytes(10 << 30)));
        assert_eq!(whole_gib(Bytes(65_280_000_000)), None);
        assert_eq!(whole_gib(Bytes(2_199_000_000_000)), None);
        assert_eq!(whole_gib(Bytes(0)), None);
    }
}
