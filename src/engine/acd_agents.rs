//! Seam: stations and feature codes meet agents.

use turno_acd::{Command, Event};
use turno_base::{LegId, StationId};
use turno_call::{CallEvent, Code};

use crate::Rooms;
use crate::turn::Turn;

impl Rooms {
    pub(crate) fn on_station(&mut self, station: StationId, reachable: bool, turn: &mut Turn<'_>) {
        self.acd.on_event(Event::Station { station, reachable }, turn.now, turn.acd());
    }

    /// The ACD reads the code's digits; the phone hears whether it was done.
    pub(crate) fn on_code(&mut self, leg: LegId, station: StationId, code: Code, turn: &mut Turn<'_>) {
        let command = match code {
            Code::InOut(digits) => Command::ToggleShift { station, digits },
            Code::Pause(digits) => Command::TogglePause { station, digits },
        };
        let done = self.acd.on_command(command, turn.now, turn.acd()).is_ok();
        self.tell_call(CallEvent::CodeDone { leg, done }, turn);
    }
}
