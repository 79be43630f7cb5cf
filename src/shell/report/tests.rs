//! Reports over a small stored day: 40 calls, a minute apart from 9:00 on, every third abandoned after 10 s, the others answered
//! after 5 s by Anna, who talks 20 s and works 4 s more.

use std::collections::BTreeSet;

use calamine::{Reader as _, Xlsx};
use expect_test::expect;
use turno_base::{AgentId, Wall};
use turno_report::kpi::{By, Due};

use super::sheet::Form;
use super::*;
use crate::shell::figures::tests::{Dir, facts, stored};
use crate::shell::figures::{FigureReader, FigureTables, path, zone};

fn day() -> (Dir, FigureReader) {
    let dir = Dir::new();
    stored(&path(dir.path()), &facts(40), 100);
    let reader = FigureReader::open(dir.path()).unwrap();
    (dir, reader)
}

fn ask(subject: Subject, by: By) -> Ask {
    let tenth = day_of("2026-03-10").unwrap();
    Ask {
        subject,
        from: tenth,
        to: tenth,
        by,
        zone: zone("Europe/Madrid").unwrap(),
        split: Split::Queue,
        queue: None,
        segment: None,
        figures: Vec::new(),
        with_idle: false,
        agent: None,
        currency: Currency::EUR,
        windows: Default::default(),
        settled: Vec::new(),
    }
}

