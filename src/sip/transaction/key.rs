//! What names a transaction on the wire, and the two requests that belong to an INVITE's (ACK of a refusal, CANCEL).

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use crate::message::{Header, Message, Method};

const COOKIE: &str = "z9hG4bK";

/// Names a server transaction in a table. Tens of thousands are kept for their repetitions: that most comparisons end at
/// the hash keeps them off the texts, which lie all over the memory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    hash: u64,
    text: String,
}

impl Key {
    fn new(text: String) -> Key {
        // Chosen texts can make it no worse than comparing texts.
        const K: u64 = 0x9fb2_1c65_1e98_df25;
        let (words, rest) = text.as_bytes().as_chunks::<8>();
        let words = words.iter().map(|word| u64::from_le_bytes(*word)).chain(rest.iter().map(|&byte| u64::from(byte)));
        let hash = words.fold(0, |state: u64, word| (state ^ word).wrapping_mul(K).rotate_left(29));
        Key { hash, text }
    }
}

/// The branch of a client transaction of ours: its number, and 64 bits that nobody else knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    pub(super) id: u64,
    pub(super) secret: u64,
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{COOKIE}{:x}-{:016x}", self.id, self.secret)
    }
}

impl Branch {
    pub(super) fn parse(text: &str) -> Option<Branch> {
        let (id, secret) = text.strip_prefix(COOKIE)?.split_once('-')?;
        let (id, secret) = (u64::from_str_radix(id, 16).ok()?, u64::from_str_radix(secret, 16).ok()?);
        Some(Branch { id, secret })
    }
}

/// ACK of a refusal, or CANCEL: the start line with another method, the top Via, Route, From, Call-ID and CSeq of the
/// INVITE that we wrote; To as in the INVITE, or as the refusal has it (RFC 3261 §9.1, §17.1.1.3). `extra` is whole lines.
pub(super) fn derived(invite: &[u8], method: &str, to_header: Option<&str>, extra: &str) -> Vec<u8> {
    let head_end = invite.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(invite.len());
    let head = String::from_utf8_lossy(invite.get(..head_end).unwrap_or_default());
    let mut text = String::with_capacity(head_end);
    let mut has_via = false;
    for (n, line) in head.split("\r\n").enumerate() {
        let name = line.split(':').next().unwrap_or("");
        let kept = match (n, name) {
            (0, _) => writeln_crlf(&mut text, format_args!("{method}{}", line.strip_prefix("INVITE").unwrap_or(""))),
            (_, "Via") if !has_via => {
                has_via = true;
                writeln_crlf(&mut text, format_args!("{line}"))
            }
            (_, "Route" | "From" | "Call-ID" | "Max-Forwards") => writeln_crlf(&mut text, format_args!("{line}")),
            (_, "To") => match to_header {
                Some(to) => writeln_crlf(&mut text, format_args!("To: {to}")),
                None => writeln_crlf(&mut text, format_args!("{line}")),
            },
            (_, "CSeq") => {
                let number = line.split([':', ' ']).find(|w| w.starts_with(|c: char| c.is_ascii_digit()));
                writeln_crlf(&mut text, format_args!("CSeq: {} {method}", number.unwrap_or("1")))
            }
            (_, _) => Ok(()),
        };
        kept.expect("a string takes all");
    }
    text.push_str(extra);
    text.push_str("Content-Length: 0\r\n\r\n");
    text.into_bytes()
}

fn writeln_crlf(text: &mut String, args: fmt::Arguments<'_>) -> fmt::Result {
    text.write_fmt(args)?;
    text.write_str("\r\n")
}

/// What a response says of its transaction.
pub(super) struct ResponseHead<'m> {
    pub(super) status: u16,
    pub(super) branch: &'m str,
    pub(super) method: &'m str,
    /// To as written, for the ACK of a refusal.
    pub(super) to: &'m str,
    pub(super) to_tag: &'m str,
}

pub(super) fn response_head(response: &Message) -> Option<ResponseHead<'_>> {
    let status = response.status()?;
    let mut vias = response.vias();
    // Two Via values: somebody else's response (RFC 3261 §8.1.3.3).
    let via = vias.next()?.ok()?;
    if vias.next().is_some() {
        return None;
    }
    let (_, method) = response.cseq_text().ok()?;
    let to = response.lines(Header::To).next()?;
    let to_tag = response.to().ok().and_then(|to| to.tag()).unwrap_or("");
    Some(ResponseHead { status, branch: via.branch()?, method, to, to_tag })
}

/// Key of the server transaction that a request belongs to; ACK has its INVITE's (RFC 3261 §17.2.3).
pub(super) fn server_key(request: &Message) -> Option<Key> {
    match request.method()? {
        Method::Invite | Method::Ack => keyed(request, "INVITE"),
        _ => keyed(request, request.method_text()),
    }
}

/// Key of the INVITE server transaction that a CANCEL is about (RFC 3261 §9.2).
pub(super) fn cancelled_key(cancel: &Message) -> Option<Key> {
    keyed(cancel, "INVITE")
}

fn keyed(request: &Message, method: &str) -> Option<Key> {
    let via = request.top_via().ok()?;
    let port = via.port.unwrap_or(0);
    if let Some(branch) = via.cookie_branch() {
        let mut key = format!("{method} {branch} {}:{port}", via.host);
        key.make_ascii_lowercase();
        return Some(Key::new(key));
    }
    // Without the cookie a branch may repeat: the headers of RFC 2543 name the transaction. The To tag is left out,
    // because our own stands in the ACK and not in the INVITE.
    let (seq, _) = request.cseq_text().ok()?;
    let from_tag = request.from().ok().and_then(|from| from.tag()).unwrap_or("");
    let (uri, call_id) = (request.request_uri(), request.call_id().ok()?);
    Some(Key::new(format!(
        "{method} {uri} {from_tag} {call_id} {seq} {}:{port} {}",
        via.host,
        via.branch().unwrap_or("")
    )))
}

/// What is equal in two copies of one request that came by different paths (RFC 3261 §8.2.2.2); none inside dialogs.
pub(super) fn merge_key(request: &Message) -> Option<Key> {
    if request.to().ok()?.tag().is_some() {
        return None;
    }
    let (seq, method) = request.cseq_text().ok()?;
    let from_tag = request.from().ok()?.tag()?;
    Some(Key::new(format!("{} {from_tag} {seq} {method}", request.call_id().ok()?)))
}
