//! A node from start to end: recovery, sockets, threads, and the order in which they begin and stop.

pub mod change;
mod reload;

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use turno_base::{CallId, Fact, Now};
use turno_engine::{Command, Effect, Engine, Input};
use turno_media::{MediaEvent, Network, Rules};
use turno_sip::flow::Listener;
use turno_tariff::cdr::format::Serving;
use turno_tariff::cdr::{Kind, Row};

use tokio::sync::watch;

use reload::Changing;
pub use reload::Reloader;

use crate::api;
use crate::api::access::Access;
use crate::api::wall::{self, Faces};
use crate::compat::ami;
use crate::shell::asker::Asker;
use crate::shell::backup::Holder;
use crate::shell::board::{self, Board, BoardSettings, FactLine};
use crate::shell::clock::{self, Clock};
use crate::shell::config::source::Sources;
use crate::shell::config::{self, Problem, Settings};
use crate::shell::customers::crm::Crm;
use crate::shell::customers::{Callers, Customers, Watch, learn};
use crate::shell::dns::Dns;
use crate::shell::entropy;
use crate::shell::figures::{self, Figures, SharedTerms, nightly};
use crate::shell::inbox::{Inbox, inbox};
use crate::shell::journal::{Recovery, Wanted, Writer, recover};
use crate::shell::live::archive::ArchiveError;
use crate::shell::live::{self, By, How, Live};
use crate::shell::media::{MediaError, MediaOut, MediaPlane, MediaPlaneConfig};
use crate::shell::metrics::Metrics;
use crate::shell::net::{Bound, OpenError};
use crate::shell::outside::{Outside, TurnState};
use crate::shell::post;
use crate::shell::run::{Gate, Loop};
use crate::shell::store::consumer::Consumer;
use crate::shell::store::outs::{self, House};
use crate::shell::store::{self, ReadBack, Store, StoreError};
use crate::shell::turns::Turns;
use crate::shell::voicemail::Voicemail;

/// Threads for streams, HTTP, DNS and control; the engine, UDP and media have their own.
const IO_THREADS: usize = 2;

/// How long the end waits for records to reach the tables; the rest does at the next start.
const CLOSE_PATIENCE: Duration = Duration::from_millis(500);

