//! Consumers beside the tables: what they take, how they fail, and that they stand in nobody's way.

use std::sync::{Condvar, mpsc};

use turno_base::Mono;

use super::*;
use crate::shell::store::consumer::{Pace, Trouble};
use crate::shell::store::feed::{Content, History, Item, Wants};

/// What a notebook has taken, kept over the lives of the store.
#[derive(Debug, Default)]
struct Pages {
    place: Place,
    lines: Vec<String>,
    aside: Vec<String>,
    /// Items of the largest batch.
    largest: usize,
}

/// A consumer that writes into memory; its door may be held shut.
#[derive(Debug, Clone)]
struct Notebook {
    wants: Wants,
    pages: Arc<Mutex<Pages>>,
    /// Shut: whoever takes something stays in it.
    door: Arc<(Mutex<bool>, Condvar)>,
    /// Fails so often before it takes something.
    failures: Arc<AtomicU64>,
    /// Refuses what contains this.
    refuses: &'static str,
    /// Tells of each try.
    tries: Option<mpsc::Sender<()>>,
    pace: Pace,
}

impl Notebook {
    fn of(records: bool, facts: bool) -> Notebook {
        Notebook {
            wants: Wants { records, facts, beats: false },
            pages: Arc::default(),
            door: Arc::default(),
            failures: Arc::default(),
            refuses: "never",
            tries: None,
            pace: Pace::default(),
        }
    }

    fn set_shut(&self, shut: bool) {
        *self.door.0.lock().unwrap() = shut;
        self.door.1.notify_all();
    }

    fn lines(&self) -> Vec<String> {
        self.pages.lock().unwrap().lines.clone()
    }

    fn boxed(&self) -> Box<dyn Consumer> {
        Box::new(self.clone())
    }
}

fn lines_of(item: &Item) -> Vec<String> {
    match &item.content {
        Content::Record { seq, record } => vec![format!("{} {seq}", record.call)],
        Content::Facts { first, facts } => {
            (*first..).zip(facts).map(|(n, fact)| format!("{n} {}", word(fact))).collect()
        }
        Content::Beat(at) => vec![at.to_string()],
        Content::Unreadable(error) => vec![error.to_string()],
    }
}

fn word(fact: &Fact) -> String {
    match &fact.what {
        What::Emergency { on, .. } => format!("emergency {on} at {}", fact.at.mono.0),
        other => format!("{other:?}"),
    }
}

impl Consumer for Notebook {
    fn wants(&self) -> Wants {
        self.wants
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn place(&mut self) -> Result<Place, Trouble> {
        Ok(self.pages.lock().unwrap().place)
    }

    fn take(&mut self, items: &[Item]) -> Result<(), Trouble> {
        if let Some(tries) = &self.tries {
            let _ = tries.send(());
        }
        let shut = self.door.1.wait_while(self.door.0.lock().unwrap(), |shut| *shut).unwrap();
        drop(shut);
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.fetch_sub(1, Ordering::Relaxed);
            return Err(Trouble::passing("out of ink"));
        }
        let lines: Vec<String> = items.iter().flat_map(lines_of).collect();
        if let Some(line) = lines.iter().find(|line| line.contains(self.refuses)) {
            return Err(Trouble::Refused(format!("not {line}").into()));
        }
        let mut pages = self.pages.lock().unwrap();
        pages.largest = pages.largest.max(items.len());
        pages.lines.extend(lines);
        pages.place = items.last().map_or(pages.place, |item| item.at);
        Ok(())
    }

    fn set_aside(&mut self, item: &Item, reason: &str) -> Result<(), Trouble> {
        let mut pages = self.pages.lock().unwrap();
        pages.aside.push(reason.to_owned());
        pages.place = item.at;
        Ok(())
    }

    fn pass(&mut self, to: Place) -> Result<(), Trouble> {
        self.pages.lock().unwrap().place = to;
        Ok(())
    }
}

fn open_books(dir: &Dir, options: Options, consumers: &[(&str, &Notebook)]) -> Store {
    let boxed = || consumers.iter().map(|(name, notebook)| ((*name).to_owned(), notebook.boxed())).collect();
    open_with(dir, options, boxed).0
}

fn calls(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| format!("{} {}", call(n), rows(n).len() - 1)).collect()
}

