//! Who reads what we print may leave before we are done, as in `turno queue show | head -1`: then there is nobody left to tell, and
//! nothing has failed.

use std::panic;
use std::process;

/// Ends the process well, and silently, once standard output has no reader.
pub(super) fn leave_with_the_reader() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // `println!` knows no other way to say it.
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout") && said.contains("os error 32") {
            process::exit(0);
        }
        usual(panic);
    }));
}