/// Why a node does not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration has errors.
    Config(Vec<Problem>),
    /// A SIP socket.
    Listen(OpenError),
    /// Records.
    Store(StoreError),
    /// Media threads, prompts, ports.
    Media(MediaError),
    /// The HTTP address.
    Http {
        /// Which.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// Another process uses the data folder.
    InUse(PathBuf),
    /// The revisions of the configuration.
    Live(ArchiveError),
    /// The address of the manager interface.
    Ami {
        /// Which.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// Anything else of the machine's, with the object it is about.
    Io {
        /// What was to be done.
        what: String,
        /// Why not.
        error: io::Error,
    },
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Config(problems) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            StartError::Listen(error) => error.fmt(f),
            StartError::Store(error) => error.fmt(f),
            StartError::Media(error) => error.fmt(f),
            StartError::Http { address, error } => {
                write!(f, "HTTP {address}: {error}; change http.listen in the configuration")
            }
            StartError::Ami { address, error } => {
                write!(f, "the manager interface at {address}: {error}; change ami.listen in the configuration")
            }
            StartError::InUse(dir) => {
                write!(f, "{} is in use by another turno; stop it or set node.data_dir", dir.display())
            }
            StartError::Live(error) => {
                write!(f, "{error}; it holds the live configuration: bring it back from a backup, or move it away")
            }
            StartError::Io { what, error } => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

fn about(what: impl Into<String>) -> impl FnOnce(io::Error) -> StartError {
    let what = what.into();
    move |error| StartError::Io { what, error }
}

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
    /// Control socket.
    pub socket: PathBuf,
    reloader: Arc<Reloader>,
    store: Arc<Store>,
    runtime: tokio::runtime::Runtime,
    engine: JoinHandle<()>,
    post: JoinHandle<()>,
    customers_watch: Watch,
    voicemail: (Voicemail, JoinHandle<()>),
    nightly: nightly::Nightly,
    // Held for as long as the data folder is in use.
    _lock: File,
}

/// Starts a node. `file` is read again by a reload.
pub fn start(mut settings: Settings, file: Option<PathBuf>) -> Result<Node, StartError> {
    let data_dir = settings.node.data_dir.clone();
    let lock = lock(&data_dir).map_err(|error| match error {
        LockError::InUse => StartError::InUse(data_dir.clone()),
        LockError::Io(error) => about(format!("the data folder {}", data_dir.display()))(error),
    })?;
    let live = revise(&mut settings, &data_dir)?;
    let files = file.as_deref().and_then(|file| Sources::open(file).ok());
    let identity = entropy::identity(&data_dir).map_err(about("the node's identity"))?;
    config::adopt(&mut settings, &identity);
    let bound = Bound::open(&settings.engine.sip.listeners, &settings.net).map_err(StartError::Listen)?;
    let configured = std::mem::replace(&mut settings.engine.sip.listeners, bound.listeners());
    let listeners = bound.listeners();
    // Before the engine has said anything to anybody: a node that cannot start must not end the calls it remembers.
    let http_bound = match settings.http.listen {
        Some(address) => Some(api::http::bind(address).map_err(|error| StartError::Http { address, error })?),
        None => None,
    };
    let ami_bound = match settings.ami.listen {
        Some(address) => Some(ami::bind(address).map_err(|error| StartError::Ami { address, error })?),
        None => None,
    };

    let (mut past, read_back, customers) = left_behind(&settings)?;
    if !past.resumed {
        // A life of its own: a registrar or phone that remembers the Call-IDs and tags of the last one would take ours for
        // repetitions (RFC 3261 §10.3).
        settings.engine.seed = entropy::draw();
    }
    let clock = past.clock;
    let (inbox, outlet) = inbox(clock);
    inbox.configure(&settings.engine.sip);
    let terms: SharedTerms = Arc::new(Mutex::new(figures::terms(&settings)));
    let house = Arc::new(House::new(serving(&settings)));
    let store = Arc::new(store(&settings, &mut past, read_back, &inbox, &terms, &house)?);
    let metrics = Arc::new(Metrics::new());
    let gate = Arc::new(Gate::default());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(IO_THREADS)
        .thread_name("io")
        .enable_all()
        .build()
        .map_err(about("the io threads"))?;
    let handle = runtime.handle().clone();
    let asker = Arc::new(Asker::new(inbox.clone()));
    let (board, facts) = board(&settings, &mut past, &metrics)?;
    let wanted = Wanted::default();
    let journal = match &settings.journal {
        Some(journal) => {
            let what = format!("the journal in {}", journal.dir.display());
            let writer = Writer::new(journal.clone(), wanted.clone(), metrics.clone());
            Some(writer.map_err(about(what))?)
        }
        None => None,
    };
    let net = bound.start(&settings.net, &inbox, &metrics, &gate, &handle).map_err(about("the SIP sockets"))?;
    let tap = net.tap.clone();
    let (mail, post) = post::start(net, journal, store.clone(), asker.clone(), inbox.clone(), metrics.clone())
        .map_err(about("the post thread"))?;
    let journal_dir = settings.journal.as_ref().map(|journal| journal.dir.clone());
    let holder = Holder::new(Arc::downgrade(&store), mail.still(), &settings.store.dir, journal_dir.as_deref());
    let watch = customers.watch().map_err(about("the customers' thread"))?;
    let crm = settings.crm.clone().map(|crm| Crm::new(crm, clock, handle.clone()));
    let callers = Callers::new(customers.clone(), crm, inbox.clone());
    learn::start(&board, customers.clone(), settings.store.dir.clone())
        .map_err(about("the thread that learns from calls"))?;
    let nightly = nightly::start(&settings, metrics.clone()).map_err(about("the nightly thread"))?;
    let dir = settings.voicemail.dir.display();
    let what = format!("the folder {dir} of voicemail");
    let voicemail = Voicemail::start(settings.voicemail.clone(), inbox.clone()).map_err(about(what))?;
    let media = media(&settings, &inbox, voicemail.0.clone())?;
    let outside = Outside {
        post: mail,
        store: store.clone(),
        media,
        voicemail: voicemail.0.clone(),
        dns: Dns::new(inbox.clone(), handle.clone()),
        callers: callers.clone(),
        facts,
        metrics: metrics.clone(),
        wanted,
        clock,
        turn: TurnState::new(past.next_segment, past.engine.told_to()),
    };
    let mut begin = vec![Input::Configure(Box::new(settings.engine.clone()))];
    if past.resumed {
        begin.push(Input::Restarted);
    }
    let (hands, engine_gate) = (inbox.hands().clone(), gate.clone());

    let (ami_terms, ami_now) = watch::channel(ami_terms(&settings, clock));
    let ami_counts = ami::Counts::new(&metrics);
    let ami_at = ami_bound.as_ref().map(std::net::TcpListener::local_addr).transpose();
    let ami_at = ami_at.map_err(about("the manager interface"))?;
    if let Some(listener) = ami_bound {
        ami::start(&handle, listener, ami_now, &board, asker.clone(), clock, ami_counts)
            .map_err(about("the manager interface"))?;
    }
    let (faces_now, faces) = watch::channel(Faces::new(&settings.wall, &settings.engine.acd));
    let shots = wall::watch_board(&handle, board.clone(), faces, asker.clone());
    let access = Arc::new(Access::new(&settings.http));
    let reloader = Arc::new(Reloader {
        file,
        access: access.clone(),
        faces: faces_now,
        ami: ami_terms,
        clock,
        inbox,
        metrics: metrics.clone(),
        customers,
        house,
        board: board.clone(),
        identity,
        configured,
        terms,
        changing: Mutex::new(Changing { live, files }),
        now: Mutex::new(settings.clone()),
    });
    let state = api::AppState {
        shots,
        asker: asker.clone(),
        board: board.clone(),
        metrics: metrics.clone(),
        gate: gate.clone(),
        tap,
        holder: Some(Arc::new(holder)),
        customers: reloader.customers.clone(),
        callers,
        reloader: reloader.clone(),
        records: settings.store.dir.clone().into(),
        voicemail: settings.voicemail.dir.clone().into(),
        access,
    };
    let socket = settings.node.socket.clone();
    api::control::start(&handle, &socket, state.clone())
        .map_err(about(format!("the control socket {}", socket.display())))?;
    let http = http_bound.map(|listener| api::http::start(&handle, listener, state)).transpose();
    let http = http.map_err(about("the HTTP listener"))?;
    // Last: who hears an answer of the engine finds everything else there as well.
    let mut engine_loop = Loop::new(past.engine, outside, outlet.clone(), clock, gate.clone(), metrics.clone());
    let engine = std::thread::Builder::new()
        .name("engine".into())
        .spawn(move || {
            engine_loop.begin(begin);
            let turns = Turns::new(engine_loop, outlet, clock, engine_gate, &hands);
            let (_, outside) = turns.run().expect("a turn that panics outside the engine ends the node");
            outside.end();
        })
        .map_err(about("the engine's thread"))?;
    gate.set_ready();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listeners =
            listeners.iter().map(|l| format!("{} {}", l.transport.via(), l.local)).collect::<Vec<_>>().join(", "),
        http = http.map(|h| h.to_string()).unwrap_or_default(),
        ami = ami_at.map(|at| at.to_string()).unwrap_or_default(),
        "serving"
    );
    Ok(Node {
        asker,
        gate,
        board,
        metrics,
        listeners,
        http,
        ami: ami_at,
        socket,
        reloader,
        store,
        runtime,
        engine,
        post,
        customers_watch: watch,
        voicemail,
        nightly,
        _lock: lock,
    })
}

