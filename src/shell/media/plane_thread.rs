//! One media thread: an epoll over its sockets, the shard that decides, and the sending of what it says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use turno_base::{LegId, Mono, Now, PromptId, Wall};
use turno_media::limits::PACKET_BYTES_MAX;
use turno_media::{Library, Listening, MediaCommand, MediaEvent, Moving, Out, Port, Shard, Slot, Sound};

use super::ports::Pair;
use super::{COMMANDS_MAX, MediaError, MediaOut, MediaPlaneConfig, PlaneCounts, Tell, home};

/// What the rest of the process tells a thread.
#[derive(Debug)]
pub(super) enum Order {
    /// From the engine.
    Command(LegId, MediaCommand),
    /// Take no order until this leg has come from another thread.
    Await(LegId),
    /// Send this leg to that thread.
    Move(LegId, usize),
    /// A port that is new, or comes back from another thread to rest.
    Port(Box<Pair>),
    /// A leg that comes from another thread; none if it was gone.
    Arrived(LegId, Option<Box<(Moving, Pair)>>),
    /// End.
    Stop,
}

/// The way to a thread. Orders of the engine are bounded; what threads send one another (moved legs, ports) is bounded by
/// the number of ports, and must not wait, or two threads could wait for each other.
#[derive(Debug)]
pub(super) struct Mailbox {
    // Boxed, because places are used round and round: see `crate::shell::line`.
    orders: Sender<Box<Order>>,
    orders_in: Receiver<Box<Order>>,
    between: Sender<Order>,
    between_in: Receiver<Order>,
    bell: EventFd,
    rung: AtomicBool,
    /// Rings by itself a moment after it was set.
    alarm: TimerFd,
    is_set: AtomicBool,
    figures: Mutex<PlaneCounts>,
}

impl Mailbox {
    pub(super) fn new() -> io::Result<Mailbox> {
        let (orders, orders_in) = bounded(COMMANDS_MAX);
        let (between, between_in) = unbounded();
        let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let alarm = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let (rung, is_set, figures) = (AtomicBool::new(false), AtomicBool::new(false), Mutex::default());
        Ok(Mailbox { orders, orders_in, between, between_in, bell, rung, alarm, is_set, figures })
    }

    /// From the engine, to be taken once the thread is woken by [`Mailbox::ring_soon`]; false if there was no room for that
    /// long.
    pub(super) fn leave(&self, order: Order, patience: Duration) -> bool {
        let order = match self.orders.try_send(Box::new(order)) {
            Ok(()) => return true,
            Err(TrySendError::Disconnected(_)) => return false,
            Err(TrySendError::Full(order)) => order,
        };
        self.ring();
        self.orders.send_timeout(order, patience).is_ok()
    }

    /// From another thread of the plane.
    pub(super) fn deliver(&self, order: Order) {
        // Both ends live in this mailbox: the channel cannot be closed.
        let _ = self.between.send(order);
        self.ring();
    }

