//! The formulas of docs/figures.md over a [`Tally`]. Each is a row of [`FIGURES`]: its name, its formula in letters, and the
//! numbers it is made of; a report prints all three.
//!
//! Letters: N entries that ended, A answered, A_T within the threshold T, B abandoned later than the short-abandon
//! threshold, B_T of those within T, S short abandons, F other ways out, F_T of those within T, C_T callbacks taken within T.

use super::offered::Offered;
use super::tally::Tally;
use crate::histogram::Histogram;

/// A figure's value, whole: what is divided by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A count.
    Count(u64),
    /// Part of a whole.
    Share(u128, u128),
    /// Sum of ms over a count of them.
    Mean(u128, u128),
    /// The bound, s, that the share of a histogram does not exceed; none: nothing there, or beyond every bound.
    Bound(Option<u32>),
}

impl Value {
    /// Share in per mille or mean in ms, the middle up; none without a whole.
    pub fn rounded(self) -> Option<u64> {
        let divided = |part: u128, whole: u128| (2 * part + whole).checked_div(2 * whole);
        match self {
            Value::Count(count) => Some(count),
            Value::Share(part, whole) => divided(part * 1000, whole).and_then(|pm| u64::try_from(pm).ok()),
            Value::Mean(sum, count) => divided(sum, count).and_then(|ms| u64::try_from(ms).ok()),
            Value::Bound(bound) => bound.map(u64::from),
        }
    }

    /// What the figure of one call or stay says of it: that it is in the numerator (true), in the denominator alone (false), or in
    /// neither (none).
    pub fn is_counted(self) -> Option<bool> {
        match self {
            Value::Count(count) => (count > 0).then_some(true),
            Value::Share(part, whole) => (part > 0 || whole > 0).then_some(part > 0),
            Value::Mean(_, count) => (count > 0).then_some(true),
            Value::Bound(bound) => bound.map(|_| true),
        }
    }
}

/// `70.0 %`, `18.4 s`, `20 s at most`, `-` without a whole.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(rounded) = self.rounded() else { return f.pad("-") };
        let text = match self {
            Value::Count(count) => count.to_string(),
            Value::Share(..) => format!("{}.{} %", rounded / 10, rounded % 10),
            Value::Mean(..) => format!("{}.{} s", (rounded + 50) / 1000, (rounded + 50) / 100 % 10),
            Value::Bound(_) => format!("<= {rounded} s"),
        };
        f.pad(&text)
    }
}

/// A formula with its name.
#[derive(Clone, Copy)]
pub struct Figure {
    /// Its name in reports and answers.
    pub name: &'static str,
    /// The formula, in the letters of this module.
    pub formula: &'static str,
    /// It.
    pub of: fn(&Tally) -> Value,
}

impl std::fmt::Debug for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} = {}", self.name, self.formula)
    }
}

/// Figures that are counted when their channels come, as they will be: name and formula.
pub const DEFINED: &[(&str, &str)] = &[
    (
        "first_reply",
        "business minutes from arrival to the first reply, by channel and priority; calendar minutes beside it",
    ),
    ("resolution", "business minutes from arrival to resolution, by channel and priority; calendar minutes beside it"),
    ("in_target", "items replied to and resolved within the target of their priority / items"),
    ("backlog_p90", "age that 90 % of the open items do not exceed"),
    ("outbound_drop", "live answers not served within 2 s / live answers, by campaign and day and over 30 days"),
];

/// The figure of that name.
pub fn figure(name: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.name == name)
}

/// The switches of Genesys Cloud's service level; abandons that are not counted take the short ones with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Genesys {
    /// Other ways out are in the denominator.
    pub flow_outs: bool,
    /// Short abandons are.
    pub short_abandons: bool,
    /// Abandons are.
    pub abandons: bool,
}