/// Gives the configuration its revision: a new one if it is another than the last process had.
fn revise(settings: &mut Settings, data_dir: &Path) -> Result<Live, StartError> {
    let mut live = Live::open(data_dir).map_err(StartError::Live)?;
    let by = By { who: "start".to_owned(), how: How::Start, why: String::new() };
    let fingerprint = live::fingerprint(&settings.engine);
    let revision = live.note(&by, clock::wall(), &settings.document, &fingerprint).map_err(StartError::Live)?;
    settings.engine.revision = revision;
    Ok(live)
}

impl Node {
    /// Takes signals from now on.
    pub fn take_signals(&self, drain_limit: Duration) -> Result<(), StartError> {
        let reloader = self.reloader.clone();
        let reload = move || {
            // What is wrong with it has been logged line by line.
            let _ = reloader.reload("SIGHUP");
        };
        let handle = self.runtime.handle();
        crate::shell::signals::listen(handle, self.gate.clone(), self.asker.clone(), drain_limit, reload)
            .map_err(about("signals"))
    }

    /// The io threads, for what else lives as long as the node.
    pub fn runtime(&self) -> &tokio::runtime::Handle {
        self.runtime.handle()
    }

    /// Reads the configuration again.
    pub fn reload(&self) -> Result<Vec<Problem>, Vec<Problem>> {
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
        // Everybody else who had it has ended; if not, the log is still made durable when they do.
        if let Some(store) = Arc::into_inner(self.store) {
            store.close(CLOSE_PATIENCE);
        }
        let _ = fs::remove_file(&self.socket);
        self.runtime.shutdown_timeout(Duration::from_millis(300));
        tracing::info!("ended");
    }
}

