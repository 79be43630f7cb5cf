//! Who calls now: what is known here, what the CRM says in time, and the card that also shows what it says later.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use turno_base::{AgentId, CallId, E164, Name, SegmentId, Wall};
use turno_call::Customer;
use turno_engine::Input;

use crate::shell::clock::wall;
use crate::shell::customers::Customers;
use crate::shell::customers::crm::{Crm, Told, When};
use crate::shell::inbox::Inbox;

/// Calls whose cards are kept; the oldest goes when another comes.
const CARDS_MAX: usize = 20_000;

/// Who calls, for the agent's screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Card {
    /// From which number.
    pub number: E164,
    /// External id; none: a stranger.
    pub id: Option<String>,
    /// Name; data, never markup.
    pub name: String,
    /// Segment.
    pub segment: SegmentId,
    /// Value, per mille.
    pub value_pm: u32,
    /// Language.
    pub language: Option<Name>,
    /// Whose customer.
    pub owner: Option<AgentId>,
    /// All who have this number.
    pub sharers: Vec<String>,
    /// The CRM has spoken; `late`: after the call was routed.
    pub crm: Option<&'static str>,
    /// When the card changed last, microseconds since 1970.
    pub at_us: i64,
}

/// Answers the engine's question who calls, and keeps the cards.
#[derive(Clone, Debug)]
pub struct Callers {
    customers: Customers,
    crm: Option<Crm>,
    inbox: Inbox,
    cards: Arc<Mutex<BTreeMap<CallId, Card>>>,
}

impl Callers {
    /// By what `customers` and perhaps a CRM know.
    pub fn new(customers: Customers, crm: Option<Crm>, inbox: Inbox) -> Callers {
        Callers { customers, crm, inbox, cards: Arc::default() }
    }

    /// Finds out who calls and tells the engine: at once, or when the CRM has answered, or at its deadline.
    pub fn look_up(&self, call: CallId, number: E164) {
        let known = self.customers.look_up(number);
        self.show(call, number, known.as_ref(), None);
        let asked = self.crm.as_ref().is_some_and(|crm| {
            let (callers, base) = (self.clone(), known.clone());
            crm.ask(call, number, known.clone(), move |when, told| {
                callers.on_told(call, number, when, told, base.clone())
            })
        });
        if !asked {
            self.tell(call, known);
        }
    }

    /// The card of a call; none: its caller has no number, or it is long over.
    pub fn card(&self, call: CallId) -> Option<Card> {
        self.cards().get(&call).cloned()
    }

    fn on_told(&self, call: CallId, number: E164, when: When, told: Option<Told>, known: Option<Customer>) {
        let customer = match told {
            Some(told) => {
                let mut customer = told.onto(known, self.customers.stranger());
                customer.segment = self.customers.segment(customer.segment);
                let when = if when == When::Late { "late" } else { "in time" };
                self.show(call, number, Some(&customer), Some(when));
                Some(customer)
            }
            None => known,
        };
        match when {
            When::InTime | When::AtDeadline => self.tell(call, customer),
            // The call was routed by what was known; the card has it.
            When::Late => {}
        }
    }

    fn tell(&self, call: CallId, customer: Option<Customer>) {
        // Full: the engine's own deadline applies the default.
        let _ = self.inbox.house_now(Input::Customer { call, customer });
    }

    fn show(&self, call: CallId, number: E164, customer: Option<&Customer>, crm: Option<&'static str>) {
        let stranger = self.customers.stranger();
        let customer = customer.unwrap_or(&stranger);
        let Wall(at_us) = wall();
        let card = Card {
            number,
            id: customer.id.clone(),
            name: customer.shown.clone(),
            segment: customer.segment,
            value_pm: customer.value_pm,
            language: customer.language,
            owner: customer.owner,
            sharers: self.customers.sharers(number),
            crm,
            at_us,
        };
        let mut cards = self.cards();
        cards.insert(call, card);
        while cards.len() > CARDS_MAX {
            // Ids begin with their time.
            cards.pop_first();
        }
    }

    fn cards(&self) -> MutexGuard<'_, BTreeMap<CallId, Card>> {
        self.cards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
