//! What names a transaction on the wire, and the two requests that belong to an INVITE's (ACK of a refusal, CANCEL).

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use crate::message::{Header, Host, Message, Method};

const COOKIE: &str = "z9hG4bK";

/// Names a server transaction in a table: 128 bits of what names it on the wire. Tens of thousands are kept for their
/// repetitions; their texts would lie all over the memory and be compared there. Requests that differ do not meet by chance, and who
/// makes two meet on purpose could as well have written the other's branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key(u64, u64);

/// A [`Key`] in the making: takes what names a transaction part by part.
struct Naming {
    first: u64,
    second: u64,
    /// `A` counts as `a`.
    is_folded: bool,
}

impl Naming {
    fn new(is_folded: bool) -> Naming {
        Naming { first: 0, second: 0, is_folded }
    }

    fn word(&mut self, word: u64) {
        const FIRST: u64 = 0x9fb2_1c65_1e98_df25;
        const SECOND: u64 = 0xd6e8_feb8_6659_fd93;
        self.first = (self.first ^ word).wrapping_mul(FIRST).rotate_left(29);
        self.second = (self.second ^ word).wrapping_mul(SECOND).rotate_left(31);
    }

    fn text(&mut self, text: &str) -> &mut Naming {
        let (words, rest) = text.as_bytes().as_chunks::<8>();
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        for word in words.iter().chain([&last]) {
            let word = u64::from_le_bytes(*word);
            self.word(if self.is_folded { folded(word) } else { word });
        }
        // Where a part ends tells apart what would else read the same.
        self.number(text.len() as u64)
    }

    fn number(&mut self, number: u64) -> &mut Naming {
        self.word(number);
        self
    }

    fn host(&mut self, host: Host<'_>) -> &mut Naming {
        match host {
            Host::Name(name) => self.text(name),
            Host::V4(address) => self.number(u64::from(u32::from(address))).number(4),
            Host::V6(address) => {
                let address = u128::from(address);
                self.number((address >> 64) as u64).number(address as u64).number(6)
            }
        }
    }

    fn key(&self) -> Key {
        Key(self.first, self.second)
    }
}

/// Eight ASCII bytes in small letters; others stay (the sums carry into no neighbour, because only seven bits of each are added to).
fn folded(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = word & (0x7f * EACH);
    let from_a = low + (0x80 - u64::from(b'A')) * EACH;
    let past_z = low + (0x7f - u64::from(b'Z')) * EACH;
    let is_capital = (from_a ^ past_z) & !word & (0x80 * EACH);
    word | is_capital >> 2
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
    let port = u64::from(via.port.unwrap_or(0));
    if let Some(branch) = via.cookie_branch() {
        return Some(Naming::new(true).text(method).text(branch).host(via.host).number(port).key());
    }
    // Without the cookie a branch may repeat: the headers of RFC 2543 name the transaction. The To tag is left out,
    // because our own stands in the ACK and not in the INVITE.
    let (seq, _) = request.cseq_text().ok()?;
    let from_tag = request.from().ok().and_then(|from| from.tag()).unwrap_or("");
    let mut naming = Naming::new(false);
    naming.text(method).text(request.request_uri()).text(from_tag).text(request.call_id().ok()?);
    naming.number(u64::from(seq)).host(via.host).number(port).text(via.branch().unwrap_or(""));
    Some(naming.key())
}

/// What is equal in two copies of one request that came by different paths (RFC 3261 §8.2.2.2); none inside dialogs.
pub(super) fn merge_key(request: &Message) -> Option<Key> {
    if request.to().ok()?.tag().is_some() {
        return None;
    }
    let (seq, method) = request.cseq_text().ok()?;
    let from_tag = request.from().ok()?.tag()?;
    let mut naming = Naming::new(false);
    Some(naming.text(request.call_id().ok()?).text(from_tag).number(u64::from(seq)).text(method).key())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, via: &str) -> Message {
        let text = format!(
            "{method} sip:900@x SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:900@x>\r\n\
             Call-ID: c\r\nCSeq: 1 {method}\r\n\r\n"
        );
        Message::parse(text.into_bytes()).unwrap()
    }

    #[test]
    fn a_transaction_is_named_by_method_branch_and_sender_in_any_case_and_by_nothing_else() {
        let key = |method: &str, via: &str| server_key(&request(method, via)).unwrap();
        let invite = key("INVITE", "Gate.example:5060;branch=z9hG4bKAbcDefgh[x");
        // method, Via, the same transaction
        for (method, via, is_same) in [
            ("ACK", "Gate.example:5060;branch=z9hG4bKAbcDefgh[x", true),
            ("INVITE", "gate.EXAMPLE:5060;branch=Z9HG4BKaBCdEFGH[X;rport", true),
            // `[` is not the capital of `{`, nor `@` of a back-quote.
            ("INVITE", "gate.example:5060;branch=z9hG4bKAbcDefgh{x", false),
            ("INVITE", "gate.example:5060;branch=z9hG4bKAbcDefgh[y", false),
            ("INVITE", "gate.example;branch=z9hG4bKAbcDefgh[x", false),
            ("INVITE", "gate2.example:5060;branch=z9hG4bKAbcDefgh[x", false),
            ("INVITE", "192.0.2.1:5060;branch=z9hG4bKAbcDefgh[x", false),
            ("BYE", "gate.example:5060;branch=z9hG4bKAbcDefgh[x", false),
        ] {
            assert_eq!(key(method, via) == invite, is_same, "{method} {via}");
        }
        let one = key("OPTIONS", "[2001:db8::1];branch=z9hG4bK1");
        assert_eq!(one, key("OPTIONS", "[2001:DB8:0::1];branch=z9hG4bK1"));
        assert_ne!(one, key("OPTIONS", "[2001:db8::2];branch=z9hG4bK1"));
    }

    #[test]
    fn only_letters_have_a_small_form() {
        for byte in 0..=255_u8 {
            let others = 0x5a41_ff80_7f00_c35b;
            let at = |byte: u8, shift: u32| others & !(0xff << shift) | u64::from(byte) << shift;
            for shift in (0..64).step_by(8) {
                let bytes = folded(at(byte, shift)).to_le_bytes();
                assert_eq!(bytes, at(byte, shift).to_le_bytes().map(|b| b.to_ascii_lowercase()), "{byte} at {shift}");
            }
        }
    }
}