/// Starts the media threads; their events and ports go to the engine.
fn media(settings: &Settings, inbox: &Inbox, voicemail: Voicemail) -> Result<MediaPlane, StartError> {
    let media = &settings.media;
    let mut addresses = media.addresses.clone();
    if addresses.is_empty() {
        addresses = settings.engine.sip.listeners.iter().map(|listener| listener.local.ip()).collect();
        addresses.sort_unstable();
        addresses.dedup();
    }
    let mut config = MediaPlaneConfig::new(addresses, media.ports, settings.prompts.clone(), entropy::draw());
    config.threads = usize::from(media.threads);
    config.quarantine = media.quarantine;
    config.rules = Rules {
        silent_limit: media.silence_limit,
        silent_limit_held: media.silence_limit_held,
        direct: settings
            .engine
            .media
            .local_networks
            .iter()
            .map(|n| Network { address: n.address, prefix: n.prefix })
            .collect(),
        inband_keys: media.inband_keys,
    };
    let inbox = inbox.clone();
    let tell = move |out| match out {
        // How good it was is only written down.
        MediaOut::Event(leg, event @ MediaEvent::Closed(_)) => inbox.quietly(Input::Media { leg, event }),
        MediaOut::Event(leg, event) => inbox.patiently(Input::Media { leg, event }),
        MediaOut::Samples(leg, samples) => voicemail.samples(leg, samples),
        MediaOut::Ports(ports) => inbox.patiently(Input::Ports(ports)),
    };
    MediaPlane::start(config, tell).map_err(StartError::Media)
}

/// What the last process left, and who is in the store, who must be known before the first call. Each is read by a thread of its
/// own: with a full house each takes its time, and none needs the others.
fn left_behind(settings: &Settings) -> Result<(Past, ReadBack, Customers), StartError> {
    std::thread::scope(|threads| {
        let records = threads.spawn(|| {
            let dir = &settings.store.dir;
            fs::create_dir_all(dir).map_err(about(format!("the folder {}", dir.display())))?;
            figures::opens(dir).and_then(|()| ReadBack::read(dir)).map_err(StartError::Store)
        });
        let customers = threads.spawn(|| {
            let customers = Customers::new(settings);
            customers.read();
            customers
        });
        let past = past(settings);
        let (records, customers) = (records.join(), customers.join());
        let fault = "who reads what was left does not panic";
        Ok((past?, records.expect(fault)?, customers.expect(fault)))
    })
}

