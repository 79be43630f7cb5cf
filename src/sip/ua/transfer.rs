//! REFER and its NOTIFYs (RFC 3515, RFC 3891, RFC 4488): a station asks for its other party to be connected elsewhere.

use turno_base::{LegId, Now};

use super::leg::{Leg, Stage, Transfer};
use super::write::reply_place;
use super::{Origin, Owner, SipEffect, SipEvent, TransferProgress, Ua};
use crate::flow::Flow;
use crate::message::{Header, Message, Method, Replaces, Scheme, Writer, reason_phrase};
use crate::transaction::{Kind, Outgoing};

/// Longest transfer target.
const TARGET_CHARS_MAX: usize = 128;
/// How long we promise to report, seconds.
const REPORT_S: u32 = 180;

impl Ua {
    /// REFER inside a dialog. A trunk's is refused: transfers follow the class of service of a station (S1).
    pub(super) fn on_refer(&mut self, mut leg: Leg, flow: Flow, request: &Message, now: Now, out: &mut Vec<SipEffect>) {
        let (id, party) = (leg.id, leg.party);
        let refused = match (&leg.stage, party) {
            (_, Origin::Trunk(_)) => Some(403),
            (Stage::Up(up), Origin::Station(_)) if up.transfer.is_some() => Some(491),
            (Stage::Up(_), Origin::Station(_)) => None,
            (Stage::Arriving(_) | Stage::Dialling(_), Origin::Station(_)) => Some(481),
        };
        if let Some(status) = refused {
            self.put(leg);
            return self.reply_in(flow, request, status, now, out);
        }
        let asked = request.refer_to().ok().flatten().and_then(|to| {
            let user: String = to.uri.user_decoded().chars().filter(|c| !c.is_control()).collect();
            let is_served = matches!(to.uri.scheme, Scheme::Sip | Scheme::Sips | Scheme::Tel);
            // Another method than INVITE is not a transfer (RFC 3515 §2.4.2).
            let is_invite = to.uri.param("method").is_none_or(|method| method.eq_ignore_ascii_case("INVITE"));
            let replaces = to.uri.header_decoded("Replaces").map(|text| text.into_owned());
            let is_short = !user.is_empty() && user.chars().count() <= TARGET_CHARS_MAX;
            (is_served && is_invite && is_short).then_some((user, replaces))
        });
        let Some((to, replaces)) = asked else {
            self.put(leg);
            return self.reply_in(flow, request, 400, now, out);
        };
        let (replaced, is_stale) = match replaces.as_deref().map(Replaces::parse) {
            None => (None, false),
            // In the Refer-To the tags are as the other party sees them: both ways round are tried.
            Some(Some(r)) => {
                let turned = Replaces { to_tag: r.from_tag, from_tag: r.to_tag, ..r };
                let found = self.leg_between(&r).or_else(|| self.leg_between(&turned));
                (found, found.is_none())
            }
            Some(None) => {
                self.put(leg);
                return self.reply_in(flow, request, 400, now, out);
            }
        };
        let wants_reports = !request.header(Header::ReferSub).is_some_and(|v| v.trim().eq_ignore_ascii_case("false"));
        let seq = request.cseq().map_or(0, |(seq, _)| seq);
        if let Stage::Up(up) = &mut leg.stage {
            up.transfer = wants_reports.then_some(Transfer { id: seq });
        }
        let mut writer = Writer::response(request, Some(flow.peer), 202, "");
        writer.header(Header::Contact, &self.contact(&reply_place(flow, request)));
        if !wants_reports {
            writer.header(Header::ReferSub, "false");
        }
        self.put(leg);
        self.serve(flow, request, 202, writer.finish(), now, out);
        // The subscription's first NOTIFY follows at once (RFC 3515 §2.4.4).
        self.transfer_progress(id, TransferProgress::Trying, now, out);
        // Whoever was consulted has hung up: to ring him, or a queue, without him would be another transfer than was asked for.
        if is_stale {
            return self.transfer_progress(id, TransferProgress::Failed(481), now, out);
        }
        out.push(SipEffect::Event(SipEvent::TransferAsked { leg: id, to, replaces: replaced }));
    }

    /// Tells the peer who asked for a transfer how it goes.
    pub fn transfer_progress(&mut self, leg: LegId, progress: TransferProgress, now: Now, out: &mut Vec<SipEffect>) {
        let Some(mut leg) = self.take(leg) else { return };
        let Stage::Up(up) = &mut leg.stage else { return self.put(leg) };
        let Some(transfer) = up.transfer.filter(|_| up.farewell.is_none()) else { return self.put(leg) };
        let (status, is_last) = match progress {
            TransferProgress::Trying => (100, false),
            TransferProgress::Ringing => (180, false),
            TransferProgress::Done => (200, true),
            TransferProgress::Failed(status) => (status.clamp(300, 699), true),
        };
        let seq = up.dialog.next_seq();
        let branch = self.branch();
        let mut writer = self.begin_inside(Method::Notify, &up.dialog, seq, &up.hop, branch);
        writer
            .header(Header::Contact, &self.contact(&up.hop))
            .header_fmt(Header::Event, format_args!("refer;id={}", transfer.id));
        match is_last {
            true => writer.header(Header::SubscriptionState, "terminated;reason=noresource"),
            false => writer.header_fmt(Header::SubscriptionState, format_args!("active;expires={REPORT_S}")),
        };
        let fragment = format!("SIP/2.0 {status} {}\r\n", reason_phrase(status));
        let bytes = writer.finish_with("message/sipfrag;version=2.0", fragment.as_bytes());
        self.layer.start(
            Outgoing { branch, kind: Kind::Plain, bytes, to: up.hop, owner: Owner::Nobody },
            now.mono,
            out,
        );
        if is_last {
            up.transfer = None;
        }
        self.put(leg);
    }
}