/// Facts `from..to`, numbered by what they say.
fn tell(store: &Store, numbers: std::ops::Range<u64>) {
    let fact = |n: u64| {
        let at = Now { mono: Mono(n), wall: Wall::from_secs(1_773_140_400) };
        Fact { at, what: What::Emergency { queue: None, on: n.is_multiple_of(2) } }
    };
    let (first, count) = (numbers.start, numbers.end - numbers.start);
    let bytes = numbers.flat_map(|n| postcard::to_allocvec(&fact(n)).unwrap()).collect();
    assert!(store.append_facts(first, count, bytes));
}

fn told(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(|n| format!("{n} emergency {} at {n}", n.is_multiple_of(2))).collect()
}

#[test]
fn a_consumer_is_given_as_much_at_once_as_it_wants_and_not_more() {
    let dir = Dir::new("pace");
    let pace = |items_max| Pace { settle: Duration::from_millis(50), items_max };
    let (few, many) = (Notebook { pace: pace(3), ..Notebook::of(true, false) }, Notebook::of(true, false));
    let many = Notebook { pace: pace(1000), ..many };
    for notebook in [&few, &many] {
        notebook.set_shut(true);
    }
    let store = open_books(&dir, Options::default(), &[("few", &few), ("many", &many)]);
    append(&store, 1..40, 1);
    assert!(store.flush(LONG));
    for notebook in [&few, &many] {
        notebook.set_shut(false);
    }
    assert!(store.flush_all(LONG));
    for notebook in [&few, &many] {
        assert_eq!(notebook.lines(), calls(1..40));
    }
    let largest = |notebook: &Notebook| notebook.pages.lock().unwrap().largest;
    assert_eq!(largest(&few), 3);
    assert!(largest(&many) > 3, "{}", largest(&many));
}

#[test]
fn records_and_facts_reach_whoever_wants_them_in_order_and_once_over_restarts() {
    let dir = Dir::new("consumers");
    let (records, facts, both) = (Notebook::of(true, false), Notebook::of(false, true), Notebook::of(true, true));
    let small = Options { segment_bytes: 6_000, ..Options::default() };
    let mut seq = 1;
    for life in 0..4 {
        let store = open_books(&dir, small, &[("records", &records), ("facts", &facts), ("both", &both)]);
        for n in life * 6..life * 6 + 6 {
            tell(&store, n * 3 + 1..n * 3 + 4);
            seq = append(&store, n..n + 1, seq);
        }
        store.close(LONG);
        assert_eq!(records.lines(), calls(0..life * 6 + 6));
        assert_eq!(facts.lines(), told(1..life * 18 + 19));
        assert_eq!(both.lines().len(), records.lines().len() + facts.lines().len());
    }
    assert_eq!(all(&dir).len(), 24);
    assert!(log::segments(&dir.0.join("log")).unwrap().len() > 3, "over the ends of segments");

    // The same from the log itself, by somebody who comes later.
    let mut history = Vec::new();
    History::open(&dir.0).unwrap().each_fact(|n, fact| history.push(format!("{n} {}", word(fact)))).unwrap();
    assert_eq!(history, told(1..73));
    let late = Notebook::of(true, true);
    open_books(&dir, small, &[("late", &late)]).close(LONG);
    assert_eq!(late.lines(), both.lines());
    let recovered = log::recover(&dir.0.join("log")).unwrap();
    assert_eq!(recovered.fact_last, Some(72));
    let of = |number| recovered.fact(number).unwrap().map(|fact| format!("{number} {}", word(&fact)));
    assert_eq!((of(1), of(71), of(73)), (told(1..2).pop(), told(71..72).pop(), None));
}

#[test]
fn one_that_hangs_delays_nobody_and_goes_on_where_it_was() {
    let dir = Dir::new("hangs");
    let (stuck, quick) = (Notebook::of(true, false), Notebook::of(true, false));
    stuck.set_shut(true);
    let store = open_books(&dir, Options::default(), &[("stuck", &stuck), ("quick", &quick)]);
    append(&store, 0..20, 1);
    assert!(store.flush(LONG), "the tables do not wait");
    let until = Instant::now() + LONG;
    while quick.lines().len() < 20 {
        assert!(Instant::now() < until, "the other consumer does not wait");
        std::thread::yield_now();
    }
    assert!(!store.health().full);
    assert_eq!(stuck.lines(), [""; 0]);
    stuck.set_shut(false);
    assert!(store.flush_all(LONG));
    assert_eq!((stuck.lines(), quick.lines()), (calls(0..20), calls(0..20)));
}

