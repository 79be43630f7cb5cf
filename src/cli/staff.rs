//! `turno staff`: how many agents, and when: by formula, from a forecast, by playing the day under the ACD.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::{Args, Subcommand};
use jiff::civil;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::json;
use turno_base::QueueId;
use turno_report::erlang::{Load, agents_for, erlang_a, erlang_c};
use turno_report::forecast::{Date, Forecast, History};
use turno_sim::Scenario;
use turno_sim::staff::{Goal, Requirement, Slot, carry, forecast, picture, require, slots, table};

use crate::cli::REFUSED;
use crate::cli::sim::{Failure as SimFailure, progress, scenario, threads, write};

/// Days whose forecasts are held against what came.
const ERROR_DAYS: usize = 14;
/// Rows of the quick answer around the fewest agents that reach the goal.
const ROWS_AROUND: u32 = 5;

/// How many agents.
#[derive(Debug, Subcommand)]
pub(super) enum StaffCommand {
    /// One queue of alike agents, by Erlang C; by Erlang A too if callers lose patience.
    Quick {
        /// Calls in `--per`.
        #[arg(long)]
        calls: f64,
        /// Minutes in which they come.
        #[arg(long, default_value_t = 60.0)]
        per: f64,
        /// Mean handle time, seconds, wrap-up included.
        #[arg(long)]
        handle: f64,
        /// Mean patience, seconds.
        #[arg(long)]
        patience: Option<f64>,
        /// Percent answered within seconds.
        #[arg(long, default_value = "80/20", value_parser = goal)]
        target: Goal,
    },
    /// Calls to expect on a day, from call records (`turno cdr export`), and how far off such forecasts were.
    Forecast {
        #[command(flatten)]
        past: Past,
    },
    /// Agents of each group for each interval of a day, found by playing it under the ACD; held against the schedule.
    Plan(PlanArgs),
}

/// A day from the past.
#[derive(Debug, Args)]
pub(super) struct Past {
    /// Call records as CSV with the columns `arrived` and `queue`. The first and the last day, which may not be whole, are
    /// left out.
    #[arg(long, value_name = "FILE")]
    history: PathBuf,
    /// The day to forecast, such as 2026-11-30.
    #[arg(long)]
    date: civil::Date,
    /// Time zone of the centre.
    #[arg(long, default_value = "UTC")]
    zone: String,
    /// A holiday, past or to come; as often as there are any.
    #[arg(long = "holiday", value_name = "DATE")]
    holidays: Vec<civil::Date>,
    /// Minutes of an interval; a divisor of a day.
    #[arg(long, default_value_t = 30, value_parser = interval)]
    interval: u32,
}

/// What to plan.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// A scenario that comes with the program (see docs/simulation.md), or a file: groups, skills, shifts, segments, and calls
    /// unless they are forecast.
    scenario: String,
    /// Percent answered within seconds, in every queue.
    #[arg(long, default_value = "80/20", value_parser = goal)]
    target: Goal,
    /// Calls from a forecast instead of the scenario's profile.
    #[arg(long, value_name = "FILE", requires = "date")]
    history: Option<PathBuf>,
    /// The day to forecast.
    #[arg(long, requires = "history")]
    date: Option<civil::Date>,
    /// Time zone of the centre.
    #[arg(long, default_value = "UTC")]
    zone: String,
    /// A holiday, past or to come.
    #[arg(long = "holiday", value_name = "DATE")]
    holidays: Vec<civil::Date>,
    /// Minutes of an interval; a divisor of a day.
    #[arg(long, default_value_t = 60, value_parser = interval)]
    interval: u32,
    /// Plays of each interval; more are surer and slower.
    #[arg(long, default_value_t = 5)]
    days: u32,
    /// Write a picture.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Threads; all cores if absent.
    #[arg(long)]
    threads: Option<usize>,
}