/// Service level as Genesys Cloud computes it with these switches.
pub fn level_genesys(of: &Tally, switches: Genesys) -> Value {
    let c = &of.counts;
    let mut whole = c.answered;
    if switches.flow_outs {
        whole += of.flowed();
    }
    if switches.abandons {
        whole += c.abandoned;
        if switches.short_abandons {
            whole += c.short_abandoned;
        }
    }
    share(c.answered_in_time, whole)
}

fn share(part: u64, whole: u64) -> Value {
    Value::Share(part.into(), whole.into())
}

fn mean(of: &Histogram) -> Value {
    Value::Mean(of.sum_ms().into(), of.count().into())
}

/// N − S.
fn lasting(of: &Tally) -> u64 {
    of.ended() - of.counts.short_abandoned
}

/// Entries with a service-level event: answered, abandoned, or still there when T was reached.
fn events(of: &Tally) -> u64 {
    of.counts.answered + of.counts.abandoned + of.flowed() - of.counts.flowed_in_time
}

/// Offers that ended by one cause, of all that ended.
fn refused(of: &Tally, count: impl Fn(&Offered) -> u64) -> Value {
    of.counts.offered.share(count(&of.counts.offered))
}

fn handled(of: &Tally, sums: &[&Histogram]) -> Value {
    Value::Mean(sums.iter().map(|sum| u128::from(sum.sum_ms())).sum(), of.counts.handled.into())
}

macro_rules! figures {
    ($($name:ident: $formula:literal = $of:expr;)*) => {
        /// Every figure of queues, in the order in which reports print them.
        pub const FIGURES: &[Figure] = &[$(Figure { name: stringify!($name), formula: $formula, of: $of }),*];
    };
}

