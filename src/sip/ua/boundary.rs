//! What the SIP room says to the engine and is told by it. Above this line there is no SIP: legs, numbers, streams.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use turno_base::fact::DialogId;
use turno_base::{Cause, Codec, Direction, LegId, Number, StationId, StreamAgreement, TrunkId};

use crate::config::HostPort;
use crate::flow::{Destination, Flow, Transport};

/// What the room wants done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SipEffect {
    /// Send these bytes. On streams a failure comes back as [`crate::ua::Ua::on_send_failed`] with the token.
    Send {
        /// Where.
        to: Destination,
        /// Whole message.
        #[serde(with = "turno_base::bytes")]
        bytes: Vec<u8>,
        /// Names the transaction in a failure report; 0: nobody cares.
        token: u64,
    },
    /// Close this connection.
    Close(Flow),
    /// Resolve a host by NAPTR, SRV and A/AAAA (RFC 3263); the answer comes to [`crate::ua::Ua::on_resolved`].
    Resolve {
        /// Names the question in the answer.
        query: u64,
        /// Host and port.
        host: HostPort,
        /// Transport if fixed.
        transport: Option<Transport>,
    },
    /// Tell the rest of the engine.
    Event(SipEvent),
}

/// What happened on a leg, a registration or a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SipEvent {
    /// A call arrived and passed authentication; answer it with `ring`, `answer` or `end`.
    Incoming(Box<Incoming>),
    /// The names of a leg's dialog: behind `Incoming`, before `Answered`, before the `Ended` of what we dialled in vain. The last
    /// one holds.
    Named {
        /// The leg.
        leg: LegId,
        /// The names.
        dialog: DialogId,
    },
    /// A leg that we dialled rings (180) or progresses (183); the status is 101..=199.
    Progress {
        /// The leg.
        leg: LegId,
        /// SIP status.
        status: u16,
    },
    /// SDP offer and answer met: at first, early, and at each change. A changed `direction` is hold or resume.
    Agreed {
        /// The leg.
        leg: LegId,
        /// The terms.
        agreement: StreamAgreement,
    },
    /// A leg that we dialled was answered (2xx; the ACK is on its way).
    Answered {
        /// The leg.
        leg: LegId,
    },
    /// The ACK for our 2xx arrived: the answered leg is confirmed.
    Confirmed {
        /// The leg.
        leg: LegId,
    },
    /// A leg is gone; the last event of every leg, exactly once, also after our own `end`.
    Ended {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: Cause,
        /// The peer ended it (BYE, CANCEL, final refusal), not we or a timer.
        by_peer: bool,
    },
    /// A key by INFO (application/dtmf-relay, application/dtmf).
    Dtmf {
        /// The leg.
        leg: LegId,
        /// `0-9 * # A-D`.
        key: char,
        /// Milliseconds.
        ms: u32,
    },
    /// The peer asks us to connect its other party elsewhere (REFER, already answered 202). Report by `transfer_progress`.
    TransferAsked {
        /// The leg whose peer asks.
        leg: LegId,
        /// User part of Refer-To.
        to: String,
        /// The leg that the Refer-To's Replaces names, if it is one of ours (attended).
        replaces: Option<LegId>,
    },
    /// Where a station can be reached has changed.
    Station {
        /// The station.
        station: StationId,
        /// At least one contact is bound and answers.
        reachable: bool,
    },
    /// A trunk's state changed.
    Trunk {
        /// The trunk.
        trunk: TrunkId,
        /// Probes answered, and registered where we should be; none: nothing is known of it any more.
        up: Option<bool>,
    },
    /// Something countable that no other event shows (a parse failure, a replay, a challenge, a shed request).
    Counted(Count),
}

/// Counters of the room, each a metric label. The variants are the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// 401 or 407 sent.
    Challenged,
    /// A digest that did not fit.
    AuthFailed,
    /// A nonce count seen before.
    Replayed,
    /// A guess not evaluated: too many from this source.
    GuessRefused,
    /// A request answered 503 for load.
    Shed,
    /// A message answered 400 or dropped as unreadable.
    Malformed,
    /// A response without a transaction.
    Stray,
    /// A retransmission absorbed.
    Retransmission,
    /// A request merged away (482, RFC 3261 §8.2.2.2).
    Merged,
    /// A later 2xx of a fork, ACKed and BYEd.
    LostRace,
    /// A SUBSCRIBE refused for its rate.
    SubscribeRefused,
}

/// A call that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incoming {
    /// Minted now ([`LegId::arrived`]).
    pub leg: LegId,
    /// Whence.
    pub origin: Origin,
    /// The caller: P-Asserted-Identity where trusted, From else; Privacy respected.
    pub ani: Number,
    /// Display name; data, never markup.
    pub display: String,
    /// User part of the Request-URI.
    pub dnis: String,
    /// Who diverted it, last diversion first (Diversion, History-Info).
    pub diverted_from: Vec<String>,
    /// SIP Call-ID, for records and logs.
    pub sip_call_id: String,
    /// The leg this call replaces (RFC 3891): answer it and connect it in that leg's place.
    pub replaces: Option<LegId>,
}

/// Whence a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A trunk, by its address or digest.
    Trunk(TrunkId),
    /// A station, by its digest (or fixed contact's address).
    Station(StationId),
}

/// Our side of a leg's audio, from which SDP is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalMedia {
    /// Where we receive RTP, as the peer sees us.
    pub rtp: SocketAddr,
    /// Where we receive RTCP.
    pub rtcp: SocketAddr,
    /// What we take, in order of preference; telephone-event is always offered beside them.
    pub codecs: Vec<Codec>,
    /// From our side; `SendOnly` holds the peer.
    pub direction: Direction,
}

/// A leg to dial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dial {
    /// Minted by the caller ([`LegId::dialled`]).
    pub leg: LegId,
    /// Call-ID of its INVITE, minted by the caller; empty: we mint one. Further INVITEs of the leg, to a second phone or the
    /// next address, have it with `-2`, `-3` behind.
    pub call_id: String,
    /// Whom.
    pub to: Target,
    /// Caller identity to show.
    pub from: Number,
    /// Display name to show.
    pub display: String,
    /// Our side of the audio: the SDP offer.
    pub media: LocalMedia,
    /// Extra headers for the INVITE, e.g. `Alert-Info`, `Call-Info`; names and values are checked for CR/LF.
    pub headers: Vec<(String, String)>,
}

/// Whom a leg is dialled to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// All bindings of a station at once (or its fixed contact); the first 2xx wins.
    Station(StationId),
    /// A number by a trunk.
    Trunk {
        /// The trunk.
        trunk: TrunkId,
        /// User part of the Request-URI.
        number: String,
    },
}

/// How a transfer that a peer asked for goes on, for its NOTIFYs (RFC 3515 §2.4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferProgress {
    /// `100 Trying`.
    Trying,
    /// `180 Ringing`.
    Ringing,
    /// `200 OK`; ends the subscription.
    Done,
    /// The status that ended it.
    Failed(u16),
}

/// What keeps the process from taking new calls, whatever there is to do. How long new requests would wait is no matter of
/// the engine's: [`crate::shed::Door`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Draining: new INVITE and OPTIONS are 503 (C6).
    pub draining: bool,
    /// The store cannot take a new record (disk full): new INVITEs are 503 (docs/records.md).
    pub store_full: bool,
}
