//! Ending legs by us: refusal, CANCEL or BYE by where the leg stands (RFC 3261 §9.1, §15.1.1), each with its Reason.

use turno_base::{Cause, LegId, Now, Reason, TrunkId};

use super::cause::reason_value;
use super::leg::{Change, Leg, Stage};
use super::naming::tell_named;
use super::{Farewell, Origin, Owner, SipEffect, SipEvent, Ua};
use crate::auth::Tries;
use crate::dialog::Dialog;
use crate::flow::{Destination, Flow};
use crate::message::{Header, Message, Method};
use crate::transaction::{Kind, Outgoing};

impl Ua {
    /// Ends a leg, whatever it does; `Ended` follows at once. All its forks are cancelled.
    pub fn end(&mut self, leg: LegId, cause: Cause, now: Now, out: &mut Vec<SipEffect>) {
        let Some(mut leg) = self.take(leg) else { return self.end_lost(leg, cause, now, out) };
        match &mut leg.stage {
            Stage::Arriving(_) => self.refuse(leg, cause, now, out),
            Stage::Dialling(dialling) => {
                if let Some(dialog) = dialling.names() {
                    tell_named(leg.id, dialog, out);
                }
                self.cancel_branches(&mut leg, None, cause, now, out);
                if cause.reason == Reason::Restart {
                    self.hang_up_early(&leg, cause, now, out);
                }
                self.ended(leg, cause, false, out);
            }
            Stage::Up(up) if up.farewell.is_some() => self.put(leg),
            // No BYE before the ACK of our 2xx (RFC 3261 §15).
            Stage::Up(up) if up.unacked.is_some() && !up.is_confirmed => {
                up.farewell = Some(cause);
                out.push(SipEffect::Event(SipEvent::Ended { leg: leg.id, cause, by_peer: false }));
                self.put(leg);
            }
            Stage::Up(_) => self.hang_up(leg, cause, now, out),
        }
    }

    /// BYE, and forget the leg.
    pub(super) fn hang_up(&mut self, mut leg: Leg, cause: Cause, now: Now, out: &mut Vec<SipEffect>) {
        self.withdraw_change(&leg, now, out);
        let trunk = leg.trunk();
        if let Stage::Up(up) = &mut leg.stage {
            self.send_bye(up.dialog.clone(), up.hop, trunk, cause, now, out);
        }
        self.ended(leg, cause, false, out);
    }

    /// BYE in every early dialog. The process before may have died with an answer that it took and that is not in its journal:
    /// no CANCEL ends what was answered, but the answer has the tag of the ringing before it. A phone that rings still has
    /// heard the CANCEL first.
    fn hang_up_early(&mut self, leg: &Leg, cause: Cause, now: Now, out: &mut Vec<SipEffect>) {
        let Stage::Dialling(dialling) = &leg.stage else { return };
        for branch in &dialling.branches {
            for early in &branch.early {
                self.send_bye(early.dialog.clone(), branch.hop, leg.trunk(), cause, now, out);
            }
        }
    }

    /// A re-INVITE of ours may have got a provisional response and no more: without its leg nobody else would ever end it.
    pub(super) fn withdraw_change(&mut self, leg: &Leg, now: Now, out: &mut Vec<SipEffect>) {
        if let Stage::Up(up) = &leg.stage
            && let Change::Sent { tx, .. } = up.change
        {
            self.layer.cancel(tx, "", now.mono, out);
        }
    }

    /// BYE in a dialog that nobody holds any more.
    pub(super) fn send_bye(
        &mut self,
        dialog: Dialog,
        hop: Destination,
        trunk: Option<TrunkId>,
        cause: Cause,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let ahead = trunk.and_then(|id| self.digest_ahead(Origin::Trunk(id), Method::Bye, dialog.routing().uri));
        let farewell = Farewell { dialog, hop, trunk, cause, tries: Tries::default() };
        self.send_farewell(farewell, ahead, now, out);
    }

    fn send_farewell(
        &mut self,
        mut farewell: Farewell,
        authorization: Option<(String, String)>,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let seq = farewell.dialog.next_seq();
        let branch = self.branch();
        let mut writer = self.begin_inside(Method::Bye, &farewell.dialog, seq, &farewell.hop, branch);
        writer.header(Header::Reason, &reason_value(farewell.cause));
        if let Some((name, value)) = &authorization {
            writer.header_named(name, value);
        }
        let hop = farewell.hop;
        let owner = if farewell.trunk.is_some() { Owner::Farewell(Box::new(farewell)) } else { Owner::Nobody };
        self.layer.start(Outgoing { branch, kind: Kind::Plain, bytes: writer.finish(), to: hop, owner }, now.mono, out);
    }

    /// The response to our BYE: only a trunk's challenge is worth an answer.
    pub(super) fn on_farewell_response(
        &mut self,
        mut farewell: Farewell,
        flow: Flow,
        response: &Message,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let Some(trunk) = farewell.trunk.filter(|_| matches!(response.status(), Some(401 | 407))) else { return };
        let uri = farewell.dialog.routing().uri.to_owned();
        let (hop, asked) = (farewell.hop, (Method::Bye, uri.as_str()));
        let answer = self.digest_answer(Origin::Trunk(trunk), response, flow, &hop, asked, &mut farewell.tries);
        if answer.is_some() {
            self.send_farewell(farewell, answer, now, out);
        }
    }
}