#[test]
fn one_that_fails_tries_again_until_it_can_and_says_so() {
    let dir = Dir::new("fails");
    let mut failing = Notebook::of(true, false);
    let (tries, tried) = mpsc::channel();
    failing.tries = Some(tries);
    failing.failures.store(3, Ordering::Relaxed);
    let store = open_books(&dir, Options::default(), &[("failing", &failing)]);
    append(&store, 0..5, 1);
    for _ in 0..2 {
        tried.recv_timeout(LONG).expect("it is tried again");
    }
    assert!(store.consumers()[1].failing, "seen after the first failure");
    assert!(store.flush_all(LONG));
    let health = &store.consumers()[1];
    assert_eq!((health.name.as_str(), health.failing, health.refused, health.behind_bytes), ("failing", false, 0, 0));
    assert_eq!(failing.lines(), calls(0..5));
    assert!(!store.consumers()[0].failing);
}

#[test]
fn what_is_refused_is_set_aside_with_the_reason_and_the_others_get_in() {
    let dir = Dir::new("aside");
    let mut picky = Notebook::of(true, true);
    picky.refuses = "emergency true at 2";
    let store = open_books(&dir, Options::default(), &[("picky", &picky)]);
    tell(&store, 1..2);
    append(&store, 0..2, 1);
    tell(&store, 2..3);
    append(&store, 2..4, 100);
    store.close(LONG);
    let pages = picky.pages.lock().unwrap();
    assert_eq!(pages.aside, ["not 2 emergency true at 2"]);
    assert_eq!(pages.lines, [told(1..2), calls(0..4)].concat());
}

#[test]
fn the_log_waits_for_the_slow_up_to_a_bound_and_what_they_missed_is_counted() {
    let dir = Dir::new("missed");
    let stuck = Notebook::of(true, false);
    let options = Options { segment_bytes: 4_000, kept_for: Duration::ZERO, ..Options::default() };
    let oldest = || log::segments(&dir.0.join("log")).unwrap()[0];
    stuck.set_shut(true);
    let store = open_books(&dir, options, &[("stuck", &stuck)]);
    let mut next = 1;
    for n in 0..30 {
        next = append(&store, n..n + 1, next);
        assert!(store.flush(LONG));
    }
    assert_eq!(oldest(), 1, "held for the slow one");
    stuck.set_shut(false);
    store.close(LONG);
    assert_eq!(stuck.lines(), calls(0..30));

    stuck.set_shut(true);
    let store = open_books(&dir, Options { held_bytes_max: 20_000, ..options }, &[("stuck", &stuck)]);
    let before = oldest();
    for n in 30..60 {
        next = append(&store, n..n + 1, next);
        assert!(store.flush(LONG));
    }
    assert!(oldest() > before + 1, "not for ever");
    // It had read a batch before it hung; what follows that is partly gone.
    stuck.failures.store(1, Ordering::Relaxed);
    stuck.set_shut(false);
    assert!(store.flush_all(LONG));
    assert!(store.consumers()[1].missed_segments > 0);
    let lines = stuck.lines();
    assert!(lines.len() < 60 && lines.ends_with(&calls(57..60)), "{lines:?}");
    assert_eq!(all(&dir).len(), 60, "the tables have them all");
}

#[test]
fn what_everybody_took_is_kept_for_later_folds_within_its_bounds() {
    let oldest_after = |options: Options| {
        let dir = Dir::new("kept");
        let (store, ..) = open(&dir, Options { segment_bytes: 4_000, ..options });
        let mut next = 1;
        for n in 0..30 {
            next = append(&store, n..n + 1, next);
            assert!(store.flush(LONG));
        }
        store.close(LONG);
        log::segments(&dir.0.join("log")).unwrap()[0]
    };
    assert_eq!(oldest_after(Options::default()), 1, "younger than eight days");
    assert!(oldest_after(Options { kept_for: Duration::ZERO, ..Options::default() }) > 5, "old");
    assert!(oldest_after(Options { kept_bytes_max: 12_000, ..Options::default() }) > 1, "too much");
}

