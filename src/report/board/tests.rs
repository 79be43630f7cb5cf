//! The board, by scripts of facts.

use std::fmt::Write;

use expect_test::expect;
use proptest::prelude::*;
use turno_base::{EndedBy, Name, Outcome};

use super::*;

fn queue(name: &str) -> QueueId {
    QueueId::new(name).unwrap()
}

fn agent(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

fn terms() -> Terms {
    let of = |name: &str, s, agents: &[&str]| {
        let agents = agents.iter().map(|name| agent(name)).collect();
        let shown = name.to_uppercase();
        (queue(name), QueueTerms { shown, threshold: Duration::from_secs(s), target_pct: 80, agents })
    };
    Terms {
        queues: [of("averias", 20, &["anna", "boris"]), of("ventas", 30, &["boris"])].into(),
        agents: [(agent("anna"), "Ana Rubio".to_owned())].into(),
    }
}

/// One fact a line: ms, what, names.
fn facts(script: &str) -> Vec<Fact> {
    script
        .lines()
        .map(str::split_whitespace)
        .filter_map(|mut words| {
            let at = Now::from_ms(words.next()?.parse().unwrap());
            let (verb, rest) = (words.next().unwrap(), words.collect::<Vec<_>>());
            let call = |n: usize| CallId(rest[n].parse().unwrap());
            let number = |n: usize| rest.get(n).map_or(0, |word| word.parse().unwrap());
            let what = match verb {
                "known" => What::CustomerKnown {
                    call: call(0),
                    customer: None,
                    segment: SegmentId::new(rest[1]).unwrap(),
                    value_pm: 1000,
                },
                "enter" => What::QueueEntered { call: call(0), queue: queue(rest[1]), position: 1 },
                "offer" => What::Offered { call: call(0), queue: queue(rest[1]), agent: agent(rest[2]), epoch: 1 },
                "offer-end" => {
                    let end = if rest[2] == "accepted" { OfferEnd::Accepted } else { OfferEnd::RingNoAnswer };
                    What::OfferEnded { call: call(0), agent: agent(rest[1]), epoch: 1, end, ring_ms: 5 }
                }
                "left" => {
                    let left = match rest[2] {
                        "abandoned" => QueueLeft::Abandoned,
                        "short" => QueueLeft::ShortAbandoned,
                        "overflow" => QueueLeft::Overflowed,
                        who => QueueLeft::Answered(agent(who)),
                    };
                    What::QueueLeft { call: call(0), queue: queue(rest[1]), left, position: 1, wait_ms: number(3) }
                }
                "end" => What::CallEnded { call: call(0), outcome: Outcome::Answered, by: EndedBy::Caller },
                "serves" => What::AgentServes { agent: agent(rest[0]), queue: queue(rest[1]), rank: Some(0) },
                "leaves" => What::AgentServes { agent: agent(rest[0]), queue: queue(rest[1]), rank: None },
                "agent" => {
                    let state = match rest[1] {
                        "out" => AgentState::LoggedOut,
                        "ready" => AgentState::Ready,
                        "ring" => AgentState::Ringing,
                        "talk" => AgentState::Talking,
                        "hold" => AgentState::Holding,
                        "wrap" => AgentState::WrapUp,
                        reason => AgentState::Paused(Name::new(reason).unwrap()),
                    };
                    let call = rest.get(2).map(|word| CallId(word.parse().unwrap()));
                    What::AgentChanged { agent: agent(rest[0]), station: None, state, call, is_paid: true }
                }
                other => panic!("unknown fact {other}"),
            };
            Some(Fact { at, what })
        })
        .collect()
}

fn board(script: &str) -> Board {
    let mut board = Board::new(terms());
    facts(script).iter().for_each(|fact| board.on_fact(fact));
    board
}

fn text(view: &BoardView) -> String {
    let mut out = String::new();
    let pm = |pm: Option<u32>| pm.map_or("-".to_owned(), |pm| format!("{}.{}%", pm / 10, pm % 10));
    let longest = view.longest.map_or("-".to_owned(), |l| format!("{} {} ms", l.queue, l.wait_ms));
    writeln!(out, "waiting {} peak {} longest {longest} level {}", view.waiting, view.waiting_peak, pm(view.level_pm))
        .unwrap();
    for q in &view.queues {
        let t = q.totals;
        writeln!(
            out,
            "{} waiting {} longest {:?} level {} abandoned {} entered {} answered {} short {} flowed {} free {}/{} wait {:?} talk {:?} handle {:?}",
            q.shown, q.waiting, q.longest_ms, pm(q.level_pm), pm(q.abandoned_pm), t.entered, t.answered, t.short_abandoned,
            t.flowed, q.ready, q.logged_in, t.wait_mean_ms, t.talk_mean_ms, t.handle_mean_ms
        )
        .unwrap();
    }
    for a in &view.agents {
        let reason = a.reason.map_or(String::new(), |reason| format!(" {reason}"));
        writeln!(out, "{} {}{reason} {} ms", a.shown, a.state, a.since_ms).unwrap();
    }
    for s in &view.segments {
        writeln!(out, "{} level {} entered {}", s.segment, pm(s.level_pm), s.totals.entered).unwrap();
    }
    out
}

const MORNING: &str = "0 agent anna ready
    0 agent boris ready
    1000 known 1 gold
    1000 enter 1 averias
    1000 offer 1 averias anna
    1000 agent anna ring 1
    4000 offer-end 1 anna accepted
    4000 left 1 averias anna 3000
    4000 agent anna talk 1
    10000 enter 2 averias
    11000 enter 3 ventas
    12000 left 3 ventas short 1000
    12000 end 3
    24000 agent anna hold 1
    34000 agent anna talk 1
    40000 left 2 averias overflow 30000
    40000 enter 2 ventas
    44000 agent anna wrap 1
    44000 end 1
    54000 agent anna lunch";

#[test]
fn a_morning_on_the_wall() {
    let board = board(MORNING);
    expect![[r#"
        waiting 1 peak 2 longest ventas 20000 ms level 50.0%
        AVERIAS waiting 0 longest None level 50.0% abandoned 0.0% entered 2 answered 1 short 0 flowed 1 free 1/2 wait Some(3000) talk Some(30000) handle Some(50000)
        VENTAS waiting 1 longest Some(20000) level - abandoned - entered 2 answered 0 short 1 flowed 0 free 1/1 wait None talk None handle None
        Ana Rubio paused lunch 6000 ms
        boris ready 60000 ms
        gold level 100.0% entered 1
    "#]]
    .assert_eq(&text(&board.snapshot(Now::from_ms(60_000))));
}

#[test]
fn a_new_day_counts_from_zero_and_who_waits_keeps_waiting() {
    let mut board = board(MORNING);
    board.begin_day();
    expect![[r#"
        waiting 1 peak 1 longest ventas 20000 ms level -
        AVERIAS waiting 0 longest None level - abandoned - entered 0 answered 0 short 0 flowed 0 free 1/2 wait None talk None handle None
        VENTAS waiting 1 longest Some(20000) level - abandoned - entered 0 answered 0 short 0 flowed 0 free 1/1 wait None talk None handle None
        Ana Rubio paused lunch 6000 ms
        boris ready 60000 ms
    "#]]
    .assert_eq(&text(&board.snapshot(Now::from_ms(60_000))));
}

#[test]
fn the_line_of_minutes_holds_the_most_of_each() {
    let minutes = |board: &Board, ms| board.snapshot(Now::from_ms(ms)).waiting_minutes;
    let board = board(
        "0 enter 1 averias
        5000 enter 2 averias
        6000 left 2 averias abandoned 1000
        130000 enter 3 averias
        131000 left 1 averias overflow 131000",
    );
    assert_eq!(minutes(&board, 131_000), [2, 1, 2]);
    assert_eq!(minutes(&board, 250_000), [2, 1, 2, 1, 1]);
    let later = minutes(&board, 24 * 3_600_000);
    assert_eq!((later.len(), later.iter().max()), (60, Some(&1)));
}

#[test]
fn a_call_that_ends_without_leaving_its_queue_waits_no_longer() {
    let board = board("0 enter 1 averias\n10 end 1\n20 left 1 averias abandoned 20");
    assert_eq!(board.snapshot(Now::from_ms(30)).waiting, 0);
}

#[test]
fn beyond_the_bound_the_oldest_call_is_forgotten() {
    let mut board = Board::new(terms());
    for n in 0..=CALLS_MAX as u128 {
        let what = What::QueueEntered { call: CallId(n), queue: queue("averias"), position: 1 };
        board.on_fact(&Fact { at: Now::from_ms(n as u64), what });
    }
    let view = board.snapshot(Now::from_ms(CALLS_MAX as u64));
    assert_eq!((view.waiting as usize, view.longest.map(|l| l.call)), (CALLS_MAX, Some(CallId(1))));
}

/// Entries and exits in any order, some of which make no sense.
fn any_line() -> impl Strategy<Value = (u64, String)> {
    let verb = prop::sample::select(vec![
        "enter C averias",
        "enter C ventas",
        "left C averias anna 9000",
        "left C ventas abandoned 40000",
        "left C averias short 900",
        "left C ventas overflow 50000",
        "known C gold",
        "end C",
        "agent anna talk C",
        "agent anna hold C",
        "agent anna wrap C",
        "agent anna ready",
        "agent anna out",
    ]);
    (verb, 0..4_u8, 0..30_000_u64).prop_map(|(verb, call, step)| (step, verb.replace('C', &call.to_string())))
}

proptest! {
    #[test]
    fn who_waits_is_counted_once_everywhere(lines in prop::collection::vec(any_line(), 0..80)) {
        let (mut ms, mut script) = (0, String::new());
        for (step, line) in &lines {
            ms += step;
            writeln!(script, "{ms} {line}").unwrap();
        }
        let board = board(&script);
        let view = board.snapshot(Now::from_ms(ms));
        prop_assert_eq!(view.waiting, view.queues.iter().map(|queue| queue.waiting).sum::<u32>());
        prop_assert!(view.waiting <= view.waiting_peak);
        prop_assert_eq!(view.totals.entered, view.queues.iter().map(|queue| queue.totals.entered).sum::<u64>());
        prop_assert_eq!(view.longest.is_some(), view.waiting > 0);
        let bytes = postcard::to_allocvec(&board).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Board>(&bytes).unwrap(), board);
    }
}

#[test]
fn who_is_put_into_a_queue_counts_there_until_his_shift_ends() {
    let people = |script: &str| {
        let view = board(script).snapshot(Now::from_ms(9000));
        view.queues.iter().map(|q| (q.queue.to_string(), q.ready, q.logged_in)).collect::<Vec<_>>()
    };
    let both = |averias, ventas| vec![("averias".to_owned(), averias, averias), ("ventas".to_owned(), ventas, ventas)];
    let begins = "10 agent anna ready\n20 agent boris ready\n";
    assert_eq!(people(begins), both(2, 1));
    let changed = format!("{begins}30 serves anna ventas\n40 leaves boris averias\n");
    assert_eq!(people(&changed), both(1, 2));
    assert_eq!(people(&format!("{changed}50 serves boris averias\n")), both(2, 2));
    let again = format!("{changed}50 agent anna out\n60 agent anna ready\n70 agent boris out\n80 agent boris ready\n");
    assert_eq!(people(&again), both(2, 1));
}
