//! What Prometheus scrapes: names, buckets and labels (docs/reference/metrics.md), prefix `turno_`. Agents and numbers are never labels.

mod parts;
mod words;

use prometheus::core::Collector;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use turno_acd::Heal;
use turno_base::TrunkId;
use turno_engine::Sizes;
use turno_report::BoardView;
use turno_sip::ua::Count;

use crate::shell::media::PlaneCounts;
use crate::shell::store::Health;
use crate::shell::store::consumer::ConsumerHealth;
use parts::{BoardMetrics, Forecasts, MediaMetrics, StoreMetrics};

/// Buckets for waits, seconds (docs/figures.md).
pub const WAIT_BUCKETS: &[f64] =
    &[1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 600.0, 900.0, 1800.0];
/// Buckets for talk, hold and wrap-up, seconds (docs/figures.md).
pub const TALK_BUCKETS: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 600.0, 900.0, 1800.0, 3600.0,
];
/// Buckets for the loop's delay, seconds.
const DELAY_BUCKETS: &[f64] =
    &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// Every metric of the process, in one registry.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is the metric whose help text stands in `new`")]
pub struct Metrics {
    registry: Registry,
    pub loop_delay: Histogram,
    pub inputs_waiting: IntGauge,
    pub inputs_dropped: IntCounter,
    pub panics: IntCounter,
    pub received_udp: IntCounter,
    pub received_tcp: IntCounter,
    pub sent_udp: IntCounter,
    pub sent_tcp: IntCounter,
    pub send_failed: IntCounter,
    pub streams_open: IntGauge,
    pub streams_refused: IntCounter,
    pub streams_cut: IntCounter,
    pub streams_slow: IntCounter,
    pub sip_events: IntCounterVec,
    pub trunk_up: IntGaugeVec,
    heals: IntCounterVec,
    pub journal_bytes: IntCounter,
    pub journal_errors: IntCounter,
    pub journal_state_failures: IntCounter,
    pub journal_lag: IntGauge,
    pub facts_dropped: IntCounter,
    pub config_reloads: IntCounterVec,
    pub calls_arrived: IntCounter,
    pub calls_ended: IntCounterVec,
    pub queue_entered: IntCounterVec,
    pub queue_left: IntCounterVec,
    pub queue_wait: HistogramVec,
    pub offers_ended: IntCounterVec,
    pub dispositions: IntCounterVec,
    pub tasks: IntCounterVec,
    pub audit_differences: IntGaugeVec,
    pub audits: IntCounter,
    pub audited_until: IntGauge,
    pub pauses_too_long: IntCounterVec,
    pub callbacks_taken: IntCounterVec,
    pub callback_attempts: IntCounter,
    pub callbacks_ended: IntCounterVec,
    pub talk: HistogramVec,
    pub hold: HistogramVec,
    pub wrap_up: Histogram,
    /// Facts that are not kept because everything was full.
    pub facts_lost: IntCounter,
    /// Legs of ended calls that no rule of the price book is for, once for each payer.
    pub legs_unrated: IntCounter,
    forecasts: Forecasts,
    board: BoardMetrics,
    store: StoreMetrics,
    media: MediaMetrics,
    sizes: IntGaugeVec,
    ready: IntGauge,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Metrics {
        let registry = Registry::new();
        let r = Register(&registry);
        let metrics = Metrics {
            loop_delay: r.histogram("loop_delay_seconds", "From arrival to handling of an input.", DELAY_BUCKETS),
            inputs_waiting: r.gauge("inputs_waiting", "Inputs that wait for the engine."),
            inputs_dropped: r.counter("inputs_dropped_total", "Datagrams dropped because the engine was behind."),
            panics: r.counter("panics_total", "Faults of ours that were contained to one call."),
            received_udp: r.counter("sip_udp_received_total", "SIP datagrams received."),
            received_tcp: r.counter("sip_tcp_received_total", "SIP messages received on streams."),
            sent_udp: r.counter("sip_udp_sent_total", "SIP datagrams sent."),
            sent_tcp: r.counter("sip_tcp_sent_total", "SIP messages queued on streams."),
            send_failed: r.counter("sip_send_failed_total", "SIP messages that did not leave."),
            streams_open: r.gauge("sip_streams", "Open stream connections."),
            streams_refused: r.counter("sip_streams_refused_total", "Connections refused at a bound."),
            streams_cut: r
                .counter("sip_streams_cut_total", "Connections closed for a half-sent message or for silence."),
            streams_slow: r.counter("sip_streams_slow_total", "Connections closed because the peer did not read."),
            trunk_up: r.gauges("trunk_up", "Whether a trunk can be used; nothing until that is known.", &["trunk"]),
            heals: r.counters("heals_total", "States that the reconciler healed; a healthy run has none.", &["reason"]),
            sip_events: r.counters("sip_events_total", "Countable things in signalling.", &["event"]),
            journal_bytes: r.counter("journal_bytes_total", "Bytes appended to the journal."),
            journal_errors: r.counter("journal_errors_total", "Failures to write the journal."),
            journal_state_failures: r.counter(
                "journal_state_failures_total",
                "States of journal segments that the engine had to write itself because running the journal again failed.",
            ),
            journal_lag: r.gauge("journal_turns_waiting", "Turns that wait for the journal's writer."),
            facts_dropped: r.counter("facts_dropped_total", "Facts that dashboards missed because they were behind."),
            config_reloads: r.counters("config_reloads_total", "Reloads of the configuration.", &["outcome"]),
            calls_arrived: r.counter("calls_arrived_total", "Calls that arrived."),
            calls_ended: r.counters("calls_ended_total", "Calls that ended.", &["outcome"]),
            queue_entered: r.counters("queue_entered_total", "Entries of a queue.", &["queue"]),
            queue_left: r.counters("queue_left_total", "Entries of a queue that ended.", &["queue", "outcome"]),
            queue_wait: r.histograms(
                "queue_wait_seconds",
                "Wait from entering a queue to answer or leaving.",
                WAIT_BUCKETS,
                &["queue", "segment", "outcome"],
            ),
            offers_ended: r.counters("offers_ended_total", "Offers to agents that ended.", &["queue", "outcome"]),
            tasks: r.counters("tasks_total", "What became of tasks.", &["queue", "kind", "change"]),
            dispositions: r.counters("dispositions_total", "Results that agents said calls had.", &["disposition"]),
            audit_differences: r.gauges("audit_differences", "Differences that the nightly audits of the last 7 days found.", &["identity"]),
            audits: r.counter("audits_total", "Nightly audits that were made."),
            audited_until: r.gauge("audited_until_timestamp_seconds", "End of the last day that a nightly audit compared; 0: none, or they are off."),
            pauses_too_long: r.counters("pauses_too_long_total", "Times that agents were not ready for longer than the reason allows.", &["reason"]),
            callbacks_taken: r.counters(
                "callbacks_taken_total",
                "Callers who hung up to be called back.",
                &["queue", "how"],
            ),
            callback_attempts: r.counter("callback_attempts_total", "Attempts to call somebody back."),
            callbacks_ended: r.counters("callbacks_ended_total", "Callbacks that are over.", &["queue", "outcome"]),
            talk: r.histograms("talk_seconds", "Conversation with an agent.", TALK_BUCKETS, &["queue"]),
            hold: r.histograms("hold_seconds", "Time on hold in a conversation.", TALK_BUCKETS, &["queue"]),
            wrap_up: r.histogram("wrap_up_seconds", "After-call work.", TALK_BUCKETS),
            legs_unrated: r.counter(
                "legs_unrated_total",
                "Legs of ended calls that no rule of the price book is for: they have no amount.",
            ),
            facts_lost: r.counter("store_facts_lost_total", "Facts that are not kept because everything was full."),
            forecasts: Forecasts::new(&r),
            board: BoardMetrics::new(&r),
            store: StoreMetrics::new(&r),
            media: MediaMetrics::new(&r),
            sizes: r.gauges("size", "Sizes of everything that could leak.", &["of"]),
            ready: r.gauge("ready", "1 while new calls are welcome."),
            registry,
        };
        words::begin(&metrics);
        metrics
    }

