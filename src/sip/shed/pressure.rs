//! Pressure from measured load, and who is refused at which pressure.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use crate::ua::Load;

/// A loop that is late by less is calm.
pub const DELAY_CALM: Duration = Duration::from_millis(4);
/// A loop that is late by so much is fully pressed: refusals must leave within 50 ms (O2).
pub const DELAY_FULL: Duration = Duration::from_millis(40);
/// So many inputs waiting are calm.
pub const WAITING_CALM: u32 = 256;
/// So many are full pressure.
pub const WAITING_FULL: u32 = 2048;
/// From calm to full pressure takes as long at least: one late wake-up of the process is no overload.
pub const RISE: Duration = Duration::from_millis(150);
/// From full pressure to calm takes as long: load that is held off by refusing must not swing back at once.
pub const FALL: Duration = Duration::from_secs(2);
/// Share of the most dialogs, in thousandths, from which calls are thinned out.
const DIALOGS_CALM_PM: u64 = 950;
/// Dialogs kept for emergency calls beyond the most.
pub const EMERGENCY_RESERVE: u32 = 64;
/// Least Retry-After.
pub const RETRY_AFTER_MIN_S: u32 = 5;
/// Most Retry-After.
pub const RETRY_AFTER_MAX_S: u32 = 15;
/// Numbers that are refused last: the common ones, and those of Spain.
pub const EMERGENCY_NUMBERS: [&str; 14] =
    ["112", "911", "999", "000", "110", "118", "119", "061", "062", "080", "085", "088", "091", "092"];

const FULL: u64 = 1000;

/// What a request is to us when not all can be served, first to go first (O3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Class {
    /// SUBSCRIBE, PUBLISH, OPTIONS and what else serves no call.
    Side,
    /// A new call from a station.
    StationCall,
    /// A new call from a trunk.
    TrunkCall,
    /// REGISTER.
    Refresh,
    /// A new call to an emergency number.
    Emergency,
    /// Inside a dialog or a transaction: never refused.
    InDialog,
}

impl Class {
    /// Pressure at which refusing begins and at which all are refused; none: pressure does not refuse it.
    const fn range(self) -> Option<(u64, u64)> {
        match self {
            Class::Side => Some((100, 300)),
            Class::StationCall => Some((300, 550)),
            Class::TrunkCall => Some((550, 850)),
            Class::Refresh => Some((850, 1000)),
            Class::Emergency | Class::InDialog => None,
        }
    }

    const fn is_call(self) -> bool {
        match self {
            Class::StationCall | Class::TrunkCall | Class::Emergency => true,
            Class::Side | Class::Refresh | Class::InDialog => false,
        }
    }
}

/// Whether a dialled number is an emergency number.
pub fn is_emergency(number: &str) -> bool {
    EMERGENCY_NUMBERS.contains(&number)
}

/// Decides which requests are refused for load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shedder {
    seed: u64,
    // Thousandths of a thousandth, so that slow movements are not lost in rounding.
    level_ppm: u64,
    at: Mono,
    load: Load,
    dialogs: u32,
    dialogs_max: u32,
}

impl Shedder {
    /// Calm. The seed makes two engines refuse different calls.
    pub fn new(seed: u64) -> Shedder {
        Shedder { seed, level_ppm: 0, at: Mono(0), load: Load::default(), dialogs: 0, dialogs_max: u32::MAX }
    }

    /// Takes a measurement: once per turn.
    pub fn on_load(&mut self, load: Load, dialogs: u32, dialogs_max: u32, now: Mono) {
        let measured_ppm = 1000 * measured(&load);
        let passed = now.since(self.at);
        let step =
            |whole: Duration| u64::try_from(passed.as_micros() * 1_000_000 / whole.as_micros()).unwrap_or(u64::MAX);
        self.level_ppm = if measured_ppm > self.level_ppm {
            measured_ppm.min(self.level_ppm.saturating_add(step(RISE)))
        } else {
            measured_ppm.max(self.level_ppm.saturating_sub(step(FALL)))
        };
        self.at = now;
        (self.load, self.dialogs, self.dialogs_max) = (load, dialogs, dialogs_max);
    }

    /// The process started again: no load of it has been measured yet.
    pub fn on_restart(&mut self) {
        (self.level_ppm, self.load) = (0, Load::default());
    }

    /// Pressure in thousandths.
    pub const fn level(&self) -> u64 {
        self.level_ppm / 1000
    }

    /// Retry-After in seconds if this request is to be refused.
    pub fn refuses(&self, class: Class, call_id: &str, cseq: u32) -> Option<u32> {
        let hash = self.hash(call_id, cseq);
        let refused = self.is_closed(class) || (hash >> 32) % FULL < self.refused_share(class);
        let spread = u64::from(RETRY_AFTER_MAX_S - RETRY_AFTER_MIN_S + 1);
        refused.then(|| RETRY_AFTER_MIN_S + (hash % spread) as u32)
    }

    /// Refused whatever the pressure: draining (C6), nowhere to write records, or no dialog left.
    fn is_closed(&self, class: Class) -> bool {
        match class {
            Class::Side => self.load.draining,
            Class::StationCall | Class::TrunkCall => {
                self.load.draining || self.load.store_full || self.dialogs >= self.dialogs_max
            }
            Class::Emergency => self.dialogs >= self.dialogs_max.saturating_add(EMERGENCY_RESERVE),
            Class::Refresh | Class::InDialog => false,
        }
    }

    /// Of a thousand requests of this class, so many are refused.
    fn refused_share(&self, class: Class) -> u64 {
        let Some((from, to)) = class.range() else { return 0 };
        let by_load = share(self.level(), from, to);
        if !class.is_call() {
            return by_load;
        }
        let filled = u64::from(self.dialogs) * FULL / u64::from(self.dialogs_max.max(1));
        let by_dialogs = share(share(filled, DIALOGS_CALM_PM, FULL), from, to);
        by_load.max(by_dialogs)
    }

    fn hash(&self, call_id: &str, cseq: u32) -> u64 {
        let bytes = call_id.bytes().chain(cseq.to_be_bytes());
        let fnv = bytes.fold(0xcbf2_9ce4_8422_2325 ^ self.seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        // FNV leaves its high bits poor for short texts.
        turno_base::Seeded::new(fnv).next_u64()
    }
}

fn measured(load: &Load) -> u64 {
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let late = share(micros(load.loop_delay), micros(DELAY_CALM), micros(DELAY_FULL));
    let waiting = share(u64::from(load.inputs_waiting), u64::from(WAITING_CALM), u64::from(WAITING_FULL));
    late.max(waiting)
}

/// Where `value` is between `from` and `to`, in thousandths.
fn share(value: u64, from: u64, to: u64) -> u64 {
    value.min(to).saturating_sub(from) * FULL / (to - from).max(1)
}
