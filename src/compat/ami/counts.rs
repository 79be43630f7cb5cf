//! What Prometheus sees of the manager interface.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts};

use crate::shell::metrics::Metrics;

/// Counters of the manager interface.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the metric whose help text stands in `new`")]
pub struct Counts {
    pub connections: IntGauge,
    pub refused: IntCounterVec,
    pub logins: IntCounterVec,
    pub slow: IntCounter,
    pub missed: IntCounter,
}

impl Counts {
    /// All at zero, on the page of `metrics`.
    pub fn new(metrics: &Metrics) -> Counts {
        let opts = |name: &str, help: &str| Opts::new(name, help).namespace("turno");
        let literal = "metric names and labels are literals";
        let counts = Counts {
            connections: IntGauge::with_opts(opts("ami_connections", "Open connections of the manager interface."))
                .expect(literal),
            refused: IntCounterVec::new(
                opts("ami_refused_total", "Connections of the manager interface that were not let in."),
                &["reason"],
            )
            .expect(literal),
            logins: IntCounterVec::new(opts("ami_logins_total", "Logins at the manager interface."), &["outcome"])
                .expect(literal),
            slow: IntCounter::with_opts(opts(
                "ami_slow_total",
                "Connections of the manager interface closed because the client did not read.",
            ))
            .expect(literal),
            missed: IntCounter::with_opts(opts(
                "ami_facts_missed_total",
                "Facts that the manager interface missed because it was behind; what it shows was made anew.",
            ))
            .expect(literal),
        };
        for outcome in ["accepted", "refused"] {
            counts.logins.with_label_values(&[outcome]);
        }
        for reason in ["network", "full", "barred"] {
            counts.refused.with_label_values(&[reason]);
        }
        metrics.register(Box::new(counts.connections.clone()));
        metrics.register(Box::new(counts.refused.clone()));
        metrics.register(Box::new(counts.logins.clone()));
        metrics.register(Box::new(counts.slow.clone()));
        metrics.register(Box::new(counts.missed.clone()));
        counts
    }
}