/// Why there is no answer.
#[derive(Debug)]
enum Failure {
    /// No scenario, no file.
    Sim(SimFailure),
    /// A number outside its range.
    Number(&'static str),
    /// No such time zone.
    Zone(String),
    /// Records that cannot be read.
    Unreadable(PathBuf, csv::Error),
    /// A record whose `arrived` is no instant.
    Instant { file: PathBuf, line: u64, text: String },
    /// A record whose queue is no name.
    Queue { file: PathBuf, line: u64, text: String },
    /// Too little to rest a forecast on.
    TooLittle { date: civil::Date, days: i64 },
    /// The past has a queue that the scenario does not have.
    UnknownQueue(QueueId, String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Sim(failure) => failure.fmt(f),
            Failure::Number(what) => f.write_str(what),
            Failure::Zone(zone) => write!(f, "--zone {zone}: no such time zone; write for example Europe/Madrid"),
            Failure::Unreadable(file, error) => write!(f, "{}: {error}", file.display()),
            Failure::Instant { file, line, text } => {
                write!(
                    f,
                    "{} line {line}: arrived is {text:?}, not an instant such as 2026-03-10T11:00:00Z",
                    file.display()
                )
            }
            Failure::Queue { file, line, text } => {
                write!(f, "{} line {line}: {text:?} cannot be the name of a queue", file.display())
            }
            Failure::TooLittle { date, days } => {
                write!(
                    f,
                    "{date}: a forecast rests on two days of its kind at least; the records have {days} whole days before it"
                )
            }
            Failure::UnknownQueue(queue, scenario) => {
                write!(
                    f,
                    "calls came for queue {queue}, which {scenario} does not have; add it there, with who serves it"
                )
            }
        }
    }
}

impl From<SimFailure> for Failure {
    fn from(failure: SimFailure) -> Failure {
        Failure::Sim(failure)
    }
}

/// Runs it.
pub(super) fn staff(command: &StaffCommand, as_json: bool) -> u8 {
    let done = match command {
        StaffCommand::Quick { calls, per, handle, patience, target } => {
            quick(Load { rate: calls / per / 60.0, handle_s: *handle }, *patience, *target, as_json)
        }
        StaffCommand::Forecast { past } => look_ahead(past, as_json),
        StaffCommand::Plan(args) => plan(args, as_json),
    };
    match done {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("{failure}");
            REFUSED
        }
    }
}

/// `80/20`.
fn goal(text: &str) -> Result<Goal, String> {
    let wrong = || "write percent and seconds, such as 80/20".to_owned();
    let (pct, seconds) = text.split_once('/').ok_or_else(wrong)?;
    let (answered_pct, within_s): (f64, f64) =
        (pct.trim().parse().map_err(|_| wrong())?, seconds.trim().parse().map_err(|_| wrong())?);
    if (1.0..=99.9).contains(&answered_pct) && (0.0..=3600.0).contains(&within_s) {
        Ok(Goal { answered_pct, within_s })
    } else {
        Err("percent is 1 to 99.9, seconds are 0 to 3600".to_owned())
    }
}

fn interval(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(minutes @ 5..=1440) if 1440 % minutes == 0 => Ok(minutes),
        Ok(_) | Err(_) => Err("minutes that divide a day: 15, 30, 60".to_owned()),
    }
}

