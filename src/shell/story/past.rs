//! Why an ended call went where it went: its decisions from the journal, for as long as that reaches back, and after that in
//! words as they are kept beside its record.

use std::ops::ControlFlow;
use std::path::Path;

use turno_base::fact::What;
use turno_base::{CallId, Fact, Now, Wall};
use turno_engine::{Effect, Explained, OfferExplained};
use turno_tariff::cdr::Record;

use super::{LINGER_US, began, words};
use crate::shell::journal::{Shown, reaches_back_to, walk_until};
use crate::shell::store::Reader;
use crate::shell::store::decisions::{self, Decision};

/// Sentences told of one call; what comes after them is counted.
pub(super) const SENTENCES_MAX: usize = 200;

/// What is known of the decisions about a call that is not live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Past {
    /// Why it went where it went.
    Told(Box<Explained>),
    /// It was there, and why is not kept: a sentence for whoever asked.
    Gone(String),
    /// Neither journal nor records know it.
    Unknown,
}

/// Reads why `call` went where it went; the journal is read from before it came until after it ended.
pub fn past(call: CallId, journal: Option<&Path>, records: &Path) -> Past {
    let gone = |because: String| {
        let record = Reader::open(records).and_then(|reader| reader.show(call)).ok().flatten();
        let Some(record) = record else { return Past::Unknown };
        let kept = decisions::of_call(records, call).unwrap_or_default();
        if !kept.is_empty() || record.offers.is_empty() {
            return Past::Told(Box::new(remembered(&record, &kept, &because)));
        }
        Past::Gone(format!(
            "call {call} ended at {}; why it went where it went is kept as long as the journal (journal.age, journal.size): {because}. \
             `turno cdr show {call}` has its record",
            record.ended
        ))
    };
    let Some(dir) = journal else { return gone("no journal is kept here".to_owned()) };
    match reaches_back_to(dir) {
        Err(error) => return gone(format!("it cannot be read, {error}")),
        Ok(None) => return gone("there is none any more".to_owned()),
        Ok(Some(oldest)) if oldest > began(call) => return gone(format!("it reaches back to {oldest}")),
        Ok(Some(_)) => {}
    }
    let mut gathered = Gathered::new(call);
    match walk_until(dir, began(call), &mut |shown| gathered.see(&shown)) {
        Err(error) => gone(format!("it cannot be read, {error}")),
        Ok(()) if gathered.is_known => Past::Told(Box::new(gathered.explained())),
        Ok(()) => gone("it does not have this call".to_owned()),
    }
}

/// What a record and the decisions beside it say, where the journal says nothing, `because`.
fn remembered(record: &Record, kept: &[Decision], because: &str) -> Explained {
    let call = record.call;
    let later =
        |at: Wall, ms: u64| Wall(at.0.saturating_add(i64::try_from(ms.saturating_mul(1000)).unwrap_or(i64::MAX)));
    let mut told: Vec<(Wall, u8, String)> = Vec::new();
    let mut fact =
        |at: Wall, order: u8, what: &What| told.extend(words::of(what).map(|(_, _, text)| (at, order, text)));
    for stay in &record.stays {
        let (queue, position) = (stay.queue, stay.position);
        fact(stay.entered, 0, &What::QueueEntered { call, queue, position });
        let (left, position, wait_ms) = (stay.left, stay.left_position, stay.wait_ms);
        fact(later(stay.entered, wait_ms), 3, &What::QueueLeft { call, queue, left, position, wait_ms });
    }
    for offer in &record.offers {
        let Some(end) = offer.end else { continue };
        let (agent, epoch, ring_ms) = (offer.agent, offer.epoch, offer.ring_ms);
        fact(later(offer.at, ring_ms), 2, &What::OfferEnded { call, agent, epoch, end, ring_ms });
    }
    fact(record.ended, 4, &What::CallEnded { call, outcome: record.outcome, by: record.by });
    told.extend(kept.iter().map(|decision| (decision.at, 1, decision.words.clone())));
    told.sort_by_key(|(at, order, _)| (*at, *order));
    let left_out = told.len().saturating_sub(SENTENCES_MAX);
    let sentences = told.into_iter().take(SENTENCES_MAX).map(|(at, _, text)| format!("{at}: {text}")).collect();
    let mut words = in_words("it has ended", record.offers.len(), sentences, left_out);
    words.push(format!("told from its record and what is kept beside it; the journal: {because}"));
    let config_revision = record.offers.last().map_or(record.config_revision, |offer| offer.config_revision);
    Explained { words, waiting: None, agent: None, offer: None, config_revision }
}

fn in_words(stands: &str, offers: usize, sentences: Vec<String>, left_out: usize) -> Vec<String> {
    let offered = match offers {
        0 => "was offered to nobody".to_owned(),
        1 => "was offered once".to_owned(),
        many => format!("was offered {many} times"),
    };
    let mut words = vec![format!("{stands}; it {offered}")];
    words.extend(sentences);
    if left_out > 0 {
        words.push(format!("and {left_out} sentences more"));
    }
    words
}

/// What the journal says of one call.
struct Gathered {
    call: CallId,
    is_known: bool,
    ended: Option<Wall>,
    last: Option<OfferExplained>,
    sentences: Vec<String>,
    left_out: usize,
    offers: usize,
}

impl Gathered {
    fn new(call: CallId) -> Gathered {
        Gathered { call, is_known: false, ended: None, last: None, sentences: Vec::new(), left_out: 0, offers: 0 }
    }

