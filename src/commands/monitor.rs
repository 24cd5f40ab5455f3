//! `check` and `metrics`: what a monitor asks, and in what form it is answered.

use super::input::{asked_everything, report};
use super::output::{answered, print};
use anyhow::{Context, Result, anyhow};
use clap::CommandFactory;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use thinspect::capabilities;
use thinspect::cli::{Check, Cli, Global, Metrics};
use thinspect::exporter;
use thinspect::exporter::{http, textfile};
use thinspect::report::check_plugin::{self, Limits, Line, Thresholds};
use thinspect::report::metrics;
use thinspect::verdict::Exit;

/// A monitor reads standard output and the exit status alone, so that errors go there too.
pub(crate) fn check(global: &Global, options: &Check) -> Result<Exit> {
    let line = checked(global, options).unwrap_or_else(|error| check_plugin::unknown(&format!("{error:#}")));
    say(&line)
}

fn checked(global: &Global, options: &Check) -> Result<Line> {
    let report = report(global, asked_everything)?;
    let thresholds = Thresholds {
        data: Limits { warning: Some(options.warning), critical: Some(options.critical) },
        metadata: Limits {
            warning: Some(options.metadata_warning),
            critical: Some(options.metadata_critical),
        },
        time: Limits { warning: options.time_warning, critical: options.time_critical },
    };
    Ok(check_plugin::line(&report, &thresholds, global.verbose))
}

fn say(line: &Line) -> Result<Exit> {
    print(&line.text)?;
    Ok(Exit::Verdict(line.verdict))
}

/// Wrong usage, help and version of `check` end as the guidelines for plug-ins want it: unknown. `None` where another
/// command was meant.
pub(crate) fn wrong_check(error: &clap::Error) -> Option<Exit> {
    // Those four end the parsing before the command is known.
    let reserved = ["-h", "--help", "-V", "--version"];
    let words = std::env::args_os().filter(|word| !reserved.iter().any(|r| word == r));
    let meant = Cli::command().ignore_errors(true).try_get_matches_from(words).ok()?;
    if meant.subcommand_name() != Some("check") {
        return None;
    }
    if error.use_stderr() {
        let text = error.to_string();
        let sentence = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let _ = say(&check_plugin::unknown(sentence));
    } else {
        let _ = error.print();
    }
    Some(Exit::CouldNotAnswer)
}

/// The metrics on standard output, in a file, or at every scrape.
pub(crate) fn metrics(global: &Global, options: &Metrics) -> Result<Exit> {
    if let Some(address) = options.listen {
        return listen(global, options, address);
    }
    let file = options.textfile.as_deref();
    let last_success = file.and_then(|f| textfile::earlier(f, metrics::LAST_SUCCESS));
    let report = report(global, || ())?;
    let text = metrics::text(&report, &metrics::Options { devices: options.per_device, last_success });
    match file {
        Some(file) => replace(file, &text)?,
        None => _ = print(&text)?,
    }
    Ok(answered(&report))
}

fn replace(file: &Path, text: &str) -> Result<()> {
    exporter::textfile::replace(file, text).with_context(|| format!("cannot replace {}", file.display()))
}

fn listen(global: &Global, options: &Metrics, address: SocketAddr) -> Result<Exit> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let at = listener.local_addr().unwrap_or(address);
    capabilities::keep_to_ask().map_err(|why| anyhow!(why))?;
    let _ = writeln!(io::stderr(), "thinspect: metrics at http://{at}/metrics");
    let (global, devices, mut last_success) = (global.clone(), options.per_device, None);
    let failed = http::serve(listener, move || {
        let report = report(&global, || ()).map_err(|error| format!("{error:#}"))?;
        let options = metrics::Options { devices, last_success };
        last_success = metrics::success(&report).or(last_success);
        Ok(metrics::text(&report, &options))
    });
    Err(anyhow!(failed).context(format!("cannot listen on {at} any more")))
}