figures! {
    entered: "entries, waiting ones among them" = |t| Value::Count(t.counts.entered);
    answered: "A" = |t| Value::Count(t.counts.answered);
    abandoned: "B" = |t| Value::Count(t.counts.abandoned);
    short_abandoned: "S" = |t| Value::Count(t.counts.short_abandoned);
    overflowed: "F: moved on by a rule" = |t| Value::Count(t.counts.overflowed);
    callback_taken: "F: hung up to be called back" = |t| Value::Count(t.counts.callback_taken);
    timed_out: "F: the wait limit passed" = |t| Value::Count(t.counts.timed_out);
    withdrawn: "F: taken out" = |t| Value::Count(t.counts.withdrawn);
    empty: "F: nobody was there" = |t| Value::Count(t.counts.empty);
    failed: "F: a failure of ours" = |t| Value::Count(t.counts.failed);
    exit_key: "F: left by a key" = |t| Value::Count(t.counts.exit_key);
    sl_std: "A_T / (N - S)" = |t| share(t.counts.answered_in_time, lasting(t));
    sl_answered: "A_T / A" = |t| share(t.counts.answered_in_time, t.counts.answered);
    sl_asterisk: "A_T / completed" = |t| share(t.counts.answered_in_time, t.counts.completed);
    sl_asterisk2: "(A_T + B_T) / (A + B)" =
        |t| share(t.counts.answered_in_time + t.counts.abandoned_in_time, t.counts.answered + t.counts.abandoned);
    sl_abn_ignored: "A_T / (N_ev - B_T), N_ev = A + B + (F - F_T)" =
        |t| share(t.counts.answered_in_time, events(t) - t.counts.abandoned_in_time);
    sl_abn_neg: "A_T / N_ev" = |t| share(t.counts.answered_in_time, events(t));
    sl_abn_pos: "(A_T + B_T) / N_ev" =
        |t| share(t.counts.answered_in_time + t.counts.abandoned_in_time, events(t));
    sl_removed: "(A_T + B_T + C_T) / N" = |t| {
        share(t.counts.answered_in_time + t.counts.abandoned_in_time + t.counts.callback_in_time, t.ended())
    };
    sl_genesys: "A_T / (A + B)" =
        |t| level_genesys(t, Genesys { flow_outs: false, short_abandons: false, abandons: true });
    sl_genesys_flow: "A_T / (A + B + F)" =
        |t| level_genesys(t, Genesys { flow_outs: true, short_abandons: false, abandons: true });
    sl_genesys_short: "A_T / (A + B + S)" =
        |t| level_genesys(t, Genesys { flow_outs: false, short_abandons: true, abandons: true });
    sl_genesys_flow_short: "A_T / (A + B + S + F)" =
        |t| level_genesys(t, Genesys { flow_outs: true, short_abandons: true, abandons: true });
    sl_genesys_answered: "A_T / A" =
        |t| level_genesys(t, Genesys { flow_outs: false, short_abandons: false, abandons: false });
    sl_genesys_answered_flow: "A_T / (A + F)" =
        |t| level_genesys(t, Genesys { flow_outs: true, short_abandons: false, abandons: false });
    sl_value: "sum of value over A_T / sum of value over N - S" =
        |t| share(t.counts.value_in_time, t.counts.value_offered);
    answered_rate: "A / (N - S)" = |t| share(t.counts.answered, lasting(t));
    answered_rate_all: "A / N" = |t| share(t.counts.answered, t.ended());
    answered_rate_calls: "calls answered / (calls - calls that only left short)" =
        |t| share(t.counts.calls_answered, t.counts.calls - t.counts.calls_short);
    abandonment: "B / (N - S)" = |t| share(t.counts.abandoned, lasting(t));
    abandonment_all: "(B + S) / N" = |t| share(t.counts.abandoned + t.counts.short_abandoned, t.ended());
    abandonment_value: "sum of value over B / sum of value over N - S" =
        |t| share(t.counts.value_abandoned, t.counts.value_offered);
    asa: "sum of waits of A / A, ring time included" = |t| mean(&t.wait_answered);
    asa_unrung: "the same without the time in which an agent was rung" = |t| mean(&t.wait_unrung);
    asa_value: "sum of value x wait of A / sum of value of A" =
        |t| Value::Mean(t.value_wait, t.counts.value_answered.into());
    wait_median: "bound that half of the waits of A keep" = |t| Value::Bound(t.wait_answered.quantile_s(50));
    wait_p90: "bound that 90 % of the waits of A keep" = |t| Value::Bound(t.wait_answered.quantile_s(90));
    wait_unrung_median: "bound that half of them keep without ring time" =
        |t| Value::Bound(t.wait_unrung.quantile_s(50));
    wait_unrung_p90: "bound that 90 % of them keep without ring time" = |t| Value::Bound(t.wait_unrung.quantile_s(90));
    wait_abandoned: "sum of waits of B and S / (B + S)" = |t| mean(&t.wait_abandoned);
    handled: "conversations, one for each agent of a call" = |t| Value::Count(t.counts.handled);
    aht: "(talk + hold + wrap-up) / handled" = |t| handled(t, &[&t.talk, &t.hold, &t.wrap_up]);
    tmo_sin_acw: "(talk + hold) / handled" = |t| handled(t, &[&t.talk, &t.hold]);
    talk_mean: "talk / handled" = |t| handled(t, &[&t.talk]);
    no_answer: "offers that were not taken / offers that ended" = |t| refused(t, Offered::not_taken);
    no_answer_agent: "declined, rung out or busy / offers that ended" = |t| refused(t, Offered::not_taken_by_agent);
    no_answer_caller_left: "the caller left first / offers that ended" = |t| refused(t, |of| of.caller_left);
    no_answer_unreachable: "station unreachable / offers that ended" = |t| refused(t, |of| of.unreachable);
    no_answer_lost_race: "another was faster / offers that ended" = |t| refused(t, |of| of.lost_race);
    disposed: "calls with a disposition / calls answered" = |t| share(t.counts.disposed, t.counts.calls_answered);
    disposition_missing: "answered where a disposition is to be said, and it was not / answered where it is to be said" =
        |t| share(t.counts.disposition_due.saturating_sub(t.counts.disposition_said), t.counts.disposition_due);
    law_from_queue: "calls answered within 180 s of entering / calls that entered a queue" =
        |t| share(t.counts.law_from_queue, t.counts.calls_queued);
    law_from_arrival: "calls answered within 180 s of the first INVITE / calls that entered a queue" =
        |t| share(t.counts.law_from_arrival, t.counts.calls_queued);
}

