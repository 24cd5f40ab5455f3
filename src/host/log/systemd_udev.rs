//! systemd, udev and the semaphores that libdm calls udev cookies.
//!
//! A pattern table; most comments name the source of the message.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // udev cookies: semaphores with keys 0x0d4d…  (libdm, DM_COOKIE_MAGIC).
    says(M::UdevCookieListed, &["0xd4d"]), // dmsetup udevcookies
    says(M::UdevCookieListed, &["0x0d4d"]), // ipcs -s
    says(M::UdevCookieFailed, &["Limit for the maximum number of semaphores reached"]), // libdm-common.c
    says(M::UdevCookieFailed, &["Failed to create notification semaphore"]), // the same
    says(M::UdevCookieFailed, &["notification semaphore identified by cookie value"]), // the same
    says(M::UdevCookieFailed, &["semop failed for cookie"]), // the same
    says(M::UdevSyncUnsupported, &["Kernel not configured for semaphores"]), // the same
    says(M::UdevNotRunning, &["Could not get udev state"]), // the same
    says(M::UdevNotRunning, &["DM_DISABLE_UDEV environment variable is set"]), // the same
    says(M::UdevNotRunning, &["not set up by udev: Falling back to direct node creation"]), // the same
    says(M::UdevNotRunning, &["was not removed by udev. Falling back"]), // the same
    says(M::UdevNotRunning, &["should have been created by udev but it was not found"]), // lib/activate/fs.c
    says(M::UdevNotRunning, &["not initialized in udev database even after waiting"]), // lib/device/dev-type.c
    says(M::UdevWorkerTimeout, &["udevd", "is taking a long time"]), // systemd, udevd.c
    says(M::UdevWorkerTimeout, &["udevd", "Worker [", "killed"]), // the same
    says(M::UdevWorkerTimeout, &["udevd", "timeout; kill it"]), // older
    says(M::UdevWorkerTimeout, &["udevd", "seq ", "killed"]), // older
    says(M::UdevWorkerTimeout, &["udevd", "timeout: killing"]), // udev-event.c
    says(M::UdevWorkerTimeout, &["udevd", "is taking longer than"]), // udev-spawn.c
    says(M::UdevWorkerTimeout, &["udevd", "timed out after", "killing"]), // the same
    says(M::UdevWorkerTimeout, &["Timed out for waiting the udev queue being empty"]), // udevadm settle
    says(M::DeviceUnitTimedOut, &["Timed out waiting for device"]).near(&["dev-mapper", "thin", "docker", "pool"]), // systemd
    says(M::DeviceUnitTimedOut, &[".device/start timed out"]).near(&["dev-mapper", "thin", "docker", "pool"]), // the same
    says(M::Normal, &["inotify_add_watch(", "/dev/dm-", "failed: No such file"]), // udevd: the device went away
    says(M::Normal, &["conflicting device node", "will not be created"]), // udevd
];
