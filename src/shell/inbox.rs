//! The engine's inbox: bounded channels, so that a flood on the wire keeps neither media, store and operators waiting nor
//! those who are talking already; and the door before them, which refuses what would have to wait too long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError, bounded};
use turno_base::Mono;
use turno_engine::Input;
use turno_sip::config::SipConfig;
use turno_sip::flow::Flow;
use turno_sip::message::Message;
use turno_sip::shed::{Backlog, Door, Lane, Verdict, shed_response};

use crate::shell::clock::Clock;
use crate::shell::entropy;
use crate::shell::line::Sleeper;
use crate::shell::turns::{Hands, is_turning};

/// Most responses and messages inside dialogs that wait for the engine; more are dropped and counted, as a full socket
/// buffer would.
pub const INSIDE_INPUTS_MAX: usize = 16_384;
/// Most other messages from the wire that wait for the engine.
pub const FRESH_INPUTS_MAX: usize = 4096;
/// Most other inputs that wait; their producers wait then.
pub const HOUSE_INPUTS_MAX: usize = 65_536;

/// How long a media or store thread waits for room.
const PATIENCE: Duration = Duration::from_millis(100);

/// An input and when it arrived, by which the loop measures its own delay.
#[derive(Debug)]
pub struct Arrival {
    /// When the socket thread or task had it.
    pub at: Mono,
    /// What.
    pub input: Input,
}

/// Why a message stays outside.
#[derive(Debug, PartialEq, Eq)]
pub enum Outside {
    /// It is refused with this answer.
    Refused(Vec<u8>),
    /// It is nobody's.
    Ignored,
}

/// Where socket tasks, media, store and operators bring their inputs.
#[derive(Clone, Debug)]
pub struct Inbox {
    inside: Sender<Box<Arrival>>,
    fresh: Sender<Box<Arrival>>,
    house: Sender<Box<Arrival>>,
    engine: Sleeper,
    clock: Clock,
    dropped: Arc<AtomicU64>,
    door: Arc<Mutex<Door>>,
    taken_at: Arc<AtomicU64>,
    hands: Hands,
}

/// The loop's end of the [`Inbox`].
#[derive(Clone, Debug)]
pub struct Outlet {
    /// From the wire: responses and what is inside dialogs.
    pub inside: Receiver<Box<Arrival>>,
    /// From the wire: the rest.
    pub fresh: Receiver<Box<Arrival>>,
    /// From media, store, DNS and operators.
    pub house: Receiver<Box<Arrival>>,
    engine: Sleeper,
    door: Arc<Mutex<Door>>,
    /// When the loop took its last input, µs; [`ASLEEP`] while it waits for one.
    taken_at: Arc<AtomicU64>,
}

/// No input is in hand.
const ASLEEP: u64 = u64::MAX;

impl Outlet {
    /// Sleeps until there may be something, at most `patience`.
    pub fn wait(&self, patience: Duration) {
        let is_ready = || !self.is_empty();
        if !is_ready() {
            self.asleep();
            self.engine.sleep(Some(Instant::now() + patience), is_ready);
        }
    }

    /// Nothing is in hand and nothing waits.
    pub fn asleep(&self) {
        self.taken_at.store(ASLEEP, Ordering::Relaxed);
    }

    /// Inputs that wait.
    pub fn len(&self) -> usize {
        self.house.len() + self.inside.len() + self.fresh.len()
    }

    /// None waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An input was taken just now.
    pub fn taken(&self, now: Mono) {
        self.taken_at.store(now.0, Ordering::Relaxed);
    }

    /// So many inputs were taken one after the other, and so long they took.
    pub fn turned(&self, inputs: u32, took: Duration) {
        lock(&self.door).on_turn(inputs, took);
    }
}

fn lock(door: &Mutex<Door>) -> MutexGuard<'_, Door> {
    door.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A new inbox and its other end.
