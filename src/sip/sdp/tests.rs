//! Offer and answer through the front door: descriptions in, terms and descriptions out.

use super::*;

fn media(codecs: &[Codec]) -> LocalMedia {
    LocalMedia {
        rtp: "192.0.2.1:4000".parse().expect("address"),
        rtcp: "192.0.2.1:4001".parse().expect("address"),
        codecs: codecs.to_vec(),
        direction: Direction::SendRecv,
    }
}

const ALL: [Codec; 5] = [Codec::G722, Codec::Pcma, Codec::Pcmu, Codec::Opus, Codec::G729];

/// The agreement on one line.
fn terms(agreement: &StreamAgreement) -> String {
    let receive: Vec<_> = agreement.receive.iter().map(|(codec, pt)| format!("{}={pt}", codec.as_str())).collect();
    let keys: Vec<_> = agreement.dtmf_receive.iter().filter(|pt| Some(**pt) != agreement.dtmf).collect();
    let also = if keys.is_empty() { String::new() } else { format!(" or {keys:?}") };
    format!(
        "{} rtcp {} send {}={} receive {} dtmf {}{also} {:?} {} ms",
        agreement.remote,
        agreement.remote_rtcp,
        agreement.send.0.as_str(),
        agreement.send.1,
        receive.join(","),
        agreement.dtmf.map_or("none".to_owned(), |pt| pt.to_string()),
        agreement.direction,
        agreement.ptime_ms
    )
}

/// What a description leads to as an offer: the terms, then our m= and direction lines.
fn answered(offer: &str, codecs: &[Codec], prefer: Prefer) -> String {
    let offer = format!("v=0\no=- 1 1 IN IP4 10.0.0.1\ns=-\n{offer}");
    match Negotiation::new(9).answer(offer.as_bytes(), &media(codecs), prefer) {
        Ok((sdp, agreement)) => {
            let media_lines: Vec<_> = sdp.lines().filter(|line| line.starts_with("m=")).collect();
            format!("{} | {}", terms(&agreement), media_lines.join(" | "))
        }
        Err(error) => format!("{} {error}", error.status()),
    }
}

