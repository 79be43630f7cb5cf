//! The golden day: 40 calls made by hand, and every figure of them worked out by hand.
//!
//! A call is a line: number, minute of its arrival after 9:00, segment (`g` gold, value 4; `b` basic, value 0.4), the number
//! that was dialled (`free` 900, `geo` 91) and its steps, each with its second after the arrival.

use std::collections::BTreeMap;

use turno_base::fact::{AgentState, Fact, OfferEnd, QueueLeft, What};
use turno_base::{
    AgentId, CallId, Currency, E164, EndedBy, Money, Mono, Name, Now, Number, Outcome, QueueId, SegmentId, TrunkId,
    Wall,
};

use super::*;
use crate::board::{Board, QueueTerms, Terms};

/// 2026-03-10T09:00:00Z.
const NINE_S: i64 = 1_773_133_200;

const DAY: &str = "
 1   0 g free 2 q averias, 6 offer anna, 10 take anna, 70 wrap anna, 70 bye, 72 said anna billing.ok, 80 free anna
 2   2 g free 2 q averias, 6 offer boris, 10 take boris, 70 wrap boris, 70 bye, 72 said boris billing.ok, 80 free boris
 3   4 g free 2 q averias, 6 offer anna, 10 take anna, 70 wrap anna, 70 bye, 72 said anna billing.ok, 80 free anna
 4   6 g free 2 q averias, 6 offer boris, 10 take boris, 30 said boris fault.line, 70 wrap boris, 70 bye, 72 said boris billing.ok, 80 free boris
 5   8 g free 2 q averias, 6 offer anna, 10 take anna, 70 wrap anna, 70 bye, 80 free anna
 6  10 g free 2 q averias, 6 offer boris, 10 take boris, 70 wrap boris, 70 bye, 80 free boris
 7  12 b free 2 q averias, 6 offer anna, 10 take anna, 70 wrap anna, 70 bye, 80 free anna
 8  14 b free 2 q averias, 6 offer boris, 10 take boris, 70 wrap boris, 70 bye, 80 free boris
 9  16 b free 2 q averias, 6 offer anna, 10 take anna, 70 wrap anna, 70 bye, 80 free anna
10  18 b free 2 q averias, 6 offer boris, 10 take boris, 70 wrap boris, 70 bye, 80 free boris
11  20 b free 2 q averias, 6 offer anna, 10 take anna, 70 wrap anna, 70 bye, 80 free anna
12  22 b free 2 q averias, 6 offer boris, 10 take boris, 70 wrap boris, 70 bye, 80 free boris
13  24 g free 2 q averias, 32 offer anna, 37 take anna, 77 hold anna, 97 back anna, 137 wrap anna, 137 bye, 152 free anna
14  26 g free 2 q averias, 32 offer boris, 37 take boris, 77 hold boris, 97 back boris, 137 wrap boris, 137 bye, 152 free boris
15  28 b free 2 q averias, 32 offer anna, 37 take anna, 77 hold anna, 97 back anna, 137 wrap anna, 137 bye, 152 free anna
16  30 b free 2 q averias, 32 offer boris, 37 take boris, 77 hold boris, 97 back boris, 137 wrap boris, 137 bye, 152 free boris
17  32 b free 2 q averias, 17 out abandoned, 17 bye
18  34 b free 2 q averias, 17 out abandoned, 17 bye
19  36 g free 2 q averias, 42 out abandoned, 42 bye
20  38 b free 2 q averias, 42 out abandoned, 42 bye
21  40 b free 2 q averias, 5 out short, 5 bye
22  42 b free 2 q averias, 5 out short, 5 bye
23  44 b free 2 q averias, 47 out overflowed, 47 q ventas, 53 offer anna, 57 take anna, 77 wrap anna, 77 bye, 77 free anna
24  46 b free 2 q averias, 12 out exit-key, 12 bye
25  48 b free 2 q averias, 20 out callback, 20 bye
26  50 b free 2 q averias, 27 out callback, 27 bye
27  52 b free 2 q averias, 62 out timed-out, 62 bye
28  54 b free 2 q averias, 14 out withdrawn, 14 bye
29  56 b free 2 q averias, 2 out empty, 2 bye
30  58 b free 2 q averias, 9 out failed, 9 bye
31  60 b free 2 q averias, 5 offer anna, 15 rna anna, 16 offer boris, 20 take boris, 70 wrap boris, 70 bye, 75 free boris
32  62 b free 2 q averias, 6 offer anna, 10 take anna, 40 wrap anna, 40 talk boris, 45 free anna, 80 wrap boris, 80 bye, 85 free boris
33  64 b free 2 q averias, 6 offer anna, 10 take anna, 30 consult anna, 45 wrap anna, 45 talk boris, 50 free anna, 70 wrap boris, 70 bye, 75 free boris
34  66 b free 2 q averias, 6 offer anna, 10 take anna, 50 talk boris, 80 wrap anna, 80 wrap boris, 80 bye, 85 free anna, 85 free boris
35  68 b free 2 q averias, 4 offer anna, 4 offer boris, 8 take boris, 8 lost anna, 28 wrap boris, 28 bye, 33 free boris
36  70 b free 2 q averias, 10 offer anna, 14 left anna, 14 out abandoned, 14 bye
37  72 b free 2 q averias, 3 offer anna, 4 busy anna, 4 offer carlos, 4 unreachable carlos, 5 offer boris, 10 declined boris, 15 offer anna, 21 take anna, 51 wrap anna, 51 bye, 56 free anna
38  74 b free 2 q averias, 5 offer anna, 7 take anna, 17 died anna, 17 q averias, 23 offer boris, 26 take boris, 66 wrap boris, 66 bye, 71 free boris, 71 free anna
39  76 b geo 20 q ventas, 186 offer anna, 190 take anna, 230 wrap anna, 230 bye, 235 free anna
40  80 b geo 3 talk boris, 36 wrap boris, 36 bye, 41 free boris
";

