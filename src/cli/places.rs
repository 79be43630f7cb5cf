//! Where an engine's socket and folders are if nothing says otherwise: beside us, or, where nothing is beside us, where the package and
//! the container have them.

use std::path::Path;

use clap::{Arg, Command};

use crate::cli::{RECORDS_DEFAULT, SOCKET_DEFAULT, VOICEMAIL_DEFAULT};

/// The folder that all defaults begin with.
const BESIDE: &str = "turno-data";
/// What the package and the container have in its place.
pub(super) const OF_SYSTEM: &str = "/var/lib/turno";

/// The command line with the defaults of this place.
pub(super) fn here(command: Command) -> Command {
    if !Path::new(BESIDE).exists() && Path::new(OF_SYSTEM).is_dir() { of_system(command) } else { command }
}

fn of_system(command: Command) -> Command {
    command.mut_args(moved).mut_subcommands(of_system)
}

fn moved(arg: Arg) -> Arg {
    let [default] = arg.get_default_values() else { return arg };
    match default.to_str() {
        Some(SOCKET_DEFAULT) => arg.default_value("/run/turno/turno.sock"),
        Some(RECORDS_DEFAULT) => arg.default_value("/var/lib/turno/records"),
        Some(VOICEMAIL_DEFAULT) => arg.default_value("/var/lib/turno/voicemail"),
        Some(_) | None => arg,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    /// What an argument is, however deep its command.
    fn value(command: &Command, words: &[&str], arg: &str) -> Option<PathBuf> {
        let mut found = command.clone().try_get_matches_from(words).unwrap();
        while let Some((_, below)) = found.clone().subcommand() {
            found = below.clone();
        }
        found.try_get_one::<PathBuf>(arg).ok().flatten().cloned()
    }

    #[test]
    fn every_default_moves_and_what_is_named_stays() {
        let moved = of_system(Cli::command());
        moved.clone().debug_assert();
        let is = |words: &[&str], arg: &str, there: &str| {
            assert_eq!(value(&moved, words, arg), Some(PathBuf::from(there)), "{words:?}");
        };
        is(&["turno", "queue", "show"], "socket", "/run/turno/turno.sock");
        is(&["turno", "queue", "show", "--socket", "s"], "socket", "s");
        is(&["turno", "cdr", "list"], "records", "/var/lib/turno/records");
        is(&["turno", "voicemail", "list"], "voicemail", "/var/lib/turno/voicemail");
        assert_eq!(value(&Cli::command(), &["turno", "queue", "show"], "socket"), Some(PathBuf::from(SOCKET_DEFAULT)));
        let mut left = Vec::new();
        collect(&moved, &mut left);
        assert!(left.is_empty(), "defaults beside us: {left:?}");
    }

    fn collect(command: &Command, left: &mut Vec<String>) {
        let beside = |arg: &&Arg| {
            arg.get_default_values().iter().any(|value| value.to_str().is_some_and(|v| v.starts_with(BESIDE)))
        };
        left.extend(
            command.get_arguments().filter(beside).map(|arg| format!("{} {}", command.get_name(), arg.get_id())),
        );
        command.get_subcommands().for_each(|below| collect(below, left));
    }
}
