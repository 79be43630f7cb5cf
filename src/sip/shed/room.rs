//! What only the engine knows of how much it can still take: dialogs left, draining, room for records.

use serde::{Deserialize, Serialize};

use crate::ua::Load;

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
    /// Shares of the room between nearly full and full at which refusing begins and at which all are refused; none: it does
    /// not depend on room.
    const fn range(self) -> Option<(u64, u64)> {
        match self {
            Class::StationCall => Some((300, 550)),
            Class::TrunkCall => Some((550, 850)),
            Class::Side | Class::Refresh | Class::Emergency | Class::InDialog => None,
        }
    }
}

/// Whether a dialled number is an emergency number.
pub fn is_emergency(number: &str) -> bool {
    EMERGENCY_NUMBERS.contains(&number)
}

/// Decides which requests are refused because there is no room for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shedder {
    seed: u64,
    load: Load,
}

/// Dialogs that there are, and the most that there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// So many there are.
    pub dialogs: u32,
    /// So many there may be.
    pub dialogs_max: u32,
}

impl Shedder {
    /// Open. The seed makes two engines refuse different calls.
    pub fn new(seed: u64) -> Shedder {
        Shedder { seed, load: Load::default() }
    }

    /// What the process says of itself.
    pub fn on_load(&mut self, load: Load) {
        self.load = load;
    }

    /// The process started again: it neither drains nor lacks room as far as is known.
    pub fn on_restart(&mut self) {
        self.load = Load::default();
    }

    /// Retry-After in seconds if this request is to be refused.
    pub fn refuses(&self, class: Class, room: Room, call_id: &str, cseq: u32) -> Option<u32> {
        let hash = self.hash(call_id, cseq);
        let refused = self.is_closed(class, room) || (hash >> 32) % FULL < refused_share(class, room);
        let spread = u64::from(RETRY_AFTER_MAX_S - RETRY_AFTER_MIN_S + 1);
        refused.then(|| RETRY_AFTER_MIN_S + (hash % spread) as u32)
    }

    /// Refused whatever room there is: draining (C6), nowhere to write records, or no dialog left.
    fn is_closed(&self, class: Class, room: Room) -> bool {
        match class {
            Class::Side => self.load.draining,
            Class::StationCall | Class::TrunkCall => {
                self.load.draining || self.load.store_full || room.dialogs >= room.dialogs_max
            }
            Class::Emergency => room.dialogs >= room.dialogs_max.saturating_add(EMERGENCY_RESERVE),
            Class::Refresh | Class::InDialog => false,
        }
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

/// Of a thousand requests of this class, so many are refused.
fn refused_share(class: Class, room: Room) -> u64 {
    let Some((from, to)) = class.range() else { return 0 };
    let filled = u64::from(room.dialogs) * FULL / u64::from(room.dialogs_max.max(1));
    share(share(filled, DIALOGS_CALM_PM, FULL), from, to)
}

/// Where `value` is between `from` and `to`, in thousandths.
fn share(value: u64, from: u64, to: u64) -> u64 {
    value.min(to).saturating_sub(from) * FULL / (to - from).max(1)
}