fn named<T>(new: impl Fn(&str) -> Result<T, turno_base::name::NameError>, text: &str) -> T {
    new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn agent(name: &str) -> AgentId {
    named(AgentId::new, name)
}

fn queue(name: &str) -> QueueId {
    named(QueueId::new, name)
}

fn at(s: i64) -> Now {
    Now { mono: Mono::from_ms(1_000_000 + s as u64 * 1000), wall: Wall::from_secs(NINE_S + s) }
}

/// The facts of one step; `entered` is the second at which the call entered its queue.
fn step(call: CallId, words: &[&str], s: i64, queued: &mut Option<(QueueId, i64)>) -> Vec<What> {
    let who = |n: usize| agent(words[n]);
    let state =
        |agent: AgentId, state| What::AgentChanged { agent, station: None, state, call: Some(call), is_paid: true };
    let alone = |agent: AgentId, state| {
        let is_paid = !matches!(state, AgentState::Paused(_));
        What::AgentChanged { agent, station: None, state, call: None, is_paid }
    };
    let ended = |end| What::OfferEnded { call, agent: who(1), epoch: 1, end, ring_ms: 0 };
    let refused = |end| vec![ended(end), alone(who(1), AgentState::Ready)];
    let left = |how, queued: &mut Option<(QueueId, i64)>| {
        let (queue, entered) = queued.take().expect("in a queue");
        What::QueueLeft { call, queue, left: how, position: 1, wait_ms: (s - entered) as u64 * 1000 }
    };
    match words[0] {
        "q" => {
            *queued = Some((queue(words[1]), s));
            vec![What::QueueEntered { call, queue: queue(words[1]), position: 1 }]
        }
        "offer" => {
            let (queue, _) = queued.expect("in a queue");
            vec![What::Offered { call, queue, agent: who(1), epoch: 1 }, state(who(1), AgentState::Ringing)]
        }
        "take" => {
            vec![
                ended(OfferEnd::Accepted),
                left(QueueLeft::Answered(who(1)), queued),
                state(who(1), AgentState::Talking),
            ]
        }
        "rna" => refused(OfferEnd::RingNoAnswer),
        "declined" => refused(OfferEnd::Declined),
        "busy" => refused(OfferEnd::Busy),
        "unreachable" => vec![ended(OfferEnd::Unreachable), alone(who(1), AgentState::LoggedOut)],
        "left" => refused(OfferEnd::CallerLeft),
        "lost" => refused(OfferEnd::LostRace),
        "out" => vec![left(
            match words[1] {
                "abandoned" => QueueLeft::Abandoned,
                "short" => QueueLeft::ShortAbandoned,
                "overflowed" => QueueLeft::Overflowed,
                "callback" => QueueLeft::CallbackTaken,
                "timed-out" => QueueLeft::TimedOut,
                "withdrawn" => QueueLeft::Withdrawn,
                "exit-key" => QueueLeft::ExitKey,
                "empty" => QueueLeft::Empty,
                "failed" => QueueLeft::Failed,
                other => panic!("no outcome {other}"),
            },
            queued,
        )],
        "hold" => vec![state(who(1), AgentState::Holding)],
        "consult" => vec![state(who(1), AgentState::Consulting)],
        "back" | "talk" => vec![state(who(1), AgentState::Talking)],
        "wrap" => vec![state(who(1), AgentState::WrapUp)],
        "free" => vec![alone(who(1), AgentState::Ready)],
        "died" => vec![alone(who(1), AgentState::Paused(named(Name::new, "unreachable")))],
        "said" => vec![What::Disposed { call, agent: who(1), disposition: named(Name::new, words[2]) }],
        "bye" => vec![What::CallEnded { call, outcome: Outcome::Answered, by: EndedBy::Caller }],
        other => panic!("no step {other}"),
    }
}

fn number(digits: &str) -> Number {
    Number { raw: digits.to_owned(), e164: E164::from_digits(digits.as_bytes()).ok(), withheld: false }
}

/// Everything that happens on the day, in order.
pub(super) fn day() -> Vec<Fact> {
    let mut timed: Vec<(i64, What)> = Vec::new();
    let changed =
        |who: &str, state| What::AgentChanged { agent: agent(who), station: None, state, call: None, is_paid: true };
    for who in ["anna", "boris"] {
        timed.push((0, changed(who, AgentState::Ready)));
        timed.push((7200, changed(who, AgentState::LoggedOut)));
    }
    for line in DAY.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let mut next = || words.next().expect("a word");
        let call = CallId(next().parse().unwrap());
        let minute: i64 = next().parse().unwrap();
        let (segment, value_pm) = if next() == "g" { ("gold", 4000) } else { ("basic", 400) };
        let dnis = number(if next() == "free" { "34900123456" } else { "34910000001" });
        let arrived = minute * 60;
        let trunk = Some(named(TrunkId::new, "carrier"));
        timed.push((arrived, What::CallArrived { call, ani: number("34600111222"), dnis, trunk }));
        let known = What::CustomerKnown { call, customer: None, segment: named(SegmentId::new, segment), value_pm };
        timed.push((arrived, known));
        let rest: Vec<&str> = words.collect();
        let mut queued = None;
        for text in rest.join(" ").split(',') {
            let words: Vec<&str> = text.split_whitespace().collect();
            let s = arrived + words[0].parse::<i64>().unwrap();
            timed.extend(step(call, &words[1..], s, &mut queued).into_iter().map(|what| (s, what)));
        }
    }
    timed.sort_by_key(|&(s, _)| s);
    timed.into_iter().map(|(s, what)| Fact { at: at(s), what }).collect()
}

