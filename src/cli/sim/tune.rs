//! `turno sim tune`: a search over the rule's knobs for what an operator wants, judged on days that it has not seen.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use turno_sim::tune::{Marked, Objective, ROUNDS_MAX, Search, trade};
use turno_sim::{Comparison, Knobs, Measure, Named};

use super::{Failure, answer, play_all, scenario, seeds, threads, write};

/// What to search for.
#[derive(Debug, Args)]
pub(in crate::cli) struct TuneArgs {
    /// A scenario that comes with the program, or a file.
    scenario: String,
    /// What is to be as good as can be.
    #[arg(long, value_parser = objective, default_value = "value-wait")]
    objective: Measure,
    /// Longest wait of the lowest segment on a mean day that is still right, seconds.
    #[arg(long, value_name = "SECONDS")]
    longest_max: Option<f64>,
    /// Days to search on.
    #[arg(long, default_value_t = 10)]
    train: u32,
    /// Other days to judge on.
    #[arg(long, default_value_t = 30)]
    unseen: u32,
    /// Search and judge on seeds that nobody has seen.
    #[arg(long)]
    fresh: bool,
    /// Write a picture of the trade.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Threads; all cores if absent.
    #[arg(long)]
    threads: Option<usize>,
}

const OBJECTIVES: [Measure; 5] =
    [Measure::ValueWait, Measure::ValueAbandoned, Measure::Abandoned, Measure::AnsweredWithin, Measure::Asa];

fn name(measure: Measure) -> String {
    json!(measure).as_str().unwrap_or_default().to_owned()
}

fn objective(text: &str) -> Result<Measure, String> {
    let found = OBJECTIVES.into_iter().find(|measure| name(*measure) == text);
    found.ok_or_else(|| OBJECTIVES.map(name).join(", "))
}

/// Runs it.
pub(in crate::cli) fn run(args: &TuneArgs, as_json: bool) -> u8 {
    answer(tuned(args, as_json))
}

fn tuned(args: &TuneArgs, as_json: bool) -> Result<(), Failure> {
    let scenario = scenario(&args.scenario)?;
    let train = seeds(None, args.fresh, scenario.seed)?;
    // Days of another seed: none of them was searched on.
    let unseen: Vec<u64> = train.iter().map(|seed| seed ^ 0x5eed_0f0f).collect();
    let hands = threads(args.threads);
    let wanted = Objective { measure: args.objective, longest_max_s: args.longest_max };
    let mut search = Search::new(wanted, scenario.lowest_segment(), &scenario.turno);
    while !search.next().is_empty() {
        let policies: Vec<Named> = search.next().iter().cloned().map(Named::Turno).collect();
        let played = play_all(&scenario, &policies, &train, args.train.max(2), hands);
        search.take(&played);
    }
    let best = search.best().map(|best| best.knobs.clone()).unwrap_or_default();
    let judged = [
        ("turno as it is", Named::Turno(scenario.turno.clone())),
        ("turno tuned", Named::Turno(best.clone())),
        ("fifo-rr", Named::FifoRoundRobin),
        ("priority", Named::PriorityBestSkill),
    ];
    let policies: Vec<Named> = judged.iter().map(|(_, policy)| policy.clone()).collect();
    let played = play_all(&scenario, &policies, &unseen, args.unseen.max(2), hands);
    let named: Vec<_> = judged.iter().map(|(name, _)| (*name).to_owned()).zip(played).collect();
    let found = Comparison::of(&scenario, &unseen, args.unseen.max(2), &named);
    if let Some(path) = &args.svg {
        write(path, &picture(args, &search, &found))?;
    }
    if as_json {
        println!("{}", json!({ "tuned": best, "tried": search.tried(), "unseen": found }));
        return Ok(());
    }
    let tried = search.tried().len();
    println!(
        "{tried} settings tried on {} days, at most {ROUNDS_MAX} rounds; below, on days that were not searched:\n",
        args.train
    );
    print!("{}", found.table());
    println!(
        "\nFor the scenario, and by the same names for [acd.rule] and the segments of a configuration:\n{}",
        toml_of(&best)
    );
    Ok(())
}

fn toml_of(knobs: &Knobs) -> String {
    let table = toml::to_string(knobs).expect("knobs are numbers");
    if table.is_empty() {
        "# nothing better than the settings as they are\n".to_owned()
    } else {
        format!("[turno]\n{table}")
    }
}

fn picture(args: &TuneArgs, search: &Search, found: &Comparison) -> String {
    let of = |row: &turno_sim::Row, measure: Measure| {
        row.measures.iter().find(|one| one.measure == measure).map_or(0.0, |one| one.value.mid)
    };
    let mark = |row: &turno_sim::Row| Marked {
        name: row.policy.clone(),
        value_wait_s: of(row, Measure::ValueWait),
        longest_s: of(row, Measure::LongestOfLowest),
    };
    let marked: Vec<Marked> = found.policies.iter().map(mark).collect();
    let title = format!("{}: what a shorter wait of the valuable costs the lowest segment", found.scenario);
    let subtitle = format!(
        "Grey: settings tried on {} days. Named: on {} other days. Objective {}{}.",
        args.train,
        found.days,
        name(args.objective),
        args.longest_max.map(|most| format!(", longest wait at most {most:.0} s")).unwrap_or_default()
    );
    trade(&title, &subtitle, search.tried(), &marked)
}
