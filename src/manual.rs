//! Manual pages and completions, from the definitions of the command line. It knows no word of them.

use crate::print;
use anyhow::{Context, Result, anyhow};
use clap::CommandFactory;
use std::path::Path;
use thinspect::cli::Cli;
use thinspect::verdict::Exit;

/// The manual page of a command in roff, or the pages of all into a folder.
pub(crate) fn pages(of: &[String], folder: Option<&Path>) -> Result<Exit> {
    let mut program = Cli::command();
    if let Some(folder) = folder {
        clap_mangen::generate_to(program, folder)
            .with_context(|| format!("cannot write into {}", folder.display()))?;
        return Ok(Exit::Answered);
    }
    program.build();
    let mut command = &program;
    for name in of {
        let found = command.find_subcommand(name);
        command = found.ok_or_else(|| anyhow!("no command named {}", of.join(" ")))?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    print(&String::from_utf8_lossy(&page))
}

/// What a shell completes command lines by.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "thinspect", &mut script);
    print(&String::from_utf8_lossy(&script))
}
