//! The media plane: threads that own RTP sockets and the sessions on them ([`turno_media::Shard`]).
//!
//! Each thread has its ports, its sessions and one epoll; no packet crosses a lock. A port's thread follows from its
//! number, and a leg lives where its port does, until it is bridged with a leg of another thread: then one of them moves
//! over, sockets and all, so that the two legs of a bridge always share a thread. One thread carries a thousand calls;
//! more than one pays only where the machine has cores to spare.
//!
//! Closed ports rest before the engine may use them again, so that late packets of an old call meet no new one.

mod plane_thread;
mod ports;
mod prompts;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use turno_base::{LegId, PromptId};
use turno_media::{Counts, MediaCommand, MediaEvent, Port, Rules};

use plane_thread::{Mailbox, Order, PlaneThread};
use ports::Binder;

/// Most commands that wait for one media thread. When so many wait the thread has stopped working: the engine's loop
/// waits [`COMMAND_PATIENCE`] for it, then the command is lost, logged and counted.
pub const COMMANDS_MAX: usize = 65_536;
/// How long the engine's loop waits for room among a thread's commands.
pub const COMMAND_PATIENCE: Duration = Duration::from_millis(100);
/// Most media threads.
pub const THREADS_MAX: usize = 64;

/// What an operator sets.
#[derive(Clone, Debug)]
pub struct MediaPlaneConfig {
    /// Addresses to bind on; each gets as many ports as are asked for.
    pub addresses: Vec<IpAddr>,
    /// First and last port of the range, inclusive. Pairs begin at even numbers.
    pub ports: (u16, u16),
    /// Pairs bound at the start, on each address.
    pub ports_at_start: u32,
    /// Threads, at least 1, at most [`THREADS_MAX`].
    pub threads: usize,
    /// WAV files, mono, 16 bit, 8 or 16 kHz.
    pub prompts: BTreeMap<PromptId, PathBuf>,
    /// Limits of silence, networks without NAT, keys as tones.
    pub rules: Rules,
    /// How long a closed port rests.
    pub quarantine: Duration,
    /// Names SSRCs; entropy.
    pub seed: u64,
}

impl MediaPlaneConfig {
    /// Defaults for everything but addresses, range and prompts.
    pub fn new(addresses: Vec<IpAddr>, ports: (u16, u16), prompts: BTreeMap<PromptId, PathBuf>, seed: u64) -> Self {
        MediaPlaneConfig {
            addresses,
            ports,
            ports_at_start: 64,
            threads: 1,
            prompts,
            rules: Rules::default(),
            quarantine: Duration::from_secs(5),
            seed,
        }
    }
}

/// What the plane tells the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaOut {
    /// A session saw something.
    Event(LegId, MediaEvent),
    /// What a peer said while it is taken down: 16 bit, 8 kHz.
    Samples(LegId, Vec<i16>),
    /// These ports may be used, for the first time or again.
    Ports(Vec<Port>),
}

/// Why the plane cannot start. The sentence names the file or setting and what to do about it.
#[derive(Debug)]
pub enum MediaError {
    /// No address, or a range without a pair.
    Range {
        /// First port.
        first: u16,
        /// Last port.
        last: u16,
    },
    /// The configuration names no address.
    NoAddress,
    /// Not one pair could be bound on this address.
    Bind {
        /// The address.
        address: IpAddr,
        /// What the last attempt met.
        error: io::Error,
    },
    /// A prompt cannot be used.
    Prompt {
        /// Its name.
        prompt: PromptId,
        /// Its file.
        path: PathBuf,
        /// Why.
        why: prompts::WavFault,
    },
    /// No thread, no epoll.
    System(io::Error),
}

pub use prompts::WavFault;
#[cfg(test)]
pub(crate) use prompts::load as load_prompt;

impl fmt::Display for MediaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MediaError::Range { first, last } => {
                write!(f, "media ports {first}-{last} hold no even port with the odd one after it; widen the range")
            }
            MediaError::NoAddress => write!(f, "media has no address to bind on; name at least one"),
            MediaError::Bind { address, error } => {
                write!(f, "no media port could be bound on {address}: {error}; check the address and the port range")
            }
            MediaError::Prompt { prompt, path, why } => write!(f, "prompt {prompt}, file {}: {why}", path.display()),
            MediaError::System(error) => write!(f, "media threads cannot start: {error}"),
        }
    }
}

impl std::error::Error for MediaError {}

/// Where events go. Called on media threads: it must not wait for the engine's loop, which may be waiting for them.
pub(crate) type Tell = Arc<dyn Fn(MediaOut) + Send + Sync>;

/// The engine loop's hold on the media threads.
pub struct MediaPlane {
    threads: Vec<(Arc<Mailbox>, JoinHandle<()>)>,
    binder: Binder,
    /// Which thread a leg lives on; kept only if there is a choice.
    homes: BTreeMap<LegId, usize>,
    /// Threads with orders that they were not woken for, a bit each.
    unrung: u64,
    lost_commands: u64,
}

impl fmt::Debug for MediaPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaPlane").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

/// Figures of the whole plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlaneCounts {
    /// Packets and other things by what became of them.
    pub counts: Counts,
    /// Open sessions.
    pub sessions: u64,
    /// Prompt encodings made.
    pub encodings: u64,
    /// Packets that the kernel did not take.
    pub unsent: u64,
    /// Faults of ours that were caught.
    pub faults: u64,
    /// Commands lost because a thread did not take them.
    pub lost_commands: u64,
}

/// The thread of a port.
fn home(port: &Port, threads: usize) -> usize {
    usize::from(port.rtp.port() / 2) % threads
}