fn figures(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

#[test]
fn a_report_says_its_days_zone_and_formulas() {
    let (_dir, reader) = day();
    let names = figures("entered,answered,abandoned,sl_std,asa,aht,wait_p90");
    let sheet = report(&reader, &Ask { figures: names, ..ask(Subject::Queues, By::Interval) }).unwrap();
    expect![[r#"
        Queues
        days 2026-03-10 to 2026-03-10, time zone Europe/Madrid
        T is the service-level threshold of each queue; an entry belongs to when it entered
        figures as of 2026-03-10T09:39:31.000000Z

        INTERVAL          QUEUE    ENTERED  ANSWERED  ABANDONED  SL_STD    ASA     AHT  WAIT_P90
        2026-03-10 10:00  averias       15        10          5  66.7 %  5.0 s  24.0 s    <= 5 s
        2026-03-10 10:15  averias       15        10          5  66.7 %  5.0 s  24.0 s    <= 5 s
        2026-03-10 10:30  averias       10         6          4  60.0 %  5.0 s  24.0 s    <= 5 s
        total             all           40        26         14  65.0 %  5.0 s  24.0 s    <= 5 s

        entered = entries, waiting ones among them
        answered = A
        abandoned = B
        sl_std = A_T / (N - S)
        asa = sum of waits of A / A, ring time included
        aht = (talk + hold + wrap-up) / handled
        wait_p90 = bound that 90 % of the waits of A keep
    "#]]
    .assert_eq(&sheet.table());
}

#[test]
fn longer_rows_are_the_sum_of_shorter_ones() {
    let (_dir, reader) = day();
    let total = |by| {
        let sheet = report(&reader, &Ask { figures: figures("all"), ..ask(Subject::Queues, by) }).unwrap();
        sheet.rows.last().unwrap()[2..].to_vec()
    };
    for by in [By::Day, By::Month, By::Year, By::Total] {
        assert_eq!(total(by), total(By::Interval), "{by:?}");
    }
}

#[test]
fn the_law_by_month_and_year_with_both_clocks() {
    let (_dir, reader) = day();
    let csv = report(&reader, &ask(Subject::Law, By::Day)).unwrap().csv();
    let rows: Vec<&str> = csv.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        rows,
        [
            "period,queue,calls,from_queue,kept_from_queue,missing_from_queue,from_arrival,kept_from_arrival,missing_from_arrival",
            "2026-03,all,40,65.0,no,12,65.0,no,12", // 38 of 40 would do
            "2026-03,averias,40,65.0,no,12,65.0,no,12",
            "2026,all,40,65.0,no,12,65.0,no,12",
            "2026,averias,40,65.0,no,12,65.0,no,12",
        ]
    );
}

#[test]
fn agents_time_and_adherence_to_a_schedule() {
    let (_dir, reader) = day();
    let names = figures("logged_in,talk,wrap_up,ready,handled,occupancy");
    let csv = report(&reader, &Ask { figures: names, ..ask(Subject::Agents, By::Day) }).unwrap().csv();
    // Anna's shift begins with her first call, 9:01:06, and is counted to the last fact, 9:38:31 of which she answered 26 calls.
    let row = csv.lines().last().unwrap();
    assert_eq!(row, "2026-03-10,anna,2305.000,520.000,104.000,1681.000,26,27.1,0.0000");
    let at = |text: &str| crate::shell::instant::wall_of(text).unwrap();
    let due = Due {
        agent: AgentId::new("anna").unwrap(),
        from: at("2026-03-10T09:00:00Z"),
        until: at("2026-03-10T09:30:00Z"),
    };
    let csv = report(&reader, &ask(Subject::Adherence(vec![due]), By::Day)).unwrap().csv();
    // 66 s late; from 9:30 to 9:38:30, when her last state that has ended did.
    assert_eq!(csv.lines().last().unwrap(), "2026-03-10,anna,1800.000,1734.000,96.3,96.3,510.000");
}

#[test]
fn dispositions_repeat_callers_and_the_calls_behind_a_figure() {
    let (_dir, reader) = day();
    let rows = |subject| {
        let csv = report(&reader, &ask(subject, By::Day)).unwrap().csv();
        csv.lines().filter(|line| !line.starts_with('#')).skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rows(Subject::Dispositions), ["2026-03-10,averias,billing,26,100.0"]);
    // Three customers called 40 times; whether it was settled is not known before a week has passed.
    // None of the words is one by which an agent says that a matter is settled.
    assert_eq!(rows(Subject::Repeat), ["2026-03-10,averias,40,37,92.5,0,,26,0.0"]);
    let behind = rows(Subject::Calls(Behind::Queues, "abandonment".to_owned()));
    assert_eq!(behind.len(), 40);
    let counted: Vec<&String> = behind.iter().filter(|row| row.ends_with(",yes")).collect();
    assert_eq!(counted.len(), 14);
    assert!(counted.iter().all(|row| row.contains(",abandoned,-,10.000,")), "{counted:?}");
    assert!(matches!(
        report(&reader, &ask(Subject::Calls(Behind::Queues, "nope".to_owned()), By::Day)),
        Err(ReportError::NoFigure(_))
    ));
}

#[test]
fn cost_adds_up_to_the_unit_with_idle_time_shared_out() {
    let dir = Dir::new();
    let facts = facts(40);
    let terms = turno_report::kpi::KpiTerms { rate: 170_001, ..Default::default() };
    let mut tables = FigureTables::open(&path(dir.path())).unwrap();
    let (mut fold, mut changes) = Default::default();
    let company = turno_base::Name::new("company").unwrap();
    for fact in &facts {
        turno_report::kpi::Fold::on_fact(&mut fold, fact, &terms, &mut changes);
        if let turno_base::fact::What::CallEnded { call, .. } = fact.what {
            let money = turno_base::Money { units: 333, scale: 4, currency: Currency::EUR };
            fold.on_cost(call, &[(company, Some(money))], &mut changes);
        }
    }
    fold.on_time(facts.last().unwrap().at.mono, &terms, &mut changes);
    tables.take(crate::shell::figures::Mark::default(), &mut fold, &changes).unwrap();
    let reader = FigureReader::open(dir.path()).unwrap();
    let sheet = report(&reader, &Ask { with_idle: true, ..ask(Subject::Cost, By::Interval) }).unwrap();
    let names: Vec<&str> = sheet.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "interval",
            "queue",
            "calls",
            "handled",
            "company",
            "rated_again",
            "agents",
            "idle",
            "cost",
            "cost_per_call",
            "margin",
            "unrated"
        ]
    );
    let (total, rows) = sheet.rows.split_last().unwrap();
    for (n, cell) in total.iter().enumerate() {
        let sheet::Cell::Money { units, .. } = cell else { continue };
        if names[n] == "cost_per_call" {
            continue;
        }
        let parts = rows.iter().map(|row| match row[n] {
            sheet::Cell::Money { units, .. } => units,
            sheet::Cell::Text(_) | sheet::Cell::Value(_) | sheet::Cell::Nothing => panic!("no amount in {}", names[n]),
        });
        assert_eq!(parts.sum::<i128>(), *units, "{}", names[n]);
    }
    // 26 x 24 s at 17.0001 an hour are 2.94668..., 1681 s ready are 7.93810..., 40 calls at 0.0333.
    let csv = sheet.csv();
    let last = csv.lines().last().unwrap();
    assert_eq!(last, "total,all,40,26,1.3320,0.0000,2.9467,7.9381,12.2168,0.3054,-12.2168,0");
}

