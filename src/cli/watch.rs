//! `--watch`: the same question every second.

use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

/// Between two answers.
const EVERY: Duration = Duration::from_secs(1);

/// Asks until it fails or nobody reads any more; the exit code.
pub(super) fn watch(mut ask: impl FnMut() -> u8) -> u8 {
    loop {
        let mut out = stdout();
        let is_seen = out.is_terminal();
        if is_seen {
            // To the top left corner of an empty screen.
            let _ = write!(out, "\x1b[H\x1b[2J");
        }
        let code = ask();
        let ends = if is_seen { Ok(()) } else { writeln!(out) };
        if code != 0 || ends.and_then(|()| out.flush()).is_err() {
            return code;
        }
        std::thread::sleep(EVERY);
    }
}