    fn see(&mut self, shown: &Shown<'_>) -> ControlFlow<()> {
        let Shown::Turn { now, effects, .. } = shown else { return ControlFlow::Continue(()) };
        for effect in *effects {
            if let Effect::Why { call, agent, why, .. } = effect
                && *call == self.call
            {
                let offer = OfferExplained { call: *call, agent: *agent, why: why.clone() };
                self.offers += 1;
                self.is_known = true;
                self.say(*now, offer.words());
                self.last = Some(offer);
            }
            if let Effect::Fact(fact) = effect {
                self.on_fact(*now, fact);
            }
        }
        match self.ended {
            Some(ended) if now.wall.0 > ended.0 + LINGER_US => ControlFlow::Break(()),
            Some(_) | None => ControlFlow::Continue(()),
        }
    }

    fn on_fact(&mut self, now: Now, fact: &Fact) {
        let Some((call, _, text)) = words::of(&fact.what) else { return };
        if call != self.call {
            return;
        }
        self.is_known = true;
        if matches!(fact.what, What::CallEnded { .. }) {
            self.ended = Some(fact.at.wall);
        }
        if matches!(
            fact.what,
            What::QueueEntered { .. }
                | What::QueueLeft { .. }
                | What::OfferEnded { .. }
                | What::WaitingChanged { .. }
                | What::CallbackTaken { .. }
                | What::CallingBack { .. }
                | What::CallbackEnded { .. }
                | What::CallEnded { .. }
        ) {
            self.say(now, text);
        }
    }

    fn say(&mut self, now: Now, text: String) {
        if self.sentences.len() < SENTENCES_MAX {
            self.sentences.push(format!("{}: {text}", now.wall));
        } else {
            self.left_out += 1;
        }
    }

    fn explained(self) -> Explained {
        let stands = if self.ended.is_some() { "it has ended" } else { "the journal does not tell its end" };
        let words = in_words(stands, self.offers, self.sentences, self.left_out);
        let config_revision = self.last.as_ref().map_or(0, |offer| offer.why.revision);
        Explained { words, waiting: None, agent: None, offer: self.last, config_revision }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use turno_base::fact::{OfferEnd, QueueLeft, What};
    use turno_base::{EndedBy, Outcome};
    use turno_tariff::cdr::{Offer, Stay};

    use super::*;
    use crate::shell::store::decisions::Decisions;
    use crate::shell::store::decisions::tests::why;
    use crate::shell::store::tests::{Dir, fill, record};

    #[test]
    fn sentences_are_bounded_and_what_is_left_out_is_counted() {
        let call = CallId(7);
        let mut gathered = Gathered::new(call);
        let entered = What::QueueEntered { call, queue: "averias".parse().unwrap(), position: 1 };
        for ms in 0..SENTENCES_MAX as u64 + 2 {
            let at = Now::from_ms(ms);
            gathered.on_fact(at, &Fact { at, what: entered.clone() });
        }
        let at = Now::from_ms(1000);
        let ended = What::CallEnded { call: CallId(8), outcome: Outcome::Answered, by: EndedBy::Caller };
        gathered.on_fact(at, &Fact { at, what: ended });
        let told = gathered.explained().words;
        assert_eq!(told.len(), SENTENCES_MAX + 2);
        assert_eq!(told[0], "the journal does not tell its end; it was offered to nobody", "another call has ended");
        assert_eq!(told.last().unwrap(), "and 2 sentences more");
    }

    #[test]
    fn without_a_journal_the_record_and_what_is_kept_beside_it_tell_the_same() {
        let dir = Dir::new("past");
        let (queue, agent) = ("averias".parse().unwrap(), "anna".parse().unwrap());
        let mut record = record(3);
        let at = record.arrived;
        let (left, end) = (QueueLeft::Answered(agent), Some(OfferEnd::Accepted));
        record.stays = vec![Stay { queue, entered: at, position: 1, left, left_position: 1, wait_ms: 3000 }];
        let at = at + Duration::from_secs(1);
        record.offers = vec![Offer { queue, agent, epoch: 40, at, end, ring_ms: 2000, config_revision: 9 }];
        fill(&dir.0, [record.clone()].into_iter()).unwrap();
        let call = record.call;
        let offer = record.offers[0];
        let Past::Gone(sentence) = past(call, None, &dir.0) else { panic!("its decision was not kept") };
        assert!(sentence.contains("no journal is kept here"), "{sentence}");
        let (decisions, thread) = Decisions::start(&dir.0, None, Wall(1)).unwrap();
        decisions.keep(offer.at, call, offer.agent, offer.epoch, why(offer.epoch));
        drop(decisions);
        thread.join().unwrap();
        let Past::Told(told) = past(call, None, &dir.0) else { panic!("it is kept now") };
        let begins = |text: &str| told.words.iter().position(|line| line.contains(text));
        let order: Vec<_> = [
            "it has ended; it was offered once",
            "enters ",
            " was offered to ",
            "the offer to ",
            "leaves ",
            "ends: ",
            "told from",
        ]
        .map(begins)
        .into();
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?} {:#?}", told.words);
        assert_eq!(told.config_revision, offer.config_revision);
        assert_eq!(past(CallId(9), None, &dir.0), Past::Unknown);
    }

    #[test]
    fn a_call_that_neither_journal_nor_records_know_is_unknown() {
        let nowhere = std::env::temp_dir().join("turno-no-such-folder");
        assert_eq!(past(CallId(7), Some(&nowhere), &nowhere), Past::Unknown);
        assert_eq!(past(CallId(7), None, &nowhere), Past::Unknown);
    }
}
