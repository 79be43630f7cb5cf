//! What calls teach of customers, folded from the event line on a thread of its own: who was reached on which number, which
//! numbers nobody answers or do not exist, and each contact.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use turno_base::fact::{Party, QueueLeft, What};
use turno_base::{AgentId, CallId, Cause, E164, Fact, LegId, Name, Outcome, Reason, Wall};
use turno_customers::customer::Contact;
use turno_customers::hygiene::Shown;
use turno_customers::value::Fifths;

use crate::shell::board::Board;
use crate::shell::customers::Customers;
use crate::shell::host;
use crate::shell::store::StoreError;
use crate::shell::store::customers::{Customers as Kept, Ended, Lesson};

/// Live legs and calls that are remembered; past it new ones teach nothing.
const LIVE_MAX: usize = 100_000;
/// Ended calls of which a disposition still counts.
const ENDED_MAX: usize = 10_000;
/// Lessons brought to the disk at once.
const LESSONS_MAX: usize = 1000;
/// Where the fifths of the portfolio end is read from the records this often.
const FIFTHS_KEPT: Duration = Duration::from_secs(3600);
/// Lessons wait so long for others.
const BREATH: Duration = Duration::from_secs(1);
/// Between two looks at the facts while there are some: nobody waits for what they teach, and each would be a wake-up. The
/// board keeps 4096 facts for a listener, which are more than a call centre of any size has meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// A leg that we dialled outside.
#[derive(Debug)]
struct Dialled {
    number: E164,
    rang: bool,
    answered: bool,
}

/// A caller.
#[derive(Debug)]
struct Caller {
    number: Option<E164>,
    customer: Option<String>,
    agent: Option<AgentId>,
    said: Option<Name>,
}

/// The fold.
#[derive(Debug, Default)]
pub struct Pupil {
    legs: BTreeMap<LegId, Dialled>,
    calls: BTreeMap<CallId, Caller>,
    /// Whose calls ended lately: agents say what came of them in the wrap-up.
    ended: BTreeMap<CallId, String>,
}

/// What a fact taught: of a known customer, or of everybody with the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taught {
    /// A customer called or was called, and what his agent has said of it.
    Of(Lesson, Option<Name>),
    /// An agent says what came of a customer's call that has ended.
    Said(Ended),
    /// A number was dialled.
    Number(E164, Shown, Wall),
}

impl Pupil {
    /// Takes in a fact.
    pub fn on_fact(&mut self, fact: &Fact) -> Option<Taught> {
        let at = fact.at.wall;
        match &fact.what {
            What::CallArrived { call, ani, trunk: Some(_), .. } if self.calls.len() < LIVE_MAX => {
                let number = ani.e164.filter(|_| !ani.withheld);
                self.calls.insert(*call, Caller { number, customer: None, agent: None, said: None });
                None
            }
            What::CustomerKnown { call, customer, .. } => {
                if let Some(caller) = self.calls.get_mut(call) {
                    caller.customer.clone_from(customer);
                }
                None
            }
            What::QueueLeft { call, left: QueueLeft::Answered(agent), .. } => {
                if let Some(caller) = self.calls.get_mut(call) {
                    caller.agent = Some(*agent);
                }
                None
            }
            What::CallEnded { call, outcome, .. } => self.on_ended(*call, *outcome, at),
            What::Disposed { call, disposition, .. } => {
                if let Some(caller) = self.calls.get_mut(call) {
                    caller.said = Some(*disposition);
                    return None;
                }
                let customer = self.ended.get(call)?.clone();
                Some(Taught::Said(Ended { customer, call: *call, at, said: Some(*disposition) }))
            }
            What::LegBegan { leg, b, party: Party::Outside(_), .. } if self.legs.len() < LIVE_MAX => {
                let number = b.e164?;
                self.legs.insert(*leg, Dialled { number, rang: false, answered: false });
                None
            }
            What::LegRinging { leg, .. } => {
                self.legs.get_mut(leg)?.rang = true;
                None
            }
            What::LegAnswered { leg, .. } => {
                self.legs.get_mut(leg)?.answered = true;
                None
            }
            What::LegEnded { leg, cause, .. } => {
                let dialled = self.legs.remove(leg)?;
                Some(Taught::Number(dialled.number, shown(&dialled, *cause), at))
            }
            What::CallArrived { .. }
            | What::CallbackTaken { .. }
            | What::LeavingByKey { .. }
            | What::CallingBack { .. }
            | What::CallbackEnded { .. }
            | What::CallbacksDue { .. }
            | What::LegBegan { .. }
            | What::SegmentBegan { .. }
            | What::LegQuality { .. }
            | What::LegSilent { .. }
            | What::LegDialog { .. }
            | What::QueueEntered { .. }
            | What::QueueLeft { .. }
            | What::Offered { .. }
            | What::OfferEnded { .. }
            | What::WaitingChanged { .. }
            | What::QueueNoted { .. }
            | What::Emergency { .. }
            | What::Configured { .. }
            | What::AgentChanged { .. }
            | What::AgentServes { .. }
            | What::PauseTooLong { .. }
            | What::Task { .. } => None,
        }
    }

