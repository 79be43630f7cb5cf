//! `turno sim`: days of a centre in virtual time, under the ACD and under other rules.
//!
//! The world is the room's ([`turno_sim`]); here are files, threads and the progress bar.

mod fit;
mod tune;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use turno_sim::{Centre, Comparison, Day, Figures, Named, ReadError, SHIPPED, Scenario, parse, picture, play, shipped};

use turno_sim::fit::FitError;

use crate::cli::REFUSED;
use crate::shell::store::StoreError;

/// What else there is to do with scenarios.
#[derive(Debug, Subcommand)]
pub(super) enum SimCommand {
    /// Make a scenario from call records.
    Fit(fit::FitArgs),
    /// Search the rule's knobs for what you want, and judge what was found on other days.
    Tune(tune::TuneArgs),
}

/// What to play.
#[derive(Debug, Args)]
pub(super) struct SimArgs {
    /// A scenario that comes with the program (see docs/simulation.md), or a file.
    scenario: Option<String>,
    /// Policies; the others are held against the first.
    #[arg(long = "policy", value_name = "NAMES", value_delimiter = ',', default_value = "fifo-rr,turno")]
    policies: Vec<Named>,
    /// So many seeds from the scenario's on, or these: `7,8,9`; one alone with a comma: `7,`.
    #[arg(long, value_name = "N|LIST", conflicts_with = "fresh")]
    seeds: Option<String>,
    /// A seed that nobody has seen.
    #[arg(long)]
    fresh: bool,
    /// Days of each seed; the scenario's if absent.
    #[arg(long)]
    days: Option<u32>,
    /// Write a picture.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Threads; all cores if absent.
    #[arg(long)]
    threads: Option<usize>,
}

/// Why there is nothing to show.
#[derive(Debug)]
pub(super) enum Failure {
    /// No such scenario or file.
    Unreadable(String, std::io::Error),
    /// No scenario.
    Scenario(String, ReadError),
    /// `--seeds`.
    Seeds(String),
    /// No scenario given.
    Nothing,
    /// Records.
    Records(PathBuf, std::io::Error),
    /// The record store.
    Store(PathBuf, StoreError),
    /// Records that make no scenario.
    Fit(String, FitError),
    /// `--zone`.
    Zone(String),
    /// The picture or file could not be written.
    Unwritable(PathBuf, std::io::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shipped = || SHIPPED.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        match self {
            Failure::Unreadable(what, error) => {
                write!(f, "{what} is no scenario of the program ({}) and cannot be read: {error}", shipped())
            }
            Failure::Scenario(what, error) => write!(f, "{what}: {error}"),
            Failure::Seeds(text) => write!(f, "--seeds {text}: a number of seeds, or seeds with commas: 7,8,9"),
            Failure::Nothing => write!(f, "name a scenario: {}; or a file", shipped()),
            Failure::Records(path, error) => write!(f, "{} cannot be read: {error}", path.display()),
            Failure::Store(path, error) => write!(f, "{}: {error}", path.display()),
            Failure::Fit(what, error) => write!(f, "{what}: {error}"),
            Failure::Zone(zone) => write!(f, "there is no time zone {zone:?}; for example Europe/Madrid"),
            Failure::Unwritable(path, error) => write!(f, "{} cannot be written: {error}", path.display()),
        }
    }
}

/// Runs it.
pub(super) fn sim(command: Option<&SimCommand>, args: &SimArgs, as_json: bool) -> u8 {
    match command {
        Some(SimCommand::Fit(args)) => return fit::run(args, as_json),
        Some(SimCommand::Tune(args)) => return tune::run(args, as_json),
        None => {}
    }
    answer(compare(args).map(|found| {
        if as_json {
            println!("{}", serde_json::json!(found));
        } else {
            print!("{}", found.table());
        }
    }))
}

/// The exit code, the failure said.
pub(super) fn answer(done: Result<(), Failure>) -> u8 {
    match done {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("{failure}");
            REFUSED
        }
    }
}

fn compare(args: &SimArgs) -> Result<Comparison, Failure> {
    let scenario = scenario(args.scenario.as_deref().ok_or(Failure::Nothing)?)?;
    let seeds = seeds(args.seeds.as_deref(), args.fresh, scenario.seed)?;
    let days = args.days.unwrap_or(scenario.days).max(1);
    let played = play_all(&scenario, &args.policies, &seeds, days, threads(args.threads));
    let named = args.policies.iter().map(|policy| policy.as_str().to_owned()).zip(played).collect::<Vec<_>>();
    let found = Comparison::of(&scenario, &seeds, days, &named);
    if let Some(path) = &args.svg {
        write(path, &picture::draw(&found))?;
    }
    Ok(found)
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::Unwritable(path.to_owned(), error))
}

