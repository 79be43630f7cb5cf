//! Which codecs two legs can be bridged with.

use turno_base::Codec;

/// What may be offered to a leg that will hear another: of its `own` codecs those that connect with the other leg, which
/// agreed on `agreed` or, before its answer, may still take any of `possible`. The same codec comes first; the two laws
/// of G.711 connect by transcoding. Never empty unless `own` is: an offer that cannot connect is refused by the peer.
pub fn offerable(agreed: Option<Codec>, possible: &[Codec], own: &[Codec]) -> Vec<Codec> {
    let connects = |codec: &Codec| match agreed {
        Some(other) => *codec == other || is_g711(*codec) && is_g711(other),
        // Either law can be had from the other, whichever the answer will say.
        None => is_g711(*codec) && possible.iter().any(|other| is_g711(*other)),
    };
    let mut offer: Vec<Codec> = own.iter().copied().filter(connects).collect();
    if offer.is_empty() {
        offer = own.to_vec();
    }
    offer.sort_by_key(|codec| Some(*codec) != agreed);
    offer
}

fn is_g711(codec: Codec) -> bool {
    matches!(codec, Codec::Pcmu | Codec::Pcma)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Codec::{G722, Opus, Pcma, Pcmu};

    #[test]
    fn an_offer_holds_only_what_can_be_bridged() {
        for (agreed, possible, own, offered) in [
            (Some(Pcma), vec![Pcma], vec![Opus, Pcmu, Pcma], vec![Pcma, Pcmu]),
            (Some(Opus), vec![Opus], vec![Pcmu, Opus], vec![Opus]),
            (Some(G722), vec![G722], vec![Pcmu], vec![Pcmu]), // nothing connects: the peer's refusal says so
            (None, vec![Opus, Pcma], vec![Opus, Pcmu], vec![Pcmu]),
            (None, vec![Opus], vec![Opus], vec![Opus]),
        ] {
            assert_eq!(offerable(agreed, &possible, &own), offered, "{agreed:?} {possible:?} {own:?}");
        }
    }
}