    fn on_ended(&mut self, call: CallId, outcome: Outcome, at: Wall) -> Option<Taught> {
        let Caller { number, customer, agent, said } = self.calls.remove(&call)?;
        if let Some(customer) = &customer {
            self.ended.insert(call, customer.clone());
            // Ids begin with their time.
            while self.ended.len() > ENDED_MAX {
                self.ended.pop_first();
            }
        }
        let contact = Contact { at, call: Some(call), agent, about: format!("call, {}", outcome.as_str()) };
        let lesson = Lesson { customer: customer?, number: number?, shown: Shown::Reached, at, contact: Some(contact) };
        Some(Taught::Of(lesson, said))
    }
}

fn shown(dialled: &Dialled, cause: Cause) -> Shown {
    if dialled.answered {
        return Shown::Reached;
    }
    // Q.850: 1 unallocated, 22 changed, 28 incomplete; 18 no user responding, 19 no answer.
    match (cause.sip, cause.q850) {
        (404 | 410 | 604 | 484, _) | (_, 1 | 22 | 28) => Shown::NoSuchNumber,
        (_, 18 | 19) | (408 | 480, _) => Shown::NoAnswer,
        _ if dialled.rang && cause.reason == Reason::RingLimit => Shown::NoAnswer,
        _ => Shown::Nothing,
    }
}

/// What values are renewed by, between two looks at all records.
#[derive(Debug)]
struct Worth {
    customers: Customers,
    dir: PathBuf,
    fifths: Option<(Instant, Fifths)>,
}

impl Worth {
    /// Whoever's call has ended, or was given its disposition, gets the value that he has now.
    fn renew(&mut self, kept: &mut Kept, ended: &[Ended]) -> Result<(), StoreError> {
        let Some(rules) = self.customers.value_rules() else { return Ok(()) };
        if ended.is_empty() {
            return Ok(());
        }
        let fifths = match self.fifths.take().filter(|(made, _)| made.elapsed() < FIFTHS_KEPT) {
            Some(fifths) => fifths,
            None => (Instant::now(), kept.fifths(&self.dir)?),
        };
        let renewed = kept.renew_ended(&self.dir, ended, &rules, &fifths.1);
        self.fifths = Some(fifths);
        let renewed = renewed?;
        if !renewed.is_empty() && !self.customers.renewed(renewed) {
            kept.stamp()?;
        }
        Ok(())
    }
}

