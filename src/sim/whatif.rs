//! What would have been (R23): a day that a journal tells of, under the configuration that was in force and under other
//! policies, over the same calls and agents. How far the first is from what really happened says how much to trust the rest.

use std::fmt::Write as _;

use serde::Serialize;
use turno_acd::{AcdConfig, Rule, Strategy};

use crate::comparison::Comparison;
use crate::figures::{Figures, Measure};
use crate::policy::Named;
use crate::stats::{Interval, mean};
use crate::trace::{LeftOut, Trace};

/// Under what a day is played.
#[derive(Clone, Debug, PartialEq)]
pub enum Under {
    /// The configuration that was in force.
    Live,
    /// The same, every queue by the value-rate rule with the knobs that it comes with.
    Plain,
    /// Another one.
    Config(Box<AcdConfig>),
    /// A rule of other products.
    Named(Named),
}

/// One draw under one policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    figures: Figures,
    /// Of those who were really answered, how many the same agent answered here.
    same_agent: u64,
    answered: u64,
}

/// Plays one draw.
pub fn play(trace: &Trace, under: &Under, seed: u64, draw: u32) -> Played {
    let books = match under {
        Under::Live => trace.under(trace.config(), seed, draw),
        Under::Plain => trace.under(&plain(trace.config()), seed, draw),
        Under::Config(config) => trace.under(config, seed, draw),
        Under::Named(policy) => trace.under_named(policy, seed, draw),
    };
    let mut answered_by = vec![None; trace.calls()];
    for call in &books.calls {
        answered_by[(call.item / crate::day::ATTEMPTS_MAX) as usize] = call.answered_by;
    }
    let really = trace.really();
    let answered = really.calls.iter().zip(&answered_by).filter(|(call, _)| call.answered_by.is_some());
    Played {
        figures: trace.figures(&books),
        same_agent: answered.clone().filter(|(call, by)| call.answered_by == **by).count() as u64,
        answered: answered.count() as u64,
    }
}

fn plain(config: &AcdConfig) -> AcdConfig {
    let mut plain = AcdConfig { rule: Rule::default(), ..config.clone() };
    for queue in plain.queues.values_mut() {
        queue.strategy = Strategy::Value;
    }
    plain
}

/// One figure as it was and as the live policy has it here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Calibrated {
    /// Which.
    pub measure: Measure,
    /// What really happened.
    pub really: f64,
    /// Mean of the draws.
    pub played: Interval,
}

/// Policies side by side over a day that was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhatIf {
    /// How far the first policy is from what really happened.
    pub calibration: Vec<Calibrated>,
    /// Of those who were really answered, how many the same agent answers under the first policy, percent.
    pub same_agent_pct: f64,
    /// Calls of the journal that are not played.
    pub left_out: LeftOut,
    /// The policies, the first of which the others are held against.
    pub comparison: Comparison,
}

impl WhatIf {
    /// Of traces that share a configuration; of each policy its draws, those of the first trace first.
    ///
    /// # Panics
    /// If there is no trace.
    pub fn of(traces: &[Trace], seed: u64, draws: u32, title: String, played: &[(String, Vec<Played>)]) -> WhatIf {
        let mut scenario = traces[0].scenario.clone();
        scenario.title = title;
        let lowest = scenario.lowest_segment();
        let figures = |(name, all): &(String, Vec<Played>)| {
            (name.clone(), all.iter().map(|one| one.figures.clone()).collect::<Vec<Figures>>())
        };
        let all: Vec<(String, Vec<Figures>)> = played.iter().map(figures).collect();
        let many = u32::try_from(traces.len()).unwrap_or(u32::MAX);
        let mut comparison = Comparison::of(&scenario, &[seed], draws.saturating_mul(many), &all);
        comparison.are_draws = true;
        let first = played.first().map_or(&[][..], |(_, all)| all.as_slice());
        let really: Vec<Figures> = traces.iter().map(|trace| trace.figures(&trace.really())).collect();
        let calibrated = |measure: Measure| Calibrated {
            measure,
            really: mean(&really.iter().map(|day| measure.of(day, lowest)).collect::<Vec<f64>>()).mid,
            played: mean(&first.iter().map(|one| measure.of(&one.figures, lowest)).collect::<Vec<f64>>()),
        };
        let (same, answered) =
            first.iter().fold((0, 0), |(same, answered), one| (same + one.same_agent, answered + one.answered));
        let mut left_out = LeftOut::default();
        for trace in traces {
            left_out.add(trace.left_out());
        }
        WhatIf {
            calibration: Measure::ALL.into_iter().map(calibrated).collect(),
            same_agent_pct: if answered > 0 { 100.0 * same as f64 / answered as f64 } else { 0.0 },
            left_out,
            comparison,
        }
    }

    /// For a terminal.
    pub fn table(&self) -> String {
        let first = self.comparison.policies.first().map_or("", |row| row.policy.as_str());
        let mut text = format!("how well {first} is played\n");
        let _ = writeln!(text, "  {:30} {:>10} {:>10}", "", "really", "played");
        for one in &self.calibration {
            let title = self.comparison.title_of(one.measure);
            let unit = one.measure.unit();
            let _ = writeln!(text, "  {title:30} {:>8.2} {unit} {:>8.2} {unit}", one.really, one.played.mid);
        }
        let _ = writeln!(text, "  the same agent for {:.1} % of those who were answered", self.same_agent_pct);
        let left = &self.left_out;
        if left.still_waiting > 0 {
            let _ = writeln!(text, "  {} still waited at the end: not counted unless answered", left.still_waiting);
        }
        if left.all() > 0 {
            let _ = writeln!(
                text,
                "  not played: {} called back, {} of queues, segments or agents that are no more, {} other",
                left.callbacks,
                left.unknown,
                left.at_once + left.too_many
            );
        }
        text.push('\n');
        text.push_str(&self.comparison.table());
        text
    }
}
