//! Calls that are placed for somebody at a station (O8): his station is called first, and when he answers it is as if he had
//! dialled. Until then he is the party that is called, and the caller as well.

use turno_base::fact::{Party, What};
use turno_base::{CallId, LegId, Now, Number, Reason, StationId};

use crate::boundary::{CallEffect, DialTo, From, LegCommand, Placed};
use crate::call::{Call, Dial, RECORD_WAIT, Record, Stage};
use crate::calls::{CALLS_MAX, Calls};
use crate::leg::{Leg, LegState};
use crate::turn::Turn;

/// Longest number that is dialled so, characters.
pub const PLACE_NUMBER_CHARS_MAX: usize = 32;

/// Why a call is not placed. The sentence is for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceRefusal {
    /// It is no number, or one of more than [`PLACE_NUMBER_CHARS_MAX`] characters.
    NoNumber(String),
    /// The station has a call.
    Busy(StationId),
    /// There are [`CALLS_MAX`] calls.
    Full,
    /// The dial plan knows no such number.
    NoSuchNumber,
    /// The station's class of service does not allow it.
    Forbidden(StationId),
    /// Nobody is there, or no trunk is named for it.
    Unreachable,
}

impl std::fmt::Display for PlaceRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PlaceRefusal::NoNumber(number) => {
                write!(f, "{number:?} is no number; write at most {PLACE_NUMBER_CHARS_MAX} digits")
            }
            PlaceRefusal::Busy(station) => write!(f, "station {station} is in a call"),
            PlaceRefusal::Full => write!(f, "there are {CALLS_MAX} calls, and no room for one more"),
            PlaceRefusal::NoSuchNumber => f.write_str("the dial plan knows no such number"),
            PlaceRefusal::Forbidden(station) => {
                write!(f, "station {station} may not call that number; its class of service says what it may")
            }
            PlaceRefusal::Unreachable => f.write_str("nobody is there under that number now"),
        }
    }
}

impl std::error::Error for PlaceRefusal {}

impl Calls {
    /// An id for a call to be placed.
    pub fn mint(&mut self, now: Now) -> CallId {
        CallId::mint(now.wall, &mut self.house.seeded)
    }

    /// Whether [`crate::CallEvent::Place`] would ring the station, and the number then.
    pub fn may_place(&mut self, station: StationId, number: &str, now: Now) -> Result<(), PlaceRefusal> {
        // Feature codes are for the station's own keys.
        let fits = |c: char| c.is_ascii_digit() || c == '+';
        if number.is_empty() || number.len() > PLACE_NUMBER_CHARS_MAX || !number.chars().all(fits) {
            return Err(PlaceRefusal::NoNumber(number.to_owned()));
        }
        if self.house.talks.contains_key(&station) || self.house.is_private(station) {
            return Err(PlaceRefusal::Busy(station));
        }
        if self.calls.len() >= CALLS_MAX {
            return Err(PlaceRefusal::Full);
        }
        let found = self.glance(now, |t| t.callee(number, Some(station)).map(drop));
        found.map_err(|cause| match cause.reason {
            Reason::NotFound => PlaceRefusal::NoSuchNumber,
            Reason::Forbidden => PlaceRefusal::Forbidden(station),
            Reason::Peer
            | Reason::Normal
            | Reason::CompletedElsewhere
            | Reason::RingLimit
            | Reason::MediaSilent
            | Reason::SessionExpired
            | Reason::DurationLimit
            | Reason::Unreachable
            | Reason::Restart
            | Reason::Fault
            | Reason::Operator
            | Reason::Overload
            | Reason::Transferred
            | Reason::Overflow
            | Reason::NotAcceptable => PlaceRefusal::Unreachable,
        })
    }
}

impl Call {
    /// A new call that nobody has dialled.
    pub(crate) fn begin_placed(placed: Placed, t: &mut Turn<'_>) -> Call {
        let Placed { call: id, station, agent, ani, dnis } = placed;
        t.fact(What::CallArrived { call: id, ani: ani.clone(), dnis: dnis.clone(), trunk: None });
        t.out.push(CallEffect::Record { call: id });
        t.house.dialled += 1;
        let leg = LegId::dialled(t.house.dialled);
        let ring_until = t.now.mono + t.config.ring_limit;
        let dial = Dial { leg, number: String::new(), rest: Vec::new(), charged: None, ring_until };
        let from = Some(From::Station(station, agent));
        Call {
            record: Record::Asked { give_up_at: t.now.mono + RECORD_WAIT },
            ..Call::new(id, from, (ani, dnis), leg, Stage::Ringing(dial), t)
        }
    }

    /// His own station rings, and shows whom he is about to call.
    pub(crate) fn place(&mut self, t: &mut Turn<'_>) {
        let Some(From::Station(station, agent)) = self.from else { return };
        let party = agent.map_or(Party::Station(station), |agent| Party::Agent(agent, station));
        let called = Number { raw: station.to_string(), e164: None, withheld: false };
        let mut leg = Leg::new(self.caller, party, self.dnis.clone(), called, LegState::Dialled { ringing: false });
        leg.private = leg.station();
        let sip_call_id = t.house.sip_call_id();
        leg.sip_call_id.clone_from(&sip_call_id);
        self.begin_leg(leg, t);
        let (to, from) = (DialTo::Station(station), self.dnis.clone());
        t.leg(self.caller, LegCommand::Dial { to, from, display: String::new(), sip_call_id, like: None });
    }
}