    /// One write a wake-up, however many orders come until then.
    pub(super) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel)
            && let Err(error) = self.bell.write(1)
        {
            tracing::error!(%error, "a media thread cannot be woken");
        }
    }

    /// Has the thread look within [`SOON`], with whatever else there is by then: a call opens two sessions, agrees on them,
    /// bridges and closes them, each in a turn of its own, and none of it is heard sooner than a packet lasts.
    pub(super) fn ring_soon(&self) {
        if self.is_set.swap(true, Ordering::SeqCst) {
            return;
        }
        let at = Expiration::OneShot(TimeSpec::from_duration(SOON));
        if let Err(error) = self.alarm.set(at, TimerSetTimeFlags::empty()) {
            tracing::error!(%error, "a media thread has no alarm and is woken at once");
            self.ring();
        }
    }

    pub(super) fn figures(&self) -> PlaneCounts {
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const BELL: u64 = u64::MAX;
const ALARM: u64 = u64::MAX - 1;
/// Longest that an order of the engine waits for others: half a packet of 20 ms.
pub(super) const SOON: Duration = Duration::from_millis(10);
/// Sockets served per wake-up.
const EVENTS: usize = 256;
/// Packets read at once from a listener to whom nobody listens.
const BATCH: usize = 16;
/// Rests end together on this grid: each end is a wake-up here and an input of the engine, at any load two a call.
const RESTS_END_US: u64 = 250_000;
/// Orders taken per wake-up, so that a flood of them keeps no packet waiting.
const ORDERS_PER_TURN: usize = 256;

/// What a thread owns.
pub(super) struct PlaneThread {
    number: usize,
    mailboxes: Vec<Arc<Mailbox>>,
    shard: Shard,
    world: World,
    /// Ports that rest, in the order in which they may be used again.
    resting: VecDeque<(Mono, Slot)>,
    awaited: Option<LegId>,
    /// Legs that came before the order to await them.
    early: BTreeSet<LegId>,
    quarantine: Duration,
}

/// What the shard's effects reach: sockets, epoll, the engine.
struct World {
    epoll: Epoll,
    pairs: Vec<Option<Pair>>,
    vacant: Vec<Slot>,
    by_port: BTreeMap<Port, Slot>,
    to_read: Vec<Slot>,
    tell: Tell,
    unsent: u64,
    faults: u64,
    origin: Instant,
}

impl World {
    fn now(&self) -> Now {
        let mono = Mono(u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX));
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
        Now { mono, wall: Wall(wall) }
    }

    fn pair(&self, slot: Slot) -> Option<&Pair> {
        self.pairs.get(slot.0 as usize)?.as_ref()
    }

    fn place(&mut self, pair: Pair) -> Slot {
        let port = pair.port;
        let slot = self.vacant.pop().unwrap_or(Slot(self.pairs.len() as u32));
        match self.pairs.get_mut(slot.0 as usize) {
            Some(place) => *place = Some(pair),
            None => self.pairs.push(Some(pair)),
        }
        self.by_port.insert(port, slot);
        slot
    }

    fn take(&mut self, slot: Slot) -> Option<Pair> {
        let pair = self.pairs.get_mut(slot.0 as usize)?.take()?;
        self.by_port.remove(&pair.port);
        self.vacant.push(slot);
        Some(pair)
    }

    fn interest(&self, slot: Slot, how: Listening) -> Result<(), Errno> {
        let Some(pair) = self.pair(slot) else { return Ok(()) };
        let event = |odd: u64| EpollEvent::new(EpollFlags::EPOLLIN, u64::from(slot.0) * 2 + odd);
        let ignore_absent = |result| match result {
            Err(Errno::ENOENT) => Ok(()),
            result => result,
        };
        let ensure = |result| match result {
            Err(Errno::EEXIST) => Ok(()),
            result => result,
        };
        match how {
            Listening::Closed => {
                ignore_absent(self.epoll.delete(&pair.rtp))?;
                ignore_absent(self.epoll.delete(&pair.rtcp))
            }
            Listening::Prompt => {
                ensure(self.epoll.add(&pair.rtp, event(0)))?;
                ensure(self.epoll.add(&pair.rtcp, event(1)))
            }
            Listening::Unhurried => ignore_absent(self.epoll.delete(&pair.rtp)),
        }
    }
}

impl Out for World {
    fn rtp(&mut self, slot: Slot, to: SocketAddr, packet: &[u8]) {
        let sent = self.pair(slot).map(|pair| pair.rtp.send_to(packet, to));
        self.unsent += u64::from(!matches!(sent, Some(Ok(_))));
    }

    fn rtcp(&mut self, slot: Slot, to: SocketAddr, packet: &[u8]) {
        let sent = self.pair(slot).map(|pair| pair.rtcp.send_to(packet, to));
        self.unsent += u64::from(!matches!(sent, Some(Ok(_))));
    }

