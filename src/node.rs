//! A node from start to end: recovery, sockets, threads, and the order in which they begin and stop.
//!
//! Here everything below is put together: the shell, what comes in by HTTP and the control socket, the manager interface.

mod doors;
mod error;
mod opened;
mod past;
mod shared;
mod threads;

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use turno_sip::flow::Listener;

pub use error::StartError;

use crate::shell::asker::Asker;
use crate::shell::audit::{Audit, Author, Door};
use crate::shell::board::Board;
use crate::shell::config::{Problem, Settings};
use crate::shell::customers::Watch;
use crate::shell::figures::nightly;
use crate::shell::metrics::Metrics;
use crate::shell::reload::Reloader;
use crate::shell::reload::told::{self, Reloaded};
use crate::shell::run::{Gate, TICK};
use crate::shell::signals;
use crate::shell::store::Store;
use crate::shell::voicemail::Voicemail;
use doors::Doors;
use error::about;
use opened::Opened;
use past::left_behind;
use shared::Shared;
use threads::Threads;

/// How long the end waits for records and decisions to reach the tables; the rest does at the next start.
const CLOSE_PATIENCE: Duration = Duration::from_millis(400);
/// How long it waits for what the io threads cannot be stopped in.
const IO_PATIENCE: Duration = Duration::from_millis(200);
/// Who asks for the end gets it within a second: nothing that can be cut is waited for, and the rest for no longer than this together.
const _: () = assert!(TICK.as_millis() + CLOSE_PATIENCE.as_millis() + IO_PATIENCE.as_millis() <= 700);

/// A running node.
#[derive(Debug)]
pub struct Node {
    /// What asks the engine.
    pub asker: Arc<Asker>,
    /// How it is asked to end.
    pub gate: Arc<Gate>,
    /// The event line.
    pub board: Arc<Board>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// SIP listeners with the addresses they have got.
    pub listeners: Vec<Listener>,
    /// HTTP address, if any.
    pub http: Option<SocketAddr>,
    /// Address of the manager interface, if any.
    pub ami: Option<SocketAddr>,
    /// Where it speaks TLS, if anywhere.
    pub ami_tls: Option<SocketAddr>,
    /// Control socket.
    pub socket: PathBuf,
    reloader: Arc<Reloader>,
    audit: Audit,
    store: Arc<Store>,
    runtime: tokio::runtime::Runtime,
    engine: JoinHandle<()>,
    post: JoinHandle<()>,
    customers_watch: Watch,
    voicemail: (Voicemail, JoinHandle<()>),
    nightly: nightly::Nightly,
    decisions: JoinHandle<()>,
    // Held for as long as the data folder is in use.
    _lock: File,
}

/// Starts a node. `file` is read again by a reload.
pub fn start(mut settings: Settings, file: Option<PathBuf>) -> Result<Node, StartError> {
    let Opened { lock, bound, listeners, bound_doors, origin } = Opened::new(&mut settings, file)?;
    let (mut past, read_back, customers) = left_behind(&settings)?;
    let shared = Shared::new(&mut settings, &mut past, read_back)?;
    let (threads, outside) = Threads::start(&settings, &mut past, &shared, bound, &customers)?;
    let doors = Doors::open(&settings, &shared, &threads, bound_doors, origin, customers)?;
    // Last: who hears an answer of the engine finds everything else there as well.
    let engine = threads::engine(&settings, past, &shared, outside)?;
    shared.gate.set_ready();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listeners =
            listeners.iter().map(|l| format!("{} {}", l.transport.via(), l.local)).collect::<Vec<_>>().join(", "),
        http = doors.http.map(|h| h.to_string()).unwrap_or_default(),
        ami = doors.ami.map(|at| at.to_string()).unwrap_or_default(),
        ami_tls = doors.ami_tls.map(|at| at.to_string()).unwrap_or_default(),
        "serving"
    );
    Ok(Node {
        asker: shared.asker,
        gate: shared.gate,
        board: threads.board,
        metrics: shared.metrics,
        listeners,
        http: doors.http,
        ami: doors.ami,
        ami_tls: doors.ami_tls,
        socket: doors.socket,
        reloader: doors.reloader,
        audit: doors.audit,
        store: shared.store,
        runtime: shared.runtime,
        engine,
        post: threads.post,
        customers_watch: threads.customers_watch,
        voicemail: threads.voicemail,
        nightly: threads.nightly,
        decisions: threads.decisions,
        _lock: lock,
    })
}

impl Node {
    /// Takes signals from now on.
    pub fn take_signals(&self, drain_limit: Duration) -> Result<(), StartError> {
        let (reloader, audit) = (self.reloader.clone(), self.audit.clone());
        let by = Author { who: "SIGHUP".into(), door: Door::Signal };
        let reload = move || audit.note_here(&by, told::deed(&reloader.reload(&by.who)));
        let handle = self.runtime.handle();
        signals::listen(handle, self.gate.clone(), self.asker.clone(), drain_limit, reload).map_err(about("signals"))
    }

    /// The io threads, for what else lives as long as the node.
    pub fn runtime(&self) -> &tokio::runtime::Handle {
        self.runtime.handle()
    }

    /// Reads the configuration again.
    pub fn reload(&self) -> Result<Reloaded, Vec<Problem>> {
        self.reloader.reload("the process itself")
    }

    /// Waits until the gate stops the loop, and for everything decided to be written.
    pub fn wait(self) {
        // The loop contains panics of the engine; one of its own would have been logged by the hook.
        let _ = self.engine.join();
        let _ = self.post.join();
        // The engine's end was that of the media threads: nobody speaks any more.
        self.voicemail.0.stop();
        let _ = self.voicemail.1.join();
        drop(self.customers_watch);
        drop(self.nightly);
        // Whoever else still has the store, a request that is being answered say: what was decided is in the tables first.
        let until = Instant::now() + CLOSE_PATIENCE;
        self.store.flush_all(CLOSE_PATIENCE);
        drop(self.store);
        // With the engine went who handed decisions in; what a hung disk keeps from them the journal has.
        while !self.decisions.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = fs::remove_file(&self.socket);
        self.runtime.shutdown_timeout(IO_PATIENCE);
        tracing::info!("ended");
    }
}

/// All that a node counts, each with a sample.
#[cfg(test)]
pub(crate) fn counted() -> Metrics {
    let metrics = Metrics::new();
    metrics.touch();
    metrics.set_sizes(&turno_engine::Sizes::default());
    crate::compat::ami::Counts::new(&metrics);
    metrics
}
