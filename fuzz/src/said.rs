//! What phones and trunks say in a call, and ways to bend it. The targets of this folder draw from it, and so does the run
//! over the wire in `tests/it/fuzz.rs`.

use std::fmt::Write as _;

/// Methods, those that open something first.
pub const METHODS: [&str; 14] = [
    "INVITE",
    "REGISTER",
    "SUBSCRIBE",
    "OPTIONS",
    "ACK",
    "BYE",
    "CANCEL",
    "PRACK",
    "UPDATE",
    "INFO",
    "REFER",
    "NOTIFY",
    "MESSAGE",
    "PUBLISH",
];

/// Names in one request.
#[derive(Clone, Debug)]
pub struct Names<'n> {
    /// `host:port` of the engine.
    pub engine: &'n str,
    /// `host:port` of the peer.
    pub peer: &'n str,
    /// `UDP` or `TCP`.
    pub via: &'n str,
    /// Who speaks.
    pub user: &'n str,
    /// Whom to: user part.
    pub to: &'n str,
    /// Tag of the engine in the dialog; empty outside of one.
    pub to_tag: &'n str,
    /// Call-ID.
    pub call: &'n str,
    /// CSeq number; the branch is derived from it.
    pub seq: u64,
    /// Value of Authorization; empty: none.
    pub authorization: &'n str,
}

/// Request-URI of such a request.
pub fn uri(method: &str, names: &Names<'_>) -> String {
    if method == "REGISTER" { format!("sip:{}", names.engine) } else { format!("sip:{}@{}", names.to, names.engine) }
}

/// A request that is right in every point.
pub fn request(method: &str, names: &Names<'_>) -> Vec<u8> {
    let Names { peer, via, user, to_tag, call, seq, .. } = names;
    let uri = uri(method, names);
    let to = if method == "REGISTER" { user } else { &names.to };
    let tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    let mut text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{via} {peer};branch=z9hG4bK{call}{seq};rport\r\nMax-Forwards: 70\r\n\
         From: \"A\" <sip:{user}@{}>;tag=f{call}\r\nTo: <sip:{to}@{}>{tag}\r\nCall-ID: {call}\r\nCSeq: {seq} {method}\r\n\
         Contact: <sip:{user}@{peer};transport={via}>;+sip.instance=\"<urn:uuid:1>\";reg-id=1\r\n",
        names.engine, names.engine
    );
    if !names.authorization.is_empty() {
        let _ = write!(text, "Authorization: {}\r\n", names.authorization);
    }
    let (lines, kind, body) = rest_of(method, names);
    text.push_str(lines);
    if !body.is_empty() {
        let _ = write!(text, "Content-Type: {kind}\r\n");
    }
    let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}

fn rest_of(method: &str, names: &Names<'_>) -> (&'static str, &'static str, String) {
    let none = String::new();
    match method {
        "INVITE" => (
            "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, REFER\r\nSupported: 100rel, timer, replaces\r\n\
             Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\nP-Asserted-Identity: <tel:+34600000001>\r\n\
             Diversion: <sip:900@x>;reason=no-answer\r\nHistory-Info: <sip:1@x?Reason=SIP%3Bcause%3D302>;index=1\r\n\
             Privacy: none\r\n",
            "application/sdp",
            description(names.peer),
        ),
        "UPDATE" => ("Session-Expires: 90;refresher=uac\r\n", "application/sdp", description(names.peer)),
        "REGISTER" => ("Expires: 10\r\nSupported: path, outbound\r\nPath: <sip:p@192.0.2.99;lr>\r\n", "", none),
        "SUBSCRIBE" => ("Event: message-summary\r\nAccept: */*\r\nExpires: 10\r\n", "", none),
        "PUBLISH" => ("Event: presence\r\nExpires: 10\r\n", "text/plain", "x".into()),
        "NOTIFY" => ("Event: refer\r\nSubscription-State: active\r\n", "message/sipfrag", "SIP/2.0 200 OK".into()),
        "PRACK" => ("RAck: 1 1 INVITE\r\n", "", none),
        "REFER" => {
            ("Refer-To: <sip:600@x?Replaces=c1%3Bto-tag%3Da%3Bfrom-tag%3Db>\r\nReferred-By: <sip:1@x>\r\n", "", none)
        }
        "INFO" => ("", "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n".into()),
        "MESSAGE" => ("", "text/plain", "hello".into()),
        "BYE" | "CANCEL" => ("Reason: Q.850;cause=16, SIP;cause=200;text=\"x\"\r\n", "", none),
        _ => ("", "", none),
    }
}

