//! Joins what the single readers understood into one [`Host`]: pools with their devices, owners and limits.
//!
//! Total like everything here. When two answers speak of the same number, the kernel's own wins over a report's;
//! the report is kept beside it, so that a rule can say where they differ.

use super::backing::{BackingKind, Filesystem, LoopFile};
use super::docker_info::DockerInfo;
use super::lvm::{self, LogicalVolume, LvName};
use super::oddity::Oddity;
use super::pool::{MinFree, MinFreeFrom, Owner, Pool, Refusal, StatusAnswer};
use super::saying::{Half, Kind};
use super::space::Space;
use super::status::{Mode, PoolStatus, pool_status, thin_status};
use super::table::{DeviceNumber, PoolTable, Target, pool_table, target, thin_table};
use super::thin::Thin;
use super::units::{Blocks, Bytes, METADATA_BLOCK};
use super::{DeviceMapper, Host, Kernel, df, dm_info, docker_info, floor, saying, settings, stack};
use crate::record::{Ask, Reading, Recording};
use std::collections::BTreeMap;

/// What a recording means.
#[must_use]
pub fn read(recording: &Recording) -> Host {
    let mut oddities = Vec::new();
    let mut host = Host {
        source: recording.source,
        recorded_at: recording.recorded_at.clone(),
        kernel: kernel(recording),
        pools: Vec::new(),
        thins: Vec::new(),
        dockers: settings::dockers(recording, &mut oddities),
        lvm: lvm_facts(recording),
        filesystems: filesystems(recording),
        sayings: sayings(recording),
        oddities: Vec::new(),
    };
    let devices = devices(recording);
    for device in devices.values() {
        match device.kind() {
            Some("thin-pool") => host.pools.push(device.pool(recording)),
            Some("thin") => host.thins.push(device.thin(recording)),
            _ => {}
        }
    }
    add_reports(recording, &mut host);
    add_refusals(&mut host);
    for pool in &mut host.pools {
        pool.owner = owner(pool, &host.dockers, &host.thins, recording);
        pool.min_free = min_free(pool, &host.dockers);
    }
    oddities.extend(unanswered(recording, &devices));
    oddities.extend(not_understood(recording, &host, &devices));
    host.oddities = oddities;
    host
}

/// What was said about one device-mapper device; the last answer to each question counts.
struct Device<'a> {
    name: &'a str,
    number: Option<DeviceNumber>,
    event: Option<u32>,
    table: Option<&'a Reading>,
    status: Option<&'a Reading>,
    info: Option<dm_info::DmInfo>,
}

fn devices(recording: &Recording) -> BTreeMap<&str, Device<'_>> {
    let mut devices: BTreeMap<&str, Device<'_>> = BTreeMap::new();
    let empty = |name| Device { name, number: None, event: None, table: None, status: None, info: None };
    for line in recording.all(Ask::DmList).filter_map(|a| a.reading.said()).flat_map(str::lines) {
        let mut words = line.splitn(3, ' ');
        let (Some(number), Some(event), Some(name)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let device = devices.entry(name).or_insert_with(|| empty(name));
        (device.number, device.event) = (DeviceNumber::read(number), event.parse().ok());
    }
    for answer in &recording.answers {
        let name = answer.of.as_str();
        match answer.ask {
            Ask::DmTable => devices.entry(name).or_insert_with(|| empty(name)).table = Some(&answer.reading),
            Ask::DmStatus => {
                devices.entry(name).or_insert_with(|| empty(name)).status = Some(&answer.reading)
            }
            Ask::DmInfo => {
                let device = devices.entry(name).or_insert_with(|| empty(name));
                let info = answer.reading.said().map(dm_info::read);
                device.number = device.number.or_else(|| info.as_ref().and_then(|i| i.device));
                device.info = info;
            }
            _ => {}
        }
    }
    devices
}

