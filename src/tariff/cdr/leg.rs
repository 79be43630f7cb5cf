//! A leg of a call in progress: the segments that it is in, when it ended, and what it costs.

use serde::{Deserialize, Serialize};
use turno_base::fact::{DialogId, Party, Segment};
use turno_base::{AgentId, Cause, EndedBy, LegId, Now, Number, Quality, Wall};

use super::builder::{End, STAGES_MAX, earlier, later, ms_between};
use super::record::{Charge, Leg, Stage};
use crate::amount::allocate;
use crate::deck::{Deck, Payer};
use crate::prefix::Key;
use crate::rating::{Call, rate};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DraftLeg {
    pub(super) leg: LegId,
    /// As it began.
    pub(super) sip_call_id: String,
    pub(super) dialog: Option<DialogId>,
    pub(super) party: Party,
    pub(super) a: Number,
    pub(super) b: Number,
    pub(super) began: Now,
    pub(super) rang: Option<Now>,
    pub(super) answered: Option<Now>,
    pub(super) ended: Option<(Now, Cause, EndedBy)>,
    /// It was ended because nothing was heard any more: when something was heard last.
    pub(super) heard: Option<Now>,
    pub(super) quality: Option<Quality>,
    pub(super) stages: Vec<(Segment, Now)>,
}

impl DraftLeg {
    pub(super) fn new(leg: LegId, sip_call_id: &str, a: &Number, b: &Number, party: Party, at: Now) -> DraftLeg {
        let first = match party {
            Party::Agent(agent, _) => Segment::Ring(agent),
            Party::Caller(_) | Party::Outside(_) | Party::Station(_) => Segment::Ivr(None),
        };
        DraftLeg {
            leg,
            sip_call_id: sip_call_id.to_owned(),
            dialog: None,
            party,
            a: a.clone(),
            b: b.clone(),
            began: at,
            rang: None,
            answered: None,
            ended: None,
            heard: None,
            quality: None,
            stages: vec![(first, at)],
        }
    }

    /// The segment before ends here. One that lasted no time at all never was.
    pub(super) fn enter(&mut self, segment: Segment, at: Now) {
        if self.ended.is_some() {
            return;
        }
        let full = self.stages.len() >= STAGES_MAX;
        match self.stages.last_mut() {
            Some((last, _)) if *last == segment => {}
            Some((last, since)) if since.mono == at.mono => *last = segment,
            Some(_) if full => {}
            Some(_) | None => self.stages.push((segment, at)),
        }
    }

    /// Nothing was heard of this agent from `heard` on until his phone was given up: whoever was with him had nobody meanwhile.
    pub(super) fn is_alone(&mut self, agent: AgentId, heard: Now, given_up: Now) {
        if self.stages.len() >= STAGES_MAX {
            return;
        }
        let is_his = |segment: Segment| matches!(segment, Segment::Talk(of) | Segment::Hold(of) | Segment::Consult(of) if of == agent);
        let is_cut = |at: Now, end: Option<Now>| at.mono < given_up.mono && end.is_none_or(|end| end.mono > heard.mono);
        let mut stages: Vec<(Segment, Now)> = Vec::with_capacity(self.stages.len() + 1);
        for (n, &(segment, at)) in self.stages.iter().enumerate() {
            let parts = match is_his(segment) && is_cut(at, self.stages.get(n + 1).map(|&(_, at)| at)) {
                true if at.mono < heard.mono => [Some((segment, at)), Some((Segment::Ivr(None), heard))],
                true => [None, Some((Segment::Ivr(None), at))],
                false => [Some((segment, at)), None],
            };
            for (segment, at) in parts.into_iter().flatten() {
                if stages.last().is_none_or(|(last, _)| *last != segment) {
                    stages.push((segment, at));
                }
            }
        }
        self.stages = stages;
    }

