//! `turno report`, `turno audit` and `turno lint`: figures, their check and the check of a configuration, straight from the
//! tables, beside a running engine or without one.

use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use turno_base::{AgentId, Currency, QueueId, SegmentId};
use turno_report::forecast::Date;
use turno_report::kpi::{AGENT_FIGURES, By, DEFINED, Due, FIGURES, Windows, Zone};

use crate::cli::REFUSED;
use crate::shell::clock::wall;
use crate::shell::figures::audit::audit_day;
use crate::shell::figures::{FigureReader, House, zone};
use crate::shell::instant::wall_of;
use crate::shell::lint::{Finding, lint};
use crate::shell::live;
use crate::shell::report::sheet::Form;
use crate::shell::report::{Ask, Behind, Split, Subject, day_of, day_text, report as sheet_of};

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum About {
    /// Entries, service levels by every formula, waits, handle times.
    Queues,
    /// Time by state, occupancy, offers.
    Agents,
    /// 95 in 180 by month and year, both clocks.
    Law,
    /// What came of calls.
    Dispositions,
    /// Repeat callers and first-contact resolution.
    Repeat,
    /// Telephony, agents' time, margin.
    Cost,
    /// What `turno rate again` posted, a row for each posting.
    Ledger,
    /// Time at work against `--schedule`.
    Adherence,
    /// Every figure with its formula.
    Formulas,
}

/// How long a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Length {
    /// A quarter of an hour.
    Interval,
    /// A local day.
    Day,
    /// A local month.
    Month,
    /// A local year.
    Year,
    /// All days together.
    Total,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// A queue.
    Queue,
    /// A segment of customers.
    Segment,
    /// A type of dialled number.
    NumberType,
    /// Everything.
    Nothing,
}

/// A report.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// About what.
    #[arg(value_enum)]
    about: About,
    /// Folder of the records, where the figures are as well.
    #[arg(long, value_name = "DIR", env = "TURNO_RECORDS", default_value = super::RECORDS_DEFAULT)]
    records: PathBuf,
    /// First local day; today if absent.
    #[arg(long, value_parser = day_of)]
    from: Option<Date>,
    /// Last local day; the first if absent.
    #[arg(long, value_parser = day_of)]
    to: Option<Date>,
    /// How long a row is.
    #[arg(long, value_enum, default_value_t = Length::Day)]
    by: Length,
    /// Time zone, such as Europe/Madrid; that of the house if absent.
    #[arg(long, visible_alias = "zone")]
    tz: Option<String>,
    /// What a row is about.
    #[arg(long, value_enum, default_value_t = Part::Queue)]
    split: Part,
    /// Only this queue.
    #[arg(long)]
    queue: Option<QueueId>,
    /// Only this segment.
    #[arg(long)]
    segment: Option<SegmentId>,
    /// Columns, such as sl_std,asa,aht; `all` for every one.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    figures: Vec<String>,
    /// The calls behind this figure of the report instead; of dispositions, this one and those below it; of cost, a payer or `unrated`.
    #[arg(long, value_name = "FIGURE")]
    calls: Option<String>,
    /// Of those calls, only what this agent did.
    #[arg(long)]
    agent: Option<AgentId>,
    /// Share agents' idle time out to the rows of a cost report.
    #[arg(long)]
    idle: bool,
    /// Currency of agents' cost; that of the house if absent.
    #[arg(long, value_parser = currency)]
    currency: Option<Currency>,
    /// CSV with the columns agent, from, until (instants), for adherence.
    #[arg(long, value_name = "FILE")]
    schedule: Option<PathBuf>,
    /// Form; table if absent, JSON with --json.
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// File; standard output if absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn currency(text: &str) -> Result<Currency, String> {
    Currency::new(text).ok_or_else(|| "write three capital letters, such as EUR".to_owned())
}

/// Today by the clock, in a zone.
fn today(zone: &Zone) -> Date {
    zone.date(wall())
}

