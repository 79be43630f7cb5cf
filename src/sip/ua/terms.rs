//! The audio terms of one dialog: our side, the offers and answers about it, and what was last told of them.

use serde::{Deserialize, Serialize};
use turno_base::StreamAgreement;

use super::LocalMedia;
use crate::sdp::{Negotiation, Prefer, SdpError};

/// Offer and answer of one dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    negotiation: Negotiation,
    /// Our side as it was last offered or answered.
    media: Option<LocalMedia>,
    agreed: Option<StreamAgreement>,
}

impl Terms {
    pub(super) fn new(id: u64) -> Terms {
        // o= wants a number that also fits the signed 64 bits of older parsers (RFC 3264 §5).
        Terms { negotiation: Negotiation::new(id >> 2), media: None, agreed: None }
    }

    /// Our side as the peer was last told.
    pub(super) fn media(&self) -> Option<&LocalMedia> {
        self.media.as_ref()
    }

    pub(super) fn agreed(&self) -> Option<&StreamAgreement> {
        self.agreed.as_ref()
    }

    /// Our offer.
    pub(super) fn offer(&mut self, media: &LocalMedia) -> Vec<u8> {
        self.media = Some(media.clone());
        self.negotiation.offer(media).into_bytes()
    }

    /// Our answer, and the agreement if it is news.
    pub(super) fn answer(
        &mut self,
        offer: &[u8],
        media: &LocalMedia,
    ) -> Result<(Vec<u8>, Option<StreamAgreement>), SdpError> {
        let (answer, agreement) = self.negotiation.answer(offer, media, Prefer::Ours)?;
        self.media = Some(media.clone());
        Ok((answer.into_bytes(), self.news(agreement)))
    }

    /// The peer's answer to our offer: the agreement if it is news.
    pub(super) fn accept(&mut self, answer: &[u8]) -> Result<Option<StreamAgreement>, SdpError> {
        let agreement = self.negotiation.accept(answer)?;
        Ok(self.news(agreement))
    }

    fn news(&mut self, agreement: StreamAgreement) -> Option<StreamAgreement> {
        if self.agreed.as_ref() == Some(&agreement) {
            return None;
        }
        self.agreed = Some(agreement.clone());
        Some(agreement)
    }

    /// Whether an offer could be answered with these codecs, without answering it.
    pub(super) fn could_answer(&self, offer: &[u8], media: &LocalMedia) -> Result<(), SdpError> {
        self.negotiation.clone().answer(offer, media, Prefer::Ours).map(drop)
    }
}