fn quick(load: Load, patience: Option<f64>, target: Goal, as_json: bool) -> Result<(), Failure> {
    if !(load.rate > 0.0 && load.handle_s > 0.0 && load.rate.is_finite() && load.handle_s.is_finite()) {
        return Err(Failure::Number("--calls, --per and --handle must be more than 0"));
    }
    if patience.is_some_and(|patience| patience.is_nan() || patience <= 0.0) {
        return Err(Failure::Number("--patience must be more than 0"));
    }
    let (pct, within_s) = (target.answered_pct, target.within_s);
    let Some(needed) = agents_for(load, pct / 100.0, within_s) else {
        return Err(Failure::Number("the load is more than 100000 agents can carry"));
    };
    let rows: Vec<_> = (needed.saturating_sub(ROWS_AROUND).max(1)..=needed + ROWS_AROUND)
        .map(|agents| (agents, erlang_c(agents, load), patience.map(|patience| erlang_a(agents, load, patience))))
        .collect();
    if as_json {
        let row = |(agents, c, a): &(u32, turno_report::erlang::Delay, Option<turno_report::erlang::Abandonment>)| {
            json!({
                "agents": agents,
                "occupancy_pct": (100.0 * load.erlangs() / f64::from(*agents)).min(100.0),
                "answered_pct": 100.0 * c.answered_within(within_s),
                // JSON has no infinity: a queue that only grows has no mean wait.
                "asa_s": c.asa_s.is_finite().then_some(c.asa_s),
                "abandoned_pct": a.map(|a| 100.0 * a.abandons),
                "wait_s": a.map(|a| a.wait_s),
            })
        };
        let rows: Vec<_> = rows.iter().map(row).collect();
        println!("{}", json!({ "erlangs": load.erlangs(), "agents": needed, "target": target, "rows": rows }));
        return Ok(());
    }
    println!("{:.2} Erlang; {needed} agents answer {pct:.0} % within {within_s:.0} s (Erlang C)\n", load.erlangs());
    print!("{:>6} {:>9} {:>9} {:>9}", "agents", "occupancy", "answered", "ASA");
    println!(
        "{}",
        if patience.is_some() { format!(" {:>9} {:>9}   (Erlang A)", "abandoned", "wait") } else { String::new() }
    );
    for (agents, c, a) in rows {
        let occupancy = (100.0 * load.erlangs() / f64::from(agents)).min(100.0);
        let asa = if c.asa_s.is_finite() { format!("{:.1} s", c.asa_s) } else { "grows".to_owned() };
        print!("{agents:>6} {occupancy:>7.1} % {:>7.1} % {asa:>9}", 100.0 * c.answered_within(within_s));
        match a {
            Some(a) => println!(" {:>7.1} % {:>7.1} s", 100.0 * a.abandons, a.wait_s),
            None => println!(),
        }
    }
    Ok(())
}

/// What the history needs of a record.
#[derive(Deserialize)]
struct Line {
    arrived: String,
    queue: String,
}

fn history(file: &Path, zone: &str, holidays: &[civil::Date], interval: u32) -> Result<History, Failure> {
    let records = std::fs::File::open(file).map_err(|error| Failure::Unreadable(file.to_owned(), error.into()))?;
    read(records, file, zone, holidays, interval)
}

/// `file` is what problems name.
fn read(
    records: impl Read,
    file: &Path,
    zone: &str,
    holidays: &[civil::Date],
    interval: u32,
) -> Result<History, Failure> {
    let zone = TimeZone::get(zone).map_err(|_| Failure::Zone(zone.to_owned()))?;
    let holidays: BTreeSet<Date> = holidays.iter().map(|&day| date(day)).collect();
    let unreadable = |error| Failure::Unreadable(file.to_owned(), error);
    let mut reader = csv::Reader::from_reader(BufReader::new(records));
    let mut calls = Vec::new();
    for (n, line) in reader.deserialize::<Line>().enumerate() {
        let Line { arrived, queue } = line.map_err(unreadable)?;
        // Calls that asked for no queue are not for agents.
        if queue.is_empty() {
            continue;
        }
        // After the header.
        let at = n as u64 + 2;
        let wrong = || Failure::Instant { file: file.to_owned(), line: at, text: arrived.clone() };
        let instant: jiff::Timestamp = arrived.parse().map_err(|_| wrong())?;
        let queue = QueueId::new(&queue).map_err(|_| Failure::Queue {
            file: file.to_owned(),
            line: at,
            text: queue.clone(),
        })?;
        let local = instant.to_zoned(zone.clone()).datetime();
        let second = i64::from(local.hour()) * 3600 + i64::from(local.minute()) * 60 + i64::from(local.second());
        calls.push((date(local.date()), queue, u32::try_from(second).unwrap_or(0)));
    }
    let mut history = History::new((1440 / interval) as usize, holidays);
    let days = calls.iter().map(|(day, ..)| day.0);
    if let (Some(first), Some(last)) = (days.clone().min(), days.max()) {
        for day in first + 1..last {
            history.open(Date(day));
        }
        for (day, queue, second) in calls.into_iter().filter(|(day, ..)| day.0 > first && day.0 < last) {
            history.count(day, queue, second);
        }
    }
    Ok(history)
}