    /// Adds metrics that another part keeps.
    pub fn register(&self, collector: Box<dyn Collector>) {
        self.registry.register(collector).expect("metric names are distinct literals");
    }

    /// Gives every metric a sample, so that a page shows all names.
    #[cfg(test)]
    pub(crate) fn touch(&self) {
        for counters in [&self.sip_events, &self.config_reloads, &self.calls_ended, &self.queue_entered, &self.heals] {
            counters.with_label_values(&["x"]).inc();
        }
        for counters in [&self.queue_left, &self.offers_ended, &self.callbacks_taken, &self.callbacks_ended] {
            counters.with_label_values(&["x", "y"]).inc();
        }
        self.trunk_up.with_label_values(&["x"]).set(1);
        self.dispositions.with_label_values(&["x"]).inc();
        self.tasks.with_label_values(&["x", "y", "z"]).inc();
        self.audit_differences.with_label_values(&["x"]).set(0);
        self.pauses_too_long.with_label_values(&["x"]).inc();
        for histograms in [&self.talk, &self.hold] {
            histograms.with_label_values(&["x"]).observe(1.0);
        }
        self.queue_wait.with_label_values(&["x", "y", "z"]).observe(1.0);
        self.count_forecast("x", 1000, 2000);
        self.board.touch();
        self.store.touch();
        self.media.touch();
    }

