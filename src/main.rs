//! The program's entry point: parses the arguments, runs the command and returns the exit status.

mod commands;

use clap::Parser;
use commands::{check, metrics, plan, record, reference, status, usage, watch};
use std::io::{self, Write};
use std::process::ExitCode;
use thinspect::cli::{Cli, Command};
use thinspect::report;
use thinspect::verdict::Exit;

fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => run(cli).unwrap_or_else(|error| complain(&error)),
        Err(error) => check::wrong_check(&error).unwrap_or_else(|| wrong_usage(&error)),
    };
    ExitCode::from(exit.code())
}

/// Prints clap's message. Help and version are success; anything else is wrong usage.
fn wrong_usage(error: &clap::Error) -> Exit {
    // If printing fails, the exit status still tells.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Answered }
}

/// Prints an error on standard error. A closed pipe (`| head`) is not an error.
fn complain(error: &anyhow::Error) -> Exit {
    let is_broken_pipe = |e: &(dyn std::error::Error + 'static)| {
        e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(is_broken_pipe) {
        return Exit::Answered;
    }
    let _ = writeln!(io::stderr(), "thinspect: {}", report::clean(&format!("{error:#}")));
    Exit::CouldNotAnswer
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    let global = &cli.global;
    match cli.command.unwrap_or(Command::Status { exit_code: false, html: None }) {
        Command::Status { exit_code, html } => status::status(global, exit_code, html.as_deref()),
        Command::Usage(options) => usage::usage(global, &options),
        Command::Plan(goal) => plan::plan(global, &goal),
        Command::Watch { interval, full_screen } => watch::watch(global, interval, full_screen),
        Command::Record { file } => record::record(global, file.as_deref()),
        Command::Check(options) => check::check(global, &options),
        Command::Metrics(options) => metrics::metrics(global, &options),
        Command::Man { of, dir } => reference::pages(&of, dir.as_deref()),
        Command::Completions { shell } => reference::completions(shell),
        Command::Rules => reference::rules(),
        Command::Explain { rule } => reference::explain(&rule),
        Command::Schema { of } => reference::schema(&of),
    }
}
