//! After a fault of ours: a leg that was being worked on when a turn panicked is gone from the table. What is kept of it
//! while it is out is enough to refuse it, withdraw it or say BYE, so that its peer is not left alone (reliability P5).

use serde::{Deserialize, Serialize};
use turno_base::{Cause, LegId, Now, Reason};

use super::leg::{Leg, Stage};
use super::{Origin, Owner, SipEffect, SipEvent, Ua};
use crate::dialog::Dialog;
use crate::flow::{Destination, Flow};
use crate::message::{Message, Method, Writer};
use crate::transaction::TxId;

/// What is left of a leg that is out of the table. The texts' memory is used again for the next one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// None: nothing is out.
    leg: Option<LegId>,
    party: Origin,
    stage: KeptStage,
    dialog: Dialog,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum KeptStage {
    Arriving { tx: TxId, flow: Flow },
    Dialling,
    Up { hop: Destination },
}

impl Kept {
    fn of(leg: &Leg) -> Kept {
        let mut kept = Kept { leg: None, party: leg.party, stage: KeptStage::Dialling, dialog: Dialog::default() };
        kept.keep(leg);
        kept
    }

    fn keep(&mut self, leg: &Leg) {
        (self.leg, self.party) = (Some(leg.id), leg.party);
        self.stage = match &leg.stage {
            Stage::Arriving(arriving) => {
                self.dialog.copy_from(&arriving.dialog);
                KeptStage::Arriving { tx: arriving.tx, flow: arriving.flow }
            }
            Stage::Dialling(_) => KeptStage::Dialling,
            Stage::Up(up) => {
                self.dialog.copy_from(&up.dialog);
                KeptStage::Up { hop: up.hop }
            }
        };
    }
}

impl Ua {
    /// The leg that a message is about, by its transaction or its tag; none if it is of no leg, or of one that has ended.
    pub fn leg_of(&self, message: &Message) -> Option<LegId> {
        let leg = |owner: &Owner| match owner {
            Owner::Dialled { leg, .. } | Owner::Change { leg, .. } | Owner::Arrived { leg } => Some(*leg),
            Owner::Nobody | Owner::Farewell(_) | Owner::ProbeBinding(_) | Owner::Notify(_) | Owner::Errand(_) => None,
        };
        if !message.is_request() {
            return self.layer.owner_of_response(message).and_then(leg);
        }
        if message.method() == Some(Method::Cancel) {
            return self.layer.cancelled_by(message).and_then(|(_, owner)| leg(&owner));
        }
        let by_tag = || self.tags.get(message.to().ok()?.tag()?).copied();
        self.layer.owner_of_request(message).and_then(leg).or_else(by_tag)
    }

    /// A turn panicked, `message` was what it was about if it was about one. Ends the legs that were being worked on, and
    /// answers the request: 500 (RFC 3261 §21.5.1), so that nobody repeats it to us.
    pub fn on_fault(&mut self, message: Option<(Flow, &Message)>, now: Now, out: &mut Vec<SipEffect>) {
        let fault = Cause::new(500, 41, Reason::Fault);
        let mut out_of_table: Vec<LegId> = self.kept.iter().filter_map(|kept| kept.leg).collect();
        // A call that was answered 100 and was then never told of.
        out_of_table
            .extend(message.filter(|(_, m)| m.method() == Some(Method::Invite)).and_then(|(_, m)| self.leg_of(m)));
        for leg in out_of_table {
            self.end(leg, fault, now, out);
        }
        let Some((flow, request)) = message.filter(|(_, m)| m.is_request() && m.method() != Some(Method::Ack)) else {
            return;
        };
        match self.layer.server_of(request) {
            // Nothing happens if it has its final response.
            Some(tx) => {
                let tag = self.stateless_tag(request);
                let bytes = Writer::response(request, Some(flow.peer), 500, &tag).finish();
                self.layer.respond(tx, 500, bytes, now.mono, out);
            }
            None => self.reply(flow, request, 500, out),
        }
    }

    /// Keeps what a leg that is taken out would need to be ended without it.
    pub(super) fn keep(&mut self, leg: &Leg) {
        match self.kept.iter_mut().find(|kept| kept.leg.is_none()) {
            Some(free) => free.keep(leg),
            None => self.kept.push(Kept::of(leg)),
        }
    }

    /// The leg is back, or has ended in good order.
    pub(super) fn keep_no_more(&mut self, leg: LegId) {
        if let Some(kept) = self.kept.iter_mut().find(|kept| kept.leg == Some(leg)) {
            kept.leg = None;
        }
    }

    /// Ends a leg that was lost while it was out of the table.
    pub(super) fn end_lost(&mut self, leg: LegId, cause: Cause, now: Now, out: &mut Vec<SipEffect>) {
        let Some(at) = self.kept.iter().position(|kept| kept.leg == Some(leg)) else { return };
        let Kept { party, stage, mut dialog, .. } = self.kept.swap_remove(at);
        for tx in self.layer.invites_of(
            |owner| matches!(owner, Owner::Dialled { leg: l, .. } | Owner::Change { leg: l, .. } if *l == leg),
        ) {
            self.layer.cancel(tx, "", now.mono, out);
        }
        match stage {
            KeptStage::Arriving { tx, flow } => match self.layer.request_of(tx) {
                Some(request) => {
                    let bytes = Writer::response(request, Some(flow.peer), 500, &dialog.local_tag).finish();
                    self.layer.respond(tx, 500, bytes, now.mono, out);
                }
                // It was answered in the turn that failed.
                None => {
                    let hop = self.hop(party, &dialog, flow);
                    self.bye_for_lost(dialog, hop, party, cause, now, out);
                }
            },
            // Should it have been answered, its repeated 2xx finds a lost race: ACK and BYE.
            KeptStage::Dialling => {}
            KeptStage::Up { hop } => {
                // The turn that failed may have sent a request.
                dialog.next_seq();
                self.bye_for_lost(dialog, hop, party, cause, now, out);
            }
        }
        self.tags.retain(|_, of| *of != leg);
        self.deadlines.retain(|(_, of)| *of != leg);
        self.release(party);
        out.push(SipEffect::Event(SipEvent::Ended { leg, cause, by_peer: false }));
    }

    fn bye_for_lost(
        &mut self,
        dialog: Dialog,
        hop: Destination,
        party: Origin,
        cause: Cause,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let trunk = match party {
            Origin::Trunk(trunk) => Some(trunk),
            Origin::Station(_) => None,
        };
        self.send_bye(dialog, hop, trunk, cause, now, out);
    }
}
