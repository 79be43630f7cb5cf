//! Seam: stations and feature codes meet agents.

use std::collections::BTreeSet;

use turno_acd::{Command, Event, Refusal};
use turno_base::{LegId, StationId};
use turno_call::{CallEvent, Code};
use turno_sip::config::SipConfig;

use crate::Rooms;
use crate::turn::Turn;

impl Rooms {
    pub(crate) fn on_station(&mut self, station: StationId, reachable: bool, turn: &mut Turn<'_>) {
        self.acd.on_event(Event::Station { station, reachable }, turn.now, turn.acd());
    }

    /// How every configured station stands: one that has not registered is offered nothing.
    pub(crate) fn tell_stations(&mut self, turn: &mut Turn<'_>) {
        for view in self.ua.station_views(turn.now) {
            self.on_station(view.station, view.reachable, turn);
        }
    }

    /// A station that was configured and no longer is will not be reached again.
    pub(crate) fn tell_stations_gone(&mut self, before: &SipConfig, turn: &mut Turn<'_>) {
        let now: BTreeSet<StationId> = self.config.sip.accounts.iter().map(|account| account.station).collect();
        for station in before.accounts.iter().map(|account| account.station).filter(|station| !now.contains(station)) {
            self.on_station(station, false, turn);
        }
    }

    /// The ACD reads what digits say of agents and reasons; the phone hears whether it was done.
    pub(crate) fn on_code(&mut self, leg: LegId, station: StationId, code: Code, turn: &mut Turn<'_>) {
        let now = turn.now;
        let done = match code {
            Code::InOut(digits) => self.acd.toggle_shift(station, &digits, now, turn.acd()),
            Code::Pause(digits) => self.acd.toggle_pause(station, &digits, now, turn.acd()),
            Code::Emergency { queue, on } => self.acd.on_command(Command::Emergency { queue, on }, now, turn.acd()),
            Code::Pull(pulled) => match self.pulled(pulled, now) {
                Some(call) => return self.tell_call(CallEvent::Take { leg, call }, turn),
                None => Err(Refusal::NothingByCode { station }),
            },
            Code::Unreadable => Err(Refusal::NothingByCode { station }),
        }
        .is_ok();
        self.tell_call(CallEvent::CodeDone { leg, done }, turn);
    }
}
