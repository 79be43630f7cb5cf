//! A description as an offer, and as an answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turno_base::{Codec, Direction};
use turno_sip::sdp::{Negotiation, Prefer};
use turno_sip::ua::LocalMedia;

fuzz_target!(|data: &[u8]| {
    let media = LocalMedia {
        rtp: "192.0.2.1:4000".parse().expect("address"),
        rtcp: "192.0.2.1:4001".parse().expect("address"),
        codecs: vec![Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu, Codec::G729],
        direction: Direction::SendRecv,
    };
    let mut ours = Negotiation::new(1);
    let offer = ours.offer(&media);
    let _ = ours.accept(data);
    let mut theirs = Negotiation::new(2);
    let Ok((answer, agreement)) = theirs.answer(data, &media, Prefer::Ours) else { return };
    assert!((10..=60).contains(&agreement.ptime_ms) && agreement.receive.contains(&agreement.send));
    // What we say can be agreed to by ourselves.
    let later = theirs.offer(&media);
    assert!(Negotiation::new(3).answer(later.as_bytes(), &media, Prefer::Theirs).is_ok(), "{later}");
    assert!(Negotiation::new(4).answer(offer.as_bytes(), &media, Prefer::Ours).is_ok());
    assert!(answer.starts_with("v=0\r\n") && answer.ends_with("\r\n"));
});
