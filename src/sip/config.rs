//! What the SIP room is told: listeners, accounts, trunks, timers. Data only; checked where it is parsed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Codec, StationId, TrunkId};

use crate::auth::Algorithm;
use crate::flow::{Listener, ListenerId, Transport};

/// Everything the SIP room needs to know from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SipConfig {
    /// Sockets, by [`ListenerId`].
    pub listeners: Vec<Listener>,
    /// Networks reached without NAT: peers in them are told `Listener::local`.
    pub local_networks: Vec<Cidr>,
    /// Host names and addresses we answer for besides the listeners' own; the first is the realm of our challenges.
    pub domains: Vec<String>,
    /// Secret for nonces, 32 bytes of entropy from the shell. Stable over a restart so that phones need not re-challenge.
    pub nonce_key: [u8; 32],
    /// Who may register or call from a phone.
    pub accounts: Vec<Account>,
    /// Peers.
    pub trunks: Vec<Trunk>,
    /// Timers and bounds.
    pub rules: SipRules,
}

/// SIP credentials of a station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// User part of the address of record, and user name of the digest.
    pub user: String,
    /// Clear password, or the two hashes (`HA1`) where the operator keeps no clear passwords.
    pub secret: Secret,
    /// The station this account is.
    pub station: StationId,
    /// A PBX extension with a fixed address instead of a registration.
    pub fixed: Option<FixedContact>,
    /// Codecs to offer and accept, in order of preference.
    pub codecs: Vec<Codec>,
    /// How its phone is told to answer by itself, in all these forms at once; empty: it cannot be told.
    pub auto_answer: Vec<AnswerForm>,
}

/// A header that tells a phone to answer by itself. Which one a model obeys, and whether it must be allowed there first, is its
/// maker's choice: only one of them is a standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerForm {
    /// `Call-Info` with `answer-after=0`: most desk phones.
    CallInfo,
    /// `Alert-Info` with `info=alert-autoanswer`: most desk phones and softphones.
    AlertInfo,
    /// `Alert-Info` with the words of a ring class.
    RingAnswer,
    /// RFC 5373 `Answer-Mode`. Not `Require`d, so that a phone without it rings.
    AnswerMode,
    /// `P-Auto-Answer`, of push-to-talk phones.
    PAutoAnswer,
}

impl AnswerForm {
    /// All of them.
    pub const ALL: [AnswerForm; 5] = [
        AnswerForm::CallInfo,
        AnswerForm::AlertInfo,
        AnswerForm::RingAnswer,
        AnswerForm::AnswerMode,
        AnswerForm::PAutoAnswer,
    ];

    /// The word in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            AnswerForm::CallInfo => "call-info",
            AnswerForm::AlertInfo => "alert-info",
            AnswerForm::RingAnswer => "ring-answer",
            AnswerForm::AnswerMode => "answer-mode",
            AnswerForm::PAutoAnswer => "p-auto-answer",
        }
    }

    /// Name and value of the header. The URIs name nothing: phones read the parameter behind them.
    pub const fn header(self) -> (&'static str, &'static str) {
        match self {
            AnswerForm::CallInfo => ("Call-Info", "<sip:turno.invalid>;answer-after=0"),
            AnswerForm::AlertInfo => ("Alert-Info", "<http://turno.invalid>;info=alert-autoanswer;delay=0"),
            AnswerForm::RingAnswer => ("Alert-Info", "Ring Answer"),
            AnswerForm::AnswerMode => ("Answer-Mode", "Auto"),
            AnswerForm::PAutoAnswer => ("P-Auto-Answer", "normal"),
        }
    }
}

/// Digest secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Secret {
    /// As typed.
    Password(String),
    /// `H(user:realm:password)` in lower-case hex.
    Hashes {
        /// MD5, 32 digits.
        md5: String,
        /// SHA-256, 64 digits; empty: only MD5 is offered for this account's challenges to succeed.
        sha256: String,
    },
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a station is that never registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedContact {
    /// Request-URI to call, e.g. `sip:204@10.0.0.5`.
    pub uri: String,
    /// Transport.
    pub transport: Transport,
    /// Trunk (PBX) it belongs to, whose credentials answer a challenge.
    pub trunk: Option<TrunkId>,
}