fn zone_of(name: &str) -> Result<Zone, String> {
    zone(name).ok_or_else(|| format!("there is no time zone {name:?}; for example Europe/Madrid"))
}

/// Prints or writes a report.
pub(super) fn report(args: &ReportArgs, as_json: bool) -> u8 {
    let form = args.format.unwrap_or(if as_json { Form::Json } else { Form::Table });
    if args.about == About::Formulas {
        for (name, formula) in FIGURES.iter().map(|figure| (figure.name, figure.formula)) {
            println!("queues  {name} = {formula}");
        }
        for (name, formula) in AGENT_FIGURES.iter().map(|figure| (figure.name, figure.formula)) {
            println!("agents  {name} = {formula}");
        }
        for (name, formula) in DEFINED {
            println!("later   {name} = {formula}");
        }
        return 0;
    }
    let reader = FigureReader::open(&args.records)
        .and_then(|reader| Ok((reader.house()?, reader)))
        .map_err(|error| format!("{error}; name the folder of the records with --records"));
    let bytes = reader.and_then(|(house, reader)| {
        let ask = asked(args, house)?;
        let sheet = sheet_of(&reader, &ask).map_err(|error| error.to_string())?;
        sheet.render(form).map_err(|error| error.to_string())
    });
    let written = bytes.and_then(|bytes| match &args.out {
        Some(path) => std::fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display())),
        None => match stdout().lock().write_all(&bytes) {
            // A reader that went away (`| head`) has seen what it wanted.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
            Ok(()) | Err(_) => Ok(()),
        },
    });
    refused(written)
}

fn refused(done: Result<(), String>) -> u8 {
    match done {
        Ok(()) => 0,
        Err(sentence) => {
            eprintln!("{sentence}");
            REFUSED
        }
    }
}

fn asked(args: &ReportArgs, house: House) -> Result<Ask, String> {
    let zone = zone_of(args.tz.as_deref().unwrap_or(&house.zone))?;
    let subject = match (&args.calls, args.about) {
        (Some(figure), about) => Subject::Calls(behind(about)?, figure.clone()),
        (None, About::Queues | About::Formulas) => Subject::Queues,
        (None, About::Agents) => Subject::Agents,
        (None, About::Law) => Subject::Law,
        (None, About::Dispositions) => Subject::Dispositions,
        (None, About::Repeat) => Subject::Repeat,
        (None, About::Cost) => Subject::Cost,
        (None, About::Ledger) => Subject::Ledger,
        (None, About::Adherence) => {
            let file =
                args.schedule.as_deref().ok_or("name the schedule with --schedule FILE (CSV: agent,from,until)")?;
            Subject::Adherence(schedule(file)?)
        }
    };
    let from = args.from.unwrap_or_else(|| today(&zone));
    Ok(Ask {
        subject,
        from,
        to: args.to.unwrap_or(from),
        by: match args.by {
            Length::Interval => By::Interval,
            Length::Day => By::Day,
            Length::Month => By::Month,
            Length::Year => By::Year,
            Length::Total => By::Total,
        },
        zone,
        split: match args.split {
            Part::Queue => Split::Queue,
            Part::Segment => Split::Segment,
            Part::NumberType => Split::NumberType,
            Part::Nothing => Split::Nothing,
        },
        queue: args.queue,
        segment: args.segment,
        figures: args.figures.clone(),
        with_idle: args.idle,
        agent: args.agent,
        currency: args.currency.unwrap_or(house.currency),
        windows: Windows { resolved_s: house.resolved_s, ..Windows::default() },
        settled: house.settled,
    })
}

/// Whose figures are asked for the calls behind them.
fn behind(about: About) -> Result<Behind, String> {
    Ok(match about {
        About::Queues => Behind::Queues,
        About::Agents => Behind::Agents,
        About::Law => Behind::Law,
        About::Dispositions => Behind::Dispositions,
        About::Repeat => Behind::Repeat,
        About::Cost => Behind::Cost,
        About::Ledger | About::Adherence | About::Formulas => {
            return Err("--calls is for queues, agents, law, dispositions, repeat and cost".to_owned());
        }
    })
}

