//! `metrics`: Prometheus metrics on standard output, in a file, or over HTTP.

use super::input::report;
use super::output::{answered, print};
use anyhow::{Context, Result, anyhow};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use thinspect::capabilities;
use thinspect::cli::{Global, Metrics};
use thinspect::exporter;
use thinspect::exporter::{http, textfile};
use thinspect::report::metrics;
use thinspect::verdict::Exit;

/// Writes the metrics, or serves them until the listener fails.
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
