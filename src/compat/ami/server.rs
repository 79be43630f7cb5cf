//! The listener, and the one task that folds the event line and tells the connections.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, broadcast, watch};
use turno_acd::AcdConfig;
use turno_base::fact::AgentState;
use turno_base::{Name, Wall};
use turno_engine::{AgentView, Answer, Command};

use super::connection;
use super::doors::Failures;
use super::exchange::{Originated, Sitting};
use super::{Counts, Event, Exchange};
use crate::shell::audit::Audit;
use crate::shell::board::Board;
use crate::shell::clock::Clock;
use crate::shell::config::ami::AmiSettings;

/// Connections at once that have not logged in.
const STRANGERS_MAX: usize = 16;
/// Events that a connection may be behind; one that is more is closed.
const EVENTS_BEHIND_MAX: usize = 4096;
/// Between two tries to ask the engine who sits where.
const RETRY: Duration = Duration::from_millis(200);
/// How long an answer waits for the event line to tell what it is about.
const SEEN_LIMIT: Duration = Duration::from_secs(1);

/// What of the configuration this goes by.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Who may come in.
    pub ami: AmiSettings,
    /// Queues and agents.
    pub acd: AcdConfig,
    /// Whose clock is shown.
    pub zone: TimeZone,
    /// When the configuration was read.
    pub read: Wall,
}

/// What connections share.
#[derive(Debug)]
pub struct Ami {
    exchange: Mutex<(u64, Exchange)>,
    feed: broadcast::Sender<Arc<Numbered>>,
    failures: Mutex<Failures>,
    pub(super) terms: watch::Receiver<Terms>,
    pub(super) audit: Audit,
    pub(super) clock: Clock,
    pub(super) counts: Counts,
    pub(super) started: Wall,
    strangers: Arc<Semaphore>,
}

/// An event with its number.
#[derive(Debug)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) event: Event,
}

