//! `turno completions` and `turno man`: both come from the command line's own definition, so they cannot disagree with it.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;

use crate::cli::{Cli, REFUSED};

/// Prints the completions of `shell`.
pub(super) fn completions(shell: clap_complete::Shell) -> u8 {
    clap_complete::generate(shell, &mut Cli::command(), "turno", &mut io::stdout());
    0
}

/// Writes a page for the program and one for each of its commands.
pub(super) fn man(dir: &Path) -> u8 {
    let written = fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir));
    match written {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{}: {error}", dir.display());
            REFUSED
        }
    }
}