/// What waits to be kept.
#[derive(Debug, Default)]
struct Batch {
    lessons: Vec<Lesson>,
    ended: Vec<Ended>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.lessons.is_empty() && self.ended.is_empty()
    }

    fn take(&mut self, taught: Taught, customers: &Customers) {
        match taught {
            Taught::Of(lesson, said) => {
                self.ended.extend(ended(&lesson, said));
                self.lessons.push(lesson);
            }
            Taught::Said(ended) => self.ended.push(ended),
            Taught::Number(number, shown, at) => {
                let of = |customer| Lesson { customer, number, shown, at, contact: None };
                self.lessons.extend(customers.sharers(number).into_iter().map(of));
            }
        }
    }
}

fn ended(lesson: &Lesson, said: Option<Name>) -> Option<Ended> {
    let contact = lesson.contact.as_ref()?;
    Some(Ended { customer: lesson.customer.clone(), call: contact.call?, at: contact.at, said })
}

/// Learns from all facts from now on, until the board is gone. A store without customers stays as it is.
pub fn start(board: &Arc<Board>, customers: Customers, dir: PathBuf) -> io::Result<()> {
    let mut facts = board.listen();
    std::thread::Builder::new().name("learning".into()).spawn(move || {
        host::step_back();
        let mut pupil = Pupil::default();
        let mut batch = Batch::default();
        let mut worth = Worth { customers: customers.clone(), dir, fifths: None };
        let mut due = Instant::now() + BREATH;
        loop {
            let fact = match facts.try_recv() {
                Ok(fact) => Some(fact),
                Err(TryRecvError::Empty) => {
                    due = flush_if_due(&mut worth, &mut batch, due);
                    std::thread::sleep(LOOK_EVERY);
                    match batch.is_empty() {
                        true => match facts.blocking_recv() {
                            Ok(fact) => Some(fact),
                            Err(RecvError::Lagged(missed)) => lagged(missed),
                            Err(RecvError::Closed) => return,
                        },
                        false => None,
                    }
                }
                Err(TryRecvError::Lagged(missed)) => lagged(missed),
                Err(TryRecvError::Closed) => return flush(&mut worth, &mut batch),
            };
            if let Some(taught) = fact.and_then(|fact| pupil.on_fact(&fact.fact)) {
                batch.take(taught, &customers);
            }
            if batch.lessons.len() + batch.ended.len() >= LESSONS_MAX {
                flush(&mut worth, &mut batch);
            }
        }
    })?;
    Ok(())
}

fn lagged<T>(missed: u64) -> Option<T> {
    tracing::warn!(missed, "facts came faster than customers' contacts can be kept; some contacts are missing");
    None
}

fn flush_if_due(worth: &mut Worth, batch: &mut Batch, due: Instant) -> Instant {
    if batch.is_empty() {
        return Instant::now() + BREATH;
    }
    if Instant::now() < due {
        return due;
    }
    flush(worth, batch);
    Instant::now() + BREATH
}

fn flush(worth: &mut Worth, batch: &mut Batch) {
    if !batch.is_empty()
        && let Ok(mut kept) = Kept::open_existing(&worth.dir)
    {
        match kept.learn(&batch.lessons) {
            Ok(0) => {}
            Ok(tasks) => tracing::info!(tasks, "numbers of customers are to be put right: turno customers tasks"),
            Err(error) => tracing::error!(%error, "what calls taught of customers cannot be kept"),
        }
        if let Err(error) = worth.renew(&mut kept, &batch.ended) {
            tracing::error!(%error, "the values of customers whose calls ended cannot be renewed");
        }
    }
    *batch = Batch::default();
}

#[cfg(test)]
mod tests {
    use turno_base::{EndedBy, Number, Seeded, SegmentId, TrunkId};

    use super::*;
    use crate::shell::config;
    use crate::shell::store::tests::Dir;

    fn number(text: &str) -> Number {
        Number { raw: text.to_owned(), e164: E164::new(text).ok(), withheld: false }
    }

    fn fact(what: What) -> Fact {
        Fact { at: turno_base::Now::from_ms(7), what }
    }

