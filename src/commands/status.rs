//! `status`: the report on all pools, as text, JSON or an HTML page.

use super::input::{asked_everything, report};
use super::output::{answered, json, print, text_style, units, write_out};
use anyhow::Result;
use std::path::Path;
use thinspect::cli::{Format, Global};
use thinspect::report;
use thinspect::verdict::Exit;

pub(crate) fn status(global: &Global, exit_code: bool, page: Option<&Path>) -> Result<Exit> {
    // The capabilities are kept for a page, which may have to be written to a folder that only root can write.
    let report = report(global, if page.is_none() { asked_everything } else { || () })?;
    match (page, global.output) {
        (Some(page), _) => write_out(page, report::html(&report, units(global)).as_bytes())?,
        (None, Format::Text) => print(&report::text(&report, &text_style(global)))?,
        (None, Format::Json) => print(&json(&report::json::output(&report))?)?,
    };
    Ok(if exit_code { Exit::Verdict(report.verdict) } else { answered(&report) })
}
