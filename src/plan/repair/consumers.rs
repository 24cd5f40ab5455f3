//! Steps around an offline repair: find the cause, stop the pool's users, start them again, check for damage.
//!
//! What is stopped and started depends on who owns the pool.

use super::{MetadataBacking, RepairContext};
use crate::advice::recipes::{START_DOCKER, STOP_DOCKER, pool_option};
use crate::advice::{Risk, quote};
use crate::host::lvm::LvName;
use crate::host::model::pool::PoolOwner;
use crate::host::model::thin::Thin;
use crate::plan::{Piece, ScriptStep, Step, script};

/// All names of Docker's daemon; pgrep matches nothing with a pattern of more than 15 characters.
const DAEMONS: &str = "'dockerd?(-.*t)?'";

/// Stops and starts the owner.
pub(super) static OWNER_SHELL: Piece = Piece {
    name: "repair/owner.sh",
    text: include_str!("owner.sh"),
    requires: &[&script::DOCKER_SERVICE, &script::POOL_USERS],
    expects: &[],
};

/// The variable that names the owner, for [`OWNER_SHELL`].
pub(super) fn owner_variable(context: &RepairContext<'_>) -> (&'static str, String) {
    ("owner", if is_dockers(context) { "docker" } else { "other" }.to_owned())
}

/// Whether the script may stop and start the owner by itself.
pub(super) const fn is_dockers(context: &RepairContext<'_>) -> bool {
    matches!(context.pool.owner, PoolOwner::Docker { .. })
}

/// Whether containers live in the pool, and their volumes elsewhere.
pub(super) const fn has_containers(context: &RepairContext<'_>) -> bool {
    matches!(
        context.pool.owner,
        PoolOwner::Docker { .. } | PoolOwner::Containerd { .. } | PoolOwner::ContainersStorage
    )
}

/// Step that finds the cause: if it persists, the repair is useless.
pub(super) fn cause(context: &RepairContext<'_>) -> Step {
    let mut commands =
        vec!["dmesg | grep -E 'device-mapper|loop: Write error|I/O error|No space' | tail -40".to_owned()];
    if let MetadataBacking::File { metadata, .. } = &context.backing {
        commands.push(format!("df -h {}", quote(metadata)));
    }
    let why = "Errors of a disk: replace that first. A full filesystem under a loop file: free space there first. \
               Else the repair does not last.";
    Step::look("see why it happened", why, commands)
}

/// Stops the pool's users.
pub(super) fn stop(context: &RepairContext<'_>) -> Step {
    let commands: Vec<String> = match &context.pool.owner {
        PoolOwner::Docker { .. } => STOP_DOCKER.map(str::to_owned).to_vec(),
        PoolOwner::Containerd { .. } => vec![
            "systemctl stop kubelet".into(),
            "crictl pods -q | xargs -r crictl stopp".into(),
            "systemctl stop containerd".into(),
        ],
        PoolOwner::ContainersStorage => vec!["podman stop --all".into(), "systemctl stop crio".into()],
        _ => volumes(context),
    };
    let how = match &context.pool.owner {
        PoolOwner::Docker { .. } => {
            " Containers are stopped one by one, as live-restore would keep them running."
        }
        PoolOwner::Containerd { .. } | PoolOwner::ContainersStorage => "",
        _ => " Unmount first what `findmnt` shows of it.",
    };
    let why =
        format!("Nothing may write into the pool, or open it anew, while its metadata is worked on.{how}");
    let mut step = Step::new(Risk::Stops, "stop everything that uses the pool", why, commands);
    if is_dockers(context) {
        step.check = Some(format!("! pgrep -x {DAEMONS}"));
        step.undo = vec![START_DOCKER.into()];
        step.guarded = Some(ScriptStep::named("stop_owner"));
    } else {
        step.check = unheld(context);
    }
    step
}

