//! `man`, `completions`, `rules`, `explain` and `schema`: the program's own documentation.
//! All of it is generated from the definitions of the command line, the rules and the output types.

use super::output::{json, print};
use anyhow::{Context, Result, anyhow};
use clap::CommandFactory;
use std::path::Path;
use thinspect::cli::{Cli, SchemaOf};
use thinspect::verdict::Exit;
use thinspect::{report, rules};

/// Prints a command's manual page in roff, or writes the pages of all commands into a folder.
pub(crate) fn pages(target: &[String], folder: Option<&Path>) -> Result<Exit> {
    let mut program = Cli::command();
    if let Some(folder) = folder {
        clap_mangen::generate_to(program, folder)
            .with_context(|| format!("cannot write into {}", folder.display()))?;
        return Ok(Exit::Answered);
    }
    program.build();
    let mut command = &program;
    for name in target {
        let found = command.find_subcommand(name);
        command = found.ok_or_else(|| anyhow!("no command named {}", target.join(" ")))?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    print(&String::from_utf8_lossy(&page))
}

/// Prints the completion script for a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "thinspect", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Prints all rules with their summaries.
pub(crate) fn rules() -> Result<Exit> {
    print(&report::explain::rules())
}

pub(crate) fn explain(name: &str) -> Result<Exit> {
    let Some(rule) = rules::find(name) else {
        return Err(anyhow!("no rule named {name}; `thinspect rules` lists them"));
    };
    print(&report::explain::explain(rule))
}

/// Prints the schema of a JSON output.
pub(crate) fn schema(target: &SchemaOf) -> Result<Exit> {
    let schema = match target {
        SchemaOf::Status => report::json::schema(),
        SchemaOf::Plan => report::plan_schema(),
        SchemaOf::Usage => report::usage::schema(),
        SchemaOf::Watch => report::watch::schema(),
    };
    print(&json(&schema)?)
}