impl Device<'_> {
    fn table_target(&self) -> Option<Target<'_>> {
        self.table?.said()?.lines().find_map(target)
    }

    fn status_target(&self) -> Option<Target<'_>> {
        self.status?.said()?.lines().find_map(target)
    }

    fn kind(&self) -> Option<&str> {
        self.table_target().or_else(|| self.status_target()).map(|t| t.kind)
    }

    fn number(&self) -> Option<DeviceNumber> {
        self.number
    }

    fn pool(&self, recording: &Recording) -> Pool {
        let table = self.table_target().map(|t| pool_table(t.params)).unwrap_or_default();
        let said = self.status_target();
        let status = said.map(|t| pool_status(t.params)).unwrap_or_default();
        let length = said.or_else(|| self.table_target()).map(|t| t.length);
        let block = table.block.map(super::units::Sectors::bytes).or_else(|| {
            // Docker itself derives the block size so (deviceset.go, `poolStatus` callers): length over blocks.
            let (length, total) = (length?, status.total_data.filter(|t| t.0 > 0)?);
            (length.0 % total.0 == 0).then(|| Bytes(length.bytes().0 / total.0))
        });
        let name = (!self.name.is_empty()).then(|| self.name.to_owned());
        let info = self.info.as_ref();
        let uuid = info.and_then(|i| i.uuid.clone());
        Pool {
            lv: name.as_deref().and_then(|n| logical_volume(n, uuid.as_deref())),
            name,
            uuid,
            device: self.number(),
            answer: self.answer(),
            suspended: info.and_then(|i| i.suspended),
            inactive_table: info.and_then(|i| i.inactive_table),
            event_number: self.event.or_else(|| info.and_then(|i| i.event_number)),
            length,
            block,
            data_backing: table.data.map(|d| stack::backing(recording, d)).unwrap_or_default(),
            metadata_backing: table.metadata.map(|d| stack::backing(recording, d)).unwrap_or_default(),
            ..from_status(status, &table, block)
        }
    }

    fn answer(&self) -> StatusAnswer {
        match self.status {
            None | Some(Reading::Unasked(_)) => StatusAnswer::NotAsked,
            Some(Reading::Said(_)) => StatusAnswer::Answered,
            Some(Reading::Silent(ms)) => StatusAnswer::Silent(*ms),
            Some(Reading::Refused(why)) => StatusAnswer::Refused(why.clone()),
        }
    }

    fn thin(&self, recording: &Recording) -> Thin {
        let table = self.table_target().map(|t| thin_table(t.params)).unwrap_or_default();
        let status = self.status_target();
        Thin {
            name: self.name.to_owned(),
            device: self.number(),
            pool: table.pool,
            device_id: table.device_id,
            length: status.or_else(|| self.table_target()).map(|t| t.length),
            status: status.map(|t| thin_status(t.params)),
            filesystem: self.number().and_then(|number| stack::mounted(recording, number)),
            deferred_remove: self.info.as_ref().is_some_and(|i| i.deferred_remove),
            open_count: self.info.as_ref().and_then(|i| i.open_count),
            suspended: self.info.as_ref().and_then(|i| i.suspended),
        }
    }
}

/// The fields of a pool that its status and table lines fill.
fn from_status(status: PoolStatus, table: &PoolTable, block: Option<Bytes>) -> Pool {
    let data = Space {
        block,
        used: status.used_data,
        total: status.total_data,
        low_water: table.low_water,
        exact: true,
        ..Space::default()
    };
    let metadata = Space {
        block: Some(METADATA_BLOCK),
        used: status.used_metadata,
        total: status.total_metadata,
        low_water: status.metadata_low_water,
        exact: true,
        ..Space::default()
    };
    Pool {
        mode: status.mode,
        transaction_id: status.transaction_id,
        held_root: status.held_root,
        needs_check: status.needs_check,
        discards: status.discards.or(table.discards),
        when_full: status.when_full.or(table.when_full),
        when_full_requested: table.when_full,
        data,
        metadata,
        leftovers: status.leftovers,
        ..Pool::default()
    }
}

/// The logical volume behind a pool's dm name, where LVM made it: by its UUID, or pasted, by the shape of its name.
fn logical_volume(name: &str, uuid: Option<&str>) -> Option<LvName> {
    let by_uuid = uuid.is_some_and(|u| u.starts_with("LVM-"));
    if uuid.is_some_and(|u| !u.is_empty()) && !by_uuid {
        return None;
    }
    let (lv, layer) = lvm::split_name(name)?;
    let plausible = layer.as_deref() == Some("tpool") || layer.is_none() && lv.lv != "pool";
    (by_uuid || plausible).then_some(lv)
}