fn date(day: civil::Date) -> Date {
    let epoch = civil::date(1970, 1, 1);
    Date((day - epoch).get_days().into())
}

fn civil_of(day: Date) -> civil::Date {
    civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day.0))
}

fn expected(history: &History, day: civil::Date) -> Result<Forecast, Failure> {
    history.forecast(date(day)).ok_or_else(|| Failure::TooLittle {
        date: day,
        days: history.span().map_or(0, |(first, last)| last.0 - first.0 + 1),
    })
}

fn look_ahead(past: &Past, as_json: bool) -> Result<(), Failure> {
    let history = history(&past.history, &past.zone, &past.holidays, past.interval)?;
    let found = expected(&history, past.date)?;
    let error = history.error(ERROR_DAYS);
    if as_json {
        let days = |days: &[Date]| days.iter().map(|&day| civil_of(day).to_string()).collect::<Vec<_>>();
        println!(
            "{}",
            json!({
                "date": past.date.to_string(), "zone": past.zone, "interval_min": past.interval, "queues": found.queues,
                "rests_on": days(&found.rests_on), "odd": days(&found.odd), "error": error,
            })
        );
        return Ok(());
    }
    let calls: f64 = found.queues.values().flatten().sum();
    println!("{}: {calls:.0} calls expected, resting on {} days", past.date, found.rests_on.len());
    for &odd in &found.odd {
        println!("left out as odd: {} with {} calls", civil_of(odd), history.total(odd));
    }
    if let Some(error) = error {
        println!(
            "forecasts of the last {} days were off by {:.1} % of a day's calls, {:.1} % by queue and interval",
            error.days, error.by_day_pct, error.by_interval_pct
        );
    }
    print!("\n{:5}", "from");
    for queue in found.queues.keys() {
        print!(" {queue:>9}");
    }
    println!();
    for n in 0..(1440 / past.interval) as usize {
        let calls: Vec<f64> = found.queues.values().map(|calls| calls[n]).collect();
        if calls.iter().sum::<f64>() < 0.05 {
            continue;
        }
        let minutes = n as u32 * past.interval;
        print!("{:02}:{:02}", minutes / 60, minutes % 60);
        for (queue, calls) in found.queues.keys().zip(calls) {
            print!(" {calls:>width$.1}", width = queue.to_string().len().max(9));
        }
        println!();
    }
    Ok(())
}

fn plan(args: &PlanArgs, as_json: bool) -> Result<(), Failure> {
    let centre = scenario(&args.scenario)?;
    let day = match (&args.history, args.date) {
        (Some(file), Some(date)) => {
            let history = history(file, &args.zone, &args.holidays, args.interval)?;
            let found: BTreeMap<_, _> = expected(&history, date)?.queues;
            forecast(&centre, &found).map_err(|queue| Failure::UnknownQueue(queue, args.scenario.clone()))?
        }
        (None, _) | (_, None) => slots(&centre, f64::from(args.interval) * 60.0),
    };
    let found = all(&centre, &day, args);
    if let Some(path) = &args.svg {
        let title = match args.date {
            Some(date) => format!("{}: agents required on {date}", centre.title),
            None => format!("{}: agents required", centre.title),
        };
        write(path, &picture::draw(&title, args.target, &found))?;
    }
    if as_json {
        let groups: Vec<String> = centre.groups.iter().map(|group| group.name.to_string()).collect();
        println!("{}", json!({ "scenario": centre.name, "target": args.target, "groups": groups, "intervals": found }));
    } else {
        print!("{}", table(&centre, args.target, &found));
    }
    Ok(())
}