#[test]
fn a_database_that_is_removed_under_way_is_made_again_from_the_log() {
    let dir = Dir::new("gone");
    let (store, ..) = open(&dir, Options::default());
    let next = append(&store, 0..5, 1);
    assert!(store.flush(LONG));
    for name in ["records.sqlite", "records.sqlite-wal", "records.sqlite-shm"] {
        std::fs::remove_file(dir.0.join(name)).unwrap();
    }
    append(&store, 5..8, next);
    assert!(store.flush(LONG));
    store.close(LONG);
    assert_eq!(all(&dir).len(), 8);
}

#[test]
fn a_database_that_is_locked_at_the_start_keeps_nobody_from_starting() {
    let dir = Dir::new("locked-start");
    open(&dir, Options::default()).0.close(LONG);
    let other = rusqlite::Connection::open(dir.0.join("records.sqlite")).unwrap();
    other.pragma_update(None, "journal_mode", "delete").unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let (store, ..) = open(&dir, Options::default());
    append(&store, 0..5, 1);
    assert!(!store.flush(Duration::from_millis(300)));
    other.execute_batch("COMMIT").unwrap();
    assert!(store.flush(LONG));
    store.close(LONG);
    assert_eq!(all(&dir).len(), 5);
}

#[test]
fn what_an_agent_says_and_does_after_the_call_is_in_the_tables_record() {
    use turno_base::fact::AgentState;
    use turno_tariff::cdr::Wrap;
    let dir = Dir::new("after");
    let (anna, now) = (AgentId::new("anna").unwrap(), |ms: u64| Now {
        mono: turno_base::Mono::from_ms(ms),
        wall: Wall::from_secs(1_773_140_400).plus_ms(ms),
    });
    let changed = |state, call| What::AgentChanged { agent: anna, station: None, state, call, is_paid: true };
    let said = |word: &str| {
        let disposition = turno_base::Name::new(word).unwrap();
        What::Disposed { call: call(1), agent: anna, disposition }
    };
    let script = [
        (10_000, changed(AgentState::WrapUp, Some(call(1)))),
        (12_000, said("sale")),
        (13_000, said("promise")),
        (25_500, changed(AgentState::Ready, None)),
        (30_000, changed(AgentState::WrapUp, Some(call(2)))),
    ];
    // A restart between any two changes nothing.
    let mut seq = 1;
    for (number, (ms, what)) in (1..).zip(script) {
        let (store, ..) = open(&dir, Options::default());
        if number == 1 {
            seq = append(&store, 1..3, seq);
        }
        assert!(store.append_facts(number, 1, postcard::to_allocvec(&Fact { at: now(ms), what }).unwrap()));
        store.close(LONG);
    }
    let reader = Reader::open(&dir.0).unwrap();
    let kept = |n| reader.show(call(n)).unwrap().unwrap();
    assert_eq!(kept(1).disposition.map(|name| name.to_string()).as_deref(), Some("promise"));
    assert_eq!(kept(1).wraps, [Wrap { agent: anna, at: now(10_000).wall, ms: Some(15_500) }]);
    assert_eq!(kept(2).wraps, [Wrap { agent: anna, at: now(30_000).wall, ms: None }]);
    assert_eq!((kept(1).wrap_ms(), kept(2).disposition), (15_500, None));
    let report = audit::audit(&dir.0).unwrap();
    assert_eq!((report.wrong, report.records), (0, 2), "{:?}", report.told);
}

#[test]
fn who_ends_waits_for_the_batch_in_hand_and_the_rest_is_taken_at_the_next_start() {
    let dir = Dir::new("ends");
    let (tell, tries) = mpsc::channel();
    let pace = Pace { settle: Duration::from_millis(50), items_max: 1 };
    let slow = Notebook { pace, tries: Some(tell), ..Notebook::of(true, false) };
    slow.set_shut(true);
    let store = open_books(&dir, Options::default(), &[("slow", &slow)]);
    append(&store, 1..21, 1);
    tries.recv_timeout(LONG).expect("it has the first in hand");
    let shared = store.shared.clone();
    let ending = std::thread::spawn(move || store.close(Duration::ZERO));
    let until = Instant::now() + LONG;
    while !shared.closing_for_good.load(Ordering::Relaxed) {
        assert!(Instant::now() < until, "it ends");
        std::thread::sleep(Duration::from_millis(1));
    }
    slow.set_shut(false);
    ending.join().unwrap();
    assert_eq!(slow.lines(), calls(1..2));
    open_books(&dir, Options::default(), &[("slow", &slow)]).close(LONG);
    assert_eq!(slow.lines(), calls(1..21));
}
