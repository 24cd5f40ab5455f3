//! Settings for the new pool: changes to `daemon.json`, and LVM's profile.
//!
//! Storage options that are given elsewhere are never written to `daemon.json`: the daemon would not start.

use super::DirectLvmContext;
use super::layout::{self, percent};
use crate::host::Host;
use crate::host::docker::Docker;
use crate::host::docker::min_free::DEFAULT_PERCENT;
use crate::host::parse::version::version;
use crate::plan::daemon_json::{self, Edited, with_settings};
use serde_json::{Value, json};

/// Options for pools on loop files or raw devices, which do not apply to LVM.
const OLD: [&str; 6] = [
    "dm.loopdatasize",
    "dm.loopmetadatasize",
    "dm.datadev",
    "dm.metadatadev",
    "dm.blocksize",
    "dm.directlvm_device",
];
/// The edit of `daemon.json`. Fails with a sentence if it has to be made by hand.
pub(super) fn daemon_json(context: &DirectLvmContext<'_>, docker: &Docker) -> Result<Edited, String> {
    if let Some(option) = docker.options.iter().find(|o| o.from != docker.settings_file()) {
        return Err(format!(
            "Docker's storage options are given on {} ({}={}): the daemon refuses to start when they stand in \
             daemon.json as well; move them there first, and plan again",
            option.from, option.name, option.value
        ));
    }
    if let Some(why) = &docker.service_unread {
        return Err(format!(
            "Docker does not run, and how its service starts it is not known ({why}): options given there would keep it from \
             starting; make the plan on the host itself"
        ));
    }
    let old = docker.daemon_json.clone().unwrap_or_default();
    let mut settings = vec![("storage-opts", Some(Value::from(options(context, docker, &old))))];
    if docker.driver.is_none() {
        settings.insert(0, ("storage-driver", Some(json!("devicemapper"))));
    }
    with_settings(&old, &settings)
}

/// Storage options for the new pool, plus the unrelated existing ones.
fn options(context: &DirectLvmContext<'_>, docker: &Docker, old: &str) -> Vec<String> {
    let said = daemon_json::options(old);
    let name = |option: &str| option.split_once('=').map(|(name, _)| name.trim().to_ascii_lowercase());
    let lowered = percent(context.demand.percent) != context.demand.percent;
    let goes = |option: &str| {
        let name = name(option).unwrap_or_default();
        OLD.contains(&name.as_str())
            || name == "dm.thinpooldev"
            || name.starts_with("dm.thinp_")
            || lowered && name == "dm.min_free_space"
    };
    let mut options: Vec<String> =
        said.iter().filter_map(Value::as_str).filter(|o| !goes(o)).map(str::to_owned).collect();
    options.push(format!("dm.thinpooldev=/dev/mapper/{}", context.new_pool()));
    if lowered {
        options.push(format!("dm.min_free_space={DEFAULT_PERCENT}%"));
    }
    for option in ["dm.use_deferred_removal", "dm.use_deferred_deletion"] {
        let said = options.iter().any(|o| name(o).as_deref() == Some(option));
        if !said && defers(context.host, docker) {
            options.push(format!("{option}=true"));
        }
    }
    options
}

/// Whether the kernel can remove a device later that is in use now (device-mapper 4.27), and Docker knows how to use
/// it (1.9). If enabled without that support, the daemon does not start.
fn defers(host: &Host, docker: &Docker) -> bool {
    let kernel = host.kernel.dm_version.as_deref().and_then(version);
    let docker = docker.version.as_deref().and_then(version);
    kernel >= Some((4, 27)) && docker >= Some((1, 9))
}

/// The name of LVM's profile for the pool, and its text (lvmthin(7), "Automatically extend thin pool LV").
pub(super) fn profile(context: &DirectLvmContext<'_>) -> (String, String) {
    let text = format!(
        "activation {{\n    thin_pool_autoextend_threshold={}\n    thin_pool_autoextend_percent={}\n}}\n",
        context.layout.threshold,
        layout::GROWTH
    );
    (context.new_pool(), text)
}