#[cfg(test)]
mod tests {
    use turno_base::AgentId;
    use turno_base::fact::QueueLeft;

    use super::super::tally::Left;
    use super::*;

    fn worked() -> Tally {
        let anna = QueueLeft::Answered(AgentId::new("anna").unwrap());
        let mut tally = Tally::default();
        let mut add = |n, how, wait_ms, in_time| {
            (0..n).for_each(|_| tally.left(Left { how, wait_ms, ring_ms: 4000, value_pm: 1000, in_time }));
        };
        add(70, anna, 10_000, true);
        add(20, anna, 30_000, false);
        add(10, QueueLeft::Abandoned, 9000, true);
        tally
    }

    fn shown(of: &Tally, names: &[&str]) -> String {
        let line = |name: &&str| format!("{name} {}", (figure(name).expect(name).of)(of));
        names.iter().map(line).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn the_worked_example_of_the_definitions() {
        let got = shown(&worked(), &["sl_abn_ignored", "sl_abn_neg", "sl_abn_pos", "sl_std", "sl_answered"]);
        assert_eq!(
            got,
            "sl_abn_ignored 77.8 %, sl_abn_neg 70.0 %, sl_abn_pos 80.0 %, sl_std 70.0 %, sl_answered 77.8 %"
        );
    }

    #[test]
    fn short_abandons_and_ways_out_move_each_formula_as_it_says() {
        let mut tally = worked();
        let mut add = |n, how, wait_ms, in_time| {
            (0..n).for_each(|_| tally.left(Left { how, wait_ms, ring_ms: 0, value_pm: 1000, in_time }));
        };
        add(5, QueueLeft::ShortAbandoned, 2000, true);
        add(4, QueueLeft::CallbackTaken, 8000, true);
        add(6, QueueLeft::Overflowed, 60_000, false);
        let got = shown(&tally, &["sl_std", "sl_removed", "sl_abn_neg", "answered_rate_all", "abandonment_all"]);
        // N = 115, S = 5, F = 10, F_T = 4, N_ev = 90 + 10 + 6.
        assert_eq!(
            got,
            "sl_std 63.6 %, sl_removed 73.0 %, sl_abn_neg 66.0 %, answered_rate_all 78.3 %, abandonment_all 13.0 %"
        );
        let got = shown(
            &tally,
            &["sl_genesys", "sl_genesys_flow", "sl_genesys_short", "sl_genesys_flow_short", "sl_genesys_answered_flow"],
        );
        assert_eq!(
            got,
            "sl_genesys 70.0 %, sl_genesys_flow 63.6 %, sl_genesys_short 66.7 %, sl_genesys_flow_short 60.9 %, \
             sl_genesys_answered_flow 70.0 %"
        );
    }

    #[test]
    fn nothing_is_shown_of_nothing_and_names_are_unique() {
        let empty = Tally::default();
        for figure in FIGURES {
            let value = (figure.of)(&empty);
            assert!(matches!(value, Value::Count(0)) || value.rounded().is_none(), "{figure:?} is {value}");
        }
        let names: std::collections::BTreeSet<&str> = FIGURES.iter().map(|figure| figure.name).collect();
        assert_eq!(names.len(), FIGURES.len());
        assert!(DEFINED.iter().all(|(name, _)| !names.contains(name)), "what is counted is no mere definition");
        assert_eq!(Value::Share(1, 3).to_string(), "33.3 %");
        assert_eq!(Value::Mean(59_960, 1).to_string(), "60.0 s");
        assert_eq!(Value::Share(1, 2000).rounded(), Some(1)); // the middle goes up
    }
}
