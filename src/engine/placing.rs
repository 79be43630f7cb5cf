//! Seam: calls that are placed for somebody at a station (O8).

use turno_base::number::normalise;
use turno_base::{Number, StationId};
use turno_call::{CallEvent, PlaceRefusal, Placed};

use crate::Rooms;
use crate::boundary::Refusal;
use crate::turn::Turn;
use crate::views::Answer;

impl Rooms {
    pub(crate) fn place(&mut self, station: StationId, number: &str, turn: &mut Turn<'_>) -> Result<Answer, Refusal> {
        self.calls.may_place(station, number, turn.now).map_err(refusal)?;
        let call = self.calls.mint(turn.now);
        let user = self.config.sip.accounts.iter().find(|account| account.station == station);
        let user = user.map_or_else(|| station.to_string(), |account| account.user.clone());
        let e164 = |raw: &str| normalise(raw, &self.config.country);
        let ani = Number { e164: e164(&user), raw: user, withheld: false };
        let dnis = Number { e164: e164(number), raw: number.to_owned(), withheld: false };
        let placed = Placed { call, station, agent: self.acd.agent_at(station), ani, dnis };
        self.tell_call(CallEvent::Place(Box::new(placed)), turn);
        self.live_calls(Some(call), turn.now).map(Answer::Calls)
    }
}

fn refusal(refused: PlaceRefusal) -> Refusal {
    Refusal::Conflict { sentence: refused.to_string() }
}
