//! What Prometheus scrapes: names, buckets and labels of spec/kpi.md, prefix `turno_`. Agents and numbers are never labels.

use prometheus::core::Collector;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use turno_acd::came_true;
use turno_engine::Sizes;
use turno_report::BoardView;
use turno_sip::ua::Count;

use crate::shell::media::PlaneCounts;
use crate::shell::store::Health;
use crate::shell::store::consumer::ConsumerHealth;

/// Buckets for waits, seconds (spec/kpi.md).
pub const WAIT_BUCKETS: &[f64] =
    &[1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 600.0, 900.0, 1800.0];
/// Buckets for talk, hold and wrap-up, seconds (spec/kpi.md).
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
    pub heals: IntCounterVec,
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
    forecasts: IntCounterVec,
    forecasts_true: IntCounterVec,
    forecast_error: HistogramVec,
    pub offers_ended: IntCounterVec,
    pub dispositions: IntCounterVec,
    pub tasks: IntCounterVec,
    pub audit_differences: IntGaugeVec,
    pub audits: IntCounter,
    pub pauses_too_long: IntCounterVec,
    pub callbacks_taken: IntCounterVec,
    pub callback_attempts: IntCounter,
    pub callbacks_ended: IntCounterVec,
    pub talk: HistogramVec,
    pub hold: HistogramVec,
    pub wrap_up: Histogram,
    agents: IntGaugeVec,
    queue_waiting: IntGaugeVec,
    queue_longest: IntGaugeVec,
    queue_callbacks: IntGaugeVec,
    queue_agents: IntGaugeVec,
    store_rows_spooled: IntGauge,
    store_rows_refused: IntCounter,
    store_failing: IntGaugeVec,
    store_disk_used: IntGauge,
    store_stored: IntGauge,
    /// Facts that are not kept because everything was full.
    pub facts_lost: IntCounter,
    /// Legs of ended calls that no rule of the price book is for, once for each payer.
    pub legs_unrated: IntCounter,
    consumer_failing: IntGaugeVec,
    consumer_behind: IntGaugeVec,
    consumer_refused: IntCounterVec,
    consumer_missed: IntCounterVec,
    media_packets: IntCounterVec,
    media_sessions: IntGauge,
    media_encodings: IntCounter,
    sizes: IntGaugeVec,
    ready: IntGauge,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Metrics {
        let registry = Registry::new();
        let r = Register(&registry);
        Metrics {
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
            trunk_up: r.gauges("trunk_up", "Whether a trunk can be used.", &["trunk"]),
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
            forecasts: r.counters("forecasts_total", "Expected waits that were compared with what came.", &["queue"]),
            forecasts_true: r.counters(
                "forecasts_true_total",
                "Expected waits that were off by at most 30 s or a third.",
                &["queue"],
            ),
            forecast_error: r.histograms(
                "forecast_error_seconds",
                "How far an expected wait was off, either way.",
                WAIT_BUCKETS,
                &["queue"],
            ),
            offers_ended: r.counters("offers_ended_total", "Offers to agents that ended.", &["queue", "outcome"]),
            tasks: r.counters("tasks_total", "What became of tasks.", &["queue", "kind", "change"]),
            dispositions: r.counters("dispositions_total", "Results that agents said calls had.", &["disposition"]),
            audit_differences: r.gauges("audit_differences", "Differences that the last nightly audit found.", &["identity"]),
            audits: r.counter("audits_total", "Nightly audits that were made."),
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
            agents: r.gauges("agents", "Agents logged in, by state.", &["state"]),
            queue_waiting: r.gauges("queue_waiting", "Calls that wait.", &["queue"]),
            queue_longest: r.gauges("queue_longest_wait_seconds", "Wait of the oldest call that waits.", &["queue"]),
            queue_callbacks: r.gauges("queue_callbacks", "Callbacks still to be made.", &["queue"]),
            queue_agents: r.gauges("queue_agents", "Agents who serve the queue.", &["queue", "state"]),
            store_rows_spooled: r.gauge("store_rows_spooled", "Record rows in memory that the disk did not take."),
            store_rows_refused: r.counter("store_rows_refused_total", "Record rows lost because everything was full."),
            store_failing: r.gauges("store_failing", "1 while a part of the store fails.", &["part"]),
            store_disk_used: r.gauge("store_disk_used_percent", "Use of the disk of the records."),
            store_stored: r.gauge("store_row_stored", "Number of the last record row that is durable."),
            legs_unrated: r.counter(
                "legs_unrated_total",
                "Legs of ended calls that no rule of the price book is for: they have no amount.",
            ),
            facts_lost: r.counter("store_facts_lost_total", "Facts that are not kept because everything was full."),
            consumer_failing: r.gauges("consumer_failing", "1 while a consumer takes no records.", &["consumer"]),
            consumer_behind: r.gauges(
                "consumer_behind_bytes",
                "Record log that a consumer has not taken.",
                &["consumer"],
            ),
            consumer_refused: r.counters(
                "consumer_refused_total",
                "Records that a consumer refused and set aside.",
                &["consumer"],
            ),
            consumer_missed: r.counters(
                "consumer_missed_segments_total",
                "Pieces of the record log that were gone before a consumer took them.",
                &["consumer"],
            ),
            media_packets: r.counters("media_packets_total", "Media packets by what became of them.", &["what"]),
            media_sessions: r.gauge("media_sessions", "Open media sessions."),
            media_encodings: r.counter("media_encodings_total", "Encodings of prompts made."),
            sizes: r.gauges("size", "Sizes of everything that could leak.", &["of"]),
            ready: r.gauge("ready", "1 while new calls are welcome."),
            registry,
        }
    }

    /// Adds metrics that another part keeps.
    pub fn register(&self, collector: Box<dyn Collector>) {
        self.registry.register(collector).expect("metric names are distinct literals");
    }

    /// Gives every metric a sample, so that a page shows all names.
    #[cfg(test)]
    pub(crate) fn touch(&self) {
        for counters in
            [&self.sip_events, &self.config_reloads, &self.calls_ended, &self.queue_entered, &self.media_packets]
        {
            counters.with_label_values(&["x"]).inc();
        }
        for counters in [&self.queue_left, &self.offers_ended, &self.callbacks_taken, &self.callbacks_ended] {
            counters.with_label_values(&["x", "y"]).inc();
        }
        for gauges in [&self.trunk_up, &self.store_failing, &self.consumer_failing, &self.consumer_behind] {
            gauges.with_label_values(&["x"]).set(1);
        }
        for counters in [&self.heals, &self.consumer_refused, &self.consumer_missed] {
            counters.with_label_values(&["x"]).inc();
        }
        self.dispositions.with_label_values(&["x"]).inc();
        self.tasks.with_label_values(&["x", "y", "z"]).inc();
        self.audit_differences.with_label_values(&["x"]).set(0);
        self.pauses_too_long.with_label_values(&["x"]).inc();
        for histograms in [&self.talk, &self.hold] {
            histograms.with_label_values(&["x"]).observe(1.0);
        }
        self.queue_wait.with_label_values(&["x", "y", "z"]).observe(1.0);
        self.count_forecast("x", 1000, 2000);
        for gauges in [&self.agents, &self.queue_waiting, &self.queue_longest, &self.queue_callbacks] {
            gauges.with_label_values(&["x"]).set(1);
        }
        self.queue_agents.with_label_values(&["x", "y"]).set(1);
    }

    /// Counts what the SIP room counted.
    pub fn count(&self, count: Count) {
        self.sip_events.with_label_values(&[count_label(count)]).inc();
    }

    /// Compares an expected wait with what came.
    pub fn count_forecast(&self, queue: &str, expected_ms: u64, waited_ms: u64) {
        self.forecasts.with_label_values(&[queue]).inc();
        self.forecasts_true.with_label_values(&[queue]).inc_by(u64::from(came_true(expected_ms, waited_ms)));
        self.forecast_error.with_label_values(&[queue]).observe(expected_ms.abs_diff(waited_ms) as f64 / 1000.0);
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
        // A state that nobody is in any more counts 0: a series that vanished would look like an engine that does not answer.
        for family in self.agents.collect() {
            for sample in family.get_metric() {
                let state: Vec<&str> = sample.get_label().iter().map(|label| label.value()).collect();
                self.agents.with_label_values(&state).set(0);
            }
        }
        for (state, count) in &view.states {
            self.agents.with_label_values(&[state]).set(i64::from(*count));
        }
        for row in &view.queues {
            let queue = row.queue.as_str();
            self.queue_waiting.with_label_values(&[queue]).set(i64::from(row.waiting));
            self.queue_callbacks.with_label_values(&[queue]).set(i64::from(row.callbacks));
            let longest_s = row.longest_ms.unwrap_or(0) / 1000;
            self.queue_longest.with_label_values(&[queue]).set(i64::try_from(longest_s).unwrap_or(i64::MAX));
            self.queue_agents.with_label_values(&[queue, "ready"]).set(i64::from(row.ready));
            self.queue_agents.with_label_values(&[queue, "logged_in"]).set(i64::from(row.logged_in));
        }
    }

    /// Takes how the store is.
    pub fn set_store(&self, health: &Health, consumers: &[ConsumerHealth]) {
        let size = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.store_rows_spooled.set(size(health.spooled));
        raise(&self.store_rows_refused, health.refused);
        self.store_disk_used.set(size(health.disk_used_pct));
        self.store_stored.set(size(health.stored));
        for (part, failing) in [
            ("log", health.failing),
            ("database", health.database_failing),
            ("full", health.full),
            ("disk", health.disk_alarm),
        ] {
            self.store_failing.with_label_values(&[part]).set(i64::from(failing));
        }
        for consumer in consumers {
            let label = [consumer.name.as_str()];
            self.consumer_failing.with_label_values(&label).set(i64::from(consumer.failing));
            self.consumer_behind.with_label_values(&label).set(size(consumer.behind_bytes));
            raise(&self.consumer_refused.with_label_values(&label), consumer.refused);
            raise(&self.consumer_missed.with_label_values(&label), consumer.missed_segments);
        }
    }

    /// Takes the figures of the media threads.
    pub fn set_media(&self, plane: &PlaneCounts) {
        let also = [("unsent", plane.unsent), ("fault", plane.faults), ("lost_command", plane.lost_commands)];
        for (what, count) in plane.counts.named().chain(also) {
            raise(&self.media_packets.with_label_values(&[what]), count);
        }
        self.media_sessions.set(i64::try_from(plane.sessions).unwrap_or(i64::MAX));
        raise(&self.media_encodings, plane.encodings);
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

fn count_label(count: Count) -> &'static str {
    match count {
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
