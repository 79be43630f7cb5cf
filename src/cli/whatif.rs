//! `turno whatif`: a day that a journal tells of, under other policies (R23).
//!
//! The play is the simulator's ([`turno_sim::whatif`]); here are journals, configurations, threads and the picture.

use std::path::{Path, PathBuf};

use clap::Args;
use turno_acd::AcdConfig;
use turno_engine::Effect;
use turno_sim::trace::{Recorder, Trace};
use turno_sim::whatif::{Played, Under, WhatIf, play};
use turno_sim::{Named, picture};

use crate::cli::REFUSED;
use crate::cli::sim::{spread, threads, write};
use crate::shell::config;
use crate::shell::journal::{Shown, walk};

/// Most draws of what a journal does not tell.
const DRAWS_MAX: u32 = 10_000;

/// What to play again.
#[derive(Debug, Args)]
pub(super) struct WhatIfArgs {
    /// Journal folders or segments.
    #[arg(required = true)]
    journals: Vec<PathBuf>,
    /// `live`: what was in force; `turno`: the same with the ACD's own rule and knobs; a rule of others (fifo-rr, priority,
    /// app-queue ...); or a configuration file, `new.toml`. Held against the first.
    #[arg(long = "policy", value_name = "NAMES", value_delimiter = ',', default_value = "live,fifo-rr,priority")]
    policies: Vec<String>,
    /// How often what the journal does not tell is drawn.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(DRAWS_MAX)))]
    draws: u32,
    /// Names the draws.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write a picture.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Threads; all cores if absent.
    #[arg(long)]
    threads: Option<usize>,
}

/// Runs it.
pub(super) fn whatif(args: &WhatIfArgs, as_json: bool) -> u8 {
    match found(args) {
        Ok(found) => {
            if as_json {
                println!("{}", serde_json::json!(found));
            } else {
                print!("{}", found.table());
            }
            0
        }
        Err(sentence) => {
            eprintln!("{sentence}");
            REFUSED
        }
    }
}

fn found(args: &WhatIfArgs) -> Result<WhatIf, String> {
    let traces = traces(&args.journals)?;
    let unders = args.policies.iter().map(|name| under(name, &traces)).collect::<Result<Vec<_>, _>>()?;
    let draws = args.draws as usize;
    let each = traces.len() * draws;
    let played: Vec<Played> = spread(unders.len() * each, "draws", threads(args.threads), &|job| {
        let (policy, at) = (job / each, job % each);
        play(&traces[at / draws], &unders[policy], args.seed, (at % draws) as u32)
    });
    let mut played = played.into_iter();
    let named: Vec<_> =
        args.policies.iter().map(|name| (shown(name), played.by_ref().take(each).collect::<Vec<_>>())).collect();
    let found = WhatIf::of(&traces, args.seed, args.draws, title(&traces), &named);
    if let Some(path) = &args.svg {
        write(path, &picture::draw(&found.comparison)).map_err(|failure| failure.to_string())?;
    }
    Ok(found)
}

/// A file by its name alone.
fn shown(policy: &str) -> String {
    let stem = Path::new(policy).file_stem().and_then(|stem| stem.to_str());
    stem.filter(|_| is_file(policy)).unwrap_or(policy).to_owned()
}

fn is_file(policy: &str) -> bool {
    policy.ends_with(".toml") || policy.contains(std::path::MAIN_SEPARATOR)
}

fn title(traces: &[Trace]) -> String {
    let (began, _) = traces[0].span();
    let minutes = traces.iter().map(|trace| trace.span().1).sum::<f64>() / 60.0;
    let length = if minutes < 120.0 { format!("{minutes:.0} min") } else { format!("{:.1} h", minutes / 60.0) };
    let calls: usize = traces.iter().map(Trace::calls).sum();
    let agents = traces.iter().map(Trace::agents).max().unwrap_or(0);
    format!("{calls} calls, {agents} agents, {length} from {began}")
}

fn under(name: &str, traces: &[Trace]) -> Result<Under, String> {
    match name {
        "live" => return Ok(Under::Live),
        "turno" => return Ok(Under::Plain),
        _ => {}
    }
    if !is_file(name) {
        return name
            .parse::<Named>()
            .map(Under::Named)
            .map_err(|error| format!("{error}; or live, or a configuration file such as new.toml"));
    }
    let checked = config::load(Path::new(name), None);
    let Some(settings) = checked.settings else {
        let first = checked.problems.iter().find(|problem| !problem.warning).map(ToString::to_string);
        return Err(first.unwrap_or_else(|| format!("{name} does not fit")));
    };
    match traces.iter().find_map(|trace| trace.missing_queue(&settings.engine.acd)) {
        Some(queue) => Err(format!("{name} has no queue {queue}, which calls of the journal came into")),
        None => Ok(Under::Config(Box::new(settings.engine.acd))),
    }
}

/// The stretches of all journals, as far as the last configuration knows what is in them.
fn traces(journals: &[PathBuf]) -> Result<Vec<Trace>, String> {
    // Panics that the engine once contained are contained again; their place is in the log of then.
    std::panic::set_hook(Box::new(|_| {}));
    let mut stretches: Vec<Recorder> = Vec::new();
    let mut last: Option<AcdConfig> = None;
    for path in journals {
        let engine = walk(path, &mut |shown| record(&shown, &mut stretches))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        last = engine.and_then(|engine| engine.config().map(|config| config.acd.clone())).or(last);
    }
    let _ = std::panic::take_hook();
    let config = last.ok_or("the journal holds no configuration")?;
    let mut why = None;
    let mut traces = Vec::new();
    for stretch in stretches {
        match stretch.finish(&config) {
            Ok(trace) => traces.push(trace),
            Err(error) => why = Some(error),
        }
    }
    match (traces.is_empty(), why) {
        (true, Some(error)) => Err(format!("there is nothing to play: {error}")),
        (true, None) => Err("there is nothing to play".to_owned()),
        (false, _) => Ok(traces),
    }
}

fn record(shown: &Shown<'_>, stretches: &mut Vec<Recorder>) {
    match shown {
        Shown::Begins { engine, now } => {
            let mut stretch = Recorder::default();
            stretch.begin(*now, &engine.agents(*now));
            stretches.push(stretch);
        }
        Shown::Turn { engine, now, effects, .. } => {
            let Some(stretch) = stretches.last_mut() else { return };
            stretch.until(*now);
            for effect in *effects {
                if let Effect::Fact(fact) = effect {
                    stretch.on_fact(fact, |call| engine.entry(call));
                }
            }
        }
    }
}