/// LVM's layer device on top of a pool with volumes: not a user of the pool, and removed by LVM (lvm2
/// lib/activate/dev_manager.c, `lv_layer`: `tpool`).
fn own_layer(context: &RepairContext<'_>) -> Option<String> {
    let name = context.pool.name.as_deref()?.strip_suffix("-tpool")?;
    matches!(context.backing, MetadataBacking::Lvm { .. }).then(|| quote(name))
}

/// Command that succeeds if no device is stacked on the pool.
pub(super) fn unheld(context: &RepairContext<'_>) -> Option<String> {
    let holders = format!("/sys/dev/block/{}/holders/*", context.pool.device?);
    Some(match own_layer(context) {
        Some(own) => format!("! cat {holders}/dm/name | grep -vxF {own}"),
        None => format!("! ls -d {holders}"),
    })
}

/// Removes the devices stacked on the pool.
pub(super) fn remove_holders(context: &RepairContext<'_>) -> Option<String> {
    let device = context.pool.device?;
    let spared = own_layer(context).map(|own| format!("grep -qxF {own} \"$d\" || ")).unwrap_or_default();
    Some(format!(
        "for d in /sys/dev/block/{device}/holders/*/dm/name; do [ ! -e \"$d\" ] || {spared}dmsetup remove --retry \
         \"$(cat \"$d\")\"; done"
    ))
}

fn volumes(context: &RepairContext<'_>) -> Vec<String> {
    match &context.backing {
        MetadataBacking::Lvm { name, .. } => {
            vec!["findmnt -o TARGET,SOURCE | grep /dev/mapper/".into(), each_volume(name, "lvchange -an")]
        }
        _ => vec!["dmsetup ls --tree".into(), "findmnt -o TARGET,SOURCE | grep /dev/mapper/".into()],
    }
}

/// Shell loop that runs an LVM command on all volumes in the pool.
fn each_volume(pool: &LvName, command: &str) -> String {
    let select = quote(&format!("pool_lv=\"{}\"", pool.lv));
    format!("lvs --noheadings -o lv_path -S {select} {} | xargs -r {command}", quote(&pool.vg))
}

/// Starts the owner again.
pub(super) fn start(context: &RepairContext<'_>) -> Option<String> {
    match (&context.pool.owner, &context.backing) {
        (PoolOwner::Docker { .. }, _) => Some(START_DOCKER.into()),
        (PoolOwner::Containerd { .. }, _) => Some("systemctl start containerd kubelet".into()),
        (PoolOwner::Lvm, MetadataBacking::Lvm { name, .. }) => Some(each_volume(name, "lvchange -ay")),
        _ => None,
    }
}

/// A command that succeeds if the pool works.
pub(super) fn works(context: &RepairContext<'_>) -> Option<String> {
    let name = quote(context.pool.name.as_deref()?);
    Some(format!(
        "dmsetup status --noflush {name} | grep -v needs_check | grep -E ' (rw|out_of_data_space) '"
    ))
}

/// If the data is full too, the pool has to grow at once: until then every write to new space waits or fails.
pub(super) fn grow_next(context: &RepairContext<'_>) -> Option<Step> {
    let full = context.pool.data.is_full() && context.pool.data.exact;
    let command = format!("thinspect plan grow --data{}", pool_option(context.pool));
    let why = "Its data is full. It could not grow before the repair; now it can, while everything runs.";
    full.then(|| Step::look("see how to grow it", why, vec![command]))
}

/// Step that finds filesystems with failed writes.
pub(super) fn harm(context: &RepairContext<'_>) -> Step {
    let command =
        "dmesg | grep -E 'EXT4-fs (error|warning)|Remounting filesystem|XFS .*(rror|orrupt|hut)' | tail -40";
    let (does, then) = match has_containers(context) {
        true => (
            "see which containers' filesystems took harm",
            ": restart its container, and make one anew whose files matter little",
        ),
        false => ("see which filesystems on the pool took harm", ""),
    };
    let why = format!(
        "A filesystem that met refused writes may be read-only, or lack data that its programs believe written{then}."
    );
    Step::look(does, why, vec![command.into()])
}