impl Ami {
    /// What `look` sees, and the number of the last event before it. Whoever listens has all events up to that one.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Exchange) -> T) -> (u64, T) {
        let exchange = self.exchange();
        (exchange.0, look(&exchange.1))
    }

    pub(super) fn reset(&self, queue: Option<turno_base::QueueId>) -> bool {
        self.exchange().1.reset(queue)
    }

    pub(super) fn expect(&self, call: turno_base::CallId, originated: Originated) {
        self.change(|exchange, out| exchange.expect(call, originated, out));
    }

    /// Waits until what was done shows, for at most [`SEEN_LIMIT`].
    pub(super) async fn see(&self, is_shown: impl Fn(&Exchange) -> bool) {
        let mut events = self.listen();
        let shows = async {
            while !self.look(&is_shown).1 {
                if matches!(events.recv().await, Err(broadcast::error::RecvError::Closed)) {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(SEEN_LIMIT, shows).await;
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<Numbered>> {
        self.feed.subscribe()
    }

    pub(super) fn failed(&self, from: IpAddr) {
        self.failures().add(from, self.clock.mono());
        self.counts.logins.with_label_values(&["refused"]).inc();
    }

    /// Changes what is shown and tells everybody.
    fn change(&self, change: impl FnOnce(&mut Exchange, &mut Vec<Event>)) {
        let mut events = Vec::new();
        let mut exchange = self.exchange();
        change(&mut exchange.1, &mut events);
        for event in events {
            exchange.0 += 1;
            // Under the lock: what is looked at and its number belong together. Nobody listening is fine.
            let _ = self.feed.send(Arc::new(Numbered { number: exchange.0, event }));
        }
    }

    fn exchange(&self) -> MutexGuard<'_, (u64, Exchange)> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nobody from there is let in.
    fn bars(&self, from: IpAddr) -> Option<&'static str> {
        if !self.terms.borrow().ami.admits(from) {
            Some("network")
        } else if self.failures().bars(from, self.clock.mono()) {
            Some("barred")
        } else {
            None
        }
    }

    /// Where agents sit and what is live, asked until it is answered.
    async fn ask(&self) -> (Vec<Sitting>, Vec<turno_base::CallId>) {
        loop {
            let agents = self.audit.asker().ask(Command::AgentShow(None)).await;
            let calls = self.audit.asker().ask(Command::CallShow(None)).await;
            if let (Ok(Answer::Agents(agents)), Ok(Answer::Calls(calls))) = (agents, calls) {
                let calls = calls.iter().map(|call| call.call).collect();
                return (agents.iter().map(sitting).collect(), calls);
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// Takes the address; who connects waits until [`start`].
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The listeners, each if it is configured.
#[derive(Debug, Default)]
pub struct Listeners {
    /// As Asterisk's, unencrypted.
    pub plain: Option<std::net::TcpListener>,
    /// By TLS.
    pub secret: Option<std::net::TcpListener>,
}

/// Serves whoever connects from now on.
pub fn start(
    runtime: &tokio::runtime::Handle,
    listeners: Listeners,
    terms: watch::Receiver<Terms>,
    board: &Board,
    audit: Audit,
    clock: Clock,
    counts: Counts,
) -> io::Result<()> {
    let _inside = runtime.enter();
    let Listeners { plain, secret } = listeners;
    let plain = plain.map(TcpListener::from_std).transpose()?.map(|listener| (listener, false));
    let secret = secret.map(TcpListener::from_std).transpose()?.map(|listener| (listener, true));
    let listeners: Vec<_> = plain.into_iter().chain(secret).collect();
    if listeners.is_empty() {
        return Ok(());
    }
    let exchange = Exchange::new(terms.borrow().acd.clone());
    let ami = Arc::new(Ami {
        exchange: Mutex::new((0, exchange)),
        feed: broadcast::Sender::new(EVENTS_BEHIND_MAX),
        failures: Mutex::default(),
        terms,
        audit,
        clock,
        counts,
        started: clock.now().wall,
        strangers: Arc::new(Semaphore::new(STRANGERS_MAX)),
    });
    // Before anything is asked: what happens in between comes by this.
    let facts = board.listen();
    runtime.spawn(follow(ami.clone(), facts));
    runtime.spawn(async move {
        let (agents, _) = ami.ask().await;
        let now = ami.clock.now();
        ami.exchange().1.seat(&agents, now);
        let places = Arc::new(Semaphore::new(usize::from(ami.terms.borrow().ami.connections_max)));
        for (listener, is_secret) in listeners {
            tokio::spawn(accept(ami.clone(), listener, is_secret, places.clone()));
        }
    });
    Ok(())
}

/// Folds the event line and each change of configuration.
async fn follow(ami: Arc<Ami>, mut facts: broadcast::Receiver<Arc<crate::shell::board::Numbered>>) {
    let mut terms = ami.terms.clone();
    loop {
        tokio::select! {
            fact = facts.recv() => match fact {
                Ok(numbered) => ami.change(|exchange, out| exchange.on_fact(&numbered.fact, out)),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    ami.counts.missed.inc_by(missed);
                    tracing::warn!(missed, "the manager interface was behind the event line and catches up");
                    let (agents, live) = ami.ask().await;
                    let now = ami.clock.now();
                    ami.change(|exchange, out| exchange.catch_up(&live, &agents, now, out));
                }
                Err(broadcast::error::RecvError::Closed) => return,
            },
            changed = terms.changed() => match changed {
                Ok(()) => {
                    let acd = terms.borrow_and_update().acd.clone();
                    ami.change(|exchange, out| exchange.configure(acd, out));
                }
                // Nobody reads the configuration again any more.
                Err(_) => return,
            },
        }
    }
}

async fn accept(ami: Arc<Ami>, listener: TcpListener, is_secret: bool, places: Arc<Semaphore>) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => admit(&ami, &places, stream, from.ip(), is_secret),
            Err(error) => {
                tracing::warn!(%error, "accepting a connection of the manager interface failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Who is not let in is closed without a word.
fn admit(ami: &Arc<Ami>, places: &Arc<Semaphore>, stream: TcpStream, from: IpAddr, is_secret: bool) {
    let refuse = |reason: &str| ami.counts.refused.with_label_values(&[reason]).inc();
    if let Some(reason) = ami.bars(from) {
        tracing::debug!(%from, reason, "a connection of the manager interface is refused");
        return refuse(reason);
    }
    let (Ok(place), Ok(stranger)) = (places.clone().try_acquire_owned(), ami.strangers.clone().try_acquire_owned())
    else {
        return refuse("full");
    };
    let ami = ami.clone();
    tokio::spawn(async move {
        ami.counts.connections.inc();
        connection::serve(&ami, stream, from, is_secret, stranger).await;
        ami.counts.connections.dec();
        drop(place);
    });
}

fn sitting(view: &AgentView) -> Sitting {
    let reason = || view.reason.as_deref().and_then(|reason| Name::new(reason).ok());
    let all = [
        AgentState::Ready,
        AgentState::Offered,
        AgentState::Ringing,
        AgentState::Talking,
        AgentState::Holding,
        AgentState::Consulting,
        AgentState::WrapUp,
        AgentState::Outbound,
        AgentState::Task,
    ];
    let named = all.into_iter().find(|state| state.as_str() == view.state);
    Sitting {
        agent: view.agent,
        station: view.station,
        state: named.or_else(|| reason().map(AgentState::Paused)).unwrap_or(AgentState::LoggedOut),
        call: view.call,
        since_ms: i64::try_from(view.since_ms).unwrap_or(i64::MAX),
        serves: view.serves.iter().map(|served| (served.queue, served.rank)).collect(),
    }
}
