//! What the media threads are told and what they answer. A media session has its leg's id.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{LegId, PromptId, Quality as LegQuality, StreamAgreement, TapeEnd};

use crate::tape::TapeRules;

/// A pair of bound sockets, RTP and RTCP, that the media threads hand to the engine to place legs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Port {
    /// Bound address of the RTP socket.
    pub rtp: SocketAddr,
    /// Bound address of the RTCP socket; the next odd port.
    pub rtcp: SocketAddr,
}

/// What a media session should do. Order per leg is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaCommand {
    /// Begin on this port. Nothing is sent or accepted before `Agree`.
    Open(Port),
    /// New terms: where to send, what to accept. Unlatches if `remote` changed.
    Agree(StreamAgreement),
    /// Play to this leg, instead of what plays now; also while bridged (the bridge is then silent towards this leg).
    /// `PlayEnded` comes with the same number, so that the end of what was replaced meanwhile is not taken for it.
    Play(Play, u32),
    /// Play nothing.
    Quiet,
    /// Both legs hear each other; ends any playing. A second bridge replaces the first.
    Bridge(LegId),
    /// Leave the bridge; both legs fall silent.
    Unbridge,
    /// Send a key by RFC 4733 if agreed, else nothing.
    Key {
        /// `0-9 * # A-D`.
        key: char,
        /// Milliseconds, 40..=5000.
        ms: u32,
    },
    /// The peer has pressed a key and said so in signalling: whoever it is bridged with gets it as by `Key`.
    Pressed {
        /// `0-9 * # A-D`.
        key: char,
        /// Milliseconds, 40..=5000.
        ms: u32,
    },
    /// Hold exempts from the short media limit (N2).
    Held(bool),
    /// Take down what the peer says, instead of what was being taken down: the samples go out in pieces, and `Taped` says that it
    /// is over.
    Tape(TapeRules),
    /// No more of it.
    EndTape,
    /// End; answered by `Closed`. The port comes back to the engine among its free ports once it has rested.
    Close,
}

/// A sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Play {
    /// Once each, in order; `PlayEnded` follows the last. Then silence.
    Once(Vec<PromptId>),
    /// Looped until told otherwise; everybody on the same prompt shares one encoding.
    Loop(PromptId),
    /// Once each, then loop.
    OnceThenLoop(Vec<PromptId>, PromptId),
    /// Ringback, 425 Hz, 1.5 s on, 3 s off (ETSI TS 101 041; Spain).
    Ringback,
}

/// What a media session saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaEvent {
    /// RTP arrives from this address and the session is locked to it.
    Latched(SocketAddr),
    /// A key by RFC 4733 or in-band detection, once per press.
    Key {
        /// `0-9 * # A-D`.
        key: char,
        /// Milliseconds.
        ms: u32,
    },
    /// The last prompt of `Once` (or the `once` part of `OnceThenLoop`) has ended, of the `Play` with this number.
    PlayEnded(u32),
    /// What was taken down is over and has gone out; before `Closed`.
    Taped {
        /// So much, ms.
        ms: u32,
        /// Why.
        end: TapeEnd,
    },
    /// Neither RTP nor RTCP for the media limit: nothing was heard for so long. A length and no instant, because the media threads
    /// have a clock of their own.
    Silent(Duration),
    /// Closed.
    Closed {
        /// The figures of its life.
        quality: LegQuality,
        /// For how long nothing had been heard, as [`MediaEvent::Silent`] has it.
        silent: Duration,
    },
    /// The session could not be opened or broke (socket error).
    Failed,
}