pub fn inbox(clock: Clock) -> (Inbox, Outlet) {
    let (inside, inside_out) = bounded(INSIDE_INPUTS_MAX);
    let (fresh, fresh_out) = bounded(FRESH_INPUTS_MAX);
    let (house, house_out) = bounded(HOUSE_INPUTS_MAX);
    let engine = Sleeper::default();
    let door = Arc::new(Mutex::new(Door::new(entropy::draw())));
    let taken_at = Arc::new(AtomicU64::new(ASLEEP));
    let outlet = Outlet {
        inside: inside_out,
        fresh: fresh_out,
        house: house_out,
        engine: engine.clone(),
        door: door.clone(),
        taken_at: taken_at.clone(),
    };
    let (dropped, hands) = (Arc::default(), Hands::default());
    (Inbox { inside, fresh, house, engine, clock, dropped, door, taken_at, hands }, outlet)
}

impl Inbox {
    /// The clock that arrivals are stamped by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Tells the door of a new configuration.
    pub fn configure(&self, config: &SipConfig) {
        lock(&self.door).configure(config);
    }

    /// Whether a message may enter, and where it waits then.
    pub fn admit(&self, flow: Flow, message: &Message) -> Result<Lane, Outside> {
        let now = self.clock.mono();
        let taken_at = self.taken_at.load(Ordering::Relaxed);
        let stalled = if taken_at == ASLEEP { Duration::ZERO } else { now.since(Mono(taken_at)) };
        let backlog = Backlog { waiting: u32::try_from(self.waiting()).unwrap_or(u32::MAX), stalled };
        let mut door = lock(&self.door);
        match door.judge(message, flow.peer.ip(), backlog, now) {
            Verdict::Enter(lane) => Ok(lane),
            Verdict::Ignore => Err(Outside::Ignored),
            Verdict::Refuse { retry_after_s } => {
                let tag = door.tag(message);
                drop(door);
                Err(Outside::Refused(shed_response(message, flow.peer, retry_after_s, &tag)))
            }
        }
    }

    /// A datagram's content, to be taken once it is said that a batch is in ([`Inbox::batch_is_in`]); dropped and counted if
    /// the engine is that far behind.
    pub fn datagram(&self, lane: Lane, at: Mono, input: Input) {
        let sent = self.lane(lane).try_send(Box::new(Arrival { at, input }));
        if let Err(TrySendError::Full(_)) = sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has the engine's thread look, unless it is this one, or one that has taken its place, which looks before it goes.
    pub fn wake(&self) {
        if !is_turning() {
            self.engine.wake();
        }
    }

    /// All datagrams that were there have been brought: they are seen to by this thread, which brought them, where that is
    /// soon done, and else by the engine's.
    pub fn batch_is_in(&self) {
        if !self.hands.lend() {
            self.wake();
        }
    }

    /// What lends a hand to the loop once there is one.
    pub fn hands(&self) -> &Hands {
        &self.hands
    }

    /// A stream's content; gives it back if the engine is that far behind, for the stream to wait.
    pub fn stream(&self, lane: Lane, input: Input) -> Result<(), Box<Input>> {
        let sent = self.lane(lane).try_send(self.now(input));
        self.wake();
        match sent {
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
            Err(TrySendError::Full(back)) => Err(Box::new(back.input)),
        }
    }

    /// An input of this instant. Boxed, because the places of lanes are used round and round: see [`crate::shell::line`].
    fn now(&self, input: Input) -> Box<Arrival> {
        Box::new(Arrival { at: self.clock.mono(), input })
    }

    fn lane(&self, lane: Lane) -> &Sender<Box<Arrival>> {
        match lane {
            Lane::Inside => &self.inside,
            Lane::Fresh => &self.fresh,
        }
    }

    /// From media, store or DNS threads: waits while the engine is far behind.
    pub fn house(&self, input: Input) {
        // The loop has ended: nobody is left whom it would matter to.
        let _ = self.house.send(self.now(input));
        self.wake();
    }

    /// From a media or store thread, which the loop may be waiting for: waits a little, then drops it, which is said.
    pub fn patiently(&self, input: Input) {
        self.wait_for_room(input);
        self.wake();
    }

    /// As [`Inbox::patiently`], for what nobody waits for: the engine finds it in its next turn, at the latest when it ticks.
    pub fn quietly(&self, input: Input) {
        self.wait_for_room(input);
    }

    fn wait_for_room(&self, input: Input) {
        let sent = self.house.send_timeout(self.now(input), PATIENCE);
        if let Err(SendTimeoutError::Timeout(lost)) = sent {
            tracing::error!(input = ?lost.input, "the engine takes no inputs; one from another thread was lost");
        }
    }

    /// From the thread that makes records durable, which sees to what waited for them, as who reads datagrams does: it would rest
    /// now.
    pub fn stored(&self, seq: u64) {
        self.wait_for_room(Input::Stored(seq));
        self.batch_is_in();
    }

    /// From an async task, which must not wait: gives it back if the engine is far behind.
    pub fn house_now(&self, input: Input) -> Result<(), Box<Input>> {
        let sent = self.house.try_send(self.now(input));
        self.wake();
        match sent {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) => Err(Box::new(back.input)),
        }
    }