#[test]
fn idle_time_of_a_part_of_the_house_is_the_share_that_it_has_in_the_whole() {
    let dir = Dir::new();
    let ventas = QueueId::new("ventas").unwrap();
    let terms = turno_report::kpi::KpiTerms { rate: 170_001, ..Default::default() };
    let (mut fold, mut changes) = (turno_report::kpi::Fold::default(), Default::default());
    let mut facts = facts(40);
    for fact in &mut facts {
        use turno_base::fact::What;
        if let What::QueueEntered { call, queue, .. } | What::QueueLeft { call, queue, .. } = &mut fact.what
            && call.0 % 5 == 0
        {
            *queue = ventas;
        }
        fold.on_fact(fact, &terms, &mut changes);
    }
    fold.on_time(facts.last().unwrap().at.mono, &terms, &mut changes);
    let mut tables = FigureTables::open(&path(dir.path())).unwrap();
    tables.take(crate::shell::figures::Mark::default(), &mut fold, &changes).unwrap();
    let reader = FigureReader::open(dir.path()).unwrap();
    let idle = |queue: Option<QueueId>| -> Vec<i128> {
        let sheet = report(&reader, &Ask { with_idle: true, queue, ..ask(Subject::Cost, By::Day) }).unwrap();
        let n = sheet.columns.iter().position(|column| column.name == "idle").unwrap();
        let units = |row: &Vec<sheet::Cell>| if let sheet::Cell::Money { units, .. } = row[n] { units } else { 0 };
        sheet.rows.iter().map(units).collect()
    };
    let all = idle(None);
    // 1681 s ready at 17.0001 an hour, shared by 21 and 5 answered calls of 24 s.
    assert_eq!(all, [64_115, 15_266, 79_381], "averias, ventas and both");
    assert_eq!((idle(QueueId::new("averias").ok()), idle(Some(ventas))), (vec![all[0]], vec![all[1]]));
    assert_eq!(idle(QueueId::new("nobody").ok()), [] as [i128; 0]);
}

#[test]
fn every_form_holds_the_same_rows() {
    let (_dir, reader) = day();
    let sheet = report(&reader, &ask(Subject::Queues, By::Day)).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&sheet.render(Form::Json).unwrap()).unwrap();
    assert_eq!(json["rows"][0]["sl_std"], serde_json::json!({"percent": "65.0", "part": "26", "whole": "40"}));
    assert_eq!(json["formulas"]["sl_std"], "A_T / (N - S)");
    let bytes = sheet.render(Form::Xlsx).unwrap();
    let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
    assert_eq!(book.sheet_names(), ["Report", "Formulas"]);
    let range = book.worksheet_range("Report").unwrap();
    let row = range.rows().find(|row| row[1] == "averias").expect("the queue's row");
    assert_eq!((row[2].to_string(), row[6].to_string()), ("40".to_owned(), "0.65".to_owned()));
    let svg = String::from_utf8(sheet.render(Form::Svg).unwrap()).unwrap();
    assert!(svg.contains("65.0 %") && svg.contains("sl_std = A_T / (N - S)") && svg.contains("Europe/Madrid"), "{svg}");
    let forms: BTreeSet<&str> = [Form::Table, Form::Csv, Form::Json, Form::Xlsx, Form::Svg].map(Form::extension).into();
    assert_eq!(forms.len(), 5);
}

