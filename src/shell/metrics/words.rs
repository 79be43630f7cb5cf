//! Words that labels have whatever is configured. Each has its series from the start, at 0: of a counter that first appears at 1
//! Prometheus sees no increase, and an alert on the first of its kind would stay silent.

use turno_acd::Heal;
use turno_base::Outcome;
use turno_sip::ua::Count;

const COUNTS: [Count; 11] = [
    Count::Challenged,
    Count::AuthFailed,
    Count::Replayed,
    Count::GuessRefused,
    Count::Shed,
    Count::Malformed,
    Count::Stray,
    Count::Retransmission,
    Count::Merged,
    Count::LostRace,
    Count::SubscribeRefused,
];
const HEALS: [Heal; 3] = [Heal::AgentStuck, Heal::LeaseExpired, Heal::ItemLost];
const OUTCOMES: [Outcome; 8] = [
    Outcome::Answered,
    Outcome::Busy,
    Outcome::NoAnswer,
    Outcome::Rejected,
    Outcome::Cancelled,
    Outcome::Failed,
    Outcome::Abandoned,
    Outcome::Callback,
];

/// Begins all of them.
pub(super) fn begin(metrics: &super::Metrics) {
    let begin = |counters: &prometheus::IntCounterVec, words: &mut dyn Iterator<Item = &'static str>| {
        words.for_each(|word| drop(counters.with_label_values(&[word])));
    };
    begin(&metrics.sip_events, &mut COUNTS.into_iter().map(count));
    begin(&metrics.heals, &mut HEALS.into_iter().map(heal));
    begin(&metrics.calls_ended, &mut OUTCOMES.into_iter().map(Outcome::as_str));
    begin(&metrics.config_reloads, &mut ["taken", "refused"].into_iter());
}

pub(super) const fn count(of: Count) -> &'static str {
    match of {
        Count::Challenged => "challenged",
        Count::AuthFailed => "auth_failed",
        Count::Replayed => "replayed",
        Count::GuessRefused => "guess_refused",
        Count::Shed => "shed",
        Count::Malformed => "malformed",
        Count::Stray => "stray",
        Count::Retransmission => "retransmission",
        Count::Merged => "merged",
        Count::LostRace => "lost_race",
        Count::SubscribeRefused => "subscribe_refused",
    }
}

pub(super) const fn heal(of: Heal) -> &'static str {
    match of {
        Heal::AgentStuck => "agent_stuck",
        Heal::LeaseExpired => "lease_expired",
        Heal::ItemLost => "item_lost",
    }
}

#[cfg(test)]
mod tests {
    use crate::shell::metrics::Metrics;

    #[test]
    fn the_first_of_its_kind_is_an_increase() {
        let metrics = Metrics::new();
        let page = metrics.page(true, 0);
        let is_begun = |line: &&str| line.contains('{') && !line.contains("{le=") && line.ends_with("} 0");
        let begun: Vec<&str> = page.lines().filter(is_begun).collect();
        expect_test::expect_file!["../../../tests/golden/metrics_begun.txt"].assert_eq(&(begun.join("\n") + "\n"));
    }
}
