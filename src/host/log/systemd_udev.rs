//! systemd, udev and the semaphores that libdm calls udev cookies.
//!
//! A table.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // udev cookies: semaphores with keys 0x0d4d…  (libdm, DM_COOKIE_MAGIC).
    says(M::UdevCookieListed, &["0xd4d"]), // dmsetup udevcookies
    says(M::UdevCookieListed, &["0x0d4d"]), // ipcs -s
];