#[test]
fn a_name_is_never_a_formula_nor_markup() {
    let columns = vec![sheet::Column::plain("who"), sheet::Column::new("share", "a / b")];
    let mut sheet = sheet::Sheet::new("<b>", columns);
    let share = sheet::Cell::Value(turno_report::kpi::Value::Share(1, 2));
    sheet.rows.push(vec![sheet::Cell::Text("=cmd()\x1b[2J,\"x\"".to_owned()), share]);
    assert!(sheet.csv().ends_with("\"'=cmd()\x1b[2J,\"\"x\"\"\",50.0\n"), "{}", sheet.csv());
    assert!(!sheet.table().contains('\x1b'));
    let svg = String::from_utf8(sheet.render(Form::Svg).unwrap()).unwrap();
    assert!(svg.contains("&lt;b&gt;") && !svg.contains("<b>"), "{svg}");
}

#[test]
fn a_period_that_is_none_or_too_long_is_refused() {
    let (_dir, reader) = day();
    let asked = ask(Subject::Queues, By::Day);
    for days in [-1, DAYS_MAX] {
        let to = Date(asked.from.0 + days);
        assert!(matches!(report(&reader, &Ask { to, ..asked.clone() }), Err(ReportError::Period)), "{days}");
    }
    assert!(report(&reader, &Ask { to: Date(asked.from.0 + DAYS_MAX - 1), ..asked }).is_ok());
    assert!(day_of("2026-02-30").is_err());
    assert_eq!(day_text(day_of("2024-02-29").unwrap()), "2024-02-29");
    assert_eq!(day_of("1970-01-01").unwrap(), Date(0));
    assert_eq!(Wall::from_secs(0).to_string().get(..10), Some(day_text(Date(0)).as_str()));
}

/// Rows of a report as CSV, without what stands above them.
fn rows(reader: &FigureReader, ask: &Ask) -> Vec<String> {
    let csv = report(reader, ask).unwrap().csv();
    csv.lines().filter(|line| !line.starts_with('#')).skip(1).map(str::to_owned).collect()
}

/// Facts of a call that arrives so many s after 1970 and leaves a queue, if it enters one, 10 s later.
fn passing(n: u64, s: i64, queue: Option<&str>) -> Vec<turno_base::fact::Fact> {
    use turno_base::fact::{Fact, QueueLeft, What};
    let (call, dnis) = (turno_base::CallId(u128::from(n)), turno_base::Number::default());
    let trunk = turno_base::TrunkId::new("carrier").ok();
    let dnis = turno_base::Number { e164: turno_base::E164::from_digits(b"34900123456").ok(), ..dnis };
    let queue = queue.map(|queue| QueueId::new(queue).unwrap());
    let stay = queue.map(|queue| {
        let left = QueueLeft::Abandoned;
        let left = What::QueueLeft { call, queue, left, position: 1, wait_ms: 10_000 };
        [(0, What::QueueEntered { call, queue, position: 1 }), (10, left)]
    });
    let ended = What::CallEnded { call, outcome: turno_base::Outcome::Abandoned, by: turno_base::EndedBy::Caller };
    let steps = [(0, What::CallArrived { call, ani: turno_base::Number::default(), dnis, trunk })].into_iter();
    let steps = steps.chain(stay.into_iter().flatten()).chain([(10, ended)]);
    let at = |after: i64| turno_base::Now {
        mono: turno_base::Mono::from_ms((s + after) as u64 * 1000),
        wall: Wall::from_secs(s + after),
    };
    steps.map(|(after, what)| Fact { at: at(after), what }).collect()
}