/// A shipped scenario, else a file.
pub(super) fn scenario(what: &str) -> Result<Scenario, Failure> {
    let text = match shipped(what) {
        Some(text) => text.to_owned(),
        None => std::fs::read_to_string(what).map_err(|error| Failure::Unreadable(what.to_owned(), error))?,
    };
    parse(&text).map_err(|error| Failure::Scenario(what.to_owned(), error))
}

/// `N` seeds from the scenario's on, a list, or one that nobody has seen.
pub(super) fn seeds(asked: Option<&str>, fresh: bool, first: u64) -> Result<Vec<u64>, Failure> {
    if fresh {
        // Short enough to be written down.
        return Ok(vec![u64::from(fresh_seed())]);
    }
    let Some(text) = asked else { return Ok(vec![first]) };
    let wrong = || Failure::Seeds(text.to_owned());
    let named = text.trim_end_matches(',').split(',');
    let given: Vec<u64> = named.map(|seed| seed.trim().parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
    match given[..] {
        [many @ 1..=10_000] if !text.contains(',') => Ok((0..many).map(|n| first.wrapping_add(n)).collect()),
        [_] if !text.contains(',') => Err(wrong()),
        _ => Ok(given),
    }
}

fn fresh_seed() -> u32 {
    getrandom::u32().unwrap_or_else(|_| std::process::id())
}

pub(super) fn threads(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get)).clamp(1, 256)
}

/// Every policy over every day of every seed, by policy; the days in order whatever thread played them.
pub(super) fn play_all(
    scenario: &Scenario,
    policies: &[Named],
    seeds: &[u64],
    days: u32,
    threads: usize,
) -> Vec<Vec<Figures>> {
    let centre = Centre::new(scenario);
    let each = seeds.len() * days as usize;
    let jobs = policies.len() * each;
    let played = spread(jobs, "days", threads, &|job| {
        let (policy, at) = (job / each, job % each);
        let (seed, n) = (seeds[at / days as usize], (at % days as usize) as u32);
        let day = Day::draw(scenario, &centre, seed, n);
        let mut policy = policies[policy].build(scenario, &centre, seed.wrapping_add(u64::from(n)));
        play(scenario, &centre, &day, policy.as_mut())
    });
    let mut figures = played.into_iter();
    policies.iter().map(|_| figures.by_ref().take(each).collect()).collect()
}

/// Does every job on so many threads, a progress bar shown; what came of them in their order.
///
/// # Panics
/// If a job does.
pub(super) fn spread<T: Send>(
    jobs: usize,
    of_what: &'static str,
    threads: usize,
    job: &(dyn Fn(usize) -> T + Sync),
) -> Vec<T> {
    let bar = progress(jobs, of_what);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= jobs {
                return done;
            }
            done.push((at, job(at)));
            bar.inc(1);
        }
    };
    let mut found: Vec<(usize, T)> = std::thread::scope(|scope| {
        let hands: Vec<_> = (0..threads.min(jobs)).map(|_| scope.spawn(work)).collect();
        hands.into_iter().flat_map(|hand| hand.join().expect("a policy broke a rule of the world")).collect()
    });
    bar.finish_and_clear();
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, one)| one).collect()
}

pub(super) fn progress(jobs: usize, of_what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(jobs as u64), ProgressDrawTarget::stderr()).with_message(of_what);
    let form = "{bar:30} {pos}/{len} {msg}, {eta} left";
    bar.with_style(ProgressStyle::with_template(form).expect("the form above is one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_number_of_them_or_a_list() {
        for (text, want) in [
            ("3", Some(vec![5, 6, 7])),
            ("7,8,9", Some(vec![7, 8, 9])),
            ("4242,", Some(vec![4242])),
            ("0", None),
            ("10001", None),
            ("x", None),
            ("1,,2", None),
            ("", None),
        ] {
            assert_eq!(seeds(Some(text), false, 5).ok(), want, "{text:?}");
        }
        assert_eq!(seeds(None, false, 5).ok(), Some(vec![5]));
        assert_eq!(seeds(None, true, 5).map(|found| found.len()).ok(), Some(1));
    }

    #[test]
    fn the_days_are_the_same_whatever_thread_played_them() {
        let small = scenario("small").unwrap();
        let policies = [Named::FifoRoundRobin, Named::Turno(turno_sim::Knobs::default())];
        let alone = play_all(&small, &policies, &[3, 4], 2, 1);
        assert_eq!(alone, play_all(&small, &policies, &[3, 4], 2, 3));
        assert_eq!(alone.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4]);
        assert_ne!(alone[0][0], alone[0][1]);
    }
}