/// What the last process left.
struct Past {
    engine: Engine,
    clock: Clock,
    next_segment: u64,
    resumed: bool,
    /// Rows that it decided on and may not have stored.
    rows: Vec<(u64, Row)>,
    /// Its last facts, which may not all be stored.
    facts: Vec<Fact>,
    /// Today's figures, up to its last fact.
    board: turno_report::Board,
}

impl Past {
    /// Whether the row that the log ends with is of this life of the engine: one that began afresh numbers its rows from 1
    /// again, behind rows of the life before it.
    fn wrote(&self, seq: u64, call: CallId) -> bool {
        seq <= self.engine.stored_to() && self.rows.iter().all(|(s, row)| *s != seq || row.call == call)
    }
}

/// Of the last `facts`, the one numbered `told_to` at their end, those that the store does not have, and the number of the
/// first. `last`: the last number that it has; `stored`: what it has of a number.
fn untold(told_to: u64, facts: &[Fact], last: Option<u64>, stored: impl FnOnce(u64) -> Option<Fact>) -> (u64, &[Fact]) {
    let first = (told_to + 1).saturating_sub(facts.len() as u64);
    // The log may be ahead of a journal whose tail was torn off. Numbers begin again in a life that begins afresh: only what
    // says the same is the same.
    let common = last.map_or(0, |last| last.min(told_to));
    let at = common.checked_sub(first).and_then(|at| usize::try_from(at).ok());
    let same = at.filter(|&at| facts.get(at).is_some_and(|fact| stored(common).as_ref() == Some(fact)));
    let has = same.map_or(0, |at| at + 1);
    (first + has as u64, facts.get(has..).unwrap_or_default())
}

/// Starts the board with the figures that the last process had.
fn board(settings: &Settings, past: &mut Past, metrics: &Arc<Metrics>) -> Result<(Arc<Board>, FactLine), StartError> {
    let mut fold = std::mem::take(&mut past.board);
    fold.set_terms(board::terms(settings));
    let dir = settings.journal.as_ref().map(|journal| journal.dir.clone());
    let told_to = past.engine.told_to();
    let kept = BoardSettings { dir, zone: settings.node.zone.clone(), told_to };
    Board::start(fold, kept, past.clock, metrics.clone()).map_err(about("the board's thread"))
}

/// Opens the store, gives it the rows that the last process did not bring to the disk, and closes the records of calls
/// that the engine does not know any more.
fn store(
    settings: &Settings,
    past: &mut Past,
    read_back: ReadBack,
    inbox: &Inbox,
    terms: &SharedTerms,
    house: &Arc<House>,
) -> Result<Store, StartError> {
    let telling = inbox.clone();
    let tell = move |seq| telling.stored(seq);
    let (kept_for, kept_bytes_max) = settings.store.kept;
    let options = store::Options { kept_for, kept_bytes_max, ..store::Options::default() };
    let consumers = consumers(settings, terms, house);
    let (store, left) = read_back.open(options, consumers, tell).map_err(StartError::Store)?;
    let stored = left.last.filter(|(seq, call)| past.wrote(*seq, *call)).map_or(0, |(seq, _)| seq);
    let (mut again, mut known) = (0_u64, BTreeSet::new());
    for (seq, row) in past.rows.drain(..).filter(|(seq, _)| *seq > stored) {
        if matches!(row.kind, Kind::Close(_)) {
            known.insert(row.call);
        }
        again += u64::from(store.append(seq, row).is_ok());
    }
    let fact = |number| left.fact(number).ok().flatten();
    let (first, untold) = untold(past.engine.told_to(), &past.facts, left.fact_last, fact);
    if !untold.is_empty() {
        let bytes = untold.iter().flat_map(|fact| postcard::to_allocvec(fact).expect("plain data always serialises"));
        store.append_facts(first, untold.len() as u64, bytes.collect());
    }
    let now = past.clock.now();
    let mut effects = Vec::new();
    known.extend(left.recovery.open().filter(|call| is_live(&mut past.engine, *call, now, &mut effects)));
    let closed = left.recovery.finish(&settings.engine.deck, left.alive, |call| known.contains(&call));
    if left.rows > 0 {
        tracing::info!(
            rows = left.rows,
            torn_bytes = left.torn_bytes,
            again,
            closed = closed.len(),
            "record log read back"
        );
    }
    for row in closed {
        if let Err(store::Full(row)) = store.append_recovered(row) {
            tracing::error!(call = %row.call, "the record of a call that the crash ended could not be closed");
        }
    }
    Ok(store)
}