#[test]
fn the_laws_calls_are_those_that_entered_a_queue_however_rows_are_split() {
    let dir = Dir::new();
    let mut facts = facts(40);
    // An hour later one who knew the agent's own number.
    facts.extend(passing(100, 1_773_140_400, None));
    stored(&path(dir.path()), &facts, 100);
    let reader = FigureReader::open(dir.path()).unwrap();
    let month = |split| -> Vec<String> {
        let rows = rows(&reader, &Ask { split, ..ask(Subject::Law, By::Day) });
        rows.into_iter().filter(|row| row.starts_with("2026-03,")).collect()
    };
    let with = |part: &str| format!("2026-03,{part},40,65.0,no,12,65.0,no,12");
    assert_eq!(month(Split::Queue), [with("all"), with("averias")]);
    assert_eq!(month(Split::Nothing), [with("all")]);
    assert_eq!(month(Split::Segment), [with("all"), with("-")], "nobody knew whose they were");
    assert_eq!(month(Split::NumberType), [with("all"), with("-")]);
    let of_all = Ask { figures: figures("law_from_queue"), split: Split::Nothing, ..ask(Subject::Queues, By::Day) };
    assert_eq!(rows(&reader, &of_all), ["2026-03-10,all,65.0"]);
}

#[test]
fn quarters_of_a_doubled_hour_come_in_the_order_of_time() {
    let dir = Dir::new();
    // 2026-10-24T23:45:00Z, a quarter before the hour that comes twice in Madrid.
    let first = 1_792_885_500;
    let facts: Vec<_> = (0..10).flat_map(|n| passing(n, first + n as i64 * 900, Some("averias"))).collect();
    stored(&path(dir.path()), &facts, 100);
    let reader = FigureReader::open(dir.path()).unwrap();
    let day = day_of("2026-10-25").unwrap();
    for subject in [Subject::Queues, Subject::Cost, Subject::Repeat] {
        let asked = Ask { from: day, to: day, figures: figures("entered"), ..ask(subject, By::Interval) };
        let rows = rows(&reader, &asked);
        let times = rows.iter().filter_map(|row| row.strip_prefix("2026-10-25 "));
        let times: Vec<String> = times.map(|row| row.split(',').next().unwrap().to_owned()).collect();
        let want = ["01:45", "02:00 +02:00", "02:15 +02:00", "02:30 +02:00", "02:45 +02:00", "02:00 +01:00"];
        assert_eq!(times[..6], want, "{asked:?}");
        assert_eq!((times.len(), times[9].as_str()), (10, "03:00"));
    }
}

#[test]
fn a_night_shift_is_kept_by_what_is_done_after_midnight() {
    use turno_base::fact::{AgentState, Fact, What};
    let dir = Dir::new();
    let anna = AgentId::new("anna").unwrap();
    // 2026-03-10T21:00:00Z is 22:00 in Madrid; until 6:00 and half an hour more his state changes each half hour.
    let ten = 1_773_176_400_i64;
    let changed = |n: i64| Fact {
        at: turno_base::Now {
            mono: turno_base::Mono::from_ms((ten + n * 1800) as u64 * 1000),
            wall: Wall::from_secs(ten + n * 1800),
        },
        what: What::AgentChanged {
            agent: anna,
            station: None,
            state: if n % 2 == 0 { AgentState::Ready } else { AgentState::Talking },
            call: None,
            is_paid: true,
        },
    };
    stored(&path(dir.path()), &(0..=17).map(changed).collect::<Vec<_>>(), 100);
    let reader = FigureReader::open(dir.path()).unwrap();
    let due = Due { agent: anna, from: Wall::from_secs(ten), until: Wall::from_secs(ten + 8 * 3600) };
    let asked = |from: &str, to: &str| {
        let (from, to) = (day_of(from).unwrap(), day_of(to).unwrap());
        rows(&reader, &Ask { from, to, ..ask(Subject::Adherence(vec![due]), By::Day) })
    };
    let first = "2026-03-10,anna,28800.000,28800.000,100.0,100.0,0.000";
    let second = "2026-03-11,anna,0.000,0.000,,,1800.000";
    assert_eq!(asked("2026-03-10", "2026-03-10"), [first]);
    assert_eq!(asked("2026-03-11", "2026-03-11"), [second]);
    assert_eq!(asked("2026-03-10", "2026-03-11"), [first, second]);
    let boris = AgentId::new("boris").ok();
    let tenth = Ask { agent: boris, ..ask(Subject::Adherence(vec![due]), By::Day) };
    assert_eq!(rows(&reader, &tenth), [] as [String; 0], "of another agent");
}

