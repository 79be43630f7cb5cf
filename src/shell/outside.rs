//! The world as the loop acts on it: every effect goes to the thread or task that does it.

use std::sync::Arc;

use turno_base::{Fact, Now, Wall};
use turno_engine::{Effect, Input};
use turno_tariff::cdr::{Kind, Row};

use crate::shell::board::FactLine;
use crate::shell::clock::Clock;
use crate::shell::customers::Callers;
use crate::shell::dns::Dns;
use crate::shell::journal::{Begin, FORMAT, Wanted, Wish, effects_hash, frame_input};
use crate::shell::media::MediaPlane;
use crate::shell::metrics::Metrics;
use crate::shell::post::{Mail, Outgoing, Parcel};
use crate::shell::run::World;
use crate::shell::store::Store;
use crate::shell::store::decisions::Decisions;
use crate::shell::voicemail::Voicemail;

/// Everything outside the engine.
#[derive(Debug)]
pub struct Outside {
    /// Journal and sockets.
    pub post: Mail,
    /// Records.
    pub store: Arc<Store>,
    /// Why calls were offered to whom.
    pub decisions: Decisions,
    /// RTP.
    pub media: MediaPlane,
    /// Messages.
    pub voicemail: Voicemail,
    /// Names.
    pub dns: Dns,
    /// Who calls.
    pub callers: Callers,
    /// Dashboards.
    pub facts: FactLine,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// What the journal wants.
    pub wanted: Wanted,
    /// For the next process.
    pub clock: Clock,
    /// The turn under way.
    pub turn: TurnState,
}

impl TurnState {
    /// The first segment of this process will have this number, and its first fact the one after `told_to`.
    pub fn new(next_segment: u64, told_to: u64) -> TurnState {
        TurnState { next_segment, facts: Facts { told_to, ..Facts::default() }, ..TurnState::default() }
    }
}

impl Outside {
    /// Ends the threads that only the engine fed.
    pub fn end(mut self) {
        self.turn.store_facts();
        self.end_turn();
        self.media.stop();
    }
}

/// What one turn gathers.
#[derive(Debug, Default)]
pub struct TurnState {
    /// When its last input was handled.
    at: Wall,
    parcel: Parcel,
    scratch: Vec<u8>,
    begun: bool,
    next_segment: u64,
    disk_alarm: bool,
    store_full: bool,
    facts: Facts,
}

/// Facts on their way to the store. They leave together with the next row, which mostly is that of the same turn, and else at
/// the next tick: a piece of its own for each would cost more than what is in it.
#[derive(Debug, Default)]
struct Facts {
    /// Number of the last fact that there was.
    told_to: u64,
    /// How many of them wait.
    waiting: u64,
    /// Their postcards.
    bytes: Vec<u8>,
    /// Those of this turn, for dashboards: told together, because to pass one on costs as much as what is made of it.
    told: Vec<Fact>,
}

/// Facts that wait leave once they take so many bytes.
const FACTS_BYTES_MAX: usize = 64 << 10;

impl TurnState {
    fn keep_fact(&mut self, fact: &Fact) {
        let facts = &mut self.facts;
        let bytes = std::mem::take(&mut facts.bytes);
        facts.bytes = postcard::to_extend(fact, bytes).expect("plain data in memory always serialises");
        facts.told_to += 1;
        facts.waiting += 1;
        if facts.bytes.len() >= FACTS_BYTES_MAX {
            self.store_facts();
        }
    }

    fn store_facts(&mut self) {
        let facts = &mut self.facts;
        if facts.waiting > 0 {
            let (count, bytes) = (std::mem::take(&mut facts.waiting), std::mem::take(&mut facts.bytes));
            self.parcel.outgoing.push(Outgoing::Facts { first: facts.told_to - count + 1, count, bytes });
        }
    }
}

