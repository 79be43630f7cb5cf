//! Responses to our INVITEs: early dialogs, the first 2xx and the later ones, refusals and second tries
//! (RFC 3261 §13.2.2; RFC 3262 §4).

use turno_base::fact::DialogId;
use turno_base::{Cause, Now, Reason};

use super::answering::{not_acceptable, tell_agreed};
use super::arriving::asked;
use super::cause::{joined, of_refusal};
use super::leg::{Branch, Change, Dialling, EARLY_DIALOGS_MAX, Early, Leg, Stage, Up};
use super::naming::tell_named;
use super::session_timer::{SessionTimer, accepted};
use super::write::untagged;
use super::{Count, LegId, Origin, Owner, SipEffect, SipEvent, Ua};
use crate::dialog::{Dialog, route_set};
use crate::flow::{Destination, Flow};
use crate::message::{Header, Message, Method, NameAddr};
use crate::transaction::{Kind, Outgoing, TxId};

/// A call that another phone took.
const ELSEWHERE: Cause = Cause::new(200, 26, Reason::CompletedElsewhere);

/// The dialog of a response, from the side that sent the request. A peer that names no usable Contact is called where the
/// INVITE went (`asked`, or its To): left without an ACK it would repeat its 2xx and hold a call that nobody has.
fn dialog_of(response: &Message, asked: Option<&str>) -> Option<Dialog> {
    let (from, to) = (response.from().ok()?, response.to().ok()?);
    let contact = response.contact().ok().flatten().map(|contact| contact.uri.without_headers());
    let value = |address: &NameAddr<'_>| untagged(&address.display(), address.uri.text);
    Some(Dialog {
        call_id: response.call_id().ok()?.to_owned(),
        local: value(&from),
        local_tag: from.tag()?.to_owned(),
        remote: value(&to),
        remote_tag: to.tag().unwrap_or("").to_owned(),
        target: contact.or(asked).unwrap_or(to.uri.without_headers()).to_owned(),
        routes: route_set(response.values(Header::RecordRoute), true)?,
        local_seq: response.cseq().ok()?.0,
        remote_seq: None,
    })
}

impl Ua {
    /// A response to an INVITE of a leg that exists.
    pub(super) fn on_dial_response(
        &mut self,
        mut leg: Leg,
        (tx, branch_id, seq): (TxId, u16, u32),
        flow: Flow,
        response: &Message,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let status = response.status().unwrap_or(0);
        let party = leg.party;
        let at = match &leg.stage {
            Stage::Dialling(d) => d.branches.iter().position(|b| b.id == branch_id && b.tx == tx),
            Stage::Arriving(_) | Stage::Up(_) => None,
        };
        match (at, status) {
            (Some(at), 101..=199) => {
                self.on_provisional(&mut leg, at, flow, response, now, out);
                self.put(leg);
            }
            (Some(at), 100) => {
                if let Stage::Dialling(dialling) = &mut leg.stage
                    && let Some(branch) = dialling.branches.get_mut(at)
                {
                    branch.fail_over_at = None;
                }
                self.put(leg);
            }
            (Some(at), 200..=299) => {
                let ahead = leg.take_ahead();
                self.on_answered(leg, at, flow, response, now, out);
                self.on_ahead(ahead, now, out);
            }
            (Some(at), _) => self.on_refused(leg, at, flow, response, now, out),
            (None, 200..=299) => {
                self.put(leg);
                self.lost_race((tx, seq, ELSEWHERE), party, flow, response, now, out);
            }
            (None, _) => self.put(leg),
        }
    }

    fn on_provisional(
        &mut self,
        leg: &mut Leg,
        at: usize,
        flow: Flow,
        response: &Message,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let (id, party) = (leg.id, leg.party);
        let Stage::Dialling(dialling) = &mut leg.stage else { return };
        let Some(branch) = dialling.branches.get_mut(at) else { return };
        branch.fail_over_at = None;
        let (status, seq, tx) = (response.status().unwrap_or(0), branch.seq, branch.tx);
        let rseq = response.rseq().ok().flatten().filter(|_| response.require().any(|t| t == "100rel"));
        let mut news = None;
        if let Some(early) = early_dialog(branch, response) {
            // Out of order or repeated: the missing one comes again (RFC 3262 §4).
            if let (Some(rseq), Some(last)) = (rseq, early.rseq)
                && rseq != last.wrapping_add(1)
            {
                return;
            }
            if !response.body().is_empty() && !early.has_answer {
                // What cannot be agreed to in an unreliable response is judged when the call is answered.
                if let Ok(agreement) = early.terms.accept(response.body()) {
                    news = agreement;
                    early.has_answer = rseq.is_some();
                }
            }
            if let Some(rseq) = rseq {
                early.rseq = Some(rseq);
                self.send_prack(party, &mut early.dialog, flow, (rseq, seq), now, out);
                if let Some(Owner::Dialled { seq, .. }) = self.layer.client_owner(tx) {
                    *seq = early.dialog.local_seq.max(*seq);
                }
            }
        }
        tell_once(id, dialling, news, out);
        self.tell_progress(id, dialling, status, out);
    }