fn kernel(recording: &Recording) -> Kernel {
    let version = recording.reading(Ask::DmVersion, "");
    Kernel {
        release: recording.said(Ask::Uname, "").and_then(|u| u.split(' ').nth(1)).map(str::to_owned),
        dm_version: version.and_then(Reading::said).map(|v| v.trim().to_owned()),
        device_mapper: match version {
            None | Some(Reading::Unasked(_)) => DeviceMapper::NotAsked,
            Some(Reading::Said(_)) => DeviceMapper::Answered,
            Some(Reading::Silent(_)) => DeviceMapper::Silent,
            Some(Reading::Refused(why)) if why.starts_with("ENOENT") => DeviceMapper::Missing,
            Some(Reading::Refused(why)) => DeviceMapper::Refused(why.clone()),
        },
        no_space_timeout: recording
            .said(Ask::File, "/sys/module/dm_thin_pool/parameters/no_space_timeout")
            .and_then(|t| t.trim().parse().ok()),
    }
}

fn lvm_facts(recording: &Recording) -> lvm::Lvm {
    let mut facts = lvm::Lvm::default();
    for answer in &recording.answers {
        let Some(said) = answer.reading.said() else { continue };
        match answer.ask {
            Ask::LvmReport => lvm::read_report(&answer.of, said, &mut facts),
            Ask::Run if ["lvs", "vgs", "pvs"].iter().any(|c| answer.of.starts_with(c)) => {
                lvm::read_report(&answer.of, said, &mut facts);
            }
            Ask::File if answer.of.starts_with("/etc/lvm/") => lvm::read_file(&answer.of, said, &mut facts),
            _ => {}
        }
    }
    facts
}

fn filesystems(recording: &Recording) -> Vec<Filesystem> {
    let measured = recording.all(Ask::Statfs).filter_map(|a| stack::filesystem_of(recording, &a.of));
    let pasted = recording.all(Ask::Df).flat_map(|a| df::read(&a.of, a.reading.said().unwrap_or_default()));
    let mut all: Vec<Filesystem> = measured.chain(pasted).collect();
    all.dedup();
    all
}

/// Recognised lines, pasted ones and those of the kernel's log.
fn sayings(recording: &Recording) -> Vec<saying::Saying> {
    let pasted = recording.all(Ask::Line).filter_map(|a| a.reading.said());
    let kernel = recording.all(Ask::KernelLog).filter_map(|a| a.reading.said()).flat_map(str::lines);
    pasted.chain(kernel).filter_map(saying::read).collect()
}

/// Adds what `docker info` and `lvs` reports say about pools, or the pools that only they know of.
fn add_reports(recording: &Recording, host: &mut Host) {
    for answer in recording.all(Ask::DockerInfo) {
        let info = docker_info::read(answer.reading.said().unwrap_or_default());
        if info.driver.as_deref().is_some_and(|d| d != "devicemapper") || !speaks_of_a_pool(&info) {
            continue;
        }
        let known = host.pools.iter().position(|p| same_pool(p, &info));
        match known.and_then(|at| host.pools.get_mut(at)) {
            Some(pool) => complete(pool, info),
            None => {
                let mut pool = Pool { name: info.pool_name.clone(), ..Pool::default() };
                complete(&mut pool, info);
                host.pools.push(pool);
            }
        }
    }
    let rows: Vec<LogicalVolume> =
        host.lvm.volumes.iter().filter(|v| v.attr.starts_with('t')).cloned().collect();
    for row in rows {
        let known = host.pools.iter().position(|p| p.lv.as_ref().is_some_and(|lv| same_lv(lv, &row.name)));
        match known.and_then(|at| host.pools.get_mut(at)) {
            Some(pool) => complete_from_lvs(pool, &row),
            None => {
                let mut pool =
                    Pool { lv: Some(row.name.clone()), name: Some(row.name.dm_name()), ..Pool::default() };
                complete_from_lvs(&mut pool, &row);
                host.pools.push(pool);
            }
        }
    }
}

fn speaks_of_a_pool(info: &DockerInfo) -> bool {
    info.driver.is_some() || info.pool_name.is_some() || info.data_total.is_some() || info.data_used.is_some()
}

fn same_pool(pool: &Pool, info: &DockerInfo) -> bool {
    match (&pool.name, &info.pool_name) {
        (Some(a), Some(b)) => a == b,
        _ => pool.docker_info.is_none(),
    }
}

