//! `record`: every answer of a machine, in a file for its owner.

use super::asking::{asking, recording};
use super::saying::write_out;
use anyhow::Result;
use std::path::Path;
use thinspect::cli::Global;
use thinspect::record::live;
use thinspect::verdict::Exit;

pub(crate) fn record(global: &Global, file: Option<&Path>) -> Result<Exit> {
    let (recording, _) = recording(global, &live::Options { disks: true, ..asking(true) })?;
    let mut text = Vec::new();
    recording.write(&mut text)?;
    write_out(file.unwrap_or(Path::new("-")), &text)
}