/// An audio offer or answer.
pub fn description(peer: &str) -> String {
    let host = peer.rsplit_once(':').map_or(peer, |(host, _)| host);
    format!(
        "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8 0 96 101\r\n\
         a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
    )
}

/// What breaks readers.
const ODD: [&str; 20] = [
    "\0",
    "\r\n",
    "\r\n\r\n",
    "\r\n ",
    "\n",
    "\r",
    "%00",
    "%",
    ";;;;",
    "\"",
    "<",
    ">",
    ",,",
    "\u{ff}\u{fe}",
    "\u{1f4a9}",
    "::::",
    "[",
    "\\\"",
    "SIP/2.0",
    " \t",
];
/// What breaks arithmetic.
const NUMBERS: [&str; 10] =
    ["0", "-1", "1", "65536", "2147483648", "4294967295", "4294967296", "18446744073709551616", "1e9", "0x10"];
/// Most bytes of a bent message.
pub const BYTES_MAX: usize = 60_000;

/// Changes one thing; `dice(n)` gives a number below `n`.
pub fn bend(bytes: &mut Vec<u8>, dice: &mut dyn FnMut(u64) -> u64) {
    let len = bytes.len();
    if len == 0 {
        return;
    }
    let at = dice(len as u64) as usize;
    let to = (at + 1 + dice(24) as usize).min(len);
    match dice(13) {
        0 => bytes[at] = dice(256) as u8,
        1 => bytes[at] ^= 1 << dice(8),
        2 => drop(bytes.drain(at..to)),
        3 => drop(bytes.splice(at..at, bytes[at..to].to_vec())),
        4 | 5 => drop(bytes.splice(at..at, ODD[dice(ODD.len() as u64) as usize].bytes())),
        6 | 7 => number(bytes, at, NUMBERS[dice(NUMBERS.len() as u64) as usize]),
        8 => bytes.truncate(at),
        9 => line(bytes, at, |line| [line, line].concat()),
        10 => line(bytes, at, |_| Vec::new()),
        11 => {
            let times = [16, 200, 4000, 20_000][dice(4) as usize] / (to - at);
            let long = bytes[at..to].repeat(times.max(1));
            bytes.splice(at..to, long);
        }
        _ => line(bytes, at, |line| line.iter().map(u8::to_ascii_uppercase).collect()),
    }
    bytes.truncate(BYTES_MAX);
}

/// Replaces the number that begins at or after `at`.
fn number(bytes: &mut Vec<u8>, at: usize, with: &str) {
    let Some(from) = bytes[at..].iter().position(u8::is_ascii_digit).map(|n| at + n) else { return };
    let to = bytes[from..].iter().position(|b| !b.is_ascii_digit()).map_or(bytes.len(), |n| from + n);
    bytes.splice(from..to, with.bytes());
}

/// Replaces the line around `at`, with its end.
fn line(bytes: &mut Vec<u8>, at: usize, with: impl FnOnce(&[u8]) -> Vec<u8>) {
    let from = bytes[..at].iter().rposition(|&b| b == b'\n').map_or(0, |n| n + 1);
    let to = bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |n| at + n + 1);
    let new = with(&bytes[from..to]);
    bytes.splice(from..to, new);
}