/// Maximum number of filesystems named in the commands.
const NAMED: usize = 2;

/// Checks the filesystems that were in use.
pub(super) fn check_filesystems(context: &RepairContext<'_>) -> Option<Step> {
    match (&context.pool.owner, &context.backing) {
        (PoolOwner::Docker { .. }, _) => check_dockers(context),
        (PoolOwner::Lvm, MetadataBacking::Lvm { name, .. }) => check_volumes(context, name),
        _ => None,
    }
}

/// Checks filesystems of mounted volumes; other contents are left to their users.
fn check_volumes(context: &RepairContext<'_>, pool: &LvName) -> Option<Step> {
    // For a failed pool the kernel does not report which volumes belong to it.
    let by_lvm = |thin: &Thin| {
        context.host.lvm.thin_devices.iter().any(|v| v.pool == *pool && v.name.dm_name() == thin.name)
    };
    let by_kernel = |thin: &Thin| thin.pool.is_some() && thin.pool == context.pool.device;
    let check = |thin: &Thin| {
        let kind = thin.filesystem.as_ref()?.kind.as_deref()?;
        let node = quote(&format!("/dev/mapper/{}", thin.name));
        match kind {
            "xfs" => Some(format!("xfs_repair {node}")),
            "ext2" | "ext3" | "ext4" => Some(format!("e2fsck -f {node}")),
            _ => None,
        }
    };
    let mine = context.host.thin_devices.iter().filter(|thin| by_kernel(thin) || by_lvm(thin));
    let commands: Vec<String> = mine.filter_map(check).collect();
    let why = "They were mounted when it happened.";
    let does = "check those filesystems before they are mounted again";
    (!commands.is_empty()).then(|| Step::new(Risk::Changes, does, why, commands))
}

/// Checks containers' filesystems, activating each device under its own name so that it cannot be in use at the same
/// time.
fn check_dockers(context: &RepairContext<'_>) -> Option<Step> {
    let pool = quote(&format!("/dev/mapper/{}", context.pool.name.as_deref()?));
    let usable = |t: &&Thin| t.device_id.is_some() && t.length.is_some() && !t.name.starts_with('-');
    let thin_devices: Vec<&Thin> = context.host.thins_of(context.pool).filter(usable).collect();
    if thin_devices.is_empty() {
        return None;
    }
    let kind = |thin: &Thin| {
        let own = thin.filesystem.as_ref().and_then(|f| f.kind.clone());
        let docker = context.host.docker_of(context.pool).and_then(|d| d.base_filesystem.clone());
        let said = context.pool.docker_info.as_ref().and_then(|i| i.backing_filesystem.clone());
        own.or(docker).or(said).unwrap_or_default()
    };
    let mut commands = Vec::new();
    for thin in thin_devices.iter().take(NAMED) {
        let (Some(id), Some(length)) = (thin.device_id, thin.length) else { continue };
        let node = quote(&format!("/dev/mapper/{}", thin.name));
        let name = quote(&thin.name);
        commands.push(format!("dmsetup create {name} --table \"0 {} thin \"{pool}\" {id}\"", length.0));
        commands.push(match kind(thin).as_str() {
            "xfs" => format!("xfs_repair {node}; dmsetup remove {name}"),
            _ => format!("e2fsck -f {node}; dmsetup remove {name}"),
        });
    }
    let more = match thin_devices.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" So are {more} more that were in use; `dmsetup table` of before names them."),
    };
    let why = format!(
        "These were being written when it happened. Docker's own name for the device makes the first command fail \
         while its container runs: stop that first.{more}"
    );
    Some(Step::new(Risk::Changes, "check those filesystems, each with its container stopped", why, commands))
}
