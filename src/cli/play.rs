//! `turno demo` and `turno call`.

use std::time::Duration;

use crate::cli::calls::Place;
use crate::cli::{REFUSED, UNREACHABLE};
use crate::demo::{self, CallOptions, DemoOptions};

/// Runs the demo until interrupted.
pub(super) fn demo(options: &DemoOptions) -> u8 {
    match demo::run(options) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            REFUSED
        }
    }
}

/// Places one call and tells how it goes; 0 if it was answered.
pub(super) fn call(place: Place) -> u8 {
    let Place { to, from, engine, seconds } = place;
    let Some(to) = to else {
        eprintln!("name a queue or a number: turno call --to averias");
        return REFUSED;
    };
    let options = CallOptions { to, from, engine, lasts: Duration::from_secs(seconds) };
    match demo::call(&options, |line| println!("{line}")) {
        Ok(cause) if cause.sip == 200 => 0,
        Ok(_) => REFUSED,
        Err(error) => {
            eprintln!("the call could not be placed: {error}");
            UNREACHABLE
        }
    }
}
