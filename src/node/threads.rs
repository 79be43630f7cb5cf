//! The threads of a node, in the order in which they begin.

use std::sync::Arc;
use std::thread::JoinHandle;

use turno_call::HEARD_LATELY;
use turno_engine::Input;
use turno_media::{MediaEvent, Network, Rules};

use crate::node::error::{StartError, about};
use crate::node::past::Past;
use crate::node::shared::Shared;
use crate::shell::backup::Holder;
use crate::shell::board::{self, Board, BoardSettings, FactLine};
use crate::shell::config::Settings;
use crate::shell::customers::crm::Crm;
use crate::shell::customers::{Callers, Customers, Watch, learn};
use crate::shell::dns::Dns;
use crate::shell::entropy;
use crate::shell::figures::nightly;
use crate::shell::inbox::Inbox;
use crate::shell::journal::{Wanted, Writer};
use crate::shell::media::{MediaOut, MediaPlane, MediaPlaneConfig};
use crate::shell::metrics::Metrics;
use crate::shell::net::Bound;
use crate::shell::outside::{Outside, TurnState};
use crate::shell::post;
use crate::shell::run::Loop;
use crate::shell::store::decisions::Decisions;
use crate::shell::tap::Tap;
use crate::shell::turns::Turns;
use crate::shell::voicemail::Voicemail;

/// All but the engine's, with what others reach them by.
pub(super) struct Threads {
    pub(super) board: Arc<Board>,
    pub(super) tap: Arc<Tap>,
    pub(super) post: JoinHandle<()>,
    pub(super) holder: Arc<Holder>,
    pub(super) customers_watch: Watch,
    pub(super) callers: Callers,
    pub(super) nightly: nightly::Nightly,
    pub(super) voicemail: (Voicemail, JoinHandle<()>),
    pub(super) decisions: JoinHandle<()>,
}

impl Threads {
    /// Also gives what the engine's effects are carried out by.
    pub(super) fn start(
        settings: &Settings,
        past: &mut Past,
        shared: &Shared,
        bound: Bound,
        customers: &Customers,
    ) -> Result<(Threads, Outside), StartError> {
        let Shared { clock, inbox, store, metrics, gate, runtime, asker, .. } = shared;
        let (handle, clock) = (runtime.handle().clone(), *clock);
        let (board, facts) = board(settings, past, metrics)?;
        let wanted = Wanted::default();
        let journal = match &settings.journal {
            Some(journal) => {
                let what = format!("the journal in {}", journal.dir.display());
                let writer = Writer::new(journal.clone(), wanted.clone(), metrics.clone());
                Some(writer.map_err(about(what))?)
            }
            None => None,
        };
        let net = bound.start(&settings.net, inbox, metrics, gate, &handle).map_err(about("the SIP sockets"))?;
        let tap = net.tap.clone();
        let (mail, post) = post::start(net, journal, store.clone(), asker.clone(), inbox.clone(), metrics.clone())
            .map_err(about("the post thread"))?;
        let journal_dir = settings.journal.as_ref().map(|journal| journal.dir.clone());
        let holder = Holder::new(Arc::downgrade(store), mail.still(), &settings.store.dir, journal_dir.as_deref());
        let watch = customers.watch().map_err(about("the customers' thread"))?;
        let crm = settings.crm.clone().map(|crm| Crm::new(crm, clock, handle.clone()));
        let callers = Callers::new(customers.clone(), crm, inbox.clone());
        learn::start(&board, customers.clone(), settings.store.dir.clone())
            .map_err(about("the thread that learns from calls"))?;
        let nightly = nightly::start(settings, metrics.clone()).map_err(about("the nightly thread"))?;
        let dir = settings.voicemail.dir.display();
        let what = format!("the folder {dir} of voicemail");
        let voicemail = Voicemail::start(settings.voicemail.clone(), inbox.clone()).map_err(about(what))?;
        let decisions = Decisions::start(&settings.store.dir, journal_dir.as_deref(), clock.now().wall);
        let decisions = decisions.map_err(StartError::Store)?;
        let media = media(settings, inbox, voicemail.0.clone())?;
        let outside = Outside {
            post: mail,
            store: store.clone(),
            decisions: decisions.0,
            media,
            voicemail: voicemail.0.clone(),
            dns: Dns::new(inbox.clone(), handle, &settings.net.name_servers),
            callers: callers.clone(),
            facts,
            metrics: metrics.clone(),
            wanted,
            clock,
            turn: TurnState::new(past.next_segment, past.engine.told_to()),
        };
        let holder = Arc::new(holder);
        let decisions = decisions.1;
        Ok((
            Threads { board, tap, post, holder, customers_watch: watch, callers, nightly, voicemail, decisions },
            outside,
        ))
    }
}

/// Starts the engine with what the last process left of it.
pub(super) fn engine(
    settings: &Settings,
    past: Past,
    shared: &Shared,
    outside: Outside,
) -> Result<JoinHandle<()>, StartError> {
    // What ended with the last process ended under its configuration.
    let restarted = past.alive.map(|alive| Input::Restarted { alive });
    let begin = restarted.into_iter().chain([Input::Configure(Box::new(settings.engine.clone()))]).collect();
    let (hands, gate) = (shared.inbox.hands().clone(), shared.gate.clone());
    let (clock, outlet) = (shared.clock, shared.outlet.clone());
    let mut engine_loop = Loop::new(past.engine, outside, outlet.clone(), clock, gate.clone(), shared.metrics.clone());
    std::thread::Builder::new()
        .name("engine".into())
        .spawn(move || {
            engine_loop.begin(begin);
            let turns = Turns::new(engine_loop, outlet, clock, gate, &hands);
            let (_, outside) = turns.run().expect("a turn that panics outside the engine ends the node");
            outside.end();
        })
        .map_err(about("the engine's thread"))
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
        // How good it was is only written down. Whoever was heard so lately was there until the end.
        MediaOut::Event(leg, event @ MediaEvent::Closed { silent, .. }) if silent < HEARD_LATELY => {
            inbox.quietly(Input::Media { leg, event })
        }
        MediaOut::Event(leg, event) => inbox.patiently(Input::Media { leg, event }),
        MediaOut::Samples(leg, samples) => voicemail.samples(leg, samples),
        MediaOut::Ports(ports) => inbox.patiently(Input::Ports(ports)),
    };
    MediaPlane::start(config, tell).map_err(StartError::Media)
}