/// Rows of agent, from, until; a header is passed over.
fn schedule(file: &Path) -> Result<Vec<Due>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut due = Vec::new();
    // Spreadsheets put a mark before what they save as UTF-8.
    let text = text.trim_start_matches('\u{feff}');
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let [agent, from, until] = cells[..] else {
            return Err(format!("{}, line {}: write agent,from,until", file.display(), n + 1));
        };
        if n == 0 && agent == "agent" {
            continue;
        }
        let bad = |what: &str| format!("{}, line {}: {what}", file.display(), n + 1);
        let span = Due {
            agent: AgentId::new(agent).map_err(|error| bad(&error.to_string()))?,
            from: wall_of(from).map_err(|error| bad(&error))?,
            until: wall_of(until).map_err(|error| bad(&error))?,
        };
        if span.until <= span.from {
            return Err(bad("it ends before it begins; a shift over midnight ends on the next day"));
        }
        due.push(span);
    }
    Ok(due)
}

/// An audit.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// Folder of the records.
    #[arg(long, value_name = "DIR", env = "TURNO_RECORDS", default_value = super::RECORDS_DEFAULT)]
    records: PathBuf,
    /// Local day; yesterday if absent.
    #[arg(long, value_parser = day_of)]
    day: Option<Date>,
    /// Time zone, such as Europe/Madrid; that of the house if absent.
    #[arg(long, visible_alias = "zone")]
    tz: Option<String>,
}

/// Prints what does not hold; refused if there is anything.
pub(super) fn audit(args: &AuditArgs, as_json: bool) -> u8 {
    let house =
        || FigureReader::open(&args.records).and_then(|reader| reader.house()).map_err(|error| error.to_string());
    let name = args.tz.clone().map_or_else(|| house().map(|house| house.zone), Ok);
    let audited = name.and_then(|name| zone_of(&name)).and_then(|zone| {
        let day = args.day.unwrap_or_else(|| Date(today(&zone).0 - 1));
        let audit = audit_day(&args.records, &zone, day, wall()).map_err(|error| error.to_string())?;
        Ok((day, audit))
    });
    let (day, audit) = match audited {
        Ok(audited) => audited,
        Err(sentence) => return refused(Err(sentence)),
    };
    let named = |calls: &[turno_base::CallId]| calls.iter().map(ToString::to_string).collect::<Vec<_>>();
    if as_json {
        let difference = |difference: &turno_report::kpi::Difference| {
            json!({
                "identity": difference.identity.as_str(),
                "quarter": difference.quarter.map(|quarter| quarter.begins().to_string()),
                "queue": difference.queue.map(|queue| queue.to_string()),
                "what": difference.what,
                "calls": named(&difference.calls),
            })
        };
        let differences: Vec<_> = audit.differences.iter().map(difference).collect();
        println!(
            "{}",
            json!({"day": day_text(day), "calls": audit.calls, "entries": audit.entries, "differences": differences})
        );
    } else {
        println!("{}: {} calls and {} entries compared", day_text(day), audit.calls, audit.entries);
        for difference in &audit.differences {
            let at = difference.quarter.map_or(String::new(), |quarter| format!(" {}", quarter.begins()));
            let queue = difference.queue.map_or(String::new(), |queue| format!(" {queue}"));
            println!("{}{at}{queue}: {}", difference.identity.as_str(), difference.what);
            named(&difference.calls).iter().for_each(|call| println!("  {call}"));
        }
        println!("{}", if audit.differences.is_empty() { "every identity holds" } else { "identities do not hold" });
    }
    if audit.differences.is_empty() { 0 } else { REFUSED }
}

/// A check of a configuration beyond what `check` sees.
#[derive(Debug, Args)]
pub(super) struct LintArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Folder of the records, for what the past says; that of the configuration if absent.
    #[arg(long, value_name = "DIR", env = "TURNO_RECORDS")]
    records: Option<PathBuf>,
    /// Days of the past that are looked at.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=400))]
    days: u16,
}