/// Somebody who takes the log, by name.
type Named = (String, Box<dyn Consumer>);

/// Those who take the log besides the tables of records.
fn consumers(settings: &Settings, terms: &SharedTerms, house: &Arc<House>) -> Vec<Named> {
    let dir = &settings.store.dir;
    let figures = Figures::new(dir, terms.clone(), settings.figures.kept);
    let mut all: Vec<(String, Box<dyn Consumer>)> = vec![("figures".to_owned(), Box::new(figures))];
    all.extend(outs::consumers(settings, house));
    all
}

/// What the manager interface goes by.
fn ami_terms(settings: &Settings, clock: Clock) -> ami::Terms {
    ami::Terms {
        ami: settings.ami.clone(),
        acd: settings.engine.acd.clone(),
        zone: settings.node.zone.clone(),
        read: clock.now().wall,
    }
}

/// Who serves what, for queue_log.
fn serving(settings: &Settings) -> Serving {
    let agents = settings.engine.acd.agents.iter();
    agents.map(|(agent, rules)| (*agent, rules.queues.to_vec())).collect()
}

/// Whether the engine still has the call.
fn is_live(engine: &mut Engine, call: CallId, now: Now, effects: &mut Vec<Effect>) -> bool {
    effects.clear();
    engine.handle(&Input::Command { id: 0, command: Command::CallShow(Some(call)) }, now, effects);
    effects.iter().any(|effect| matches!(effect, Effect::Reply { answer: Ok(_), .. }))
}

fn past(settings: &Settings) -> Result<Past, StartError> {
    let fresh = |next_segment| Past {
        engine: Engine::new(),
        clock: Clock::begin(),
        next_segment,
        resumed: false,
        rows: Vec::new(),
        facts: Vec::new(),
        board: turno_report::Board::default(),
    };
    let Some(journal) = &settings.journal else { return Ok(fresh(0)) };
    let recovery = recover(&journal.dir).map_err(about(format!("the journal in {}", journal.dir.display())))?;
    Ok(match recovery {
        Recovery::Fresh => fresh(0),
        Recovery::Unusable { next, why } => {
            tracing::warn!(
                why,
                "the journal's state cannot be continued: starting afresh, without the calls, registrations and places it had"
            );
            fresh(next)
        }
        Recovery::State(past) => {
            tracing::info!(inputs = past.inputs, torn_bytes = past.torn, "recovered the state of the last process");
            if past.differing > 0 {
                tracing::error!(
                    inputs = past.differing,
                    "inputs had other effects than they were recorded with; please report with `turno journal export`"
                );
            }
            let clock = Clock::resume(&past.mark, past.last);
            let mut board = board::kept(&journal.dir, past.segment);
            past.facts.iter().for_each(|fact| board.on_fact(fact));
            Past {
                engine: past.engine,
                clock,
                next_segment: past.next,
                resumed: true,
                rows: past.rows,
                facts: past.facts,
                board,
            }
        }
    })
}

/// Below the data folder; held by the process that uses the folder.
pub(crate) const LOCK: &str = "lock";

/// Why a data folder cannot be used.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another process uses it.
    InUse,
    /// The file system.
    Io(io::Error),
}

/// One process per data folder.
pub(crate) fn lock(dir: &Path) -> Result<File, LockError> {
    // Numbers of customers and secrets of phones lie below: a folder that we make is its owner's alone.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(LockError::Io)?;
    let file = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK)).map_err(LockError::Io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LockError::InUse),
        Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
    }
}

#[cfg(test)]
mod tests;
