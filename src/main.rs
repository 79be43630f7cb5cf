//! The `turno` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    turno::cli::main()
}
