//! Phones that transfer: REFER inside a dialog of a simulated phone's user agent, which has no way to say it itself. What
//! that does to the dialog's numbering is hidden from the user agent.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use turno_base::LegId;
use turno_sip::message::{Message, Method};

#[derive(Default)]
struct Dialog {
    local: String,
    remote: String,
    local_tag: String,
    remote_tag: String,
    /// Highest CSeq number that the user agent has used.
    seq: u32,
    /// Where numbers of its own were taken: from this one on its requests count one more.
    taken: Vec<u32>,
}

/// The dialogs of a party, by Call-ID.
#[derive(Default)]
pub(super) struct Dialogs {
    by_call_id: BTreeMap<String, Dialog>,
    call_ids: BTreeMap<LegId, String>,
    /// The leg whose INVITE is the next to go out.
    expected: Option<LegId>,
}

impl Dialogs {
    pub(super) fn expect(&mut self, leg: LegId) {
        self.expected = Some(leg);
    }

    pub(super) fn name(&mut self, leg: LegId, call_id: &str) {
        self.call_ids.insert(leg, call_id.to_owned());
    }

    /// Reads what the user agent sends, and renumbers it.
    pub(super) fn outward(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        let Ok(message) = Message::parse(bytes.clone()) else { return bytes };
        let (Ok(call_id), Ok((seq, method))) = (message.call_id(), message.cseq()) else { return bytes };
        if method == Method::Invite
            && message.is_request()
            && let Some(leg) = self.expected.take()
        {
            self.call_ids.insert(leg, call_id.to_owned());
        }
        let dialog = self.by_call_id.entry(call_id.to_owned()).or_default();
        if !message.is_request() {
            if method == Method::Invite && message.status() == Some(200) {
                dialog.keep(&message, false);
            }
            return bytes;
        }
        dialog.seq = dialog.seq.max(seq);
        renumbered(bytes, seq, dialog.on_the_wire(seq))
    }

    /// The response to what was renumbered.
    pub(super) fn inward(&self, bytes: Vec<u8>) -> Vec<u8> {
        if !bytes.starts_with(b"SIP/2.0 ") {
            return bytes;
        }
        let Ok(message) = Message::parse(bytes.clone()) else { return bytes };
        let (Ok(call_id), Ok((seq, _))) = (message.call_id(), message.cseq()) else { return bytes };
        let Some(dialog) = self.by_call_id.get(call_id) else { return bytes };
        let native =
            (0..=dialog.taken.len() as u32).filter_map(|n| seq.checked_sub(n)).find(|n| dialog.on_the_wire(*n) == seq);
        native.map_or(bytes.clone(), |native| renumbered(bytes, seq, native))
    }

    /// What the user agent learns from a 2xx that came.
    pub(super) fn learn(&mut self, message: &Message) {
        let is_answer =
            message.status() == Some(200) && message.cseq().is_ok_and(|(_, method)| method == Method::Invite);
        if is_answer && let Ok(call_id) = message.call_id() {
            let call_id = call_id.to_owned();
            self.by_call_id.entry(call_id).or_default().keep(message, true);
        }
    }

    /// A REFER to `to`, or to the dialog of another leg.
    pub(super) fn refer(
        &mut self,
        at: SocketAddr,
        leg: LegId,
        to: &str,
        replaces: Option<LegId>,
        branch: &str,
    ) -> Option<Vec<u8>> {
        let replaces = match replaces {
            None => String::new(),
            Some(second) => {
                let call_id = self.call_ids.get(&second)?;
                let dialog = self.by_call_id.get(call_id).filter(|d| !d.remote_tag.is_empty())?;
                format!("?Replaces={call_id}%3Bto-tag%3D{}%3Bfrom-tag%3D{}", dialog.remote_tag, dialog.local_tag)
            }
        };
        let call_id = self.call_ids.get(&leg)?.clone();
        let dialog = self.by_call_id.get_mut(&call_id).filter(|d| !d.remote_tag.is_empty())?;
        let seq = dialog.on_the_wire(dialog.seq) + 1;
        dialog.taken.push(dialog.seq + 1);
        let Dialog { local, remote, .. } = dialog;
        Some(
            format!(
                "REFER sip:turno@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{branch};rport\r\n\
                 Max-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\nCSeq: {seq} REFER\r\n\
                 Contact: <sip:phone@{at}>\r\nRefer-To: <sip:{to}@10.0.0.1{replaces}>\r\nContent-Length: 0\r\n\r\n"
            )
            .into_bytes(),
        )
    }
}

impl Dialog {
    fn keep(&mut self, answer: &Message, is_caller: bool) {
        let line = |name: &str| answer.lines_named(name).next().unwrap_or("").to_owned();
        let tag = |address: Result<turno_sip::message::NameAddr<'_>, _>| {
            address.ok().and_then(|a| a.tag().map(str::to_owned)).unwrap_or_default()
        };
        let (from, to) = ((line("From"), tag(answer.from())), (line("To"), tag(answer.to())));
        let (us, them) = if is_caller { (from, to) } else { (to, from) };
        (self.local, self.local_tag) = us;
        (self.remote, self.remote_tag) = them;
    }

    fn on_the_wire(&self, native: u32) -> u32 {
        native + self.taken.iter().filter(|from| **from <= native).count() as u32
    }
}

fn renumbered(bytes: Vec<u8>, from: u32, to: u32) -> Vec<u8> {
    if from == to {
        return bytes;
    }
    let text = String::from_utf8(bytes).expect("our messages are text");
    text.replacen(&format!("CSeq: {from} "), &format!("CSeq: {to} "), 1).into_bytes()
}