pub(super) fn terms() -> KpiTerms {
    KpiTerms {
        thresholds: [(queue("averias"), 20_000), (queue("ventas"), 30_000)].into(),
        number_types: [("34900", "freephone"), ("349", "geographic")]
            .map(|(digits, name)| (digits.to_owned(), named(Name::new, name)))
            .into(),
        rates: [(agent("anna"), 360_000)].into(), // 36 an hour: a cent a second
        rate: 180_000,
        needs_disposition: [queue("averias")].into(),
        ..KpiTerms::default()
    }
}

pub(super) fn folded(facts: &[Fact]) -> (Fold, Changes) {
    let (mut fold, mut out) = (Fold::default(), Changes::default());
    facts.iter().for_each(|fact| fold.on_fact(fact, &terms(), &mut out));
    (fold, out)
}

fn sum(of: &Changes, pick: impl Fn(&Key) -> bool) -> Tally {
    let mut sum = Tally::default();
    of.tallies.iter().filter(|(key, _)| pick(key)).for_each(|(_, tally)| sum.merge(tally));
    sum
}

fn of_queue(of: &Changes, name: Option<&str>) -> Tally {
    sum(of, |key| key.queue == name.map(queue))
}

fn shown(of: &Tally) -> BTreeMap<&'static str, String> {
    FIGURES.iter().map(|figure| (figure.name, (figure.of)(of).to_string())).collect()
}