#[test]
fn an_empty_report_says_why_and_what_cannot_be_asked_is_refused() {
    let (_dir, reader) = day();
    let notes = |ask: &Ask| report(&reader, ask).unwrap().notes.join("; ");
    let queue = QueueId::new("avreias").ok();
    let asked = ask(Subject::Queues, By::Day);
    assert!(
        notes(&Ask { queue, ..asked.clone() })
            .contains("nothing of queue avreias in these days; there are figures of: averias"),
        "{}",
        notes(&Ask { queue, ..asked.clone() })
    );
    let segment = SegmentId::new("gold").ok();
    assert!(
        notes(&Ask { segment, ..asked.clone() })
            .contains("nothing of segment gold in these days; there are figures of: none")
    );
    let ninth = day_of("2026-03-09").unwrap();
    assert!(notes(&Ask { from: ninth, to: ninth, ..asked.clone() }).contains("nothing in these days"));
    assert!(!notes(&asked).contains("nothing"));
    // Anna is everybody; of Boris there is nothing.
    let agents = ask(Subject::Agents, By::Day);
    assert_eq!(rows(&reader, &Ask { agent: AgentId::new("anna").ok(), ..agents.clone() }).len(), 1);
    assert_eq!(rows(&reader, &Ask { agent: AgentId::new("boris").ok(), ..agents.clone() }).len(), 0);
    let refused = report(&reader, &Ask { queue: QueueId::new("averias").ok(), ..agents });
    assert!(matches!(refused, Err(ReportError::OfNoQueue)), "{refused:?}");
}

#[test]
fn repeat_callers_are_told_by_type_of_number_too() {
    let dir = Dir::new();
    let at = 1_773_133_200;
    let facts: Vec<_> = [passing(1, at, Some("averias")), passing(2, at + 60, None)].concat();
    let mut tables = FigureTables::open(&path(dir.path())).unwrap();
    let freephone = turno_base::Name::new("freephone").unwrap();
    let terms =
        turno_report::kpi::KpiTerms { number_types: [("34900".to_owned(), freephone)].into(), ..Default::default() };
    let (mut fold, mut changes) = Default::default();
    facts.iter().for_each(|fact| turno_report::kpi::Fold::on_fact(&mut fold, fact, &terms, &mut changes));
    tables.take(crate::shell::figures::Mark::default(), &mut fold, &changes).unwrap();
    let reader = FigureReader::open(dir.path()).unwrap();
    let asked = Ask { split: Split::NumberType, ..ask(Subject::Repeat, By::Day) };
    assert_eq!(rows(&reader, &asked), ["2026-03-10,freephone,2,1,50.0,0,,0,"]);
}

#[test]
fn a_picture_has_all_quarters_of_the_longest_day_and_all_days_of_a_year() {
    let bars = |rows: usize| {
        let columns = vec![sheet::Column::plain("interval"), sheet::Column::new("share", "a / b")];
        let mut sheet = sheet::Sheet::new("Queues", columns);
        let share = sheet::Cell::Value(turno_report::kpi::Value::Share(1, 2));
        sheet.rows.extend((0..rows).map(|n| vec![sheet::Cell::Text(format!("{n}")), share.clone()]));
        let svg = String::from_utf8(sheet.render(Form::Svg).unwrap()).unwrap();
        (svg.matches("fill='#0b6e8a'").count(), svg.contains("further rows"))
    };
    assert_eq!((bars(101), bars(367)), ((101, false), (367, false)), "with the total");
    assert_eq!(bars(401), (400, true));
}
