//! Every figure that is a sum over calls names calls that add up to it.
//!
//! Five calls, ten minutes apart from 9:00 on: 0 rings out at Anna and is Boris's, 1 is of the same caller and Anna's, 2 is abandoned, 3 and 4
//! overflow from `averias` to `ventas`, where Boris has 3 after 190 s in all and 4 after 20 s.

use turno_base::fact::{AgentState, Fact, Party, QueueLeft, What};
use turno_base::number::normalise;
use turno_base::{Cause, Currency, EndedBy, LegId, Mono, Now, Number, Outcome, TrunkId};
use turno_report::kpi::{By, FIGURES, KpiTerms};
use turno_tariff::Deck;
use turno_tariff::cdr::Builder;

use super::super::{Split, Subject, day_of, report};
use super::*;
use crate::shell::figures::tests::{Dir, LONG, NINE_S, open_under};
use crate::shell::figures::zone;

fn id(n: u64) -> CallId {
    CallId((u128::from(NINE_S as u64 * 1000 + n * 600_000) << 80) | u128::from(n))
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// The facts of a call: its steps, each with its second.
fn call(n: u64, caller: &str, steps: &str) -> Vec<Fact> {
    let (call, leg, trunk) = (id(n), LegId::arrived(n), TrunkId::new("carrier").ok());
    let number = |raw: &str| Number { raw: raw.to_owned(), e164: normalise(raw, "34"), withheld: false };
    let (a, b, party) = (number(caller), number("900123456"), Party::Caller(trunk));
    let (mut queue, mut entered) = (QueueId(name("averias")), 0);
    let mut told = vec![
        (0, What::CallArrived { call, ani: a.clone(), dnis: b.clone(), trunk }),
        (0, What::LegBegan { call, leg, sip_call_id: "x".into(), a, b, party }),
        (0, What::LegAnswered { call, leg }),
    ];
    for step in steps.split(", ") {
        let words: Vec<&str> = step.split(' ').collect();
        let (s, what, who) = (words[0].parse::<u64>().unwrap(), words[1], words.get(2).copied().unwrap_or("x"));
        let agent = AgentId(name(who));
        let state = |state, call| What::AgentChanged { agent, station: None, state, call, is_paid: true };
        let left = |left| What::QueueLeft { call, queue, left, position: 1, wait_ms: (s - entered) * 1000 };
        let ended = |end| What::OfferEnded { call, agent, epoch: s, end, ring_ms: 5000 };
        let mut tell = |what| told.push((s, what));
        match what {
            "in" => {
                (queue, entered) = (QueueId(name(who)), s);
                tell(What::QueueEntered { call, queue, position: 1 });
                tell(What::SegmentBegan { call, leg, segment: Segment::Queue(queue) });
            }
            "offer" => {
                tell(What::Offered { call, queue, agent, epoch: s + 5 });
                tell(state(AgentState::Ringing, Some(call)));
            }
            "rna" => {
                tell(ended(OfferEnd::RingNoAnswer));
                tell(state(AgentState::Ready, None));
            }
            "take" => {
                tell(ended(OfferEnd::Accepted));
                tell(left(QueueLeft::Answered(agent)));
                tell(state(AgentState::Talking, Some(call)));
                tell(What::SegmentBegan { call, leg, segment: Segment::Talk(agent) });
            }
            "talk" => {
                tell(state(AgentState::Talking, Some(call)));
                tell(What::SegmentBegan { call, leg, segment: Segment::Talk(agent) });
            }
            "overflow" => tell(left(QueueLeft::Overflowed)),
            "abandon" => tell(left(QueueLeft::Abandoned)),
            "wrap" => tell(state(AgentState::WrapUp, Some(call))),
            "bye" => {
                tell(What::LegEnded { call, leg, cause: Cause::NORMAL, by: EndedBy::Caller });
                tell(What::CallEnded { call, outcome: Outcome::Answered, by: EndedBy::Caller });
            }
            "said" => tell(What::Disposed { call, agent, disposition: name(words[3]) }),
            "free" => tell(state(AgentState::Ready, None)),
            other => panic!("no step {other}"),
        }
    }
    let at = |s: u64| {
        let s = n * 600 + s;
        Now { mono: Mono::from_ms(s * 1000), wall: Wall::from_secs(NINE_S + s as i64) }
    };
    told.into_iter().map(|(s, what)| Fact { at: at(s), what }).collect()
}

fn house() -> Dir {
    house_under(KpiTerms::default(), None)
}

/// The house under these terms; the last call of its day goes straight to Anna, if one is given.
fn house_under(terms: KpiTerms, direct: Option<&str>) -> Dir {
    let dir = Dir::new();
    let store = open_under(dir.path(), terms);
    let deck = "valid_from,payer,b,rate,per_minute\n2026-01-01,company,34900,x,0.60\n2026-01-01,income,34900,y,1.20\n";
    let deck = Deck::parse_csv(deck).unwrap();
    let (mut builder, mut number, mut seq) = (Builder::default(), 0, 0);
    let calls = [
        call(
            0,
            "612345678",
            "1 in averias, 2 offer anna, 7 rna anna, 8 offer boris, 13 take boris, 43 wrap boris, 43 bye, 44 said boris fault.line, 48 free boris",
        ),
        call(
            1,
            "612345678",
            "1 in averias, 2 offer anna, 7 take anna, 27 wrap anna, 27 bye, 28 said anna sale, 31 free anna",
        ),
        call(2, "622222222", "1 in averias, 11 abandon, 11 bye"),
        call(
            3,
            "633333333",
            "1 in averias, 101 overflow, 101 in ventas, 186 offer boris, 191 take boris, 201 wrap boris, 201 bye, 202 free boris",
        ),
        call(
            4,
            "644444444",
            "1 in averias, 11 overflow, 11 in ventas, 16 offer boris, 21 take boris, 61 wrap boris, 61 bye, 62 said boris fault, 65 free boris",
        ),
    ];
    let direct = direct.map(|steps| call(5, "655555555", steps));
    for fact in calls.into_iter().chain(direct).flatten() {
        number += 1;
        assert!(store.append_facts(number, 1, postcard::to_allocvec(&fact).unwrap()));
        let mut rows = Vec::new();
        builder.on_fact(&fact, &deck, &mut rows);
        for row in rows {
            seq += 1;
            store.append(seq, row).unwrap();
        }
    }
    store.close(LONG);
    dir
}

fn asked(dir: &Dir, subject: Subject, change: impl Fn(&mut Ask)) -> Result<Sheet, ReportError> {
    let tenth = day_of("2026-03-10").unwrap();
    let mut ask = Ask {
        subject,
        from: tenth,
        to: tenth,
        by: By::Day,
        zone: zone("UTC").unwrap(),
        split: Split::Nothing,
        queue: None,
        segment: None,
        figures: vec!["all".to_owned()],
        with_idle: false,
        agent: None,
        currency: Currency::EUR,
        windows: turno_report::kpi::Windows { resolved_s: 3600, ..Default::default() },
        settled: Vec::new(),
    };
    change(&mut ask);
    report(&FigureReader::open(dir.path()).unwrap(), &ask)
}

/// `call yes|no` of each row, by call.
fn behind(dir: &Dir, of: Behind, figure: &str, change: impl Fn(&mut Ask)) -> String {
    let sheet =
        asked(dir, Subject::Calls(of, figure.to_owned()), change).unwrap_or_else(|error| panic!("{figure}: {error}"));
    let said = |row: &Vec<Cell>| {
        let (Some(Cell::Text(call)), Some(Cell::Text(counted))) = (row.first(), row.last()) else { panic!("{row:?}") };
        let call = (0..6).find(|n| id(*n).to_string() == *call).unwrap();
        format!("{call} {counted}")
    };
    let mut rows: Vec<String> = sheet.rows.iter().map(said).collect();
    rows.sort();
    rows.join(", ")
}

#[test]
fn the_calls_behind_figures_of_queues_the_law_dispositions_and_repeat_callers() {
    let dir = house();
    let all = |_: &mut Ask| {};
    let averias = |ask: &mut Ask| ask.queue = Some(QueueId(name("averias")));
    for (of, figure, want) in [
        (Behind::Queues, "abandonment", "0 no, 1 no, 2 yes, 3 no, 3 no, 4 no, 4 no"),
        (Behind::Queues, "overflowed", "3 yes, 4 yes"),
        (Behind::Queues, "no_answer_agent", "0 yes, 1 no, 3 no, 4 no"),
        // Each call once, also one that another queue answered.
        (Behind::Law, "from_queue", "0 yes, 1 yes, 2 no, 3 no, 4 yes"),
        (Behind::Law, "calls", "0 yes, 1 yes, 2 yes, 3 yes, 4 yes"),
        (Behind::Dispositions, "fault", "0 yes, 1 no, 4 yes"),
        (Behind::Dispositions, "fault.line", "0 yes, 1 no, 4 no"),
        (Behind::Dispositions, "faul", "0 no, 1 no, 4 no"),
        (Behind::Repeat, "redials", "0 no, 1 yes, 2 no, 3 no, 4 no"),
        (Behind::Repeat, "repeat_rate", "0 no, 1 yes, 2 no, 3 no, 4 no"),
        (Behind::Repeat, "calls", "0 yes, 1 yes, 2 yes, 3 yes, 4 yes"),
        (Behind::Cost, "company", "0 yes, 1 yes, 2 yes, 3 yes, 4 yes"),
        (Behind::Cost, "unrated", ""),
        (Behind::Cost, "nobody", ""),
    ] {
        assert_eq!(behind(&dir, of, figure, all), want, "{of:?} {figure}");
    }
    assert_eq!(behind(&dir, Behind::Law, "from_queue", averias), "0 yes, 1 yes, 2 no, 3 no, 4 yes");
    assert_eq!(behind(&dir, Behind::Dispositions, "fault", averias), "0 yes, 1 no");
    assert_eq!(behind(&dir, Behind::Cost, "company", averias), "0 yes, 1 yes, 2 yes", "3 and 4 ended up elsewhere");
    // Of a window of half an hour the first two have passed; the second call was about another matter.
    let soon = |ask: &mut Ask| ask.windows.resolved_s = 1500;
    assert_eq!(behind(&dir, Behind::Repeat, "fcr", soon), "0 yes, 1 yes");
    assert_eq!(behind(&dir, Behind::Repeat, "fcr", |ask| ask.windows.resolved_s = 7 * 86_400), "");
    for (of, figure) in [
        (Behind::Queues, "nothing"),
        (Behind::Law, "abandonment"),
        (Behind::Repeat, "sl_std"),
        (Behind::Agents, "sl_std"),
        (Behind::Cost, "Nobody at all"),
    ] {
        let refused = asked(&dir, Subject::Calls(of, figure.to_owned()), |_| {});
        assert!(matches!(refused, Err(ReportError::NoFigure(_))), "{of:?} {figure}: {refused:?}");
    }
}

#[test]
fn the_calls_behind_an_agents_figure_add_up_to_it() {
    let dir = house();
    let figures = asked(&dir, Subject::Agents, |_| {}).unwrap();
    for who in ["anna", "boris"] {
        let row = figures.rows.iter().find(|row| row[1] == Cell::Text(who.to_owned())).unwrap();
        let figure = |name: &str| {
            let n = figures.columns.iter().position(|column| column.name == name).unwrap();
            let Cell::Value(value) = row[n] else { panic!("{name}") };
            value
        };
        let drilled = |name: &str| {
            let agent = |ask: &mut Ask| ask.agent = Some(AgentId(self::name(who)));
            asked(&dir, Subject::Calls(Behind::Agents, name.to_owned()), agent).unwrap()
        };
        let sum = |sheet: &Sheet, column: &str| {
            let n = sheet.columns.iter().position(|known| known.name == column).unwrap();
            let ms = sheet.rows.iter().map(|row| match row[n] {
                Cell::Value(Value::Mean(ms, 1)) => ms,
                _ => panic!("no time in {column}"),
            });
            Value::Mean(ms.sum(), 1)
        };
        for name in ["ring", "talk", "hold", "wrap_up"] {
            assert_eq!(sum(&drilled(name), name), figure(name), "{who} {name}");
        }
        for name in ["handled", "offers"] {
            assert_eq!(Value::Count(drilled(name).rows.len() as u64), figure(name), "{who} {name}");
        }
        for name in ["no_answer", "no_answer_agent"] {
            let sheet = drilled(name);
            let yes = sheet.rows.iter().filter(|row| row.last() == Some(&counted(true))).count();
            assert_eq!(Value::Share(yes as u128, sheet.rows.len() as u128), figure(name), "{who} {name}");
        }
    }
    let all = |_: &mut Ask| {};
    assert_eq!(behind(&dir, Behind::Agents, "no_answer_agent", all), "0 no, 0 yes, 1 no, 3 no, 4 no");
    let ready = asked(&dir, Subject::Calls(Behind::Agents, "ready".to_owned()), |_| {});
    assert!(matches!(ready, Err(ReportError::NotOfCalls(_))), "{ready:?}");
}

#[test]
fn the_calls_behind_a_cost_add_up_to_it_also_when_it_was_rated_again() {
    let dir = house();
    let check = || {
        let costs = asked(&dir, Subject::Cost, |_| {}).unwrap();
        let n = costs.columns.iter().position(|column| column.name == "company").unwrap();
        let Cell::Money { units, .. } = costs.rows[0][n] else { panic!("an amount") };
        let calls = asked(&dir, Subject::Calls(Behind::Cost, "company".to_owned()), |_| {}).unwrap();
        let n = calls.columns.iter().position(|column| column.name == "net").unwrap();
        let sum: i128 =
            calls.rows.iter().map(|row| if let Cell::Money { units, .. } = row[n] { units } else { 0 }).sum();
        assert_eq!(sum, units);
        units
    };
    let before = check();
    let deck = Deck::parse_csv("valid_from,payer,b,rate,per_minute\n2026-01-01,company,34900,x,1.20\n").unwrap();
    let wanted = crate::shell::again::Wanted {
        from: Wall(0),
        to: Wall(i64::MAX),
        dry_run: false,
        now: Wall::from_secs(1_800_000_000),
    };
    crate::shell::again::run(dir.path(), &deck, wanted, |_| {}).unwrap();
    assert_eq!(check(), before * 2);
    let again = asked(&dir, Subject::Calls(Behind::Cost, "rated_again".to_owned()), |_| {}).unwrap();
    assert_eq!((sum(&again, "rated_again"), again.rows.len()), (before, 5));
    let cost = asked(&dir, Subject::Calls(Behind::Cost, "cost".to_owned()), |_| {}).unwrap();
    assert_eq!(sum(&cost, "company"), before * 2);
}

const DIRECT: &str = "3 talk anna, 33 wrap anna, 33 bye, 34 said anna sale, 38 free anna";

/// The column of a sheet, summed up: counts, ms or units.
fn sum(sheet: &Sheet, column: &str) -> i128 {
    let n = sheet.columns.iter().position(|known| known.name == column).unwrap_or_else(|| panic!("no {column}"));
    let each = |row: &Vec<Cell>| match row[n] {
        Cell::Value(Value::Count(count)) => i128::from(count),
        Cell::Value(Value::Mean(ms, 1)) => ms as i128,
        Cell::Money { units, .. } => units,
        Cell::Nothing => 0,
        Cell::Value(_) | Cell::Text(_) => panic!("no sum of {column}"),
    };
    sheet.rows.iter().map(each).sum()
}

#[test]
fn the_calls_behind_each_figure_of_queues_add_up_to_it() {
    let terms = KpiTerms { needs_disposition: [QueueId(name("averias"))].into(), ..KpiTerms::default() };
    let dir = house_under(terms, Some(DIRECT));
    for queue in [None, Some("averias"), Some("ventas")] {
        let only = |ask: &mut Ask| ask.queue = queue.map(|queue| QueueId(name(queue)));
        let report = asked(&dir, Subject::Queues, only).unwrap();
        assert_eq!(report.rows.len(), 1);
        for figure in FIGURES {
            let n = report.columns.iter().position(|column| column.name == figure.name).unwrap();
            let Cell::Value(value) = report.rows[0][n] else { panic!("{figure:?}") };
            let calls = asked(&dir, Subject::Calls(Behind::Queues, figure.name.to_owned()), only).unwrap();
            let (part, whole) = (sum(&calls, "part"), sum(&calls, "whole"));
            let got = match value {
                Value::Count(_) => Value::Count(part as u64),
                Value::Share(..) => Value::Share(part as u128, whole as u128),
                Value::Mean(..) => Value::Mean(part as u128, whole as u128),
                // A bound is of a histogram, not a sum: its rows are those of the mean.
                Value::Bound(_) => {
                    assert_eq!(calls.rows.len() as u64, sum(&report, "answered") as u64, "{figure:?}");
                    value
                }
            };
            assert_eq!(got, value, "{figure:?} of {queue:?}");
        }
    }
    let all = |_: &mut Ask| {};
    assert_eq!(behind(&dir, Behind::Queues, "handled", all), "0 yes, 1 yes, 3 yes, 4 yes, 5 yes");
    assert_eq!(behind(&dir, Behind::Queues, "answered_rate_calls", all), "0 yes, 1 yes, 2 no, 3 yes, 4 yes, 5 yes");
    assert_eq!(behind(&dir, Behind::Law, "calls", all), "0 yes, 1 yes, 2 yes, 3 yes, 4 yes", "5 waited for nobody");
    let marked = |ask: &mut Ask| ask.settled = vec![name("fault")];
    assert_eq!(behind(&dir, Behind::Repeat, "fcr_marked", marked), "0 yes, 1 no, 4 yes, 5 no");
}

#[test]
fn the_calls_behind_each_figure_of_cost_add_up_to_it() {
    let rates = [(AgentId(name("anna")), 360_000)].into();
    let dir = house_under(KpiTerms { rate: 180_000, rates, ..KpiTerms::default() }, Some(DIRECT));
    for queue in [None, Some("averias"), Some("ventas")] {
        let only = |ask: &mut Ask| ask.queue = queue.map(|queue| QueueId(name(queue)));
        let report = asked(&dir, Subject::Cost, only).unwrap();
        let calls = |figure: &str| asked(&dir, Subject::Calls(Behind::Cost, figure.to_owned()), only).unwrap();
        for (figure, column) in
            [("agents", "agents"), ("cost", "cost"), ("margin", "margin"), ("company", "net"), ("income", "net")]
        {
            assert_eq!(sum(&calls(figure), column), sum(&report, figure), "{figure} of {queue:?}");
            assert_ne!(sum(&report, figure), 0, "{figure} of {queue:?}");
        }
        assert_eq!(sum(&calls("calls"), "part"), sum(&report, "calls"), "calls of {queue:?}");
        assert_eq!(sum(&calls("handled"), "part"), sum(&report, "handled"), "handled of {queue:?}");
        assert_eq!(sum(&calls("cost_per_call"), "cost"), sum(&report, "cost"));
        assert_eq!(calls("rated_again").rows, [] as [Vec<Cell>; 0]);
    }
    // Anna's 30 s and 5 s of wrap-up at a cent a second, on the call that no queue gave.
    let direct = asked(&dir, Subject::Calls(Behind::Cost, "agents".to_owned()), |_| {}).unwrap();
    let row = direct.rows.iter().find(|row| row[0] == Cell::Text(id(5).to_string())).unwrap();
    assert_eq!(row[5], Cell::Money { units: 3500, scale: 4, currency: Currency::EUR });
    let idle = asked(&dir, Subject::Calls(Behind::Cost, "idle".to_owned()), |_| {});
    assert!(matches!(idle, Err(ReportError::NotOfCalls(_))), "{idle:?}");
}
