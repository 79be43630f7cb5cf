//! Seam: what would become of a call if it came now. Nothing changes: the dial plan is asked, and a copy of the ACD is given the
//! call, so that what is told is what would be decided.

use serde::{Deserialize, Serialize};
use turno_acd::{Credits, Decision, Entry, Event, ItemExplained, Kind, Overflow, Why, need};
use turno_base::fact::Party;
use turno_base::number::normalise;
use turno_base::{AgentId, CallId, ItemId, Money, Now, Number, QueueId, StationId, TrunkId, Wall};
use turno_call::{Customer, Plan};
use turno_tariff::{Call, Key, Payer, Status, rate};

use crate::Rooms;
use crate::boundary::Refusal;

/// The item that stands for the call; no id is ever minted as this.
const REHEARSED: ItemId = ItemId(CallId(u128::MAX));
/// Length of the call that is priced, ms.
const PRICED_MS: u64 = 180_000;

/// A call that does not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// Who calls, as the trunk would say it.
    pub from: String,
    /// What was dialled.
    pub to: String,
    /// By which trunk; none: the first that has a route for it.
    pub trunk: Option<TrunkId>,
    /// At this instant, with agents and queues as they are now; none: now.
    pub at: Option<Wall>,
    /// Who that is; none: whom nobody knows.
    pub customer: Option<Customer>,
}

/// What would become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsed {
    /// At which instant; RFC 3339, UTC.
    pub at: String,
    /// Who calls, in canonical form if there is one.
    pub from: String,
    /// What was dialled, in canonical form if there is one.
    pub to: String,
    /// The trunk.
    pub trunk: Option<TrunkId>,
    /// The customer's external id; none: unknown.
    pub customer: Option<String>,
    /// Segment.
    pub segment: String,
    /// Value, per mille.
    pub value_pm: u32,
    /// What the dial plan says.
    pub plan: String,
    /// The queue that would let it in, in the end.
    pub queue: Option<QueueId>,
    /// What it would need of an agent beyond what the queue needs.
    pub need: Option<String>,
    /// Where doors would send it, in order.
    pub sent_on: Vec<String>,
    /// Who would be rung, and why.
    pub offers: Vec<RehearsedOffer>,
    /// Why it would wait; none: somebody is rung, or it enters no queue.
    pub waits: Option<ItemExplained>,
    /// What three minutes would cost, by payer.
    pub prices: Vec<RehearsedPrice>,
}

/// Who would be rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearsedOffer {
    /// Who.
    pub agent: AgentId,
    /// Where he sits.
    pub station: StationId,
    /// The decision's record.
    pub why: Why,
}

/// What it would cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearsedPrice {
    /// Whom.
    pub payer: String,
    /// `rated`, or why there is no amount.
    pub status: Status,
    /// Without tax.
    pub net: Option<Money>,
    /// With tax.
    pub gross: Option<Money>,
    /// By which line of the price book.
    pub rate: Option<String>,
}

impl Rooms {
    pub(crate) fn rehearse(&self, asked: &Rehearsal, now: Now) -> Result<Box<Rehearsed>, Refusal> {
        let country = &self.config.country;
        let number = |raw: &str| Number { raw: raw.to_owned(), e164: normalise(raw, country), withheld: false };
        let (ani, dnis) = (number(&asked.from), number(&asked.to));
        let trunk = self.rehearsed_by(asked, &dnis)?;
        let at = Now { mono: now.mono, wall: asked.at.unwrap_or(now.wall) };
        let customer = asked.customer.clone().unwrap_or_else(|| self.stranger());
        let plan = trunk.and_then(|trunk| self.calls.plan_for(&dnis, trunk));
        let mut told = Rehearsed {
            at: at.wall.to_string(),
            from: shown(&ani),
            to: shown(&dnis),
            trunk,
            customer: customer.id.clone(),
            segment: customer.segment.to_string(),
            value_pm: customer.value_pm,
            plan: plan.map_or_else(|| "refused with 404: no route has this number".to_owned(), plan_words),
            queue: None,
            need: None,
            sent_on: Vec::new(),
            offers: Vec::new(),
            waits: None,
            prices: self.rehearsed_prices(&ani, &dnis, trunk, at.wall),
        };
        if let Some(Plan::Queue { queue, need, .. }) = plan {
            self.rehearse_queue((*queue, need.clone()), &ani, customer, at, &mut told);
        }
        Ok(Box::new(told))
    }

    /// The trunk asked for, or the first that has a route, or just the first.
    fn rehearsed_by(&self, asked: &Rehearsal, dnis: &Number) -> Result<Option<TrunkId>, Refusal> {
        let mut trunks = self.config.sip.trunks.iter().map(|trunk| trunk.id);
        match asked.trunk {
            Some(trunk) if trunks.any(|known| known == trunk) => Ok(Some(trunk)),
            Some(trunk) => Err(Refusal::Unknown { what: "trunk".to_owned(), name: trunk.to_string() }),
            None => {
                let routed = trunks.clone().find(|trunk| self.calls.plan_for(dnis, *trunk).is_some());
                Ok(routed.or_else(|| trunks.next()))
            }
        }
    }

