//! Metrics of one part of the house each, taken together; what a field is says its help text in `new`.

use prometheus::core::Collector;
use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
use turno_acd::came_true;
use turno_report::BoardView;

use super::{Register, WAIT_BUCKETS, raise};
use crate::shell::media::PlaneCounts;
use crate::shell::store::Health;
use crate::shell::store::consumer::ConsumerHealth;

/// How right expected waits are.
#[derive(Debug)]
pub(super) struct Forecasts {
    made: IntCounterVec,
    came_true: IntCounterVec,
    error: HistogramVec,
}

impl Forecasts {
    pub(super) fn new(r: &Register<'_>) -> Forecasts {
        Forecasts {
            made: r.counters("forecasts_total", "Expected waits that were compared with what came.", &["queue"]),
            came_true: r.counters(
                "forecasts_true_total",
                "Expected waits that were off by at most 30 s or a third.",
                &["queue"],
            ),
            error: r.histograms(
                "forecast_error_seconds",
                "How far an expected wait was off, either way.",
                WAIT_BUCKETS,
                &["queue"],
            ),
        }
    }

    pub(super) fn count(&self, queue: &str, expected_ms: u64, waited_ms: u64) {
        self.made.with_label_values(&[queue]).inc();
        self.came_true.with_label_values(&[queue]).inc_by(u64::from(came_true(expected_ms, waited_ms)));
        self.error.with_label_values(&[queue]).observe(expected_ms.abs_diff(waited_ms) as f64 / 1000.0);
    }
}

/// What the board shows of agents and queues.
#[derive(Debug)]
pub(super) struct BoardMetrics {
    states: IntGaugeVec,
    waiting: IntGaugeVec,
    longest: IntGaugeVec,
    callbacks: IntGaugeVec,
    seats: IntGaugeVec,
}

impl BoardMetrics {
    pub(super) fn new(r: &Register<'_>) -> BoardMetrics {
        BoardMetrics {
            states: r.gauges("agents", "Agents logged in, by state.", &["state"]),
            waiting: r.gauges("queue_waiting", "Calls that wait.", &["queue"]),
            longest: r.gauges("queue_longest_wait_seconds", "Wait of the oldest call that waits.", &["queue"]),
            callbacks: r.gauges("queue_callbacks", "Callbacks still to be made.", &["queue"]),
            seats: r.gauges("queue_agents", "Agents who serve the queue.", &["queue", "state"]),
        }
    }

    #[cfg(test)]
    pub(super) fn touch(&self) {
        for gauges in [&self.states, &self.waiting, &self.longest, &self.callbacks] {
            gauges.with_label_values(&["x"]).set(1);
        }
        self.seats.with_label_values(&["x", "y"]).set(1);
    }

    pub(super) fn take(&self, view: &BoardView) {
        // A state that nobody is in any more counts 0: a series that vanished would look like an engine that does not answer.
        for family in self.states.collect() {
            for sample in family.get_metric() {
                let state: Vec<&str> = sample.get_label().iter().map(|label| label.value()).collect();
                self.states.with_label_values(&state).set(0);
            }
        }
        for (state, count) in &view.states {
            self.states.with_label_values(&[state]).set(i64::from(*count));
        }
        for row in &view.queues {
            let queue = row.queue.as_str();
            self.waiting.with_label_values(&[queue]).set(i64::from(row.waiting));
            self.callbacks.with_label_values(&[queue]).set(i64::from(row.callbacks));
            let longest_s = row.longest_ms.unwrap_or(0) / 1000;
            self.longest.with_label_values(&[queue]).set(i64::try_from(longest_s).unwrap_or(i64::MAX));
            self.seats.with_label_values(&[queue, "ready"]).set(i64::from(row.ready));
            self.seats.with_label_values(&[queue, "logged_in"]).set(i64::from(row.logged_in));
        }
    }
}

/// How records are kept and taken.
#[derive(Debug)]
pub(super) struct StoreMetrics {
    rows_spooled: IntGauge,
    rows_refused: IntCounter,
    failing: IntGaugeVec,
    disk_used: IntGauge,
    stored: IntGauge,
    consumer_failing: IntGaugeVec,
    consumer_behind: IntGaugeVec,
    consumer_refused: IntCounterVec,
    consumer_missed: IntCounterVec,
}

impl StoreMetrics {
    pub(super) fn new(r: &Register<'_>) -> StoreMetrics {
        StoreMetrics {
            rows_spooled: r.gauge("store_rows_spooled", "Record rows in memory that the disk did not take."),
            rows_refused: r.counter("store_rows_refused_total", "Record rows lost because everything was full."),
            failing: r.gauges("store_failing", "1 while a part of the store fails.", &["part"]),
            disk_used: r.gauge("store_disk_used_percent", "Use of the disk of the records."),
            stored: r.gauge("store_row_stored", "Number of the last record row that is durable."),
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
        }
    }

    #[cfg(test)]
    pub(super) fn touch(&self) {
        for gauges in [&self.failing, &self.consumer_failing, &self.consumer_behind] {
            gauges.with_label_values(&["x"]).set(1);
        }
        for counters in [&self.consumer_refused, &self.consumer_missed] {
            counters.with_label_values(&["x"]).inc();
        }
    }

    pub(super) fn take(&self, health: &Health, consumers: &[ConsumerHealth]) {
        let size = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.rows_spooled.set(size(health.spooled));
        raise(&self.rows_refused, health.refused);
        self.disk_used.set(size(health.disk_used_pct));
        self.stored.set(size(health.stored));
        for (part, failing) in [
            ("log", health.failing),
            ("database", health.database_failing),
            ("full", health.full),
            ("disk", health.disk_alarm),
        ] {
            self.failing.with_label_values(&[part]).set(i64::from(failing));
        }
        for consumer in consumers {
            let label = [consumer.name.as_str()];
            self.consumer_failing.with_label_values(&label).set(i64::from(consumer.failing));
            self.consumer_behind.with_label_values(&label).set(size(consumer.behind_bytes));
            raise(&self.consumer_refused.with_label_values(&label), consumer.refused);
            raise(&self.consumer_missed.with_label_values(&label), consumer.missed_segments);
        }
    }
}

/// What the media threads do.
#[derive(Debug)]
pub(super) struct MediaMetrics {
    packets: IntCounterVec,
    sessions: IntGauge,
    encodings: IntCounter,
}

impl MediaMetrics {
    pub(super) fn new(r: &Register<'_>) -> MediaMetrics {
        MediaMetrics {
            packets: r.counters("media_packets_total", "Media packets by what became of them.", &["what"]),
            sessions: r.gauge("media_sessions", "Open media sessions."),
            encodings: r.counter("media_encodings_total", "Encodings of prompts made."),
        }
    }

    #[cfg(test)]
    pub(super) fn touch(&self) {
        self.packets.with_label_values(&["x"]).inc();
    }

    pub(super) fn take(&self, plane: &PlaneCounts) {
        let also = [("unsent", plane.unsent), ("fault", plane.faults), ("lost_command", plane.lost_commands)];
        for (what, count) in plane.counts.named().chain(also) {
            raise(&self.packets.with_label_values(&[what]), count);
        }
        self.sessions.set(i64::try_from(plane.sessions).unwrap_or(i64::MAX));
        raise(&self.encodings, plane.encodings);
    }
}
