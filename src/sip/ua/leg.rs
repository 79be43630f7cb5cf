//! What a leg is made of: who is on the other side, where it stands, and what it waits for.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Cause, LegId, Mono, TrunkId};

use super::ahead::Ahead;
use super::repeat::Repeated;
use super::session_timer::{Granted, SessionTimer};
use super::terms::Terms;
use super::{Dial, LocalMedia, Origin};
use crate::auth::Tries;
use crate::config::{HostPort, Resolved};
use crate::dialog::Dialog;
use crate::flow::{Destination, Flow, ListenerId, Transport};
use crate::transaction::TxId;

/// Early dialogs of one INVITE; a further fork's provisional responses are not listened to, its 2xx is.
pub(super) const EARLY_DIALOGS_MAX: usize = 8;
/// Longest that a peer may take to decide on a change of an established dialog: 64·T1 as it is by default, and no person is
/// asked. Nothing else ends a re-INVITE that got a provisional response (RFC 3261 §17.1.1.2).
pub(super) const CHANGE_DECIDED_WITHIN: Duration = Duration::from_secs(32);
/// Responses that wait for a PRACK.
pub(super) const WAITING_MAX: usize = 4;

/// One party's side of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Leg {
    pub(super) id: LegId,
    /// Whom it is with.
    pub(super) party: Origin,
    pub(super) stage: Stage,
    /// The deadline that is set for it.
    pub(super) armed: Option<Mono>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// It called us; no final response yet.
    Arriving(Box<Arriving>),
    /// We call it; no 2xx yet.
    Dialling(Box<Dialling>),
    /// A confirmed dialog, or one that awaits the ACK of our 2xx.
    Up(Box<Up>),
}

/// Whether provisional responses are sent reliably (RFC 3262).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reliability {
    /// The peer does not know how.
    Never,
    /// The peer can: those with SDP.
    WithSdp,
    /// The peer requires it: all of them.
    Always,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Arriving {
    pub(super) tx: TxId,
    pub(super) flow: Flow,
    pub(super) dialog: Dialog,
    /// CSeq number of the INVITE.
    pub(super) seq: u32,
    /// The SDP offer that is not answered yet; none: we shall offer, or all is agreed.
    pub(super) offer: Option<Vec<u8>>,
    pub(super) terms: Terms,
    pub(super) granted: Granted,
    pub(super) peer_has_timer: bool,
    pub(super) peer_has_update: bool,
    pub(super) reliability: Reliability,
    pub(super) rseq: u32,
    pub(super) unacked: Option<Unpracked>,
    /// The last provisional response is sent again then, or proxies give the call up (RFC 3261 §13.3.1.1, §16.7).
    pub(super) remind_at: Option<Mono>,
    pub(super) waiting: VecDeque<Step>,
}

/// A reliable provisional response without its PRACK.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unpracked {
    pub(super) rseq: u32,
    /// It carried our offer: the PRACK carries the answer.
    pub(super) offered: bool,
    pub(super) repeated: Repeated,
}

/// What the engine asked for while a PRACK was missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    Ring,
    Progress(LocalMedia),
    Answer(LocalMedia),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dialling {
    pub(super) dial: Dial,
    pub(super) branches: Vec<Branch>,
    pub(super) branches_made: u16,
    /// Where to go when no branch is left.
    pub(super) places: VecDeque<Place>,
    /// Addresses of the trunk that were tried.
    pub(super) tried: Vec<Resolved>,
    /// Somebody has spoken: no further place is tried.
    pub(super) is_refused: bool,
    /// The refusal that is reported if nobody answers, and whether a peer gave it.
    pub(super) best: Option<(Cause, bool)>,
    /// Status of the last Progress told.
    pub(super) told: u16,
    /// The engine's newest wish for our side, to be negotiated once answered.
    pub(super) wanted: Option<LocalMedia>,
    /// Terms last told.
    pub(super) agreed: Option<turno_base::StreamAgreement>,
    /// A REFER that came before the answer.
    pub(super) ahead: Option<Box<Ahead>>,
}

/// A place whose address is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) uri: String,
    /// Route values from the binding's Path.
    pub(super) routes: Vec<String>,
    pub(super) to: Destination,
}

/// Where an INVITE may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    At(Known),
    Named {
        uri: String,
        host: HostPort,
        transport: Option<Transport>,
        listener: ListenerId,
        /// Asked and not yet answered.
        query: Option<u64>,
    },
}