/// Prints findings; refused if there is any.
pub(super) fn lint_config(args: &LintArgs, as_json: bool) -> u8 {
    let checked = live::load(&args.config, None);
    let Some(settings) = checked.settings else {
        checked.problems.iter().for_each(|problem| eprintln!("{problem}"));
        return REFUSED;
    };
    let dir = args.records.clone().unwrap_or_else(|| settings.store.dir.clone());
    let findings: Vec<Finding> = lint(&settings, &dir, wall(), args.days.into());
    if as_json {
        let finding = |finding: &Finding| json!({"object": finding.object, "what": finding.what, "fix": finding.fix});
        println!("{}", json!({"findings": findings.iter().map(finding).collect::<Vec<_>>()}));
    } else {
        findings.iter().for_each(|finding| println!("{finding}"));
        println!("{} findings", findings.len());
    }
    if findings.is_empty() { 0 } else { REFUSED }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: ReportArgs,
    }

    fn ask(line: &str) -> Result<Ask, String> {
        let words = std::iter::once("report").chain(line.split(' '));
        let house = House {
            currency: Currency::new("GBP").unwrap(),
            resolved_s: 86_400,
            settled: vec!["sale".parse().unwrap()],
            zone: "Europe/Madrid".to_owned(),
        };
        asked(&Line::try_parse_from(words).map_err(|error| error.to_string())?.args, house)
    }

    #[test]
    fn a_report_is_in_the_zone_and_currency_of_the_house_and_of_its_windows_unless_it_is_told_otherwise() {
        let cost = ask("cost").unwrap();
        assert_eq!((cost.currency.as_str(), cost.windows.resolved_s), ("GBP", 86_400));
        assert_eq!((cost.zone.name.as_str(), cost.settled.len()), ("Europe/Madrid", 1));
        assert_eq!(ask("cost --tz America/Bogota").unwrap().zone.name, "America/Bogota");
        assert_eq!(ask("cost --currency USD").unwrap().currency.as_str(), "USD");
        assert!(ask("cost --currency pounds").is_err());
    }

    #[test]
    fn a_schedule_is_read_as_spreadsheets_save_it_and_a_shift_that_ends_before_it_begins_is_refused() {
        let file = std::env::temp_dir().join(format!("turno-schedule-{:x}", crate::shell::entropy::draw()));
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            schedule(&file).map(|due| due.len()).map_err(|error| error.split(": ").nth(1).unwrap_or("").to_owned())
        };
        let shift = "anna,2026-03-10T22:00:00Z,2026-03-11T06:00:00Z";
        assert_eq!(read(&format!("\u{feff}agent,from,until\r\n{shift}\r\n\r\n")), Ok(1));
        assert_eq!(read(&format!("{shift}\n{shift}\n")), Ok(2));
        let over = "it ends before it begins; a shift over midnight ends on the next day".to_owned();
        assert_eq!(read("anna,2026-03-10T22:00:00Z,2026-03-10T06:00:00Z"), Err(over.clone()));
        assert_eq!(read("anna,2026-03-10T22:00:00Z,2026-03-10T22:00:00Z"), Err(over));
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn the_calls_behind_a_figure_are_those_of_the_reports_subject() {
        for (line, want) in [
            ("queues --calls aht", Behind::Queues),
            ("agents --calls aht --agent anna", Behind::Agents),
            ("law --calls from_queue", Behind::Law),
            ("dispositions --calls fault", Behind::Dispositions),
            ("repeat --calls fcr", Behind::Repeat),
            ("cost --calls company", Behind::Cost),
        ] {
            let ask = ask(line).unwrap();
            assert!(matches!(&ask.subject, Subject::Calls(of, _) if *of == want), "{line}: {ask:?}");
            assert_eq!(ask.agent.is_some(), line.contains("--agent"));
        }
        for line in ["ledger --calls x", "adherence --calls x"] {
            assert!(ask(line).unwrap_err().starts_with("--calls is for"), "{line}");
        }
    }
}