#[test]
fn an_offer_of_ours_reads_like_this() {
    let mut negotiation = Negotiation::new(9);
    expect_test::expect![[r#"
        v=0
        o=- 9 1 IN IP4 192.0.2.1
        s=-
        c=IN IP4 192.0.2.1
        t=0 0
        m=audio 4000 RTP/AVP 9 8 0 111 18 101 110
        a=rtpmap:9 G722/8000
        a=rtpmap:8 PCMA/8000
        a=rtpmap:0 PCMU/8000
        a=rtpmap:111 opus/48000/2
        a=fmtp:111 useinbandfec=1
        a=rtpmap:18 G729/8000
        a=fmtp:18 annexb=no
        a=rtpmap:101 telephone-event/8000
        a=fmtp:101 0-15
        a=rtpmap:110 telephone-event/48000
        a=fmtp:110 0-15
        a=ptime:20
        a=sendrecv
    "#]]
    .assert_eq(&negotiation.offer(&media(&ALL)).replace("\r\n", "\n"));
    // The same again is the same session version; a change is the next.
    assert!(negotiation.offer(&media(&ALL)).contains("o=- 9 1 "));
    let held = LocalMedia { direction: Direction::SendOnly, ..media(&ALL) };
    let offer = negotiation.offer(&held);
    assert!(offer.contains("o=- 9 2 ") && offer.contains("a=sendonly\r\n"));
    // IPv6, and RTCP somewhere unusual.
    let v6 = LocalMedia { rtp: "[2001:db8::1]:4000".parse().expect("v6"), ..media(&[Codec::Pcma]) };
    let offer = Negotiation::new(1).offer(&v6);
    assert!(offer.contains("c=IN IP6 2001:db8::1\r\n") && offer.contains("a=rtcp:4001 IN IP4 192.0.2.1\r\n"));
}

#[test]
fn offers_are_answered_by_table() {
    let c = "c=IN IP4 10.0.0.1\nt=0 0\n";
    let alaw = "10.0.0.1:5000 rtcp 10.0.0.1:5001 send PCMA=8 receive PCMA=8 dtmf none";
    for (offer, answer) in [
        ("m=audio 5000 RTP/AVP 8", format!("{alaw} SendRecv 20 ms | m=audio 4000 RTP/AVP 8")),
        // Our order decides; payload types are the peer's; events at the codec's clock.
        (
            "m=audio 5000 RTP/AVP 8 96 97 98\na=rtpmap:96 G722/8000\na=rtpmap:97 telephone-event/48000\n\
             a=rtpmap:98 TELEPHONE-EVENT/8000\na=ptime:30",
            "10.0.0.1:5000 rtcp 10.0.0.1:5001 send G722=96 receive G722=96 dtmf 98 SendRecv 30 ms | \
             m=audio 4000 RTP/AVP 96 98"
                .to_owned(),
        ),
        (
            "m=audio 5000 RTP/AVP 120 101\na=rtpmap:120 OPUS/48000/2\na=rtpmap:101 telephone-event/8000",
            "10.0.0.1:5000 rtcp 10.0.0.1:5001 send opus=120 receive opus=120 dtmf none SendRecv 20 ms | \
             m=audio 4000 RTP/AVP 120"
                .to_owned(),
        ),
        // A static number may be mapped to something else.
        ("m=audio 5000 RTP/AVP 8\na=rtpmap:8 iLBC/8000", "488 audio stream has no codec that we take".to_owned()),
        ("m=audio 5000 RTP/AVP 8\na=sendonly", format!("{alaw} RecvOnly 20 ms | m=audio 4000 RTP/AVP 8")),
        ("m=audio 5000 RTP/AVP 8\na=recvonly", format!("{alaw} SendOnly 20 ms | m=audio 4000 RTP/AVP 8")),
        ("m=audio 5000 RTP/AVP 8\na=inactive", format!("{alaw} Inactive 20 ms | m=audio 4000 RTP/AVP 8")),
        ("a=sendonly\nm=audio 5000 RTP/AVP 8", format!("{alaw} RecvOnly 20 ms | m=audio 4000 RTP/AVP 8")),
        ("a=sendonly\nm=audio 5000 RTP/AVP 8\na=sendrecv", format!("{alaw} SendRecv 20 ms | m=audio 4000 RTP/AVP 8")),
        // The hold of old phones: nothing may be sent there.
        (
            "m=audio 5000 RTP/AVP 8\nc=IN IP4 0.0.0.0",
            "0.0.0.0:5000 rtcp 0.0.0.0:5001 send PCMA=8 receive PCMA=8 dtmf none RecvOnly 20 ms | \
             m=audio 4000 RTP/AVP 8"
                .to_owned(),
        ),
        (
            "m=audio 5000 RTP/AVP 8\nc=IN IP6 2001:db8::5",
            "488 audio stream has an address of another family than ours".to_owned(),
        ),
        // IPv4 all the same, and a packet time that nobody sends.
        (
            "m=audio 5000 RTP/AVP 8\nc=IN IP6 ::ffff:10.0.0.5\na=rtcp:6000\na=ptime:200",
            "10.0.0.5:5000 rtcp 10.0.0.5:6000 send PCMA=8 receive PCMA=8 dtmf none SendRecv 20 ms | \
             m=audio 4000 RTP/AVP 8"
                .to_owned(),
        ),
        (
            "m=audio 5000 RTP/AVP 8\na=rtcp:6000 IN IP4 10.0.0.2",
            "10.0.0.1:5000 rtcp 10.0.0.2:6000 send PCMA=8 receive PCMA=8 dtmf none SendRecv 20 ms | \
             m=audio 4000 RTP/AVP 8"
                .to_owned(),
        ),
        (
            "m=audio 5000 RTP/AVP 8\na=rtcp-mux\na=rtcp:6000",
            "10.0.0.1:5000 rtcp 10.0.0.1:5000 send PCMA=8 receive PCMA=8 dtmf none SendRecv 20 ms | \
             m=audio 4000 RTP/AVP 8"
                .to_owned(),
        ),
        // Other streams keep their places, refused.
        (
            "m=video 5002 RTP/AVP 31\nm=audio 5004 RTP/SAVP 8\nm=audio 5006 RTP/AVP 3\nm=audio 5000 RTP/AVP 8 0\n\
             m=audio 5008 RTP/AVP 8\nm=application 9 UDP/BFCP *",
            format!(
                "{alaw} SendRecv 20 ms | m=video 0 RTP/AVP 31 | m=audio 0 RTP/SAVP 8 | m=audio 0 RTP/AVP 3 | \
                 m=audio 4000 RTP/AVP 8 | m=audio 0 RTP/AVP 8 | m=application 0 UDP/BFCP *"
            ),
        ),
        ("m=audio 0 RTP/AVP 8", "488 session description has no plain audio stream".to_owned()),
        ("m=audio 5000 RTP/SAVP 8", "488 session description has no plain audio stream".to_owned()),
        ("m=audio 5000 RTP/AVP 3 97", "488 audio stream has no codec that we take".to_owned()),
        ("m=audio 5000 RTP/AVP 8\nc=IN IP4 media.example", "488 audio stream has no address".to_owned()),
        (
            "m=audio 5000 RTP/AVP 8\nm=vi\rdeo 5002 RTP/AVP 31",
            "400 session description is malformed at line 7".to_owned(),
        ),
        ("m=audio x RTP/AVP 8", "400 session description is malformed at line 6".to_owned()),
        ("c=IN", "400 session description is malformed at line 6".to_owned()),
        ("", "488 session description has no plain audio stream".to_owned()),
    ] {
        assert_eq!(answered(&format!("{c}{offer}\n"), &ALL, Prefer::Ours), answer, "{offer}");
    }
    let v6 = LocalMedia { rtp: "[2001:db8::1]:4000".parse().expect("v6"), ..media(&ALL) };
    let offer = "v=0\nc=IN IP6 2001:db8::5\nm=audio 5000 RTP/AVP 8\n";
    let agreed = Negotiation::new(9).answer(offer.as_bytes(), &v6, Prefer::Ours).map(|(_, agreement)| agreement.remote);
    assert_eq!(agreed, Ok("[2001:db8::5]:5000".parse().expect("v6")));
    let v4 = "v=0\nc=IN IP4 10.0.0.5\nm=audio 5000 RTP/AVP 8\n";
    let refused = Negotiation::new(9).answer(v4.as_bytes(), &v6, Prefer::Ours).map(drop);
    assert_eq!(refused, Err(SdpError::OtherFamily));
    assert_eq!(
        answered(&format!("{c}m=audio 5000 RTP/AVP 18 8"), &[Codec::Pcma, Codec::G729], Prefer::Theirs),
        "10.0.0.1:5000 rtcp 10.0.0.1:5001 send G729=18 receive G729=18 dtmf none SendRecv 20 ms | m=audio 4000 RTP/AVP 18"
    );
    let unseen = format!("{c}m=audio 5000 RTP/AVP{} 8", " 3".repeat(FORMATS_MAX));
    assert_eq!(answered(&unseen, &ALL, Prefer::Ours), "488 audio stream has no codec that we take");
    let long = format!("{c}m={} 5000 RTP/AVP 8", "x".repeat(65));
    assert_eq!(answered(&long, &ALL, Prefer::Ours), "400 session description is malformed at line 6");
    let many = "m=audio 5000 RTP/AVP 8\n".repeat(STREAMS_MAX + 1);
    assert_eq!(answered(&format!("{c}{many}"), &ALL, Prefer::Ours), "488 session description has more than 16 streams");
}

#[test]
fn answers_are_read_by_table() {
    let mut negotiation = Negotiation::new(9);
    assert_eq!(negotiation.accept(b"v=0\r\n"), Err(SdpError::NotAsked));
    negotiation.offer(&media(&[Codec::Pcma, Codec::Pcmu, Codec::Opus]));
    for (answer, seen) in [
        (
            "m=audio 5000 RTP/AVP 0 8 101\na=rtpmap:101 telephone-event/8000",
            "10.0.0.1:5000 rtcp 10.0.0.1:5001 send PCMU=0 receive PCMA=8,PCMU=0 dtmf 101 SendRecv 20 ms",
        ),
        // The answer numbers Opus and keys its own way: we send by its numbers and understand both.
        (
            "m=audio 5000 RTP/AVP 96 97\na=rtpmap:96 opus/48000/2\na=rtpmap:97 telephone-event/48000",
            "10.0.0.1:5000 rtcp 10.0.0.1:5001 send opus=96 receive opus=111,opus=96 dtmf 97 or [110] SendRecv 20 ms",
        ),
        // Multiplexing that we did not offer is not agreed.
        (
            "m=audio 5000 RTP/AVP 8\na=rtcp-mux\na=recvonly",
            "10.0.0.1:5000 rtcp 10.0.0.1:5001 send PCMA=8 receive PCMA=8 dtmf none SendOnly 20 ms",
        ),
        // It numbers keys its own way: we send by its number and understand both.
        (
            "m=audio 5000 RTP/AVP 8 96\na=rtpmap:96 telephone-event/8000",
            "10.0.0.1:5000 rtcp 10.0.0.1:5001 send PCMA=8 receive PCMA=8 dtmf 96 or [101] SendRecv 20 ms",
        ),
        // Our number for keys is its number for sound: then it is sound.
        (
            "m=audio 5000 RTP/AVP 110 96\na=rtpmap:110 opus/48000/2\na=rtpmap:96 telephone-event/48000",
            "10.0.0.1:5000 rtcp 10.0.0.1:5001 send opus=110 receive opus=111,opus=110 dtmf 96 SendRecv 20 ms",
        ),
        ("c=IN IP6 2001:db8::5\nm=audio 5000 RTP/AVP 8", "488 audio stream has an address of another family than ours"),
        ("m=audio 0 RTP/AVP 8", "488 session description has no plain audio stream"),
        ("m=audio 5000 RTP/AVP 9", "488 audio stream has no codec that we take"),
    ] {
        let text = format!("v=0\no=- 1 1 IN IP4 10.0.0.1\ns=-\nc=IN IP4 10.0.0.1\nt=0 0\n{answer}\n");
        let got = match negotiation.clone().accept(text.as_bytes()) {
            Ok(agreement) => terms(&agreement),
            Err(error) => format!("{} {error}", error.status()),
        };
        assert_eq!(got, seen, "{answer}");
    }
}

#[test]
fn a_later_offer_keeps_the_lines_and_numbers_of_the_session() {
    let mut negotiation = Negotiation::new(9);
    let offer = "v=0\no=- 1 1 IN IP4 10.0.0.1\ns=-\nc=IN IP4 10.0.0.1\nt=0 0\nm=video 6000 RTP/AVP 99\n\
                 m=audio 5000 RTP/AVP 101 110\na=rtpmap:101 opus/48000/2\na=rtpmap:110 telephone-event/48000\n";
    negotiation.answer(offer.as_bytes(), &media(&[Codec::Opus]), Prefer::Ours).expect("agreed");
    let later = negotiation.offer(&media(&[Codec::Pcma, Codec::Opus]));
    let lines: Vec<_> = later.lines().filter(|line| line.starts_with("m=") || line.starts_with("o=")).collect();
    // 101 is the peer's Opus, so our telephone-event/8000 goes elsewhere.
    assert_eq!(lines, ["o=- 9 2 IN IP4 192.0.2.1", "m=video 0 RTP/AVP 99", "m=audio 4000 RTP/AVP 8 101 127 110"]);
    let answer = "v=0\nc=IN IP4 10.0.0.1\nm=video 0 RTP/AVP 99\nm=audio 5000 RTP/AVP 8\n";
    assert_eq!(negotiation.accept(answer.as_bytes()).map(|agreement| agreement.send), Ok((Codec::Pcma, 8)));
    let bytes = postcard::to_stdvec(&negotiation).expect("serialises");
    assert_eq!(postcard::from_bytes::<Negotiation>(&bytes), Ok(negotiation));
}