/// A configured SIP peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trunk {
    /// Name.
    pub id: TrunkId,
    /// Requests from these networks are this trunk's; the longest prefix wins among trunks.
    pub networks: Vec<Cidr>,
    /// Where calls out go, in order of preference: host or address, optional port (none: NAPTR/SRV/A, RFC 3263).
    pub hosts: Vec<HostPort>,
    /// Transport; none: whatever NAPTR says, UDP without.
    pub transport: Option<Transport>,
    /// Listener to use.
    pub listener: ListenerId,
    /// Our credentials there: answer its challenges for this realm and address, and no others (S4).
    pub credentials: Option<Credentials>,
    /// Register there with these credentials, refreshed at this interval.
    pub register: Option<Duration>,
    /// Challenge its requests by digest as this account user instead of trusting the address.
    pub digest_user: Option<String>,
    /// Codecs in order of preference.
    pub codecs: Vec<Codec>,
    /// Most calls at once; 0: no bound.
    pub calls_max: u32,
    /// Most new calls per second, both directions; 0: no bound.
    pub calls_per_second_max: u32,
    /// OPTIONS probe interval; none: never probed, always up.
    pub probe: Option<Duration>,
    /// Its P-Asserted-Identity, Diversion and the like are believed.
    pub trusted: bool,
}

/// Our user name and password at a trunk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
    /// Only this realm's challenges are answered; none: any realm, from the trunk's address.
    pub realm: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}, …)", self.user)
    }
}

/// A host to resolve, or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostPort {
    /// Name or address without brackets.
    pub host: String,
    /// Port; none: SRV, then 5060.
    pub port: Option<u16>,
}

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cidr {
    /// Any address in it.
    pub address: IpAddr,
    /// Length in bits.
    pub prefix: u8,
}

impl Cidr {
    /// Whether `address` is in the network; a v4-mapped v6 address counts as v4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let keep = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
                net.to_bits() & keep == ip.to_bits() & keep
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let keep = u128::MAX.checked_shl(128 - u32::from(self.prefix.min(128))).unwrap_or(0);
                net.to_bits() & keep == ip.to_bits() & keep
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Timers and bounds of the SIP room, each with the default of its RFC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SipRules {
    /// T1 (RFC 3261 §17.1.1.1).
    pub t1: Duration,
    /// T2 (RFC 3261 §17.1.2.2).
    pub t2: Duration,
    /// T4 (RFC 3261 §17.1.2.2).
    pub t4: Duration,
    /// Session-Expires that we ask for (RFC 4028).
    pub session_expires: Duration,
    /// Min-SE: less is answered 422 (RFC 4028 §5); at least 90 s.
    pub session_min: Duration,
    /// Shortest registration accepted; less is 423.
    pub expires_min: Duration,
    /// Longest registration granted.
    pub expires_max: Duration,
    /// Bindings of one account; more is 403.
    pub bindings_max: u32,
    /// How long a nonce lives; past it `stale=true`; at most 60 s (A1).
    pub nonce_life: Duration,
    /// Evaluated guesses a minute from one source address (A3).
    pub guesses_per_minute: u32,
    /// SUBSCRIBEs a minute from one source address; more is 503 with Retry-After.
    pub subscribes_per_minute: u32,
    /// Most dialogs at once; more new INVITEs are 503.
    pub dialogs_max: u32,
    /// Digest algorithms that are offered, in order of preference, and no others taken; not empty. Some phones choke on a
    /// first challenge that they do not know (RFC 8760 §2.3 lets the server choose the order).
    pub digests: Vec<Algorithm>,
}

impl Default for SipRules {
    fn default() -> SipRules {
        SipRules {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            session_expires: Duration::from_secs(1800),
            session_min: Duration::from_secs(90),
            expires_min: Duration::from_secs(60),
            expires_max: Duration::from_secs(3600),
            bindings_max: 5,
            nonce_life: Duration::from_secs(60),
            guesses_per_minute: 30,
            subscribes_per_minute: 60,
            dialogs_max: 50_000,
            digests: vec![Algorithm::Sha256, Algorithm::Md5],
        }
    }
}

/// An address that a trunk host or request target resolved to, with what to try it over (RFC 3263 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Resolved {
    /// Transport.
    pub transport: Transport,
    /// Address.
    pub peer: SocketAddr,
}