fn same_lv(a: &LvName, b: &LvName) -> bool {
    a.lv == b.lv && (a.vg == b.vg || b.vg.is_empty() || a.vg.is_empty())
}

/// Fills from `docker info` what the kernel did not say; Docker rounds, so such numbers are not exact.
fn complete(pool: &mut Pool, info: DockerInfo) {
    pool.block = pool.block.or(info.block);
    if !info.all_zero {
        fill(&mut pool.data, pool.block, info.data_used, info.data_total);
        fill(&mut pool.metadata, Some(METADATA_BLOCK), info.metadata_used, info.metadata_total);
    }
    complete_backing(pool, &info);
    if pool.lv.is_none()
        && let Some(name) = &info.pool_name
    {
        pool.lv = logical_volume(name, None);
    }
    pool.docker_info = Some(info);
}

/// Takes from `docker info` what carries the pool, where the machine itself was not asked.
fn complete_backing(pool: &mut Pool, info: &DockerInfo) {
    let machine_was_asked = pool.data_backing.file.is_some() || pool.data_backing.size.is_some();
    if machine_was_asked || !info.on_loop() {
        return;
    }
    let halves = [
        (&mut pool.data_backing, &info.data_file, &info.data_loop_file, info.data_total),
        (&mut pool.metadata_backing, &info.metadata_file, &info.metadata_loop_file, info.metadata_total),
    ];
    for (backing, device, file, size) in halves {
        backing.kind = BackingKind::Loop;
        backing.path = device.clone().filter(|d| d.starts_with("/dev/")).or(backing.path.take());
        let path = file.clone().or_else(|| device.clone().filter(|d| !d.starts_with("/dev/")));
        backing.file =
            path.filter(|p| !p.is_empty()).map(|path| LoopFile { path, size, ..LoopFile::default() });
    }
    // Docker caps what it calls available by what the filesystem under the loop file has free.
    if let (Some(available), Some(used), Some(total)) = (info.data_available, info.data_used, info.data_total)
        && available.plus(used) < total.minus(Bytes(total.0 / 1000))
    {
        pool.data_backing.filesystem = Some(Filesystem { free: Some(available), ..Filesystem::default() });
    }
}

fn fill<B: Blocks>(space: &mut Space<B>, block: Option<Bytes>, used: Option<Bytes>, total: Option<Bytes>) {
    space.block = space.block.or(block);
    if space.used.is_some() || space.total.is_some() {
        return;
    }
    (space.used_bytes, space.total_bytes, space.exact) = (used, total, false);
    let blocks = |bytes: Option<Bytes>| docker_info::blocks(bytes?, block?).map(B::of);
    (space.used, space.total) = (blocks(used), blocks(total));
}

/// Fills from an `lvs` row what the kernel did not say.
fn complete_from_lvs(pool: &mut Pool, row: &LogicalVolume) {
    if pool.data.pair().is_none()
        && let (Some(size), Some(share)) = (row.size, row.data_centipercent)
    {
        let used = u128::from(size.0) * u128::from(share) / 10_000;
        pool.data.total_bytes = Some(size);
        pool.data.used_bytes = u64::try_from(used).ok().map(Bytes);
    }
    if pool.metadata.pair().is_none() {
        pool.metadata_centipercent = row.metadata_centipercent;
    }
    let letter = |at: usize| row.attr.chars().nth(at);
    if pool.mode.is_none() {
        pool.mode = match letter(8) {
            Some('D') => Some(Mode::OutOfDataSpace),
            Some('M') => Some(Mode::ReadOnly),
            Some('F') => Some(Mode::Failed),
            _ => None,
        };
    }
    if matches!(letter(4), Some('c' | 'C')) {
        pool.needs_check = pool.needs_check.or(Some(true));
    }
}