/// Queue `averias`, worked out from the lines above.
///
/// Entries: calls 1 to 38, and 38 a second time: 39. A: 1-16, 31-35, 37 and both of 38: 24, late are 13-16: A_T = 20.
/// B: 17-20 and 36: 5, of them 17, 18 and 36 within 20 s: B_T = 3. S: 21, 22. F: 23-30: 8; F_T: 24, 25, 28, 29, 30: 5;
/// C_T: 25. N = 39, N - S = 37, N_ev = 24 + 5 + 3 = 32.
/// Waits of A: 12 x 8, 4 x 35, 18 (31), 3 x 8 (32-34), 6 (35), 19 (37), 5 and 9 (38): 317 s. Rung of that: 12 x 4, 4 x 5,
/// 10 + 4 (31), 3 x 4, 4 (35, two phones at once), 1 + 0 + 5 + 6 (37), 2 and 3 (38): 115 s.
/// Waits of B and S: 2 x 15, 2 x 40, 12, 2 x 3: 128 s of 7.
/// Value: gold are 1-6, 13, 14, 19. N - S: 9 x 4 + 28 x 0.4 = 47.2; A_T: 6 x 4 + 14 x 0.4 = 29.6; A: 8 x 4 + 16 x 0.4 =
/// 38.4; B: 4 + 4 x 0.4 = 5.6. Value x wait of A: (6 x 8 + 2 x 35) x 4 + 199 x 0.4 = 551.6.
/// Handled: 24, and once more in 32 (transfer), 33 (consultation, then transfer) and 34 (conference): 27.
/// Talk: 12 x 60, 4 x 80, 50, 30 + 40, 20 + 25, 70 + 30, 20, 30, 10 + 40: 1405 s. Hold: 4 x 20, 15: 95 s.
/// Wrap-up: 12 x 10, 4 x 15, 5 x (31, 32 twice, 33 twice, 34 twice, 35, 37, 38): 230 s.
/// Offers: 24 taken; rung out 31, lost race 35, caller left 36, busy, unreachable, declined 37: 30.
/// Calls: 38; answered: 23 of them here and call 23 in the other queue: 24; only short: 2.
const AVERIAS: &[(&str, &str)] = &[
    ("entered", "39"),
    ("answered", "24"),
    ("abandoned", "5"),
    ("short_abandoned", "2"),
    ("overflowed", "1"),
    ("callback_taken", "2"),
    ("timed_out", "1"),
    ("withdrawn", "1"),
    ("empty", "1"),
    ("failed", "1"),
    ("exit_key", "1"),
    ("sl_std", "54.1 %"),                   // 20 / 37
    ("sl_answered", "83.3 %"),              // 20 / 24
    ("sl_asterisk", "83.3 %"),              // 20 / 24, every conversation being over
    ("sl_asterisk2", "79.3 %"),             // 23 / 29
    ("sl_abn_ignored", "69.0 %"),           // 20 / 29
    ("sl_abn_neg", "62.5 %"),               // 20 / 32
    ("sl_abn_pos", "71.9 %"),               // 23 / 32
    ("sl_removed", "61.5 %"),               // 24 / 39
    ("sl_genesys", "69.0 %"),               // 20 / 29
    ("sl_genesys_flow", "54.1 %"),          // 20 / 37
    ("sl_genesys_short", "64.5 %"),         // 20 / 31
    ("sl_genesys_flow_short", "51.3 %"),    // 20 / 39
    ("sl_genesys_answered", "83.3 %"),      // 20 / 24
    ("sl_genesys_answered_flow", "62.5 %"), // 20 / 32
    ("sl_value", "62.7 %"),                 // 29.6 / 47.2
    ("answered_rate", "64.9 %"),            // 24 / 37
    ("answered_rate_all", "61.5 %"),        // 24 / 39
    ("answered_rate_calls", "66.7 %"),      // 24 / 36
    ("abandonment", "13.5 %"),              // 5 / 37
    ("abandonment_all", "17.9 %"),          // 7 / 39
    ("abandonment_value", "11.9 %"),        // 5.6 / 47.2
    ("asa", "13.2 s"),                      // 317 / 24
    ("asa_unrung", "8.4 s"),                // 202 / 24
    ("asa_value", "14.4 s"),                // 551.6 / 38.4
    ("wait_median", "<= 10 s"),             // the 12th of 5, 6, 15 x 8, 9, 18, 19, 4 x 35
    ("wait_p90", "<= 45 s"),                // the 22nd
    ("wait_unrung_median", "<= 5 s"),       // the 12th of 2, 3, 16 x 4, 6, 7, 4 x 30
    ("wait_unrung_p90", "<= 30 s"),         // the 22nd
    ("wait_abandoned", "18.3 s"),           // 128 / 7
    ("handled", "27"),
    ("aht", "64.1 s"),                  // 1730 / 27
    ("tmo_sin_acw", "55.6 s"),          // 1500 / 27
    ("talk_mean", "52.0 s"),            // 1405 / 27
    ("no_answer", "20.0 %"),            // 6 / 30
    ("no_answer_agent", "10.0 %"),      // 3 / 30
    ("no_answer_caller_left", "3.3 %"), // 1 / 30
    ("no_answer_unreachable", "3.3 %"), // 1 / 30
    ("no_answer_lost_race", "3.3 %"),   // 1 / 30
    ("disposed", "16.7 %"),             // 4 / 24
    ("disposition_missing", "83.3 %"),  // 20 / 24
    ("law_from_queue", "63.2 %"),       // 24 / 38
    ("law_from_arrival", "63.2 %"),     // 24 / 38
];