    /// Datagrams dropped because the engine was behind, since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Inputs that wait.
    pub fn waiting(&self) -> usize {
        self.house.len() + self.inside.len() + self.fresh.len()
    }
}

#[cfg(test)]
mod tests {
    use turno_sip::flow::{ListenerId, Transport};
    use turno_sip::shed::STALL_MAX;

    use super::*;

    #[test]
    fn a_flood_is_dropped_and_counted_at_the_bound_and_dialogs_and_the_house_still_get_in() {
        let (inbox, outlet) = inbox(Clock::begin());
        for _ in 0..FRESH_INPUTS_MAX + 3 {
            inbox.datagram(Lane::Fresh, Mono(0), Input::Deadline);
        }
        assert_eq!((inbox.dropped(), outlet.fresh.len()), (3, FRESH_INPUTS_MAX));
        let fault = Input::Fault { message: None };
        assert_eq!(inbox.stream(Lane::Fresh, fault.clone()), Err(Box::new(fault)));
        inbox.house(Input::Stored(1));
        for _ in 0..=INSIDE_INPUTS_MAX {
            inbox.datagram(Lane::Inside, Mono(0), Input::Deadline);
        }
        assert_eq!((inbox.dropped(), outlet.inside.len(), outlet.house.len()), (4, INSIDE_INPUTS_MAX, 1));
    }

    fn invite(call: &str) -> Message {
        let text = format!(
            "INVITE sip:900@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{call}\r\nFrom: <sip:a@x>;tag=1\r\n\
             To: <sip:900@x>\r\nCall-ID: {call}\r\nCSeq: 1 INVITE\r\n\r\n"
        );
        Message::parse(text.into_bytes()).unwrap()
    }

    #[test]
    fn what_would_wait_too_long_is_answered_without_the_engine_and_its_ack_ends_there() {
        let (inbox, outlet) = inbox(Clock::begin());
        let peer = "192.0.2.1:5060".parse().unwrap();
        let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer, connection: 0 };
        assert_eq!(inbox.admit(flow, &invite("calm")), Ok(Lane::Fresh));
        for _ in 0..1000 {
            inbox.datagram(Lane::Fresh, Mono(0), Input::Deadline);
        }
        let Err(Outside::Refused(answer)) = inbox.admit(flow, &invite("pressed")) else { panic!("it entered") };
        let answer = Message::parse(answer).unwrap();
        assert_eq!((answer.status(), answer.retry_after().is_some()), (Some(503), true));
        let tag = answer.to().unwrap().tag().unwrap().to_owned();
        let ack = String::from_utf8(invite("pressed").into_bytes()).unwrap().replace("INVITE", "ACK");
        let ack = ack.replace("To: <sip:900@x>", &format!("To: <sip:900@x>;tag={tag}"));
        assert_eq!(inbox.admit(flow, &Message::parse(ack.into_bytes()).unwrap()), Err(Outside::Ignored));
        assert_eq!(inbox.admit(flow, &invite("calm")), Ok(Lane::Fresh), "a repetition of what entered");
        // An engine that sleeps is not late, one that is stuck in an input is.
        while outlet.fresh.try_recv().is_ok() {}
        assert_eq!(inbox.admit(flow, &invite("asleep")), Ok(Lane::Fresh));
        let begun = inbox.clock().mono();
        outlet.taken(begun);
        while inbox.clock().mono().since(begun) < STALL_MAX * 2 {
            std::thread::yield_now();
        }
        assert!(matches!(inbox.admit(flow, &invite("stuck")), Err(Outside::Refused(_))));
    }
}
