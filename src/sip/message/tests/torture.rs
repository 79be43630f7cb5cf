//! The torture messages of RFC 4475 and RFC 5118, judged as `tests/torture/table.tsv` says.

use crate::message::{Message, Rejected};
use crate::stream::{Frame, Framer};

macro_rules! torture {
    ($($rfc:literal: $($name:literal)*;)*) => {
        /// Name and bytes of every message, in the order of the RFCs.
        pub(crate) const MESSAGES: &[(&str, &[u8])] = &[
            $($(($name, include_bytes!(concat!("../../../../tests/torture/", $rfc, "/", $name, ".dat"))),)*)*
        ];
    };
}

torture! {
    "rfc4475":
        "wsinv" "intmeth" "esc01" "escnull" "esc02" "lwsdisp" "longreq" "dblreq" "semiuri" "transports"
        "mpart01" "unreason" "noreason" "badinv01" "clerr" "ncl" "scalar02" "scalarlg" "quotbal" "ltgtruri"
        "lwsruri" "lwsstart" "trws" "escruri" "baddate" "regbadct" "badaspec" "baddn" "badvers" "mismatch01"
        "mismatch02" "bigcode" "badbranch" "insuf" "unkscm" "novelsc" "unksm2" "bext01" "invut" "regaut01"
        "multi01" "mcl01" "bcast" "zeromf" "cparam01" "cparam02" "regescrt" "sdp01" "inv2543";
    "rfc5118":
        "ipv6-good" "ipv6-bad" "port-ambiguous" "port-unambiguous" "via-received-param-with-delim" "via-received-param-no-delim" "ipv6-in-sdp" "mult-ip-in-header" "mult-ip-in-sdp" "ipv4-mapped-ipv6"
        "ipv6-bug-abnf-3-colons" "ipv6-correct-abnf-2-colons";
}

pub(crate) const TABLE: &str = include_str!("../../../../tests/torture/table.tsv");

/// How the message layer alone judges a datagram.
fn datagram(bytes: &[u8]) -> String {
    let message = match Message::parse(bytes.to_vec()) {
        Ok(message) => message,
        Err(rejected) => return format!("no message: {rejected}"),
    };
    let judged = message.check().and_then(|()| {
        if message.is_request() {
            message.known_method()?;
            message.target()?;
        }
        Ok(())
    });
    match judged {
        Ok(()) => "accepted".to_owned(),
        Err(rejected) if message.is_request() => format!("{} {rejected}", rejected.status()),
        Err(rejected) => format!("dropped: {rejected}"),
    }
}

/// What becomes of the bytes on a stream of their own, cut in pieces of this size.
fn stream(bytes: &[u8], piece: usize) -> String {
    let whole = Message::parse(bytes.to_vec()).ok();
    let mut framer = Framer::new();
    let mut seen = Vec::new();
    for chunk in bytes.chunks(piece) {
        framer.push(chunk);
        while let Some(frame) = framer.next_frame() {
            seen.push(match frame {
                Frame::Message(message) if Some(&message) == whole.as_ref() => "same".to_owned(),
                Frame::Message(message) => format!("then {}", message.method_text()),
                Frame::Ping => "ping".to_owned(),
                Frame::Broken { bytes, rejected } => broken(bytes, rejected),
            });
        }
    }
    if framer.is_inside() {
        seen.push("waits".to_owned());
    }
    seen.join(", ")
}

fn broken(bytes: Vec<u8>, rejected: Rejected) -> String {
    match Message::parse_rejected(bytes, rejected) {
        Some(message) if message.is_request() => format!("closed after {}", rejected.status()),
        Some(_) | None => "closed".to_owned(),
    }
}

#[test]
fn every_torture_message_is_judged_as_the_table_says() {
    let mut rows = TABLE.lines().skip(1);
    for (name, bytes) in MESSAGES {
        let row: Vec<_> = rows.next().expect("a row for each message").split('\t').collect();
        let [file, _section, by_datagram, by_stream, _wire, _why] = row[..] else { panic!("six columns: {row:?}") };
        let got = (datagram(bytes), stream(bytes, usize::MAX));
        assert_eq!((*name, got.0.as_str(), got.1.as_str()), (file, by_datagram, by_stream));
        for piece in [1, 2, 3, 7, 64] {
            assert_eq!(stream(bytes, piece), by_stream, "{name} in pieces of {piece}");
        }
    }
    assert_eq!(rows.next(), None);
    assert_eq!(MESSAGES.len(), 49 + 12);
}

#[test]
fn odd_values_survive_to_their_readers() {
    let find = |wanted: &str| {
        let (_, bytes) = MESSAGES.iter().find(|(name, _)| *name == wanted).expect("known");
        Message::parse(bytes.to_vec()).expect("readable")
    };
    let wsinv = find("wsinv");
    assert_eq!(wsinv.from().expect("from").display(), "J Rosenberg \\\"");
    assert_eq!((wsinv.max_forwards(), wsinv.cseq().map(|(number, _)| number)), (Ok(Some(68)), Ok(9)));
    assert_eq!(wsinv.vias().filter(Result::is_ok).count(), 3);
    let contact = wsinv.contact().expect("readable").expect("there");
    assert_eq!((contact.display().as_ref(), contact.q()), ("Quoted string \"\"", 330));
    assert_eq!(wsinv.lines_named("UnknownHeaderWithUnusualValue").next(), Some(";;,,;;,;"));
    assert_eq!(wsinv.lines_named("NewFangledHeader").next(), Some("newfangled value   continued newfangled value"));
    let intmeth = find("intmeth");
    assert_eq!(intmeth.to().expect("to").display(), "BEL:\u{7} NUL:\0 DEL:\u{7f}");
    assert_eq!(intmeth.target().expect("uri").host.expect("host").to_string(), "example.com");
    let escnull = find("escnull");
    assert_eq!(escnull.to().expect("to").uri.user_decoded(), "null-\0-null");
    let semiuri = find("semiuri");
    assert_eq!(semiuri.target().expect("uri").user_decoded(), "user;par=u@example.net");
    assert_eq!(find("esc02").to().expect("to").display(), "%Z%45");
    assert_eq!(find("mpart01").body().len(), 553);
    assert_eq!((find("noreason").reason(), find("unreason").reason().chars().count()), ("", 47));
    assert_eq!(
        find("regescrt").contact().expect("readable").expect("there").uri.header("route"),
        Some("%3Csip:sip.example.com%3E")
    );
    assert_eq!(find("cparam01").contact().expect("readable").expect("there").params.get("unknownparam"), Some(""));
    assert_eq!(find("cparam02").contact().expect("readable").expect("there").uri.param("unknownparam"), Some(""));
    let ambiguous = find("port-ambiguous");
    assert_eq!(ambiguous.target().expect("uri").port, None);
    assert_eq!(find("port-unambiguous").target().expect("uri").port, Some(5070));
    for name in ["via-received-param-with-delim", "via-received-param-no-delim"] {
        let received = find(name).top_via().expect("via").received().map(|ip| ip.to_string());
        assert_eq!(received.as_deref(), Some("2001:db8::9:255"), "{name}");
    }
    assert_eq!(
        find("ipv6-bug-abnf-3-colons").target().expect("uri").host,
        find("ipv6-correct-abnf-2-colons").target().expect("uri").host
    );
}