    fn send_prack(
        &mut self,
        party: Origin,
        dialog: &mut Dialog,
        flow: Flow,
        (rseq, invite_seq): (u32, u32),
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let hop = self.hop(party, dialog, flow);
        let seq = dialog.next_seq();
        let branch = self.branch();
        let mut writer = self.begin_inside(Method::Prack, dialog, seq, &hop, branch);
        writer.header_fmt(Header::RAck, format_args!("{rseq} {invite_seq} INVITE"));
        if let Some((name, value)) = self.digest_ahead(party, Method::Prack, dialog.routing().uri) {
            writer.header_named(&name, &value);
        }
        self.layer.start(
            Outgoing { branch, kind: Kind::Plain, bytes: writer.finish(), to: hop, owner: Owner::Nobody },
            now.mono,
            out,
        );
    }

    /// The first 2xx: the leg is up, the other branches are withdrawn.
    fn on_answered(
        &mut self,
        mut leg: Leg,
        at: usize,
        flow: Flow,
        response: &Message,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let (id, party) = (leg.id, leg.party);
        let Stage::Dialling(dialling) = &mut leg.stage else { return self.put(leg) };
        let Some(branch) = dialling.branches.get(at) else { return self.put(leg) };
        let (tx, branch_id, seq) = (branch.tx, branch.id, branch.seq);
        let Some(fresh) = dialog_of(response, Some(&branch.uri)) else {
            // A 2xx with a route set past its bound makes no dialog that we could use or end.
            let cause = Cause::new(500, 127, Reason::Fault);
            return self.branch_failed(leg, branch_id, cause, (true, None), now, out);
        };
        let known = branch.early.iter().find(|e| e.dialog.remote_tag == fresh.remote_tag).cloned();
        let (mut terms, has_answer, local_seq) = match known {
            Some(early) => (early.terms, early.has_answer, early.dialog.local_seq),
            None => (branch.terms.clone(), false, fresh.local_seq),
        };
        let dialog = Dialog { local_seq, ..fresh };
        tell_named(id, DialogId::from(&dialog), out);
        let hop = self.hop(party, &dialog, flow);
        let authorization = branch.authorization.clone();
        self.acknowledge(tx, &dialog, seq, hop, authorization, out);
        let met = match (response.body(), has_answer) {
            (_, true) => Ok(None),
            // Gateways that have said it in a 183 may not say it again.
            ([], false) if terms.agreed().is_some() => Ok(None),
            (answer, false) => terms.accept(answer),
        };
        self.cancel_branches(&mut leg, Some(branch_id), ELSEWHERE, now, out);
        for tag in leg.local_tags() {
            self.tags.remove(&tag);
        }
        let Stage::Dialling(dialling) = &mut leg.stage else { return self.put(leg) };
        let wanted = dialling.wanted.take();
        let told = dialling.agreed.take();
        self.tags.insert(dialog.local_tag.clone(), id);
        let agreed = terms.agreed().cloned();
        leg.stage = Stage::Up(Box::new(Up {
            hop,
            terms,
            timer: SessionTimer::start(accepted(asked(response), &self.config.rules), now.mono),
            peer_has_timer: response.supports("timer"),
            peer_has_update: response.header(Header::Allow).is_some() && response.allows(Method::Update),
            is_caller: true,
            unacked: None,
            is_confirmed: true,
            change: Change::None,
            wanted,
            farewell: None,
            transfer: None,
            dialog,
        }));
        if let Err(error) = met {
            return self.hang_up(leg, not_acceptable(error.status()), now, out);
        }
        tell_agreed(id, agreed.filter(|agreement| told.as_ref() != Some(agreement)), out);
        out.push(SipEffect::Event(SipEvent::Answered { leg: id }));
        self.go_on(leg, now, out);
    }

    /// ACK of a 2xx (RFC 3261 §13.2.2.4), kept for the repetitions of it.
    pub(super) fn acknowledge(
        &mut self,
        tx: TxId,
        dialog: &Dialog,
        seq: u32,
        hop: Destination,
        authorization: Option<(String, String)>,
        out: &mut Vec<SipEffect>,
    ) {
        let branch = self.branch();
        let mut writer = self.begin_inside(Method::Ack, dialog, seq, &hop, branch);
        if let Some((name, value)) = &authorization {
            writer.header_named(name, value);
        }
        self.layer.ack(tx, &dialog.remote_tag, hop, writer.finish(), out);
    }

    /// A 2xx that came too late, after another or after our CANCEL: ACK, then BYE.
    pub(super) fn lost_race(
        &mut self,
        (tx, seq, cause): (TxId, u32, Cause),
        party: Origin,
        flow: Flow,
        response: &Message,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let Some(mut dialog) = self.acknowledge_stray(tx, party, flow, response, out) else { return };
        dialog.local_seq = dialog.local_seq.max(seq);
        out.push(SipEffect::Event(SipEvent::Counted(Count::LostRace)));
        let hop = self.hop(party, &dialog, flow);
        let trunk = match party {
            Origin::Trunk(trunk) => Some(trunk),
            Origin::Station(_) => None,
        };
        self.send_bye(dialog, hop, trunk, cause, now, out);
    }

