//! Checks the room for a larger pool: on the filesystem under the loop files, or in the volume group.
//!
//! Recommended sizes are lowered to what fits; a requested size that does not fit blocks the plan.

use super::GrowContext;
use super::steps::{GrowMethod, grow_method};
use crate::advice::quote;
use crate::host::docker::min_free;
use crate::host::lvm::LvName;
use crate::host::model::backing::{Backing, Filesystem};
use crate::host::model::text::text;
use crate::host::model::units::{Bytes, METADATA_BLOCK, METADATA_BLOCKS_MAX};
use crate::plan::Number;
use crate::plan::sizes::unit;
use crate::plan::{Plan, Step};

/// A single image layer can use up less than this above the floor.
const LITTLE: u64 = 256 << 20;

/// Checks the room for the new sizes, lowers them or blocks the plan.
pub(super) fn fit(plan: &mut Plan, context: &mut GrowContext<'_>) {
    match grow_method(context.pool, &context.pool.data_backing) {
        GrowMethod::Loop { .. } => fit_filesystem(plan, context),
        GrowMethod::Lvm(name) => fit_group(plan, context, &name),
        GrowMethod::Device { .. } => fit_device(plan, context),
        GrowMethod::Unknown => {}
    }
}

fn fit_filesystem(plan: &mut Plan, context: &mut GrowContext<'_>) {
    let pool = context.pool;
    for (backing, grows) in [
        (&pool.data_backing, context.more_data().is_some()),
        (&pool.metadata_backing, context.more_metadata().is_some()),
    ] {
        let Some(file) = backing.file.as_ref().filter(|_| grows) else { continue };
        if file.deleted || file.replaced {
            plan.block(format!(
                "the loop file {:?} was deleted or replaced while in use: it cannot be enlarged by its name \
                 any more, and its content is lost when the loop device goes; save what is needed first",
                file.path
            ));
        }
    }
    let free = pool.data_backing.filesystem.as_ref().and_then(|f| f.free);
    plan.numbers.set(Number::FilesystemFreeBytes, free);
    let metadata =
        demand(&pool.metadata_backing, context.new_metadata.and_then(|m| context.metadata.bytes(m)));
    let metadata = metadata.filter(|_| same(&pool.data_backing, &pool.metadata_backing)).unwrap_or(0);
    let allocated = pool.data_backing.file.as_ref().and_then(|f| f.allocated);
    let largest = free.zip(allocated).map(|(f, a)| f.0.saturating_add(a.0).saturating_sub(metadata));
    plan.numbers.set(Number::LargestTotalBytes, largest);
    match largest {
        Some(largest) if context.more_data().is_some() => limit_to_filesystem(plan, context, largest),
        None if context.more_data().is_some() => {
            plan.warn(
                "what the filesystem under the loop file has free is not known here: if it is less than what \
                 the file may still grow to, the new space is not real",
            );
        }
        _ => {}
    }
    let data = demand(&pool.data_backing, context.new_data.and_then(|d| context.data.bytes(d)));
    let demanded = data.map(|d| d.saturating_add(metadata));
    plan.numbers.set(Number::FileMayDemandBytes, demanded);
    let Some((free, demanded)) =
        free.zip(demanded).filter(|_| plan.possible && context.more_metadata().is_some())
    else {
        return;
    };
    let more = context.more_metadata().and_then(|m| context.metadata.bytes(m)).unwrap_or(0);
    if more > free.0 {
        plan.block(text!(
            "the filesystem under the metadata's loop file has only {} free, not {}",
            free,
            Bytes(more)
        ));
    } else if demanded > free.0 {
        plan.warn(text!(
            "the loop files may still demand {} of their filesystem, and it has {} free",
            Bytes(demanded),
            free
        ));
    }
}