    fn samples(&mut self, leg: LegId, samples: Vec<i16>) {
        (self.tell)(MediaOut::Samples(leg, samples));
    }

    fn event(&mut self, leg: LegId, event: MediaEvent) {
        (self.tell)(MediaOut::Event(leg, event));
    }

    fn listen(&mut self, slot: Slot, how: Listening) {
        if let Err(error) = self.interest(slot, how) {
            tracing::error!(%error, ?how, "a media socket cannot be watched");
        }
    }

    fn read(&mut self, slot: Slot) {
        self.to_read.push(slot);
    }
}

/// Room for one batch of packets.
struct Batch {
    bytes: Box<[[u8; PACKET_BYTES_MAX + 1]; BATCH]>,
    // One for each family: the kernel leaves an address's length behind, and the next read would cut a longer one.
    headers_v4: MultiHeaders<SockaddrStorage>,
    headers_v6: MultiHeaders<SockaddrStorage>,
}

fn std_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::from((v4.ip(), v4.port())));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::from((v6.ip(), v6.port()))))
}

impl PlaneThread {
    pub(super) fn new(
        number: usize,
        mailboxes: Vec<Arc<Mailbox>>,
        config: &MediaPlaneConfig,
        sounds: &[(PromptId, Sound)],
        tell: Tell,
        origin: Instant,
    ) -> Result<PlaneThread, MediaError> {
        let mut library = Library::new();
        for (prompt, sound) in sounds {
            library.add(*prompt, sound.clone()).map_err(|why| {
                let path = config.prompts.get(prompt).cloned().unwrap_or_default();
                MediaError::Prompt { prompt: *prompt, path, why: super::WavFault::Unplayable(why) }
            })?;
        }
        let system = |errno: Errno| MediaError::System(errno.into());
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(system)?;
        if let Some(mailbox) = mailboxes.get(number) {
            epoll.add(&mailbox.bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL)).map_err(system)?;
            // By its edge: nobody needs to read how often it rang.
            let alarm = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, ALARM);
            epoll.add(&mailbox.alarm, alarm).map_err(system)?;
        }
        let seed = config.seed.wrapping_add(number as u64 + 1);
        let world = World {
            epoll,
            pairs: Vec::new(),
            vacant: Vec::new(),
            by_port: BTreeMap::new(),
            to_read: Vec::new(),
            tell,
            unsent: 0,
            faults: 0,
            origin,
        };
        Ok(PlaneThread {
            number,
            mailboxes,
            shard: Shard::new(config.rules.clone(), library, seed),
            world,
            resting: VecDeque::new(),
            awaited: None,
            early: BTreeSet::new(),
            quarantine: config.quarantine,
        })
    }

    /// Until told to stop.
    pub(super) fn run(mut self) {
        let mut batch = Batch {
            bytes: Box::new([[0; PACKET_BYTES_MAX + 1]; BATCH]),
            headers_v4: MultiHeaders::preallocate(BATCH, None),
            headers_v6: MultiHeaders::preallocate(BATCH, None),
        };
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            let ready = match self.world.epoll.wait(&mut events, self.timeout()) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => 0,
                Err(error) => {
                    tracing::error!(%error, "a media thread cannot wait for packets and ends");
                    return;
                }
            };
            let now = self.world.now();
            let due = self.shard.deadline().is_some_and(|at| at <= now.mono);
            if due {
                self.guarded(|this| this.shard.on_tick(now, &mut this.world));
            }
            while let Some(slot) = self.world.to_read.pop() {
                self.guarded(|this| this.read_batch(slot, now.mono, &mut batch));
            }
            let ready = events.get(..ready).unwrap_or_default();
            // Orders were given before packets that arrived with them.
            let is_rung = ready.iter().any(|event| event.data() == BELL);
            let stop = (is_rung || ready.iter().any(|event| event.data() == ALARM)) && self.take_orders(is_rung, now);
            for id in ready.iter().map(EpollEvent::data).filter(|&id| id != BELL && id != ALARM) {
                let scratch = batch.bytes.first_mut();
                self.guarded(|this| this.read_one(id, now.mono, scratch));
            }
            self.end_rests(now.mono);
            self.publish();
            if stop {
                return;
            }
        }
    }

    /// A fault of ours costs the session whose turn it was, not the thread (reliability.md P5).
    fn guarded(&mut self, work: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            self.world.faults += 1;
            let now = self.world.now().mono;
            if let Some(slot) = self.shard.fail(now, &mut self.world) {
                self.rest(slot, now);
            }
        }
    }

    /// Until the next deadline, in whole milliseconds rounded up: waking early would be waking twice.
    fn timeout(&self) -> EpollTimeout {
        let rested = self.resting.front().map(|(at, _)| *at);
        let Some(at) = self.shard.deadline().into_iter().chain(rested).min() else { return EpollTimeout::NONE };
        let ms = at.since(self.world.now().mono).as_micros().div_ceil(1000);
        EpollTimeout::from(u16::try_from(ms).unwrap_or(u16::MAX))
    }

    fn publish(&self) {
        let Some(mailbox) = self.mailboxes.get(self.number) else { return };
        let mut figures = mailbox.figures.lock().unwrap_or_else(PoisonError::into_inner);
        figures.counts = *self.shard.counts();
        figures.sessions = self.shard.len() as u64;
        figures.encodings = self.shard.encodings();
        figures.unsent = self.world.unsent;
        figures.faults = self.world.faults;
    }

    // ---- packets ----

    fn read_one(&mut self, id: u64, now: Mono, scratch: Option<&mut [u8; PACKET_BYTES_MAX + 1]>) {
        let slot = Slot((id / 2) as u32);
        let (Some(pair), Some(scratch)) = (self.world.pair(slot), scratch) else { return };
        let rtp = id.is_multiple_of(2);
        let socket = if rtp { &pair.rtp } else { &pair.rtcp };
        // An error is an ICMP answer to something sent, or nothing to read: the next packet tells more.
        let Ok((len, source)) = socket.recv_from(scratch) else { return };
        let Some(packet) = scratch.get_mut(..len) else { return };
        if rtp {
            self.shard.on_rtp(slot, source, packet, now, &mut self.world);
        } else {
            self.shard.on_rtcp(slot, source, packet, now);
        }
    }

    fn read_batch(&mut self, slot: Slot, now: Mono, batch: &mut Batch) {
        let Some(pair) = self.world.pair(slot) else { return };
        let (fd, v6) = (pair.rtp.as_raw_fd(), pair.port.rtp.is_ipv6());
        let headers = if v6 { &mut batch.headers_v6 } else { &mut batch.headers_v4 };
        let mut heard: [(usize, Option<SocketAddr>); BATCH] = [(0, None); BATCH];
        let mut slices = batch.bytes.each_mut().map(|bytes| [IoSliceMut::new(bytes)]);
        match recvmmsg(fd, headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) {
            Ok(messages) => {
                for (message, heard) in messages.zip(&mut heard) {
                    *heard = (message.bytes, message.address.as_ref().and_then(std_address));
                }
            }
            Err(_) => return,
        }
        for (bytes, (len, source)) in batch.bytes.iter_mut().zip(heard) {
            let (Some(source), Some(packet)) = (source, bytes.get_mut(..len)) else { continue };
            self.shard.on_rtp(slot, source, packet, now, &mut self.world);
        }
    }

    // ---- orders ----

    /// True if told to stop.
    fn take_orders(&mut self, is_rung: bool, now: Now) -> bool {
        let Some(mailbox) = self.mailboxes.get(self.number).cloned() else { return true };
        if is_rung {
            let _ = mailbox.bell.read();
            mailbox.rung.store(false, Ordering::SeqCst);
        }
        // Before the orders are looked at: who leaves one after that sets it again.
        mailbox.is_set.store(false, Ordering::SeqCst);
        for _ in 0..ORDERS_PER_TURN {
            // What other threads send ends a wait, so it comes first.
            let next = mailbox.between_in.try_recv().ok();
            let next = next.or_else(|| {
                self.awaited.is_none().then(|| mailbox.orders_in.try_recv().ok().map(|order| *order)).flatten()
            });
            match next {
                Some(Order::Stop) => return true,
                Some(order) => self.guarded(|this| this.obey(order, now)),
                None => return false,
            }
        }
        mailbox.ring();
        false
    }

    pub(super) fn obey(&mut self, order: Order, now: Now) {
        match order {
            Order::Command(leg, MediaCommand::Open(port)) => self.open(leg, port, now),
            Order::Command(leg, command) => {
                let slot = self.shard.slot_of(leg);
                self.shard.on_command(leg, &command, now, &mut self.world);
                if let (MediaCommand::Close, Some(slot)) = (&command, slot) {
                    self.rest(slot, now.mono);
                }
            }
            Order::Await(leg) => self.awaited = (!self.early.remove(&leg)).then_some(leg),
            Order::Move(leg, to) => {
                let slot = self.shard.slot_of(leg);
                let moving = self.shard.release(leg, now.mono, &mut self.world);
                let pair = slot.and_then(|slot| self.world.take(slot));
                if let Some(mailbox) = self.mailboxes.get(to) {
                    mailbox.deliver(Order::Arrived(leg, moving.zip(pair).map(Box::new)));
                }
            }
            Order::Port(pair) => {
                self.world.place(*pair);
            }
            Order::Arrived(leg, moved) => {
                if self.awaited == Some(leg) {
                    self.awaited = None;
                } else {
                    self.early.insert(leg);
                }
                if let Some((moving, pair)) = moved.map(|moved| *moved) {
                    let slot = self.world.place(pair);
                    self.shard.adopt(moving, slot, now.mono, &mut self.world);
                }
            }
            Order::Stop => {}
        }
    }

    fn open(&mut self, leg: LegId, port: Port, now: Now) {
        if !self.world.by_port.contains_key(&port) {
            self.look_between(now);
        }
        let Some(&slot) = self.world.by_port.get(&port) else {
            return self.world.event(leg, MediaEvent::Failed);
        };
        if let Some(pair) = self.world.pair(slot) {
            pair.wake();
        }
        self.shard.open(leg, slot, now, &mut self.world);
    }

    /// Takes what other threads have sent. A port is sent before the engine hears of it, but the engine's order for it may be
    /// taken before it is: this thread had looked here, found nothing, and lost its processor until both had come.
    fn look_between(&mut self, now: Now) {
        let Some(mailbox) = self.mailboxes.get(self.number).cloned() else { return };
        while let Ok(order) = mailbox.between_in.try_recv() {
            self.obey(order, now);
        }
    }

    // ---- ports ----

    /// A port rests on the thread that its number names.
    fn rest(&mut self, slot: Slot, now: Mono) {
        let Some(pair) = self.world.pair(slot) else { return };
        pair.rest();
        let ends = (now + self.quarantine).0.div_ceil(RESTS_END_US) * RESTS_END_US;
        self.resting.push_back((Mono(ends), slot));
    }

    fn end_rests(&mut self, now: Mono) {
        let mut free = Vec::new();
        while let Some((_, slot)) = self.resting.pop_front_if(|(at, _)| *at <= now) {
            let Some(port) = self.world.pair(slot).map(|pair| pair.port) else { continue };
            let at = home(&port, self.mailboxes.len());
            if at != self.number
                && let (Some(pair), Some(mailbox)) = (self.world.take(slot), self.mailboxes.get(at))
            {
                mailbox.deliver(Order::Port(Box::new(pair)));
            }
            free.push(port);
        }
        if !free.is_empty() {
            (self.world.tell)(MediaOut::Ports(free));
        }
    }
}