/// One INVITE of a dialled leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Branch {
    pub(super) id: u16,
    pub(super) tx: TxId,
    pub(super) uri: String,
    /// Route values from the binding's Path.
    pub(super) routes: Vec<String>,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) call_id: String,
    pub(super) local_tag: String,
    pub(super) seq: u32,
    pub(super) hop: Destination,
    /// Nothing heard by then: try the next place.
    pub(super) fail_over_at: Option<Mono>,
    pub(super) tries: Tries,
    /// Our digest, as sent; the ACK repeats it.
    pub(super) authorization: Option<(String, String)>,
    /// What a 422 taught us.
    pub(super) session_min: Option<Duration>,
    pub(super) terms: Terms,
    pub(super) early: Vec<Early>,
    /// To tag of its refusal.
    pub(super) refused_by: Option<String>,
}

/// An early dialog of an INVITE of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Early {
    pub(super) dialog: Dialog,
    /// RSeq of the last reliable provisional response that was acknowledged.
    pub(super) rseq: Option<u32>,
    /// Offer and answer have met here.
    pub(super) has_answer: bool,
    pub(super) terms: Terms,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Up {
    pub(super) dialog: Dialog,
    /// Where requests of ours go.
    pub(super) hop: Destination,
    pub(super) terms: Terms,
    pub(super) timer: SessionTimer,
    pub(super) peer_has_timer: bool,
    pub(super) peer_has_update: bool,
    /// We wrote the Call-ID: decides who waits longer after a glare (RFC 3261 §14.1).
    pub(super) is_caller: bool,
    /// Our 2xx without its ACK.
    pub(super) unacked: Option<Unacked>,
    /// The first ACK came, or we are the caller.
    pub(super) is_confirmed: bool,
    pub(super) change: Change,
    /// The engine's wish that waits for a running change or an ACK.
    pub(super) wanted: Option<LocalMedia>,
    /// Told as ended; BYE goes as soon as the ACK is there (RFC 3261 §15).
    pub(super) farewell: Option<Cause>,
    /// The peer's REFER that we report on.
    pub(super) transfer: Option<Transfer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unacked {
    /// CSeq number of the INVITE.
    pub(super) seq: u32,
    /// Our 2xx carried the offer: the ACK carries the answer.
    pub(super) offered: bool,
    pub(super) repeated: Repeated,
}

/// A change of an established dialog that we asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Change {
    None,
    /// Under way.
    Sent {
        tx: TxId,
        is_invite: bool,
        /// It refreshes the session timer and changes nothing.
        is_refresh: bool,
        seq: u32,
        /// When: the peer's interval may have begun then, however late its answer comes.
        at: Mono,
        tries: Tries,
        /// A re-INVITE that the peer has not decided by then is withdrawn; none: UPDATE, or withdrawn.
        decide_by: Option<Mono>,
    },
    /// Refused for a moment (491): again then.
    Again {
        at: Mono,
        is_refresh: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Transfer {
    /// CSeq number of the REFER, for the Event header.
    pub(super) id: u32,
}

impl Leg {
    pub(super) fn trunk(&self) -> Option<TrunkId> {
        match self.party {
            Origin::Trunk(trunk) => Some(trunk),
            Origin::Station(_) => None,
        }
    }

    /// When the leg wants to be called.
    pub(super) fn deadline(&self) -> Option<Mono> {
        match &self.stage {
            Stage::Arriving(arriving) => {
                let unacked = arriving.unacked.as_ref().map(|u| u.repeated.deadline());
                [unacked, arriving.remind_at].into_iter().flatten().min()
            }
            Stage::Dialling(dialling) => {
                let ahead = dialling.ahead.as_ref().map(|ahead| ahead.give_up_at);
                dialling.branches.iter().filter_map(|b| b.fail_over_at).chain(ahead).min()
            }
            Stage::Up(up) => {
                let again = match up.change {
                    Change::Again { at, .. } => Some(at),
                    Change::Sent { decide_by, .. } => decide_by,
                    Change::None => None,
                };
                let timer = up.farewell.is_none().then(|| up.timer.deadline());
                let unacked = up.unacked.as_ref().map(|u| u.repeated.deadline());
                [again, timer, unacked].into_iter().flatten().min()
            }
        }
    }

    /// Our tags, by which requests of the peer find the leg.
    pub(super) fn local_tags(&self) -> Vec<String> {
        match &self.stage {
            Stage::Arriving(arriving) => vec![arriving.dialog.local_tag.clone()],
            Stage::Dialling(dialling) => dialling.branches.iter().map(|b| b.local_tag.clone()).collect(),
            Stage::Up(up) => vec![up.dialog.local_tag.clone()],
        }
    }
}
