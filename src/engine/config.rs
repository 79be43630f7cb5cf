//! What the engine is told once and at each change. Checked where it is parsed (`shell/config`), plain data here.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use turno_acd::AcdConfig;
use turno_base::{Codec, SegmentId};
use turno_call::CallConfig;
use turno_sip::config::{Cidr, SipConfig};
use turno_tariff::Deck;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineConfig {
    /// Which revision of the configuration this is, for records of what was decided under it; 0: it has no number.
    pub revision: u64,
    /// Names the life's ids; entropy from the shell at the first start.
    pub seed: u64,
    /// Signalling.
    pub sip: SipConfig,
    /// Media.
    pub media: MediaConfig,
    /// Dial plan.
    pub call: CallConfig,
    /// Queues and agents.
    pub acd: AcdConfig,
    /// Segment of callers nobody knows.
    pub segment_default: SegmentId,
    /// Value of callers nobody knows, per mille.
    pub value_default_pm: u32,
    /// Prices.
    pub deck: Deck,
    /// Country code without `+`, for numbers given in national form.
    pub country: String,
}

/// Addresses and codecs of media.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaConfig {
    /// What peers outside the local networks are told as our address; none: the bound one.
    pub external: Option<IpAddr>,
    /// Networks reached without NAT.
    pub local_networks: Vec<Cidr>,
    /// Codecs offered to a party whose trunk or account names none.
    pub codecs: Vec<Codec>,
}

impl EngineConfig {
    /// Trunks and accounts that name no codecs take those of the media section.
    pub(crate) fn settle_codecs(&mut self) {
        let of_trunks = self.sip.trunks.iter_mut().map(|trunk| &mut trunk.codecs);
        let of_accounts = self.sip.accounts.iter_mut().map(|account| &mut account.codecs);
        for codecs in of_trunks.chain(of_accounts).filter(|codecs| codecs.is_empty()) {
            codecs.clone_from(&self.media.codecs);
        }
    }
}
