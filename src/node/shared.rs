//! What the threads of a node have in common.

use std::sync::{Arc, Mutex};

use crate::node::error::{StartError, about};
use crate::node::past::{self, Past};
use crate::shell::asker::Asker;
use crate::shell::clock::Clock;
use crate::shell::config::Settings;
use crate::shell::entropy;
use crate::shell::figures::{self, SharedTerms};
use crate::shell::inbox::{Inbox, Outlet, inbox};
use crate::shell::metrics::Metrics;
use crate::shell::reload::serving;
use crate::shell::run::Gate;
use crate::shell::store::outs::House;
use crate::shell::store::{ReadBack, Store};

/// Threads for streams, HTTP, DNS and control; the engine, UDP and media have their own.
const IO_THREADS: usize = 2;

/// Inbox, store, counters, the io threads.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) inbox: Inbox,
    pub(super) outlet: Outlet,
    /// Of the figures.
    pub(super) terms: SharedTerms,
    pub(super) house: Arc<House>,
    pub(super) store: Arc<Store>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) gate: Arc<Gate>,
    pub(super) runtime: tokio::runtime::Runtime,
    pub(super) asker: Arc<Asker>,
}

impl Shared {
    /// Gives the store what the last process did not bring to the disk.
    pub(super) fn new(settings: &mut Settings, past: &mut Past, read_back: ReadBack) -> Result<Shared, StartError> {
        if past.alive.is_none() {
            // A life of its own: a registrar or phone that remembers the Call-IDs and tags of the last one would take ours for
            // repetitions (RFC 3261 §10.3).
            settings.engine.seed = entropy::draw();
        }
        let clock = past.clock;
        let (inbox, outlet) = inbox(clock);
        inbox.configure(&settings.engine.sip);
        let terms: SharedTerms = Arc::new(Mutex::new(figures::terms(settings)));
        let house = Arc::new(House::new(serving(settings)));
        let store = Arc::new(past::store(settings, past, read_back, &inbox, &terms, &house)?);
        let metrics = Arc::new(Metrics::new());
        let gate = Arc::new(Gate::default());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(IO_THREADS)
            .thread_name("io")
            .enable_all()
            .build()
            .map_err(about("the io threads"))?;
        let asker = Arc::new(Asker::new(inbox.clone()));
        Ok(Shared { clock, inbox, outlet, terms, house, store, metrics, gate, runtime, asker })
    }
}