/// Bytes that a sparse loop file of `size` bytes may still allocate on its filesystem.
fn demand(backing: &Backing, size: Option<u64>) -> Option<u64> {
    let file = backing.file.as_ref()?;
    let size = size.into_iter().chain(file.size.map(|s| s.0)).max()?;
    Some(size.saturating_sub(file.allocated?.0))
}

fn same(one: &Backing, other: &Backing) -> bool {
    let identity = |f: &Filesystem| (f.device, f.mount.clone());
    match (&one.filesystem, &other.filesystem) {
        (Some(one), Some(other)) => identity(one) == identity(other),
        _ => false,
    }
}

fn limit_to_filesystem(plan: &mut Plan, context: &mut GrowContext<'_>, largest: u64) {
    if limit(plan, context, largest, "the filesystem under the loop file") {
        return;
    }
    let filesystem = context.pool.data_backing.filesystem.as_ref();
    let free = filesystem.and_then(|f| f.free).unwrap_or_default();
    let mount = filesystem.and_then(|f| f.mount.as_deref()).unwrap_or("/");
    plan.block(text!(
        "the filesystem under the loop file carries a file of at most {} (it has {} free): more would be \
         space that is not there, and a pool whose writes fail turns read-only and needs repair; free space \
         there, or grow that filesystem, first",
        Bytes(largest),
        free
    ));
    let mount = quote(mount);
    let commands =
        vec![format!("df -h {mount}"), format!("du -xh --max-depth=2 {mount} | sort -h | tail -20")];
    plan.steps = vec![Step::look(
        "see what fills that filesystem",
        "The pool cannot have more than it gives.",
        commands,
    )];
}

/// Lowers the new data size to fit in `largest` bytes; `false` if even the minimum does not fit.
fn limit(plan: &mut Plan, context: &mut GrowContext<'_>, largest: u64, what: &str) -> bool {
    let (Some(new), Some(block), Some(total)) = (context.new_data, context.data.block, context.data.total)
    else {
        return true;
    };
    if new.saturating_mul(block) <= largest {
        return true;
    }
    let least = context.data_target.minimum_total.unwrap_or(total).max(total.saturating_add(1));
    let unit = unit(largest);
    let round = (largest - largest % unit) / block;
    let fits = if round >= least { round } else { largest / block };
    if context.asked || fits < least {
        return false;
    }
    plan.warn(text!(
        "{} are recommended, but {} carries at most {}",
        Bytes(new.saturating_mul(block)),
        what,
        Bytes(largest)
    ));
    context.new_data = Some(fits);
    let left = min_free::required(fits, context.data.percent.unwrap_or(0));
    let left = fits.saturating_sub(total).saturating_add(context.data.free.unwrap_or(0)).saturating_sub(left);
    if left.saturating_mul(block) < LITTLE {
        plan.warn(text!(
            "that leaves only {} above the floor: one image layer can use it up",
            Bytes(left.saturating_mul(block))
        ));
    }
    true
}

fn fit_group(plan: &mut Plan, context: &mut GrowContext<'_>, name: &LvName) {
    let group = context.host.lvm.group(&name.vg);
    let (free, extent) = (group.and_then(|g| g.free), group.and_then(|g| g.extent));
    plan.numbers.set(Number::VolumeGroupFreeBytes, free);
    plan.numbers.set(Number::ExtentBytes, extent);
    let unit = extent.map_or(1, |e| e.0.max(1));
    let up = |bytes: u64| bytes.checked_next_multiple_of(unit).unwrap_or(u64::MAX);
    // LVM keeps a spare volume as large as the metadata and enlarges it too.
    let metadata =
        up(context.more_metadata().and_then(|m| context.metadata.bytes(m)).unwrap_or(0)).saturating_mul(2);
    let now = context.pool.length.map(|l| l.bytes().0).or_else(|| context.data.bytes(context.data.total?));
    if let (Some(free), Some(now)) = (free, now) {
        let spare = free.0.saturating_sub(metadata);
        let largest = now.saturating_add(spare - spare % unit);
        plan.numbers.set(Number::LargestTotalBytes, Some(largest));
        let fits = metadata <= free.0
            && (context.more_data().is_none()
                || limit(plan, context, largest, &format!("volume group {:?}", name.vg)));
        if !fits {
            too_small(plan, name, free, context, metadata);
        }
    } else {
        plan.warn(format!("what volume group {:?} has free is not known here; `vgs` says it", name.vg));
    }
    in_extents(plan, context, unit);
    let data = context.more_data().and_then(|m| context.data.bytes(m)).map_or(0, up);
    plan.numbers.set(Number::VolumeGroupNeededBytes, Some(data.saturating_add(metadata)));
}