    /// When it ended, why and by whom. One of which nothing was heard any more ended with the last that was.
    pub(super) fn ended(&self, end: &End) -> (Now, Cause, EndedBy) {
        let (at, cause, by) = self.ended.unwrap_or((end.at, end.cause.unwrap_or(Cause::NORMAL), end.by));
        let heard = self.heard.map(|heard| later(heard, self.answered.unwrap_or(self.began)));
        (heard.map_or(at, |heard| earlier(heard, at)), cause, by)
    }

    pub(super) fn close(self, end: &End, deck: &Deck) -> Leg {
        let (ended, cause, by) = self.ended(end);
        let talk_ms = self.answered.map_or(0, |answered| ms_between(answered, ended));
        let charges = self.charges(talk_ms, deck.of_party(self.party));
        let stages = self.stages(ended, &charges);
        let unnamed = || DialogId { call_id: self.sip_call_id, local_tag: String::new(), remote_tag: String::new() };
        let DialogId { call_id, local_tag, remote_tag } = self.dialog.unwrap_or_else(unnamed);
        Leg {
            leg: self.leg,
            sip_call_id: call_id,
            local_tag,
            remote_tag,
            party: self.party,
            began: self.began.wall,
            rang: self.rang.map(|at| at.wall),
            answered: self.answered.map(|at| at.wall),
            ended: ended.wall,
            ring_ms: ms_between(self.began, self.answered.unwrap_or(ended)),
            talk_ms,
            total_ms: ms_between(self.began, ended),
            cause,
            by,
            quality: self.quality,
            stages,
            charges,
            a: self.a,
            b: self.b,
        }
    }

    /// Legs that touch the public network are priced: the caller's by a trunk, those to the outside, agents at a public
    /// number. The caller pays for his own leg only.
    fn charges(&self, talk_ms: u64, deck: &Deck) -> Vec<Charge> {
        let own = match self.party {
            Party::Caller(Some(_)) => true,
            Party::Outside(_) => false,
            Party::Agent(..) | Party::Station(_) if self.b.e164.is_some() => false,
            Party::Caller(None) | Party::Agent(..) | Party::Station(_) => return Vec::new(),
        };
        let call = Call {
            // A number that was asked not to be shown is still known to the network; rating takes it as hidden (S2).
            a: if self.a.withheld { Key::EMPTY } else { self.a.e164.into() },
            b: self.b.e164.into(),
            answer: self.answered.map_or(Wall(0), |at| at.wall),
            duration_ms: talk_ms,
            answered: self.answered.is_some(),
        };
        let payers = deck.payers().filter(|payer| own || *payer != Payer::caller());
        payers.map(|payer| Charge { payer, rated: rate(deck, &call, payer) }).collect()
    }

    /// Offsets from the leg's beginning are rounded down once each, so the parts add up to the whole. What began after its end
    /// never was.
    fn stages(&self, ended: Now, charges: &[Charge]) -> Vec<Stage> {
        let offset = |at: Now| ms_between(self.began, at);
        let lasted = || self.stages.iter().take_while(|(_, at)| at.mono <= ended.mono);
        let ends = lasted().skip(1).map(|&(_, at)| at).chain([ended]);
        let mut stages: Vec<Stage> = lasted()
            .zip(ends)
            .map(|(&(segment, at), end)| Stage {
                segment,
                at: at.wall,
                ms: offset(end).saturating_sub(offset(at)),
                shares: Vec::new(),
            })
            .collect();
        let answered = self.answered.map_or(u64::MAX, offset);
        let mut from = 0;
        let weights: Vec<u64> = stages
            .iter()
            .map(|stage| {
                let to = from + stage.ms;
                let paid = to.saturating_sub(answered.max(from));
                from = to;
                paid
            })
            .collect();
        for charge in charges {
            let units = charge.rated.net.map_or(0, |net| net.units);
            for (stage, share) in stages.iter_mut().zip(allocate(units, &weights)) {
                stage.shares.push(share);
            }
        }
        stages
    }
}
