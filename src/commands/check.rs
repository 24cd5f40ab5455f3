//! `check`: one line and the exit status for a monitor.

use super::input::{asked_everything, report};
use super::output::print;
use anyhow::Result;
use clap::CommandFactory;
use thinspect::cli::{Check, Cli, Global};
use thinspect::report::check_plugin::{self, Limits, Line, Thresholds};
use thinspect::verdict::Exit;

/// Prints errors on standard output too, because a monitor reads only that and the exit status.
pub(crate) fn check(global: &Global, options: &Check) -> Result<Exit> {
    let line =
        check_line(global, options).unwrap_or_else(|error| check_plugin::unknown(&format!("{error:#}")));
    say(&line)
}

fn check_line(global: &Global, options: &Check) -> Result<Line> {
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

/// Wrong usage, help and version of `check` exit as `unknown`, as the guidelines for plug-ins require. `None` for any
/// other command.
pub(crate) fn wrong_check(error: &clap::Error) -> Option<Exit> {
    // These four would end parsing before the command is known.
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