    fn rehearse_queue(
        &self,
        (queue, wanted): (QueueId, turno_base::Need),
        ani: &Number,
        customer: Customer,
        at: Now,
        told: &mut Rehearsed,
    ) {
        let wanted = self.calls.need_for(wanted, &customer);
        told.need = Some(need::text(&wanted));
        let entry = Entry {
            item: REHEARSED,
            kind: Kind::Call,
            queue,
            need: wanted,
            segment: customer.segment,
            value_pm: customer.value_pm,
            caller: customer.id.or_else(|| ani.e164.map(|number| number.to_string())),
            credits: Credits::default(),
            owner: customer.owner,
            last_agent: None,
            callback_to: ani.e164.filter(|number| self.calls.may_call_back(*number)),
        };
        let (mut acd, mut decisions) = (self.acd.clone(), Vec::new());
        acd.on_event(Event::Enter(entry), at, &mut decisions);
        for decision in decisions {
            // What else the copy decides is about others, and does not happen.
            if let Decision::Entered { item: REHEARSED, queue, .. } = decision {
                told.queue = Some(queue);
            } else if let Decision::Overflow { item: REHEARSED, to } = decision {
                told.sent_on.push(overflow_words(&to));
            } else if let Decision::Offer { item: REHEARSED, agent, station, why, .. } = decision {
                told.offers.push(RehearsedOffer { agent, station, why: *why });
            }
        }
        if told.offers.is_empty() {
            told.waits = acd.explain_item(REHEARSED, at);
        }
    }

    /// The caller's leg alone: what follows it depends on how the call goes.
    fn rehearsed_prices(&self, ani: &Number, dnis: &Number, trunk: Option<TrunkId>, at: Wall) -> Vec<RehearsedPrice> {
        let deck = self.config.deck.of_party(Party::Caller(trunk));
        let (a, b) = (Key::from(ani.e164), Key::from(dnis.e164));
        let call = Call { a, b, answer: at, duration_ms: PRICED_MS, answered: true };
        let price = |payer: Payer| {
            let rated = rate(deck, &call, payer);
            let line = rated.rate.map(|line| line.to_string());
            RehearsedPrice {
                payer: payer.to_string(),
                status: rated.status,
                net: rated.net,
                gross: rated.gross,
                rate: line,
            }
        };
        deck.payers().map(price).collect()
    }
}

fn shown(number: &Number) -> String {
    number.e164.map_or_else(|| number.raw.clone(), |number| number.to_string())
}

fn plan_words(plan: &Plan) -> String {
    match plan {
        Plan::Queue { queue, .. } => format!("queue {queue}"),
        Plan::Station(station) => format!("station {station}"),
        Plan::Agent(agent) => format!("agent {agent}, wherever he sits"),
        Plan::Prompt(prompt) => format!("prompt {prompt}, then good-bye"),
        Plan::Menu(menu) => format!("menu {menu}"),
        Plan::Voicemail(mailbox) => format!("voicemail {mailbox}"),
        Plan::Refuse(status) => format!("refused with {status}"),
    }
}

fn overflow_words(to: &Overflow) -> String {
    match to {
        Overflow::Queue(queue) => format!("queue {queue}"),
        Overflow::Number(number) => format!("number {number}"),
        Overflow::Prompt(prompt) => format!("prompt {prompt}, then good-bye"),
        Overflow::Callback => "a callback".to_owned(),
        Overflow::Menu(menu) => format!("menu {menu}"),
        Overflow::Voicemail(mailbox) => format!("voicemail {mailbox}"),
        Overflow::HangUp => "good-bye".to_owned(),
    }
}

/// The story in sentences.
impl std::fmt::Display for Rehearsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = self.trunk.map(|trunk| format!(" by trunk {trunk}")).unwrap_or_default();
        writeln!(f, "{}  {} calls {}{by}", self.at, self.from, self.to)?;
        let who = self.customer.as_deref().unwrap_or("unknown");
        writeln!(
            f,
            "customer  {who}, segment {}, value {}.{:03}",
            self.segment,
            self.value_pm / 1000,
            self.value_pm % 1000
        )?;
        writeln!(f, "plan      {}", self.plan)?;
        for to in &self.sent_on {
            writeln!(f, "sent on   to {to}")?;
        }
        if let (Some(queue), Some(need)) = (self.queue, &self.need) {
            writeln!(f, "queue     {queue}, needs {need} beyond what the queue needs")?;
        }
        for RehearsedOffer { agent, station, why } in &self.offers {
            writeln!(f, "offered   to {agent} at {station}: {why}")?;
        }
        if let Some(waits) = &self.waits {
            writeln!(f, "waits     {waits}")?;
        }
        for price in &self.prices {
            let RehearsedPrice { payer, status, net, gross, rate } = price;
            match (net, gross, rate) {
                (Some(net), Some(gross), Some(rate)) => {
                    writeln!(f, "price     3 min cost {payer} {net}, with tax {gross}, by {rate}")?;
                }
                _ => writeln!(f, "price     none for {payer}: {}", status.as_str())?,
            }
        }
        Ok(())
    }
}