/// Gives Docker's refusals to the pool they must be about, or to one of their own.
fn add_refusals(host: &mut Host) {
    let mut data = None;
    let mut metadata = None;
    for saying in &host.sayings {
        if let Kind::MinFreeRefused { half, free, required } = saying.kind {
            let refusal = Some(Refusal { free, required });
            match half {
                Half::Data => data = refusal,
                Half::Metadata => metadata = refusal,
            }
        }
    }
    if data.is_none() && metadata.is_none() {
        return;
    }
    let dockers: Vec<usize> = (0..host.pools.len())
        .filter(|at| host.pools.get(*at).is_some_and(|p| p.docker_info.is_some() || is_dockers_name(p)))
        .collect();
    let at = match (dockers.as_slice(), host.pools.len()) {
        ([only], _) => *only,
        (_, 1) => 0,
        _ => {
            host.pools.push(Pool::default());
            host.pools.len() - 1
        }
    };
    if let Some(pool) = host.pools.get_mut(at) {
        (pool.refused_data, pool.refused_metadata) = (data, metadata);
        pool.data.said_free = data.and_then(|r| r.free).map(super::units::DataBlocks);
        pool.metadata.said_free = metadata.and_then(|r| r.free).map(super::units::MetadataBlocks);
    }
}

fn is_dockers_name(pool: &Pool) -> bool {
    pool.name.as_deref().is_none_or(|n| n.starts_with("docker"))
}

fn owner(pool: &Pool, dockers: &[super::docker::Docker], thins: &[Thin], recording: &Recording) -> Owner {
    let name = pool.name.as_deref().unwrap_or_default();
    let owns = |d: &&super::docker::Docker| {
        d.configured_pool.as_deref() == Some(name)
            || d.prefix.as_ref().is_some_and(|p| name == format!("{p}-pool"))
    };
    if let Some(docker) = dockers.iter().find(owns) {
        return Owner::Docker { root: docker.root.clone() };
    }
    if pool.docker_info.is_some() || pool.refused_data.is_some() || pool.refused_metadata.is_some() {
        return Owner::Docker { root: pool.docker_info.as_ref().and_then(|i| i.root.clone()) };
    }
    if pool.uuid.as_deref().is_some_and(|u| u.starts_with("stratis-")) || name.starts_with("stratis-1-") {
        return Owner::Stratis;
    }
    if name.starts_with("container-") && name.ends_with("-pool") {
        return Owner::ContainersStorage;
    }
    let configured = recording.said(Ask::File, "/etc/containerd/config.toml").and_then(containerd_pool);
    let snapshots = |t: &Thin| t.name.strip_prefix(name).is_some_and(|rest| rest.starts_with("-snap-"));
    if configured == Some(name) || !name.is_empty() && thins.iter().any(snapshots) {
        return Owner::Containerd { root: None };
    }
    if name.starts_with("docker") {
        return Owner::Docker { root: None };
    }
    if pool.lv.is_some() { Owner::Lvm } else { Owner::Unknown }
}

/// `pool_name = "…"` of containerd's settings.
fn containerd_pool(settings: &str) -> Option<&str> {
    let line = settings.lines().map(str::trim).find(|l| l.starts_with("pool_name"))?;
    Some(line.split_once('=')?.1.trim().trim_matches(['"', '\'']))
}

/// Docker 1.11 brought the floor (moby/moby pull request 20786).
fn has_floor(version: &str) -> Option<bool> {
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().ok());
    let (major, minor) = (numbers.next()??, numbers.next()??);
    Some((major, minor) >= (1, 11))
}

fn min_free(pool: &Pool, dockers: &[super::docker::Docker]) -> MinFree {
    let Owner::Docker { root } = &pool.owner else { return MinFree::default() };
    let docker = dockers.iter().find(|d| d.root == *root);
    let option = docker.and_then(|d| d.option("dm.min_free_space"));
    if let Some(percent) = option.and_then(|o| o.value.strip_suffix('%')?.trim().parse().ok()) {
        return MinFree { percent: Some(percent), from: MinFreeFrom::Option };
    }
    let info = pool.docker_info.as_ref();
    if let Some(percent) = info.and_then(percent_of_info) {
        return MinFree { percent: Some(percent), from: MinFreeFrom::DockerInfo };
    }
    let refusal = pool.refused_data.and_then(|r| r.required).zip(pool.data.total.map(|t| t.0));
    if let Some(percent) = refusal.and_then(|(required, total)| floor::percent_behind(required, total)) {
        return MinFree { percent: Some(percent), from: MinFreeFrom::ErrorLine };
    }
    if pool.refused_data.is_some() || pool.refused_metadata.is_some() {
        return MinFree { percent: Some(floor::DEFAULT_PERCENT), from: MinFreeFrom::ErrorLine };
    }
    let version =
        info.and_then(|i| i.server_version.as_deref()).or(docker.and_then(|d| d.version.as_deref()));
    let before = info.is_some_and(|i| i.binary_units || i.server_version.is_none() && i.base_size.is_none());
    if version.and_then(has_floor) == Some(false) || version.is_none() && before {
        return MinFree { percent: None, from: MinFreeFrom::TooOld };
    }
    MinFree { percent: Some(floor::DEFAULT_PERCENT), from: MinFreeFrom::Default }
}

