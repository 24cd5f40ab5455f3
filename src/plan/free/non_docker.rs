//! Steps that free space in pools that Docker does not own: containerd, LVM, Podman, and unknown owners.
//!
//! Only a person can decide what to remove: words in capitals are placeholders, and no script is made.

use super::FreeContext;
use crate::advice::{Risk, quote};
use crate::host::dm::status::Discards;
use crate::host::model::pool::PoolOwner;
use crate::plan::grow::{GrowMethod, grow_method};
use crate::plan::{Plan, Step};

/// Adds the steps.
pub(super) fn steps(plan: &mut Plan, context: &FreeContext<'_>) {
    plan.basis.unscriptable = Some("what may go has to be chosen by a person, by name".into());
    match &context.pool.owner {
        PoolOwner::Containerd { .. } => containerd(plan, context),
        PoolOwner::ContainersStorage => podman(plan, context),
        _ => volumes(plan, context),
    }
}

fn push(plan: &mut Plan, context: &FreeContext<'_>, mut step: Step) {
    step.check = context.check();
    plan.steps.push(step);
}

fn destroys(does: &str, why: &str, commands: &[&str]) -> Step {
    Step::new(Risk::Destroys, does, why, commands.iter().map(|c| (*c).to_owned()).collect())
}

fn containerd(plan: &mut Plan, context: &FreeContext<'_>) {
    let commands = vec![
        "ctr namespaces list".to_owned(),
        "ctr -n k8s.io images list".to_owned(),
        "ctr -n k8s.io containers list".to_owned(),
        "ctr -n k8s.io snapshots --snapshotter devmapper list".to_owned(),
    ];
    let why = "Each namespace has its own images; k8s.io is Kubernetes's, moby is Docker's.";
    plan.steps.push(Step::look("see what there is", why, commands));
    trim(plan, context);
    let why = "Lost: the images; they are pulled again when needed. Snapshots go with the last thing that uses them, \
               within a minute or so.";
    push(plan, context, destroys("remove images that no pod uses", why, &["crictl rmi --prune"]));
    let why = "Put the namespace and the image for the capitals. Lost: that image.";
    push(plan, context, destroys("remove one image", why, &["ctr -n NAMESPACE images rm --sync IMAGE"]));
    let why = "Put the container for the capitals. Lost: the files it wrote.";
    let commands = ["ctr -n NAMESPACE containers rm CONTAINER"];
    push(plan, context, destroys("remove a container that does not run", why, &commands));
}

fn podman(plan: &mut Plan, context: &FreeContext<'_>) {
    let why = "Sizes count shared layers more than once: the pool's own counter tells what a step gave.";
    plan.steps.push(Step::look(
        "see what there is",
        why,
        vec!["podman ps -as".into(), "podman images".into()],
    ));
    trim(plan, context);
    let why = "Lost: the files they wrote (volumes stay). Keep one with `podman export`.";
    let commands = ["podman container prune --filter until=24h"];
    push(plan, context, destroys("remove stopped containers made more than 24 hours ago", why, &commands));
    let why = "Lost: the images; they have to be pulled or built again.";
    push(plan, context, destroys("remove images that no container uses", why, &["podman image prune --all"]));
}

/// Steps for thin volumes of LVM or of an unknown owner.
fn volumes(plan: &mut Plan, context: &FreeContext<'_>) {
    let pool = context.pool;
    let lv = match grow_method(pool, &pool.data_backing) {
        GrowMethod::Lvm(name) => Some(name),
        _ => None,
    };
    let Some(name) = lv else {
        let status = pool.name.as_deref().map(|n| format!(" {}", quote(n))).unwrap_or_default();
        let commands = vec![
            format!("dmsetup status --noflush{status}"),
            "dmsetup table --target thin".into(),
            "docker info 2>/dev/null | grep -E 'Pool Name|Space'".into(),
        ];
        let why = "Who made the thin devices is not known here, and only their owner may remove them: a device \
                   removed behind an owner's back is lost, and its records are wrong.";
        plan.steps.push(Step::look("see whose they are", why, commands));
        return trim(plan, context);
    };
    let select = quote(&format!("pool_lv=\"{}\"", name.lv));
    let fields = "lv_name,origin,lv_size,data_percent,lv_time,lv_active";
    let commands = vec![format!("lvs -o {fields} -S {select} {}", quote(&name.vg))];
    let why = "The share of each volume counts what it has in common with its snapshots.";
    plan.steps.push(Step::look("see the volumes in the pool", why, commands));
    trim(plan, context);
    let volume = format!("{}/VOLUME", quote(&name.vg));
    let why = "Put the volume for the capitals: a snapshot that nobody needs comes first. Lost: everything on it. It \
               asks once more.";
    let command = format!("lvremove {volume}");
    push(plan, context, destroys("remove a volume that is not needed", why, &[&command]));
}

/// Trims the filesystems of the pool's devices that are mounted here.
fn trim(plan: &mut Plan, context: &FreeContext<'_>) {
    if context.pool.discards == Some(Discards::Ignored) {
        plan.warn("the pool ignores discards: trimming gives nothing back");
        return;
    }
    let mounted = context.host.thins_of(context.pool).filter_map(|t| t.filesystem.as_ref()?.mount.as_deref());
    let mut commands: Vec<String> = mounted.take(8).map(|m| format!("fstrim -v {}", quote(m))).collect();
    if commands.is_empty() {
        commands.push("fstrim -av".into());
    }
    let why = "A deleted file keeps its blocks until its filesystem is trimmed. In a virtual machine the same is done \
               inside the guest, if its disk takes discards. Nothing is removed.";
    push(plan, context, Step::new(Risk::Changes, "give back the blocks of deleted files", why, commands));
}