impl World for Outside {
    fn journal(&mut self, now: Now, input: &Input, effects: &[Effect]) {
        let hash = effects_hash(effects, &mut self.turn.scratch);
        frame_input(now, hash, input, &mut self.turn.parcel.frames);
        self.turn.at = now.wall;
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, bytes, token } => {
                self.turn.parcel.outgoing.push(Outgoing::Send { to, bytes, token });
            }
            Effect::Close(flow) => self.turn.parcel.outgoing.push(Outgoing::Close(flow)),
            Effect::Resolve { query, host, transport } => self.dns.resolve(query, host, transport),
            Effect::Media { leg, command } => self.media.gather(leg, command),
            Effect::Mail(mail) => self.voicemail.order(mail),
            Effect::WantPorts(count) => self.media.want_ports(count),
            Effect::Store { seq, row } => {
                self.metrics.legs_unrated.inc_by(unrated(&row));
                self.turn.store_facts();
                self.turn.parcel.outgoing.push(Outgoing::Store { seq, row: Box::new(row) });
            }
            Effect::LookUp { call, number } => self.callers.look_up(call, number),
            Effect::Reply { id, answer } => self.turn.parcel.outgoing.push(Outgoing::Reply { id, answer }),
            Effect::Fact(fact) => {
                self.turn.keep_fact(&fact);
                self.turn.facts.told.push(fact);
            }
            Effect::Count(count) => self.metrics.count(count),
            Effect::Trunk { trunk, up } => {
                self.metrics.trunk(trunk, up);
                match up {
                    Some(true) => tracing::info!(%trunk, "trunk is up"),
                    Some(false) => tracing::error!(%trunk, "trunk is down: probes or our registration fail"),
                    None => tracing::info!(%trunk, "nothing is known of the trunk any more: it is gone, or changed"),
                }
            }
            Effect::Why { call, agent, epoch, why } => {
                tracing::debug!(%call, %agent, epoch, ?why, "offered");
                self.decisions.keep(self.turn.at, call, agent, epoch, why);
            }
            Effect::Foreseen { queue, expected_ms, waited_ms } => {
                self.metrics.count_forecast(queue.as_str(), expected_ms, waited_ms);
            }
            Effect::Healed(heal) => {
                self.metrics.count_heal(heal);
                tracing::error!(?heal, "the reconciler healed something; please report with `turno journal export`");
            }
        }
    }

    fn end_turn(&mut self) {
        self.media.deliver();
        let Facts { told_to, told, .. } = &mut self.turn.facts;
        if !told.is_empty() {
            let first = *told_to + 1 - told.len() as u64;
            self.facts.tell(first, std::mem::take(told));
        }
        if !self.turn.parcel.is_empty() {
            self.post.send(&mut self.turn.parcel);
        }
    }

    fn wish(&mut self) -> Option<Wish> {
        self.wanted.take()
    }

    fn segment(&mut self, now: Now, state: Option<Vec<u8>>) {
        let first = !std::mem::replace(&mut self.turn.begun, true);
        let number = self.turn.next_segment;
        self.turn.next_segment += 1;
        self.facts.segment(number);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let begin = Begin { format: FORMAT, version, mark: self.clock.mark(), now, first };
        self.turn.parcel.segment = Some((number, begin, state));
    }

    fn tick(&mut self) {
        self.turn.store_facts();
        self.metrics.set_media(&self.media.counts());
        let health = self.store.health();
        self.metrics.set_store(&health, &self.store.consumers());
        if health.disk_alarm != self.turn.disk_alarm {
            self.turn.disk_alarm = health.disk_alarm;
            match health.disk_alarm {
                true => tracing::error!(used_pct = health.disk_used_pct, "the disk of the records fills up; make room"),
                false => tracing::info!(used_pct = health.disk_used_pct, "the disk of the records has room again"),
            }
        }
        if health.full != self.turn.store_full {
            self.turn.store_full = health.full;
            match health.full {
                true => tracing::error!(spooled = health.spooled, "records cannot be written: new calls are refused"),
                false => tracing::info!("records are written again"),
            }
        }
    }

    fn store_full(&self) -> bool {
        self.store.health().full
    }
}

/// Amounts that a closed call lacks because no rule is for them.
fn unrated(row: &Row) -> u64 {
    match &row.kind {
        Kind::Open(_) | Kind::Interim(_) => 0,
        Kind::Close(record) => record.costs.iter().map(|cost| u64::from(cost.unrated)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::store::tests::rows;

    #[test]
    fn a_leg_without_a_price_counts_when_its_call_has_ended_and_not_before() {
        let mut of_call = rows(1);
        assert!(of_call.iter().all(|row| unrated(row) == 0), "the sample book has a rule for it");
        let Some(Row { kind: Kind::Close(record), .. }) = of_call.last_mut() else {
            panic!("a call ends with its record")
        };
        record.costs.iter_mut().for_each(|cost| cost.unrated = 2);
        let payers = record.costs.len() as u64;
        let counts: Vec<u64> = of_call.iter().map(unrated).collect();
        let (last, before) = counts.split_last().unwrap();
        assert_eq!((*last, before.iter().sum::<u64>()), (2 * payers, 0));
        assert!(payers > 0);
    }
}
