//! The program: its arguments, the command that they name, and how it ends. The only file that exits.

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

/// Help and version are answers; everything else clap says is wrong usage.
fn wrong_usage(error: &clap::Error) -> Exit {
    // Where even that cannot be printed, the exit status still tells.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Answered }
}

/// One sentence on standard error; a reader that went away (`| head`) is no error.
fn complain(error: &anyhow::Error) -> Exit {
    let gone = |e: &(dyn std::error::Error + 'static)| {
        e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(gone) {
        return Exit::Answered;
    }
    let _ = writeln!(io::stderr(), "thinspect: {}", report::clean(&format!("{error:#}")));
    Exit::CouldNotAnswer
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    let global = &cli.global;
    match cli.command.unwrap_or(Command::Status { exit_code: false, html: None }) {
        Command::Status { exit_code, html } => status::status(global, exit_code, html.as_deref()),
        Command::Usage(asked) => usage::usage(global, &asked),
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
