//! `turno sim fit`: a scenario from call records.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use turno_sim::fit::{Fit, Patience, fit};
use turno_tariff::cdr::format;

use super::{Failure, answer, write};
use crate::shell::store::{Filter, Order, Reader};

/// Records to fit to.
#[derive(Debug, Args)]
pub(in crate::cli) struct FitArgs {
    /// What `turno cdr export` wrote, or the folder of the records.
    records: PathBuf,
    /// Time zone of the centre, such as Europe/Madrid.
    #[arg(long, default_value = "UTC")]
    zone: String,
    /// Wrap-up of all queues, seconds: records do not say it.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    wrap_up: f64,
    /// File; standard output if absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs it.
pub(in crate::cli) fn run(args: &FitArgs, as_json: bool) -> u8 {
    answer(fitted(args, as_json).and_then(|text| match &args.out {
        Some(path) => write(path, &text),
        None => {
            print!("{text}");
            Ok(())
        }
    }))
}

fn fitted(args: &FitArgs, as_json: bool) -> Result<String, Failure> {
    let zone = jiff::tz::TimeZone::get(&args.zone).map_err(|_| Failure::Zone(args.zone.clone()))?;
    let csv = records(&args.records)?;
    let local = |text: &str| {
        let at = text.parse::<jiff::Timestamp>().ok()?.to_zoned(zone.clone()).datetime();
        let day = at.date().since(jiff::civil::date(1970, 1, 1)).ok()?.get_days();
        let time = at.time();
        let second = f64::from(time.hour()) * 3600.0 + f64::from(time.minute()) * 60.0 + f64::from(time.second());
        Some((i64::from(day), second))
    };
    let found =
        fit(&csv, args.wrap_up, &local).map_err(|error| Failure::Fit(args.records.display().to_string(), error))?;
    Ok(if as_json { json(&found) } else { text(&found) })
}

/// The same for programs.
fn json(found: &Fit) -> String {
    let patience = |of: &Patience| json!({"segment": of.segment, "abandoned": of.abandoned, "left": of.left});
    let patience: Vec<Value> = found.patience.iter().map(patience).collect();
    format!("{}\n", json!({"days": found.days, "scenario": found.scenario, "patience": patience}))
}

/// The file's bytes, or the same from the record store.
fn records(path: &Path) -> Result<Vec<u8>, Failure> {
    if !path.is_dir() {
        return std::fs::read(path).map_err(|error| Failure::Records(path.to_owned(), error));
    }
    let mut csv = format::CSV_HEADER.as_bytes().to_vec();
    let each = |record: &turno_tariff::cdr::Record| csv.extend_from_slice(format::csv(record).as_bytes());
    Reader::open(path)
        .and_then(|reader| reader.each(&Filter::default(), Order::OldestFirst, each))
        .map_err(|error| Failure::Store(path.to_owned(), error))?;
    Ok(csv)
}

/// The scenario with what an operator should know of it.
fn text(found: &Fit) -> String {
    let mut text = format!(
        "# {}. Not in records, so to be filled in: wrap-up, wait targets, levels of skill, shifts (docs/simulation.md).\n\
         # Patience: share that would still wait, observed (fitted).\n",
        found.scenario.title
    );
    for patience in &found.patience {
        let left: Vec<String> = (patience.left.iter())
            .map(|(second, observed, fitted)| {
                format!("{second:.0} s {:.0} % ({:.0} %)", observed * 100.0, fitted * 100.0)
            })
            .collect();
        text += &format!("# {}: {}; {} gave up\n", patience.segment, left.join(", "), patience.abandoned);
    }
    text + "\n" + &toml::to_string(&found.scenario).expect("a scenario is made of what TOML has")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_played() {
        let mut csv = format::CSV_HEADER.to_owned();
        let columns = csv.trim().split(',').count();
        for n in 0..60 {
            let mut line = vec![String::new(); columns];
            for (column, value) in csv.lines().next().unwrap_or_default().split(',').enumerate() {
                line[column] = match value {
                    "direction" => "inbound".to_owned(),
                    "segment" => "gold".to_owned(),
                    "value_per_mille" => "4000".to_owned(),
                    "queue" => "averias".to_owned(),
                    "agent" if n % 3 > 0 => "boris".to_owned(),
                    "arrived" => format!("2026-03-1{}T08:{n:02}:00.000000Z", n % 2),
                    "wait_ms" => (n * 1000).to_string(),
                    "talk_ms" => (n % 3 * 60_000).to_string(),
                    "hold_ms" => "0".to_owned(),
                    "outcome" if n % 3 > 0 => "answered".to_owned(),
                    "outcome" => "abandoned".to_owned(),
                    _ => String::new(),
                };
            }
            csv += &(line.join(",") + "\n");
        }
        let path = std::env::temp_dir().join(format!("turno-fit-{}.csv", std::process::id()));
        std::fs::write(&path, csv).unwrap();
        let args = FitArgs { records: path.clone(), zone: "Europe/Madrid".to_owned(), wrap_up: 15.0, out: None };
        let text = fitted(&args, false).unwrap();
        std::fs::remove_file(path).unwrap();
        let scenario = turno_sim::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        // Eight in the morning by UTC is nine in Madrid's winter.
        assert_eq!((scenario.opens.as_str(), scenario.calls_per_day, scenario.agents()), ("09:00", Some(30.0), 1));
        assert!(text.contains("# gold: 15 s"), "{text}");
    }
}