    /// ACK of a 2xx whose dialog nobody holds.
    pub(super) fn acknowledge_stray(
        &mut self,
        tx: TxId,
        party: Origin,
        flow: Flow,
        response: &Message,
        out: &mut Vec<SipEffect>,
    ) -> Option<Dialog> {
        let dialog = dialog_of(response, None)?;
        let hop = self.hop(party, &dialog, flow);
        self.acknowledge(tx, &dialog, dialog.local_seq, hop, None, out);
        Some(dialog)
    }

    /// A final refusal of one branch; some are worth a second try.
    fn on_refused(
        &mut self,
        mut leg: Leg,
        at: usize,
        flow: Flow,
        response: &Message,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let party = leg.party;
        let status = response.status().unwrap_or(0);
        let Stage::Dialling(dialling) = &mut leg.stage else { return self.put(leg) };
        let Dialling { dial, branches, .. } = &mut **dialling;
        let Some(branch) = branches.get_mut(at) else { return self.put(leg) };
        let is_again = match status {
            401 | 407 => {
                let (hop, uri) = (branch.hop, branch.uri.clone());
                let asked = (Method::Invite, uri.as_str());
                branch.authorization = self.digest_answer(party, response, flow, &hop, asked, &mut branch.tries);
                branch.authorization.is_some()
            }
            422 => {
                let min = asked(response).min;
                let is_news = min.is_some_and(|min| branch.session_min.is_none_or(|known| min > known));
                branch.session_min = min.or(branch.session_min);
                is_news
            }
            _ => false,
        };
        if is_again {
            branch.early.clear();
            self.send_invite(party, dial, branch, now, out);
            return self.put(leg);
        }
        let id = branch.id;
        branch.refused_by = response.to().ok().and_then(|to| to.tag()).map(str::to_owned);
        let cause = of_refusal(status, joined(response).as_deref());
        self.branch_failed(leg, id, cause, (true, response.retry_after()), now, out);
    }

    /// A branch is over without an answer.
    pub(super) fn branch_failed(
        &mut self,
        mut leg: Leg,
        branch: u16,
        cause: Cause,
        (by_peer, retry_after_s): (bool, Option<u32>),
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let party = leg.party;
        let Stage::Dialling(dialling) = &mut leg.stage else { return self.put(leg) };
        let Some(at) = dialling.branches.iter().position(|b| b.id == branch) else { return self.put(leg) };
        let over = dialling.branches.remove(at);
        self.tags.remove(&over.local_tag);
        if let (Origin::Trunk(trunk), 408 | 503) = (party, cause.sip) {
            self.on_trunk_failed(trunk, &over.hop, retry_after_s, now, out);
        }
        let is_weak = |best: &(Cause, bool)| matches!(best.0.sip, 408 | 480 | 500 | 503);
        if dialling.best.as_ref().is_none_or(|best| is_weak(best) || cause.sip >= 600) {
            dialling.best = Some((cause, by_peer));
            tell_named(leg.id, over.names(), out);
        }
        // The next place is for those that could not be reached; who refused has spoken (RFC 3263 §4.3).
        if !matches!(cause.sip, 408 | 503) {
            dialling.places.clear();
            dialling.is_refused = true;
        }
        if cause.sip >= 600 {
            self.cancel_branches(&mut leg, None, cause, now, out);
            return self.ended(leg, cause, by_peer, out);
        }
        self.try_next(leg, now, out);
    }
}

/// The early dialog of a provisional response, made if it is new.
fn early_dialog<'b>(branch: &'b mut Branch, response: &Message) -> Option<&'b mut Early> {
    let tag = response.to().ok()?.tag()?;
    if let Some(at) = branch.early.iter().position(|e| e.dialog.remote_tag == tag) {
        let early = branch.early.get_mut(at)?;
        let contact = response.contact().ok().flatten();
        early.dialog.refresh_target(contact.map(|c| c.uri.without_headers()));
        return Some(early);
    }
    if branch.early.len() >= EARLY_DIALOGS_MAX {
        return None;
    }
    let dialog = dialog_of(response, Some(&branch.uri))?;
    branch.early.push(Early { dialog, rseq: None, has_answer: false, terms: branch.terms.clone() });
    branch.early.last_mut()
}

/// Terms of an early dialog, unless they were the last ones told.
fn tell_once(leg: LegId, dialling: &mut Dialling, news: Option<turno_base::StreamAgreement>, out: &mut Vec<SipEffect>) {
    let news = news.filter(|agreement| dialling.agreed.as_ref() != Some(agreement));
    if news.is_some() {
        dialling.agreed.clone_from(&news);
    }
    tell_agreed(leg, news, out);
}