    #[test]
    fn a_dialled_number_is_judged_by_how_its_leg_ended() {
        let call = CallId::mint(Wall(0), &mut Seeded::new(1));
        let leg = LegId(1);
        let cause = |sip, q850, reason| Cause::new(sip, q850, reason);
        for (rang, answered, cause, want) in [
            (true, true, Cause::NORMAL, Shown::Reached),
            (false, false, cause(404, 1, Reason::Peer), Shown::NoSuchNumber),
            (false, false, cause(500, 28, Reason::Peer), Shown::NoSuchNumber),
            (true, false, cause(480, 0, Reason::Peer), Shown::NoAnswer),
            (true, false, cause(487, 16, Reason::RingLimit), Shown::NoAnswer),
            (true, false, cause(486, 17, Reason::Peer), Shown::Nothing),
            (false, false, cause(503, 41, Reason::Unreachable), Shown::Nothing),
        ] {
            let mut pupil = Pupil::default();
            let party = Party::Outside(TrunkId::new("carrier").unwrap());
            let (a, b) = (number("+34910000001"), number("+34612345678"));
            let began = What::LegBegan { call, leg, sip_call_id: String::new(), a, b, party };
            assert_eq!(pupil.on_fact(&fact(began)), None);
            if rang {
                pupil.on_fact(&fact(What::LegRinging { call, leg }));
            }
            if answered {
                pupil.on_fact(&fact(What::LegAnswered { call, leg }));
            }
            let taught = pupil.on_fact(&fact(What::LegEnded { call, leg, cause, by: EndedBy::Us }));
            let at = fact(What::LegRinging { call, leg }).at.wall;
            assert_eq!(taught, Some(Taught::Number(E164::new("+34612345678").unwrap(), want, at)), "{cause:?}");
            assert!(pupil.legs.is_empty());
        }
    }

    #[test]
    fn a_call_of_a_known_customer_is_a_contact() {
        let call = CallId::mint(Wall(0), &mut Seeded::new(1));
        let mut pupil = Pupil::default();
        let trunk = TrunkId::new("carrier").ok();
        let (ani, dnis) = (number("+34612345678"), number("+34910000001"));
        pupil.on_fact(&fact(What::CallArrived { call, ani, dnis, trunk }));
        let segment = SegmentId::new("gold").unwrap();
        pupil.on_fact(&fact(What::CustomerKnown { call, customer: Some("C-1".into()), segment, value_pm: 1 }));
        let ended = fact(What::CallEnded { call, outcome: Outcome::Abandoned, by: EndedBy::Caller });
        let Some(Taught::Of(lesson, None)) = pupil.on_fact(&ended) else { panic!("nothing was learned") };
        let contact = lesson.contact.unwrap();
        assert_eq!(
            (lesson.customer.as_str(), lesson.shown, contact.about.as_str()),
            ("C-1", Shown::Reached, "call, abandoned")
        );
        assert!(pupil.calls.is_empty());
    }