    /// Counts what the SIP room counted.
    pub fn count(&self, count: Count) {
        self.sip_events.with_label_values(&[words::count(count)]).inc();
    }

    /// Counts what the reconciler healed.
    pub fn count_heal(&self, heal: Heal) {
        self.heals.with_label_values(&[words::heal(heal)]).inc();
    }

    /// Takes how a trunk is; none: it is not known, and there is no sample of it.
    pub fn trunk(&self, trunk: TrunkId, up: Option<bool>) {
        let label = &[trunk.as_str()];
        match up {
            Some(up) => self.trunk_up.with_label_values(label).set(i64::from(up)),
            // There is none to remove of a trunk that was never told.
            None => drop(self.trunk_up.remove_label_values(label)),
        }
    }

    /// Compares an expected wait with what came.
    pub fn count_forecast(&self, queue: &str, expected_ms: u64, waited_ms: u64) {
        self.forecasts.count(queue, expected_ms, waited_ms);
    }

    /// Takes the sizes of the engine.
    pub fn set_sizes(&self, sizes: &Sizes) {
        for (of, value) in [
            ("calls", sizes.calls),
            ("legs", sizes.legs),
            ("dialogs", sizes.dialogs),
            ("transactions", sizes.transactions),
            ("timers", sizes.timers),
            ("bindings", sizes.bindings),
            ("waiting", sizes.waiting),
            ("ports_free", sizes.ports_free),
            ("records_pending", sizes.records_pending),
        ] {
            self.sizes.with_label_values(&[of]).set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    /// Takes what the board shows.
    pub fn set_board(&self, view: &BoardView) {
        self.board.take(view);
    }

    /// Takes how the store is.
    pub fn set_store(&self, health: &Health, consumers: &[ConsumerHealth]) {
        self.store.take(health, consumers);
    }

    /// Takes the figures of the media threads.
    pub fn set_media(&self, plane: &PlaneCounts) {
        self.media.take(plane);
    }

    /// The page that Prometheus reads.
    pub fn page(&self, is_ready: bool, dropped: u64) -> String {
        self.ready.set(i64::from(is_ready));
        raise(&self.inputs_dropped, dropped);
        let mut page = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut page).expect("writing to memory does not fail");
        String::from_utf8(page).unwrap_or_default()
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

/// A counter that is kept elsewhere.
fn raise(counter: &IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}

/// Makes and registers metrics; names and labels are literals, so none of it can fail once a test has run it.
struct Register<'a>(&'a Registry);

impl Register<'_> {
    fn keep<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let made = made.expect("metric names and labels are literals");
        self.0.register(Box::new(made.clone())).expect("metric names are distinct");
        made
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.keep(IntCounter::with_opts(opts(name, help)))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.keep(IntCounterVec::new(opts(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.keep(IntGauge::with_opts(opts(name, help)))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.keep(IntGaugeVec::new(opts(name, help), labels))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.keep(Histogram::with_opts(histogram_opts(name, help, buckets)))
    }

    fn histograms(&self, name: &str, help: &str, buckets: &[f64], labels: &[&str]) -> HistogramVec {
        self.keep(HistogramVec::new(histogram_opts(name, help, buckets), labels))
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("turno")
}

fn histogram_opts(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).namespace("turno").buckets(buckets.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_has_a_sample_only_while_something_is_known_of_it() {
        let metrics = Metrics::new();
        let carrier = TrunkId::new("carrier").expect("a name");
        let samples = || {
            let page = metrics.page(true, 0);
            page.lines().filter(|line| line.starts_with("turno_trunk_up{")).map(str::to_owned).collect::<Vec<_>>()
        };
        let up = |value: u8| vec![format!("turno_trunk_up{{trunk=\"carrier\"}} {value}")];
        for (told, expected) in [(None, vec![]), (Some(true), up(1)), (Some(false), up(0)), (None, vec![])] {
            metrics.trunk(carrier, told);
            assert_eq!(samples(), expected, "{told:?}");
        }
    }
}