#[test]
fn every_figure_of_the_golden_day_is_what_the_hand_says() {
    let (_, out) = folded(&day());
    let got = shown(&of_queue(&out, Some("averias")));
    let names: Vec<&str> = FIGURES.iter().map(|figure| figure.name).collect();
    assert_eq!(AVERIAS.iter().map(|&(name, _)| name).collect::<Vec<_>>(), names, "a figure without its value");
    for (name, expected) in AVERIAS {
        assert_eq!(got[name], *expected, "{name}");
    }
}

/// Eight ways to set three switches. A = 24, A_T = 20, B = 5, S = 2, F = 8; where abandons do not count, short ones do not either, so that
/// the last two are as those without them: there are six figures for eight ways.
#[test]
fn each_setting_of_the_three_switches_gives_what_the_hand_says() {
    let (_, out) = folded(&day());
    let averias = of_queue(&out, Some("averias"));
    for (flow_outs, short_abandons, abandons, expected) in [
        (false, false, true, "69.0 %"),  // 20 / (24 + 5)
        (true, false, true, "54.1 %"),   // 20 / (24 + 5 + 8)
        (false, true, true, "64.5 %"),   // 20 / (24 + 5 + 2)
        (true, true, true, "51.3 %"),    // 20 / (24 + 5 + 2 + 8)
        (false, false, false, "83.3 %"), // 20 / 24
        (true, false, false, "62.5 %"),  // 20 / (24 + 8)
        (false, true, false, "83.3 %"),  // 20 / 24
        (true, true, false, "62.5 %"),   // 20 / (24 + 8)
    ] {
        let switches = Genesys { flow_outs, short_abandons, abandons };
        assert_eq!(level_genesys(&averias, switches).to_string(), expected, "{switches:?}");
    }
}

#[test]
fn an_overflow_a_long_wait_and_a_direct_call_are_counted_where_they_belong() {
    let (_, out) = folded(&day());
    // Call 23 came from the other queue after 10 s here (its call is counted there); call 39 waited 170 s after 20 s outside.
    let ventas = of_queue(&out, Some("ventas"));
    let c = &ventas.counts;
    assert_eq!((c.entered, c.answered, c.answered_in_time, c.calls, c.calls_answered), (2, 2, 1, 1, 1));
    assert_eq!((c.law_from_queue, c.law_from_arrival), (1, 0), "170 s of queue are kept, 190 s of call are not");
    // Call 40 went straight to an agent: whoever asked for nobody in particular is none of the law's calls.
    let all = law(&sum(&out, |_| true));
    assert_eq!((all.calls, all.from_queue, all.from_arrival), (39, 25, 24));
    let direct = of_queue(&out, None).counts;
    assert_eq!((direct.entered, direct.calls, direct.calls_answered, direct.handled), (0, 1, 1, 1));
    let freephone = sum(&out, |key| key.number_type == Name::new("freephone").ok()).counts;
    let geographic = sum(&out, |key| key.number_type == Name::new("geographic").ok()).counts;
    assert_eq!((freephone.calls, geographic.calls), (38, 2), "the longest prefix decides");
    let gold = sum(&out, |key| key.segment == SegmentId::new("gold").ok()).counts;
    assert_eq!((gold.entered, gold.answered, gold.abandoned), (9, 8, 1));
}

#[test]
fn the_last_word_on_a_call_is_its_disposition() {
    let (_, out) = folded(&day());
    let averias = of_queue(&out, Some("averias"));
    let said: Vec<(String, i64)> = averias.dispositions.iter().map(|(name, n)| (name.to_string(), *n)).collect();
    assert_eq!(said, [("billing.ok".to_owned(), 4)], "call 4 said fault.line first");
    assert_eq!(out.contacts[&CallId(4)].1.disposition, Name::new("billing.ok").ok());
}

