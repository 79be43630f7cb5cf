//! The plot of the demo: who calls when, and what goes wrong on purpose. Pure: seconds and a seed in, cues out.
//!
//! A cycle of four minutes: ordinary traffic; then faults pile up until the skill runs short and calls overflow to
//! `general`; in the middle a Platinum customer calls and passes ahead; then it drains.

use turno_base::Seeded;

/// Seconds of a cycle.
const CYCLE_S: u64 = 240;
/// When the storm begins and ends within a cycle, seconds.
const STORM_S: std::ops::Range<u64> = 80..150;
/// When the Platinum customer calls within a cycle, seconds.
const PLATINUM_S: u64 = 125;

/// Number dialled, share of ordinary calls and of calls in the storm, both in percent.
const QUEUES: [(&str, u64, u64); 5] =
    [("900100101", 30, 78), ("900100102", 25, 8), ("900100103", 8, 2), ("900100104", 20, 6), ("900100105", 17, 6)];

/// Someone of the demo's portfolio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Canonical number.
    pub number: String,
    /// Name.
    pub name: String,
    /// Belongs to the best segment.
    pub platinum: bool,
}

/// A call to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// Number to dial.
    pub dnis: &'static str,
    /// Number to show; empty: withheld.
    pub ani: String,
    /// Name to show.
    pub display: String,
    /// Hangs up if it has not reached an agent after this long, seconds.
    pub patience_s: u64,
    /// Talks for this long once it has, seconds.
    pub talk_s: u64,
    /// What to print for whoever watches.
    pub line: Option<&'static str>,
}

/// The plot so far.
#[derive(Debug)]
pub struct Plot {
    seeded: Seeded,
    known: Vec<Known>,
    per_minute: u64,
    next_ms: u64,
    begins_ms: u64,
    platinum_done: Option<u64>,
    storm_told: Option<u64>,
}

impl Plot {
    /// About `per_minute` calls a minute, 1 at least, by customers of `known` and strangers; nobody calls before `begins_ms`.
    pub fn new(seed: u64, per_minute: u64, known: Vec<Known>, begins_ms: u64) -> Plot {
        let per_minute = per_minute.max(1);
        let next_ms = begins_ms;
        Plot { seeded: Seeded::new(seed), known, per_minute, next_ms, begins_ms, platinum_done: None, storm_told: None }
    }

    /// Calls that are due when `played_ms` have been played, in order.
    pub fn due(&mut self, played_ms: u64) -> Vec<Cue> {
        let now_ms = self.begins_ms.saturating_add(played_ms);
        let mut cues = Vec::new();
        while self.next_ms <= now_ms {
            let at_s = self.next_ms / 1000;
            cues.push(self.cue(at_s));
            let storm = STORM_S.contains(&(at_s % CYCLE_S));
            let mean_ms = 60_000 / self.per_minute * if storm { 2 } else { 3 } / 3;
            // Half the mean to one and a half times the mean: irregular, and never a silent minute.
            self.next_ms += mean_ms / 2 + self.seeded.below(mean_ms.max(1));
        }
        let cycle = now_ms / 1000 / CYCLE_S;
        if now_ms / 1000 % CYCLE_S >= PLATINUM_S && self.platinum_done != Some(cycle) {
            self.platinum_done = Some(cycle);
            cues.extend(self.platinum());
        }
        cues
    }

    fn cue(&mut self, at_s: u64) -> Cue {
        let storm = STORM_S.contains(&(at_s % CYCLE_S));
        let mut pick = self.seeded.below(100);
        let dnis = QUEUES
            .iter()
            .find(|(_, calm, stormy)| {
                let share = if storm { *stormy } else { *calm };
                let hit = pick < share;
                pick = pick.saturating_sub(share);
                hit
            })
            .map_or(QUEUES[4].0, |(dnis, ..)| dnis);
        let (ani, display) = self.caller();
        let first = storm && self.storm_told != Some(at_s / CYCLE_S);
        if first {
            self.storm_told = Some(at_s / CYCLE_S);
        }
        Cue {
            dnis,
            ani,
            display,
            patience_s: 30 + self.seeded.below(120),
            talk_s: 15 + self.seeded.below(40),
            line: first.then_some("a cable was cut: faults pile up, the skill runs short, calls overflow to general"),
        }
    }

    fn platinum(&mut self) -> Option<Cue> {
        let best: Vec<&Known> = self.known.iter().filter(|k| k.platinum).collect();
        let count = u64::try_from(best.len()).unwrap_or(0);
        let at = usize::try_from(self.seeded.below(count)).unwrap_or(0);
        let chosen = best.get(at)?;
        Some(Cue {
            dnis: QUEUES[0].0,
            ani: chosen.number.clone(),
            display: chosen.name.clone(),
            patience_s: 120,
            talk_s: 30,
            line: Some("a Platinum customer calls about a fault and passes ahead"),
        })
    }

    /// Three in four are customers; one in twelve withholds the number.
    fn caller(&mut self) -> (String, String) {
        let dice = self.seeded.below(12);
        let count = u64::try_from(self.known.len()).unwrap_or(0);
        let at = usize::try_from(self.seeded.below(count)).unwrap_or(0);
        match (dice, self.known.get(at)) {
            (0, _) => (String::new(), String::new()),
            (1 | 2, _) | (_, None) => (format!("+346{:08}", self.seeded.below(100_000_000)), String::new()),
            (_, Some(known)) => (known.number.clone(), known.name.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        let known = vec![
            Known { number: "+34612045118".into(), name: "María Castellanos Ruiz".into(), platinum: true },
            Known { number: "+34913000001".into(), name: "Talleres Aznar".into(), platinum: false },
        ];
        Plot::new(1, 30, known, 0)
    }

    #[test]
    fn thirty_calls_a_minute_and_a_storm_of_faults() {
        let mut plot = plot();
        let calm = plot.due(80_000);
        let storm = plot.due(149_000);
        assert!((30..=50).contains(&calm.len()), "{} in 80 s", calm.len());
        assert!((40..=65).contains(&storm.len()), "{} in 70 s", storm.len());
        let faults = storm.iter().filter(|cue| cue.dnis == "900100101").count();
        assert!(faults * 2 > storm.len(), "{faults} of {}", storm.len());
    }

    #[test]
    fn a_play_may_begin_with_the_storm() {
        let mut plot = Plot::new(1, 30, Vec::new(), STORM_S.start * 1000);
        assert!(plot.due(0).iter().all(|cue| cue.line.is_some_and(|line| line.contains("cable"))));
        let first_seconds = plot.due(20_000);
        assert!((8..=22).contains(&first_seconds.len()), "{} in 20 s", first_seconds.len());
    }

    #[test]
    fn once_a_cycle_a_platinum_customer_passes_ahead() {
        let mut plot = plot();
        for (at_s, expected) in [(PLATINUM_S - 1, 0), (PLATINUM_S, 1), (PLATINUM_S + 1, 0), (CYCLE_S + PLATINUM_S, 1)] {
            let cues = plot.due(at_s * 1000);
            let platinum = cues.iter().filter(|cue| cue.line.is_some_and(|line| line.contains("Platinum")));
            let numbers: Vec<&str> = platinum.map(|cue| cue.ani.as_str()).collect();
            assert_eq!(numbers, vec!["+34612045118"; expected], "at {at_s} s");
        }
    }
}
