//! What people of the house ask of callbacks: another one, none, or another time.

use turno_base::fact::{CallbackAsked, CallbackEnd};
use turno_base::{E164, Mono, Need, QueueId, SegmentId, Wall};

use super::{Asker, Standing};
use crate::acd::Acd;
use crate::boundary::Decision;
use crate::credits::Credits;
use crate::limits::APPOINTMENT_MAX;
use crate::refusal::Refusal;

impl Acd {
    /// Somebody of the house enters a callback; a number that has one keeps its place.
    pub(crate) fn add_callback(&mut self, wanted: Wanted, now: Mono, out: &mut Vec<Decision>) -> Result<(), Refusal> {
        let Wanted { number, queue, segment, value_pm, at } = wanted;
        if !self.config.callbacks.contains_key(&queue) {
            return Err(Refusal::NoCallbacks(queue));
        }
        self.is_to_come(at, now)?;
        if self.callbacks.by_number.get(&number).is_some_and(|callback| callback.standing == Standing::Live) {
            return Err(Refusal::CallbackLive(number));
        }
        if let Some(at) = at
            && self.callbacks.by_number.get(&number).is_some_and(|callback| callback.standing.is_due())
        {
            return self.appoint_callback(number, at, now, out);
        }
        self.seq += 1;
        let asker = Asker {
            number,
            first: None,
            how: CallbackAsked::Person,
            queue,
            need: Need::Anyone,
            segment,
            value_pm,
            caller: Some(number.to_string().into_boxed_str()),
            v: i64::try_from(now.0).unwrap_or(i64::MAX),
            credits: Credits::default(),
            seq: self.seq,
            appointment: at,
        };
        self.register(asker, now, out);
        self.confirm(number, now, out);
        Ok(())
    }

    pub(crate) fn cancel_callback(&mut self, number: E164, now: Mono, out: &mut Vec<Decision>) -> Result<(), Refusal> {
        self.callback_waits(number)?;
        self.end_callback(number, CallbackEnd::Cancelled, now, out);
        Ok(())
    }

    /// The customer is to be called at that time: until then he stands in no line.
    pub(crate) fn appoint_callback(
        &mut self,
        number: E164,
        at: Wall,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        let standing = self.callback_waits(number)?;
        self.is_to_come(Some(at), now)?;
        if standing.is_attempt() {
            return Err(Refusal::CallbackLive(number));
        }
        if let Some(callback) = self.callbacks.by_number.get_mut(&number) {
            callback.appointment = Some(at);
        }
        self.rest(number, now, None, now);
        self.confirm(number, now, out);
        Ok(())
    }

    pub(super) fn callback_waits(&self, number: E164) -> Result<Standing, Refusal> {
        match self.callbacks.by_number.get(&number).map(|callback| callback.standing) {
            None | Some(Standing::Unconfirmed { .. }) => Err(Refusal::NoSuchCallback(number)),
            Some(Standing::Live) => Err(Refusal::CallbackLive(number)),
            Some(standing) => Ok(standing),
        }
    }

    pub(super) fn is_to_come(&self, at: Option<Wall>, now: Mono) -> Result<(), Refusal> {
        let most = APPOINTMENT_MAX;
        let wall = self.wall(now);
        match at {
            Some(at) if at <= wall || at > wall + most => Err(Refusal::AppointmentOut(at)),
            Some(_) | None => Ok(()),
        }
    }
}

/// A callback that somebody of the house wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) number: E164,
    pub(crate) queue: QueueId,
    pub(crate) segment: SegmentId,
    pub(crate) value_pm: u32,
    pub(crate) at: Option<Wall>,
}
