//! Shared by several rules: queries on a host, findings from log lines, and advice.

pub(super) mod advice;
pub(super) mod enospc_path;
pub(super) mod log_findings;
pub(super) mod min_free;
pub(super) mod queries;
pub(super) mod thin_devices;