/// Each interval by itself, in order whatever thread found it; then with what those before it leave to it.
fn all(centre: &Scenario, day: &[Slot], args: &PlanArgs) -> Vec<Requirement> {
    let bar = progress(2 * day.len(), "intervals");
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((at, slot)) = day.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((at, require(centre, slot, args.target, args.days)));
            bar.inc(1);
        }
        done
    };
    let mut found: Vec<(usize, Requirement)> = std::thread::scope(|scope| {
        let hands: Vec<_> = (0..threads(args.threads).min(day.len())).map(|_| scope.spawn(work)).collect();
        hands.into_iter().flat_map(|hand| hand.join().expect("the ACD broke a rule of the world")).collect()
    });
    found.sort_by_key(|(at, _)| *at);
    let mut found: Vec<Requirement> = found.into_iter().map(|(_, one)| one).collect();
    carry(centre, &mut found, args.target, args.days, || bar.inc(1));
    bar.finish_and_clear();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_intervals_read_or_say_what_to_write() {
        for (text, found) in [
            ("80/20", Some((80.0, 20.0))),
            ("95 / 10", Some((95.0, 10.0))),
            ("80", None),
            ("0/20", None),
            ("100/20", None),
            ("80/-1", None),
            ("a/b", None),
        ] {
            assert_eq!(goal(text).ok().map(|goal| (goal.answered_pct, goal.within_s)), found, "{text}");
        }
        for (text, found) in [("15", Some(15)), ("60", Some(60)), ("7", None), ("0", None), ("1", None), ("x", None)] {
            assert_eq!(interval(text).ok(), found, "{text}");
        }
    }

    fn of(text: &str, zone: &str) -> Result<History, Failure> {
        read(text.as_bytes(), Path::new("records.csv"), zone, &[], 60)
    }

    #[test]
    fn records_become_whole_days_of_the_centres_own_clock() {
        // Madrid is an hour ahead in winter: 23:30 UTC is the next day there. Call 4 asked for no queue.
        let text = "call,arrived,queue\n1,2026-03-01T10:00:00Z,ventas\n2,2026-03-01T23:30:00Z,ventas\n\
                    3,2026-03-02T08:15:00Z,ventas\n4,2026-03-02T08:20:00Z,\n5,2026-03-04T09:00:00Z,ventas\n";
        let history = of(text, "Europe/Madrid").unwrap();
        let day = |d| date(civil::date(2026, 3, d));
        assert_eq!(history.span(), Some((day(2), day(3))), "the first and the last may not be whole");
        assert_eq!((history.total(day(2)), history.total(day(3))), (2, 0));
        assert_eq!(civil_of(day(2)), civil::date(2026, 3, 2));
    }

    #[test]
    fn a_bad_record_is_named_by_line() {
        for (text, zone, said) in [
            (
                "arrived,queue\n2026-03-01T10:00:00Z,ventas\n2026-03-01T10:00:00Z,\nyesterday,ventas\n",
                "UTC",
                "records.csv line 4: arrived is \"yesterday\", not an instant such as 2026-03-10T11:00:00Z",
            ),
            (
                "arrived,queue\n2026-03-01T10:00:00Z,a b\n",
                "UTC",
                "records.csv line 2: \"a b\" cannot be the name of a queue",
            ),
            (
                "when,queue\n1,a\n",
                "UTC",
                "records.csv: CSV deserialize error: record 1 (line: 2, byte: 11): missing field `arrived`",
            ),
            ("", "Mars/Olympus", "--zone Mars/Olympus: no such time zone; write for example Europe/Madrid"),
        ] {
            assert_eq!(of(text, zone).unwrap_err().to_string(), said);
        }
    }
}