    #[test]
    fn what_an_agent_says_of_a_call_counts_during_it_and_in_the_wrap_up() {
        let known = |pupil: &mut Pupil, n: u64| {
            let call = CallId::mint(Wall(0), &mut Seeded::new(n));
            let (ani, dnis) = (number("+34612345678"), number("+34910000001"));
            pupil.on_fact(&fact(What::CallArrived { call, ani, dnis, trunk: TrunkId::new("carrier").ok() }));
            let segment = SegmentId::new("gold").unwrap();
            pupil.on_fact(&fact(What::CustomerKnown { call, customer: Some("C-1".into()), segment, value_pm: 1 }));
            call
        };
        let (agent, sale) = (AgentId::new("anna").unwrap(), Name::new("sale").unwrap());
        let disposed = |call| fact(What::Disposed { call, agent, disposition: sale });
        let ends = |call| fact(What::CallEnded { call, outcome: Outcome::Answered, by: EndedBy::Caller });
        let mut pupil = Pupil::default();
        let during = known(&mut pupil, 1);
        assert_eq!(pupil.on_fact(&disposed(during)), None, "it is told of when the call ends");
        assert!(matches!(pupil.on_fact(&ends(during)), Some(Taught::Of(_, Some(said))) if said == sale));
        let after = known(&mut pupil, 2);
        assert!(matches!(pupil.on_fact(&ends(after)), Some(Taught::Of(_, None))));
        let Some(Taught::Said(ended)) = pupil.on_fact(&disposed(after)) else { panic!("nothing was learned") };
        assert_eq!((ended.customer.as_str(), ended.call, ended.said), ("C-1", after, Some(sale)));
        for n in 0..ENDED_MAX as u64 {
            let call = known(&mut pupil, 10 + n);
            pupil.on_fact(&ends(call));
        }
        assert_eq!(pupil.ended.len(), ENDED_MAX);
    }

    /// By a rule that gives who calls most gold, and else by the scores.
    #[test]
    fn who_has_called_is_worth_what_he_is_worth_now() {
        let dir = Dir::new("worth");
        let config = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let text = std::fs::read_to_string(config.join("turno.toml")).unwrap();
        let parsed = config::parse("turno.toml", &text, &config, Some(BTreeMap::new()));
        let mut settings = parsed.settings.unwrap();
        settings.store.dir = dir.0.clone();
        let rules = "[[rules]]\nname = \"often\"\nfrequency = 5\nvalue = 7.5\nsegment = \"gold\"\n";
        settings.value_rules = Some(crate::shell::customers::rules::rules_of(rules).unwrap());
        let known = E164::new("+34688111222").unwrap();
        let mut kept = Kept::open(&dir.0).unwrap();
        let lines = vec![turno_customers::customer::Line::new(known)];
        kept.put(&turno_customers::Customer { id: "X-1".into(), lines, ..Default::default() }).unwrap();
        let customers = Customers::new(&settings);
        customers.read();
        let seen = |customers: &Customers| {
            let found = customers.look_up(known).unwrap();
            (found.value_pm, found.segment.to_string())
        };
        let (value_before, _) = seen(&customers);
        let stamp = kept.version().unwrap();
        // The others' fifths: one call each, of an hour of 1970, and nothing paid.
        let others =
            Fifths::of(&[turno_customers::value::History { last: Wall(1), contacts: 1, money: 0, said: None }; 10]);
        let mut worth =
            Worth { customers: customers.clone(), dir: dir.0.clone(), fifths: Some((Instant::now(), others)) };
        let call = CallId::mint(Wall(0), &mut Seeded::new(1));
        let at = Wall(3_600_000_000);
        let contact = Contact { at, call: Some(call), agent: None, about: "call, answered".into() };
        let lesson =
            Lesson { customer: "X-1".into(), number: known, shown: Shown::Reached, at, contact: Some(contact) };
        let ends = |lesson: &Lesson| ended(lesson, None).into_iter().collect::<Vec<_>>();
        worth.renew(&mut kept, &ends(&Lesson { contact: None, ..lesson.clone() })).unwrap();
        assert_eq!(seen(&customers).0, value_before, "nobody called");
        worth.renew(&mut kept, &ends(&lesson)).unwrap();
        assert_eq!(seen(&customers), (7500, "gold".to_owned()));
        assert_eq!(kept.version().unwrap(), stamp, "nobody has to read a million customers for one call");
        assert_eq!(kept.get("X-1").unwrap().unwrap().value.unwrap().pm, 7500);
        customers.read();
        assert_eq!(seen(&customers), (7500, "gold".to_owned()), "as the store has it");
        settings.value_rules = None;
        customers.replace(&settings);
        worth.renew(&mut kept, &ends(&lesson)).unwrap();
        assert_eq!(customers.value_rules(), None);
    }
}
