//! `record`: writes a recording of this host to a file that only its owner can read.

use super::input::{collector, recording};
use super::output::write_out;
use anyhow::Result;
use std::path::Path;
use thinspect::cli::Global;
use thinspect::record::collect;
use thinspect::verdict::Exit;

pub(crate) fn record(global: &Global, file: Option<&Path>) -> Result<Exit> {
    let (recording, _) = recording(global, &collect::Options { disks: true, ..collector(true) })?;
    let mut text = Vec::new();
    recording.write(&mut text)?;
    write_out(file.unwrap_or(Path::new("-")), &text)
}