/// As many descriptors as the machine allows: each port takes two.
fn raise_descriptors() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!(soft, hard, %error, "the limit of open files could not be raised");
    }
}

impl MediaPlane {
    /// Loads the prompts, binds the first ports and starts the threads. The first ports are told through `events`
    /// before this returns.
    pub fn start(
        config: MediaPlaneConfig,
        events: impl Fn(MediaOut) + Send + Sync + 'static,
    ) -> Result<MediaPlane, MediaError> {
        raise_descriptors();
        let tell: Tell = Arc::new(events);
        let count = config.threads.clamp(1, THREADS_MAX);
        let mut sounds = Vec::new();
        for (prompt, path) in &config.prompts {
            let sound =
                prompts::load(path).map_err(|why| MediaError::Prompt { prompt: *prompt, path: path.clone(), why })?;
            sounds.push((*prompt, sound));
        }
        let mailboxes: Vec<Arc<Mailbox>> =
            (0..count).map(|_| Mailbox::new().map(Arc::new)).collect::<io::Result<_>>().map_err(MediaError::System)?;
        // One time line for all threads: sessions move between them.
        let origin = Instant::now();
        let mut threads = Vec::new();
        for (n, mailbox) in mailboxes.iter().enumerate() {
            let thread = PlaneThread::new(n, mailboxes.clone(), &config, &sounds, tell.clone(), origin)?;
            let handle = std::thread::Builder::new()
                .name(format!("turno-media-{n}"))
                .spawn(move || thread.run())
                .map_err(MediaError::System)?;
            threads.push((mailbox.clone(), handle));
        }
        let binder = Binder::start(&config, mailboxes, tell)?;
        Ok(MediaPlane { threads, binder, homes: BTreeMap::new(), unrung: 0, lost_commands: 0 })
    }

    /// Gives a command to a leg's session at once. Commands of one leg, and a bridge's two legs, keep their order.
    pub fn command(&mut self, leg: LegId, command: MediaCommand) {
        self.gather(leg, command);
        self.wake(Mailbox::ring);
    }

    /// Has the threads that commands were gathered for look within 10 ms.
    pub fn deliver(&mut self) {
        self.wake(Mailbox::ring_soon);
    }

    fn wake(&mut self, how: fn(&Mailbox)) {
        let unrung = std::mem::take(&mut self.unrung);
        for (n, (mailbox, _)) in self.threads.iter().enumerate() {
            if unrung >> n & 1 == 1 {
                how(mailbox);
            }
        }
    }

    /// As [`MediaPlane::command`], but the thread need not look before [`MediaPlane::deliver`]: to wake it costs more than
    /// most commands, and a turn of the engine has several.
    pub fn gather(&mut self, leg: LegId, command: MediaCommand) {
        if self.threads.len() == 1 {
            return self.send(0, Order::Command(leg, command));
        }
        let at = match &command {
            MediaCommand::Open(port) => {
                let at = home(port, self.threads.len());
                self.homes.insert(leg, at);
                at
            }
            MediaCommand::Bridge(other) => self.bring_together(leg, *other),
            MediaCommand::Close => self.homes.remove(&leg).unwrap_or(0),
            MediaCommand::Agree(_)
            | MediaCommand::Play(..)
            | MediaCommand::Quiet
            | MediaCommand::Unbridge
            | MediaCommand::Key { .. }
            | MediaCommand::Pressed { .. }
            | MediaCommand::Tape(_)
            | MediaCommand::EndTape
            | MediaCommand::Held(_) => self.homes.get(&leg).copied().unwrap_or(0),
        };
        self.send(at, Order::Command(leg, command));
    }

    /// Moves `leg` to the thread of `other` and gives that thread.
    fn bring_together(&mut self, leg: LegId, other: LegId) -> usize {
        let from = self.homes.get(&leg).copied().unwrap_or(0);
        let Some(to) = self.homes.get(&other).copied().filter(|&to| to != from) else { return from };
        // The one thread takes no further order until the other has sent the leg over. The orders come from one place, so
        // whatever a thread waits for was ordered before anything that could keep it.
        self.send(to, Order::Await(leg));
        self.send(from, Order::Move(leg, to));
        self.homes.insert(leg, to);
        to
    }

    fn send(&mut self, thread: usize, order: Order) {
        let Some((mailbox, _)) = self.threads.get(thread) else { return };
        self.unrung |= 1 << thread;
        if !mailbox.leave(order, COMMAND_PATIENCE) {
            self.lost_commands += 1;
            tracing::error!(thread, "a media thread takes no commands; one was lost");
        }
    }

    /// Asks for about this many more pairs on each address; answered by [`MediaOut::Ports`], as far as the range reaches.
    pub fn want_ports(&self, count: u32) {
        self.binder.want(count);
    }

    /// Figures up to a moment ago.
    pub fn counts(&self) -> PlaneCounts {
        let mut sum = PlaneCounts { lost_commands: self.lost_commands, ..PlaneCounts::default() };
        for (mailbox, _) in &self.threads {
            let own = mailbox.figures();
            sum.counts.add(&own.counts);
            sum.sessions += own.sessions;
            sum.encodings += own.encodings;
            sum.unsent += own.unsent;
            sum.faults += own.faults;
        }
        sum
    }

    /// Ends all threads; sessions that are open end without a word.
    pub fn stop(mut self) {
        self.binder.stop();
        for n in 0..self.threads.len() {
            self.send(n, Order::Stop);
        }
        self.wake(Mailbox::ring);
        for (_, handle) in self.threads.drain(..) {
            if handle.join().is_err() {
                tracing::error!("a media thread ended by a fault");
            }
        }
    }
}
