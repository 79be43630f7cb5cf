//! The `turno` program.

use std::process::ExitCode;

/// Signalling is many short-lived texts that one thread makes and another drops, which is what glibc's allocator is worst at
/// (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    turno::cli::main()
}