#[test]
fn agents_time_is_split_where_quarters_meet_and_none_is_lost() {
    let (_, out) = folded(&day());
    let first = Quarter(NINE_S / QUARTER_S);
    let secs = |us: u64| us / 1_000_000;
    // Boris from 9:00 to 9:15: calls 2, 4, 6 whole, and call 8 from 9:14:06, answered 9:14:10, to the end of the quarter.
    let times = &out.agents[&(first, agent("boris"))].times;
    assert_eq!(
        (secs(times.talk), secs(times.ring), secs(times.wrap_up), secs(times.ready)),
        (3 * 60 + 50, 4 * 4, 3 * 10, 900 - 230 - 16 - 30)
    );
    assert_eq!(out.agents[&(first, agent("boris"))].handled, 4);
    let next = &out.agents[&(Quarter(first.0 + 1), agent("boris"))];
    assert_eq!((secs(next.times.logged_in()), next.handled), (900, 3), "calls 10, 12 and 14");
    let mut anna = AgentTally::default();
    out.agents.iter().filter(|((_, id), _)| *id == agent("anna")).for_each(|(_, tally)| anna.merge(tally));
    assert_eq!(secs(anna.times.logged_in()), 7200);
    // Offers to Anna: 6 of 1-11, 13, 15, then 23, 31-37 (37 twice), 38, 39.
    let of = anna.offered;
    let missed = (of.declined, of.ring_no_answer, of.busy, of.unreachable, of.caller_left, of.lost_race);
    assert_eq!((of.offers, of.accepted, missed), (19, 15, (0, 1, 1, 0, 1, 1)));
    // Talk: 6 x 60, 2 x 80, 20 (23), 30, 20, 70, 30 (37), 10 (38), 40 (39). Hold: 2 x 20, 15. Died on call 38 for 54 s.
    let times = &anna.times;
    assert_eq!((secs(times.talk), secs(times.hold), secs(times.not_ready())), (740, 55, 54));
    assert_eq!(secs(times.paid()), 7200 - 54);
    assert_eq!(anna.cost, 360_000 * 7_200_000_000_u128);
}

/// Anna: calls 1, 3, .. 11; 13, 15; 23, 32, 33, 34, 37, 38, 39: 15 conversations.
/// Talk: 6 x 60, 2 x 80, 20, 30, 20, 70, 30, 10, 40: 740 s. Hold: 2 x 20, 15: 55 s. Wrap-up: 6 x 10, 2 x 15, 5 x (32, 33, 34, 37,
/// 39): 115 s. Ring: 6 x 4, 2 x 5, 4 (23), 10 (31), 3 x 4 (32-34), 4 (35), 4 (36), 1 and 6 (37), 2 (38), 4 (39): 81 s.
/// Not ready: 54 s of call 38. Ready is the rest of 7200 s: 6155 s. Offers: 19, of which 31, 35, 36 and the first of 37 were
/// not taken; 31 and 37 were her doing.
const ANNA: &[(&str, &str)] = &[
    ("logged_in", "7200.0 s"),
    ("ready", "6155.0 s"),
    ("paid", "7146.0 s"),
    ("not_ready", "54.0 s"),
    ("ring", "81.0 s"),
    ("talk", "740.0 s"),
    ("hold", "55.0 s"),
    ("wrap_up", "115.0 s"),
    ("outbound", "0.0 s"),
    ("task", "0.0 s"),
    ("handled", "15"),
    ("aht", "60.7 s"),              // 910 / 15
    ("tmo_sin_acw", "53.0 s"),      // 795 / 15
    ("talk_mean", "49.3 s"),        // 740 / 15
    ("occupancy", "13.9 %"),        // 991 / 7146
    ("occupancy_unrung", "12.9 %"), // 910 / 7065
    ("utilisation", "13.8 %"),      // 991 / 7200
    ("availability", "99.3 %"),     // 7146 / 7200
    ("offers", "19"),
    ("no_answer", "21.1 %"),       // 4 / 19
    ("no_answer_agent", "10.5 %"), // 2 / 19
];

/// Boris: calls 2, 4, .. 12; 14, 16; 31-35, 38, 40: 15 conversations, of which 32, 33, 34 and 40 were not offered.
/// Talk: 6 x 60, 2 x 80, 50, 40, 25, 30, 20, 40, 33: 758 s. Hold: 2 x 20. Wrap-up: 6 x 10, 2 x 15, 7 x 5: 125 s.
/// Ring: 6 x 4, 2 x 5, 4 (31), 4 (35), 5 (37), 3 (38): 50 s. Ready: 6227 s. Offers: 12, declined: 37.
const BORIS: &[(&str, &str)] = &[
    ("logged_in", "7200.0 s"),
    ("ready", "6227.0 s"),
    ("paid", "7200.0 s"),
    ("not_ready", "0.0 s"),
    ("ring", "50.0 s"),
    ("talk", "758.0 s"),
    ("hold", "40.0 s"),
    ("wrap_up", "125.0 s"),
    ("outbound", "0.0 s"),
    ("task", "0.0 s"),
    ("handled", "15"),
    ("aht", "61.5 s"),              // 923 / 15
    ("tmo_sin_acw", "53.2 s"),      // 798 / 15
    ("talk_mean", "50.5 s"),        // 758 / 15
    ("occupancy", "13.5 %"),        // 973 / 7200
    ("occupancy_unrung", "12.9 %"), // 923 / 7150
    ("utilisation", "13.5 %"),      // 973 / 7200
    ("availability", "100.0 %"),
    ("offers", "12"),
    ("no_answer", "8.3 %"), // 1 / 12
    ("no_answer_agent", "8.3 %"),
];