/// Rounds the sizes up to whole extents, which LVM allocates anyway; metadata is rounded down at the kernel's limit.
fn in_extents(plan: &mut Plan, context: &mut GrowContext<'_>, unit: u64) {
    let up = |bytes: u64| bytes.checked_next_multiple_of(unit).unwrap_or(u64::MAX);
    let most = METADATA_BLOCKS_MAX.0 * METADATA_BLOCK.0 / unit * unit / METADATA_BLOCK.0;
    for (new, half, more) in [
        (&mut context.new_data, context.data, context.data_target.minimum_growth),
        (&mut context.new_metadata, context.metadata, context.metadata_target.minimum_growth),
    ] {
        if let (Some(blocks), Some(block), Some(_)) = (*new, half.block, more)
            && Some(blocks) != half.total
        {
            *new = Some(up(blocks.saturating_mul(block)) / block);
        }
    }
    if context.new_metadata.is_some_and(|new| new > most) {
        context.new_metadata = Some(most.max(context.metadata.total.unwrap_or(0)));
        if context.more_metadata().is_none() {
            plan.block(
                "the metadata is as large as the kernel can use (15.875 GiB) in whole extents: only removing things helps",
            );
        }
    }
}

fn too_small(plan: &mut Plan, name: &LvName, free: Bytes, context: &GrowContext<'_>, metadata: u64) {
    let extent = context.host.lvm.group(&name.vg).and_then(|g| g.extent).map_or(1, |e| e.0.max(1));
    let up = |bytes: u64| bytes.checked_next_multiple_of(extent).unwrap_or(u64::MAX);
    // Growing takes at least one block, and so one extent.
    let least = context.data_target.minimum_growth.unwrap_or(0).max(1);
    let data = context.more_data().map_or(0, |more| if context.asked { more } else { least });
    let least = up(context.data.bytes(data).unwrap_or(0)).saturating_add(metadata);
    plan.block(text!(
        "volume group {} has {} free and {} are needed: add a disk to it (`pvcreate`, `vgextend`), or \
         enlarge the disk under it (`pvresize`), first",
        format!("{:?}", name.vg),
        free,
        Bytes(least)
    ));
    let vg = quote(&name.vg);
    let commands = vec![
        format!("vgs {vg}"),
        format!("pvs -o pv_name,vg_name,pv_size,pv_free --select vg_name={vg}"),
        "lsblk".into(),
    ];
    plan.steps = vec![Step::look(
        "see what the group has, and which disks there are",
        "The room comes from there.",
        commands,
    )];
}

/// Checks a device that thinspect cannot enlarge: it must already be large enough.
fn fit_device(plan: &mut Plan, context: &mut GrowContext<'_>) {
    let Some(size) = context.pool.data_backing.size.filter(|_| context.more_data().is_some()) else { return };
    plan.numbers.set(Number::LargestTotalBytes, Some(size));
    if !limit(plan, context, size.0, "the device under the data") {
        let node = context.pool.data_backing.path.as_deref().unwrap_or("(not named)");
        plan.block(text!(
            "the device under the data, {}, has {}: enlarge it first by the tool that made it, \
             then plan again",
            format!("{node:?}"),
            size
        ));
        plan.steps =
            vec![Step::look("see what it is", "Only its own tool can enlarge it.", vec!["lsblk".into()])];
    }
}