/// The percent that `Thin Pool Minimum Free Space` is of the total, both rounded by Docker: the nearest whole one.
fn percent_of_info(info: &DockerInfo) -> Option<u64> {
    let (minimum, total) = (info.minimum_free?, info.data_total.filter(|t| t.0 > 0)?);
    u64::try_from((u128::from(minimum.0) * 200 / u128::from(total.0)).div_ceil(2)).ok().filter(|p| *p < 100)
}

/// Questions without an answer, as a person should hear of them.
fn unanswered(recording: &Recording, devices: &BTreeMap<&str, Device<'_>>) -> Vec<Oddity> {
    let mut oddities = Vec::new();
    for answer in &recording.answers {
        let of_pool = devices.get(answer.of.as_str()).is_some_and(|d| d.kind() == Some("thin-pool"));
        if let Some((text, blocks_ok)) = gap(answer.ask, &answer.reading, of_pool) {
            oddities.push(Oddity { about: about(answer.ask, &answer.of), text, blocks_ok });
        }
    }
    oddities
}

/// Why an answer is missing and whether that hides trouble; `None` where nothing is amiss.
fn gap(ask: Ask, reading: &Reading, of_pool: bool) -> Option<(String, bool)> {
    let device = matches!(ask, Ask::DmStatus | Ask::DmTable | Ask::DmInfo);
    let root = matches!(ask, Ask::DmVersion | Ask::DmList);
    match reading {
        Reading::Said(_) => None,
        Reading::Silent(ms) => Some((format!("no answer within {ms} ms"), root || device)),
        // A device that went away between two questions, a file that need not exist: no news.
        Reading::Refused(why) if why.starts_with("ENXIO") && device => {
            Some(("gone between two questions".to_owned(), of_pool))
        }
        Reading::Refused(why) if why.starts_with("ENOENT") || why.starts_with("ENOTDIR") => {
            root.then(|| (why.clone(), true))
        }
        Reading::Refused(why) => {
            Some((format!("refused: {why}"), root || device || matches!(ask, Ask::Statfs)))
        }
        Reading::Unasked(why) => Some((format!("not asked: {why}"), of_pool)),
    }
}

fn about(ask: Ask, of: &str) -> String {
    let what = match ask {
        Ask::DmVersion => "device-mapper",
        Ask::DmList => "list of devices",
        Ask::DmTable => "table of",
        Ask::DmStatus => "status of",
        Ask::DmInfo => "info of",
        Ask::Statfs => "filesystem of",
        Ask::LoopStatus => "loop device",
        Ask::Processes => "processes named",
        Ask::DeviceRecords => "records in",
        Ask::Run => "command",
        _ => "",
    };
    format!("{what} {of}").trim().to_owned()
}

/// Pasted words that no reader took.
fn not_understood(recording: &Recording, host: &Host, devices: &BTreeMap<&str, Device<'_>>) -> Vec<Oddity> {
    let mut oddities = Vec::new();
    for pool in host.pools.iter().filter(|p| !p.leftovers.is_empty()) {
        let text = format!("words of its status line that were not understood: {}", pool.leftovers.join(" "));
        oddities.push(Oddity { about: format!("status of {}", pool.label()), text, blocks_ok: true });
    }
    for device in devices.values().filter(|d| d.kind().is_none()) {
        if let Some(Reading::Said(text)) = device.status.or(device.table)
            && !text.trim().is_empty()
        {
            let text = format!("not understood: {}", text.trim());
            oddities.push(Oddity { about: format!("device {}", device.name), text, blocks_ok: false });
        }
    }
    let lines: Vec<&str> = recording.all(Ask::Line).filter_map(|a| a.reading.said()).collect();
    let strange = lines.iter().filter(|l| !l.trim().is_empty() && saying::read(l).is_none());
    for line in strange {
        oddities.push(Oddity {
            about: "pasted line".to_owned(),
            text: format!("not understood: {}", line.trim()),
            blocks_ok: false,
        });
    }
    oddities
}