#[test]
fn every_figure_of_each_agent_is_what_the_hand_says() {
    let (_, out) = folded(&day());
    let of = |name: &str| {
        let mut all = AgentTally::default();
        out.agents.iter().filter(|((_, id), _)| *id == agent(name)).for_each(|(_, tally)| all.merge(tally));
        let shown = |figure: &AgentFigure| (figure.name, (figure.of)(&all).to_string());
        AGENT_FIGURES.iter().map(shown).collect::<Vec<_>>()
    };
    let expected =
        |of: &[(&'static str, &str)]| of.iter().map(|(name, v)| (*name, (*v).to_owned())).collect::<Vec<_>>();
    assert_eq!(of("anna"), expected(ANNA));
    assert_eq!(of("boris"), expected(BORIS));
    // Carlos's telephone was not there: he never logged in, and the offer is his.
    let carlos: BTreeMap<&str, String> = of("carlos").into_iter().collect();
    let names = ["offers", "no_answer", "no_answer_agent", "handled", "logged_in", "occupancy"];
    assert_eq!(names.map(|name| carlos[name].as_str()), ["1", "100.0 %", "0.0 %", "0", "0.0 s", "-"]);
}

#[test]
fn a_conference_and_a_transfer_are_answered_once_and_handled_by_each() {
    let (_, out) = folded(&day());
    for (call, what, talk_s, hold_s, wrap_s) in
        [(32, "transfer", 70, 0, 10), (33, "consultation, then transfer", 45, 15, 10), (34, "conference", 100, 0, 10)]
    {
        let entry = &out.entries[&(CallId(call), 1)];
        assert_eq!((entry.agent, entry.handled), (Some(agent("anna")), 2), "{what}");
        let got = (entry.talk_ms, entry.hold_ms, entry.wrap_up_ms);
        assert_eq!(got, (talk_s * 1000, hold_s * 1000, wrap_s * 1000), "{what}");
        assert_eq!(entry.tally().counts.answered, 1, "{what}");
    }
}

#[test]
fn what_handling_costs_adds_up_to_the_agents_time_at_calls() {
    let (_, out) = folded(&day());
    let by_queues: u128 = out.tallies.values().map(|tally| tally.agent_cost).sum();
    let of = |((_, id), tally): (&(Quarter, AgentId), &AgentTally)| {
        let times = &tally.times;
        u128::from(times.talk + times.hold + times.wrap_up) * if *id == agent("anna") { 360_000 } else { 180_000 }
    };
    assert_eq!(by_queues, out.agents.iter().map(of).sum());
}

#[test]
fn prices_land_where_the_call_ended_up_and_every_cent_stays() {
    let company = Name::new("company").unwrap();
    let cents = |units| Some(Money { units, scale: 4, currency: Currency::EUR });
    let (mut fold, mut out) = (Fold::default(), Changes::default());
    for fact in day() {
        fold.on_fact(&fact, &terms(), &mut out);
        // A record is closed in the turn in which its call ends.
        if let What::CallEnded { call, .. } = fact.what {
            match call.0 {
                23 => fold.on_cost(call, &[(company, cents(333)), (company, None)], &mut out),
                38 => fold.on_cost(call, &[(company, cents(334))], &mut out),
                _ => fold.on_cost(call, &[], &mut out),
            }
        }
    }
    let averias = of_queue(&out, Some("averias"));
    assert_eq!(averias.telephony.0.values().copied().collect::<Vec<_>>(), [334]);
    let ventas = of_queue(&out, Some("ventas"));
    assert_eq!(ventas.telephony.0.values().copied().collect::<Vec<_>>(), [333]);
    assert_eq!(ventas.counts.unrated, 1);
    fold.on_cost(CallId(999), &[(company, cents(1))], &mut out);
    assert_eq!(fold.sizes().late, 1, "nobody knows that call");
}

#[test]
fn the_wallboard_counts_the_same() {
    let facts = day();
    let terms = |s| QueueTerms {
        shown: String::new(),
        threshold: std::time::Duration::from_secs(s),
        target_pct: 80,
        agents: Vec::new(),
    };
    let queues = [(queue("averias"), terms(20)), (queue("ventas"), terms(30))].into();
    let mut board = Board::new(Terms { queues, agents: BTreeMap::new() });
    facts.iter().for_each(|fact| board.on_fact(fact));
    let (_, out) = folded(&facts);
    for name in ["averias", "ventas"] {
        let (tally, figures) = (of_queue(&out, Some(name)), board.figures(queue(name)).unwrap());
        let c = &tally.counts;
        assert_eq!(
            (c.entered, c.answered, c.answered_in_time, c.abandoned, c.abandoned_in_time, c.short_abandoned),
            (
                figures.entered,
                figures.answered,
                figures.answered_in_time,
                figures.abandoned,
                figures.abandoned_in_time,
                figures.short_abandoned
            )
        );
        assert_eq!((tally.flowed(), c.flowed_in_time), (figures.flowed(), figures.flowed_in_time));
        assert_eq!(tally.wait_answered, figures.wait_answered);
        assert_eq!(tally.talk, figures.talk);
        assert_eq!(tally.hold, figures.hold);
        assert_eq!(tally.wrap_up, figures.wrap_up);
        assert_eq!((c.offered.offers, c.offered.accepted), (figures.offered, figures.accepted));
    }
}

#[test]
fn the_audit_finds_nothing_and_then_what_is_missing() {
    let (_, out) = folded(&day());
    let mut recorded: BTreeMap<CallId, Recorded> = BTreeMap::new();
    for entry in out.entries.values() {
        let good = Recorded { stays: 0, answered: false, is_partitioned: true, adds_up: true };
        let seen = recorded.entry(entry.call).or_insert(good);
        seen.stays += 1;
        seen.answered |= entry.agent.is_some();
    }
    let entries = out.entries.into_values().collect();
    let owing = recorded.keys().copied().collect();
    let mut audited = Audited { tallies: out.tallies, entries, later: Vec::new(), recorded, owing };
    assert_eq!(audit(&audited), []);
    let (call, record) = audited.recorded.pop_first().unwrap();
    let found = audit(&audited);
    let named: Vec<(&str, &[CallId])> = found.iter().map(|one| (one.identity.as_str(), &one.calls[..])).collect();
    assert_eq!(named, [("entries_have_records", &[call][..])]);
    audited.owing.remove(&call);
    assert_eq!(audit(&audited), [], "its record may be gone");
    audited.owing.insert(call);
    audited.recorded.insert(call, record);
    let lost = audited.entries.remove(0);
    let found = audit(&audited);
    let identities: Vec<&str> = found.iter().map(|difference| difference.identity.as_str()).collect();
    assert_eq!(identities, ["counts_are_entries", "entries_are_records", "answered_is_recorded"]);
    assert_eq!(found[2].calls, [lost.call]);
    audited.entries.push(lost);
    let key = *audited.tallies.keys().find(|key| key.queue.is_some()).unwrap();
    audited.tallies.get_mut(&key).unwrap().counts.offered.offers += 1;
    assert_eq!(audit(&audited)[0].identity, Identity::OffersAreEnds);
    audited.tallies.get_mut(&key).unwrap().counts.failed += 1;
    assert_eq!(audit(&audited)[0].identity, Identity::EnteredIsOutcomes);
    let broken = audited.recorded.get_mut(&CallId(7)).unwrap();
    (broken.is_partitioned, broken.adds_up) = (false, false);
    let found = audit(&audited);
    let of_records = found.iter().filter(|difference| difference.quarter.is_none());
    let identities: Vec<(&str, &[CallId])> =
        of_records.map(|difference| (difference.identity.as_str(), &difference.calls[..])).collect();
    assert_eq!(identities, [("segments_are_leg", &[CallId(7)][..]), ("costs_are_legs", &[CallId(7)])]);
}

/// Figures that prices, changed words or two queues of one call make more than the sum of stays are not among them.
#[test]
fn a_figure_drills_down_to_its_calls() {
    let (_, out) = folded(&day());
    let averias = || out.entries.values().filter(|entry| entry.key.queue == Some(queue("averias")));
    let mut sum = Tally::default();
    averias().for_each(|entry| sum.merge(&entry.tally()));
    let (drilled, counted) = (shown(&sum), shown(&of_queue(&out, Some("averias"))));
    for (name, value) in &counted {
        // Call 23 was answered in the other queue; the drill finds it there.
        let of_calls = ["answered_rate_calls", "disposed", "law_from_queue", "law_from_arrival"];
        assert!(drilled[name] == *value || of_calls.contains(name), "{name}: {} and {value}", drilled[name]);
    }
    let behind = |name: &str, part: bool| -> Vec<u128> {
        let figure = figure(name).unwrap();
        averias().filter(|entry| entry.is_behind(figure) == Some(part)).map(|entry| entry.call.0).collect()
    };
    assert_eq!(behind("abandonment", true), [17, 18, 19, 20, 36]);
    assert_eq!(behind("sl_answered", false), [13, 14, 15, 16]);
    assert_eq!(behind("no_answer_caller_left", true), [36]);
    assert_eq!(behind("timed_out", true), [27]);
    assert_eq!(behind("disposed", true), [1, 2, 3, 4]);
}
