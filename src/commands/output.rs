//! A command's output: units, colours, destination and exit status.

use anyhow::{Context, Result};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use thinspect::cli::{Color, Global};
use thinspect::report::{Report, TextStyle, Units};
use thinspect::verdict::{Exit, Verdict};
use thinspect::whole_file::{self, How};

/// The exit status of a report. The verdict `unknown` counts as not answered.
pub(crate) fn answered(report: &Report) -> Exit {
    if report.verdict == Verdict::Unknown { Exit::CouldNotAnswer } else { Exit::Answered }
}

pub(crate) fn text_style(global: &Global) -> TextStyle {
    let colour = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let set = |name| std::env::var_os(name).is_some_and(|v: std::ffi::OsString| !v.is_empty());
            io::stdout().is_terminal()
                && !set("NO_COLOR")
                && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
        }
    };
    TextStyle { units: units(global), colour, verbose: global.verbose, ..TextStyle::default() }
}

pub(crate) fn units(global: &Global) -> Units {
    match (global.bytes, global.si) {
        (true, _) => Units::Bytes,
        (_, true) => Units::Si,
        _ => Units::Iec,
    }
}

/// Writes to a file, or to standard output for `-`. The file is readable only by its owner, even if it existed with
/// other permissions, because it describes the host.
pub(crate) fn write_out(file: &Path, bytes: &[u8]) -> Result<Exit> {
    if file == Path::new("-") {
        return print(&String::from_utf8_lossy(bytes));
    }
    let how = How { mode: 0o600, durable: true, replaces_link: false };
    whole_file::write(file, bytes, how).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Exit::Answered)
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<String> {
    let mut text = serde_json::to_string_pretty(value).context("cannot write JSON")?;
    text.push('\n');
    Ok(text)
}

pub(crate) fn print(text: &str) -> Result<Exit> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")?;
    Ok(Exit::Answered)
}
