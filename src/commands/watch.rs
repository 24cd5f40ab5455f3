//! `watch`: chooses the view by the terminal and the options, and starts watching.

use super::input::{report, root};
use super::output::text_style;
use anyhow::{Result, anyhow};
use std::io::{self, IsTerminal};
use std::time::Duration;
use thinspect::cli::{Format, Global};
use thinspect::verdict::Exit;
use thinspect::watch;

/// Watches until a signal or the user ends it.
pub(crate) fn watch(global: &Global, interval: Duration, full_screen: bool) -> Result<Exit> {
    // On a terminal that cannot move its cursor, print lines.
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb" || term == "unknown");
    let terminal = io::stdout().is_terminal() && !dumb;
    if full_screen && dumb && global.from.is_some() {
        return Err(anyhow!("the whole screen cannot be drawn on this terminal (TERM says so)"));
    }
    let full_screen = full_screen && !dumb;
    if full_screen && !(terminal && io::stdin().is_terminal()) {
        return Err(anyhow!("the whole screen needs a terminal; without --full-screen `watch` writes lines"));
    }
    if full_screen && global.from.is_some() {
        watch::run::browse(&report(global, || ())?, text_style(global))?;
        return Ok(Exit::Answered);
    }
    if global.from.is_some() {
        return Err(anyhow!(
            "a recording does not move, there is nothing to watch; `thinspect status` shows it"
        ));
    }
    let shape = match (global.output, terminal) {
        _ if full_screen => watch::run::Shape::Full,
        (Format::Json, _) => watch::run::Shape::Json,
        (Format::Text, true) => watch::run::Shape::Block,
        (Format::Text, false) => watch::run::Shape::Text,
    };
    let options = watch::run::Options {
        root: root(global),
        limit: global.timeout,
        pool: global.pool.clone(),
        log: global.log.clone(),
        interval,
        style: text_style(global),
        shape,
    };
    watch::run::start(options)?;
    Ok(Exit::Answered)
}
