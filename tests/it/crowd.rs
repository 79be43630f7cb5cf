//! Very many phones of few words: they register with their passwords, answer every OPTIONS, and do nothing else. One thread
//! and a hundred addresses play them all.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use turno_base::Seeded;
use turno_sip::auth::{Challenger, Tries, TrunkDigest};
use turno_sip::config::{Credentials, HostPort, Trunk};
use turno_sip::flow::ListenerId;
use turno_sip::message::{Message, Writer};

use super::rig::{PASSWORD, Rig};

/// Addresses that the phones share.
const ADDRESSES: usize = 100;
/// REGISTERs that wait for an answer at once.
const WINDOW: usize = 64;
/// Without an answer it is said again.
const AGAIN: Duration = Duration::from_secs(1);

/// The phones and the thread that plays them.
pub(crate) struct Crowd {
    stop: Arc<AtomicBool>,
    registered: Arc<AtomicU64>,
    again: Arc<AtomicBool>,
    probed: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Crowd {
    /// The phones of all accounts that the plan of `rig` has beside its agents'.
    pub(crate) fn gather(rig: &Rig, phones: usize) -> Crowd {
        let addresses = ADDRESSES.min(phones).max(1);
        let sockets: Vec<UdpSocket> = (0..addresses)
            .map(|n| {
                let socket = UdpSocket::bind((rig.ip(100 + n as u8), 5060)).unwrap();
                socket.set_nonblocking(true).unwrap();
                socket
            })
            .collect();
        let [stop, again] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let [registered, probed] = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
        let mut play = Play {
            engine: rig.sip(),
            phones,
            digests: sockets.iter().map(|_| TrunkDigest::default()).collect(),
            sockets,
            waiting: BTreeMap::new(),
            next: 0,
            seq: 0,
            dice: Seeded::new(5),
            registered: registered.clone(),
            probed: probed.clone(),
        };
        let (until, more) = (stop.clone(), again.clone());
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                play.turn(more.load(Ordering::Relaxed));
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        Crowd { stop, registered, again, probed, thread: Some(thread) }
    }

    /// REGISTERs that succeeded.
    pub(crate) fn registered(&self) -> u64 {
        self.registered.load(Ordering::Relaxed)
    }

    /// OPTIONS answered.
    pub(crate) fn probed(&self) -> u64 {
        self.probed.load(Ordering::Relaxed)
    }

    /// Whether they register over and over.
    pub(crate) fn register_again(&self, on: bool) {
        self.again.store(on, Ordering::Relaxed);
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || joined.is_none_or(|j| j.is_ok()), "the crowd failed");
    }
}

struct Play {
    engine: SocketAddr,
    phones: usize,
    sockets: Vec<UdpSocket>,
    /// What each address last was asked for its password with.
    digests: Vec<TrunkDigest>,
    /// Phones whose REGISTER is under way, and when it is said again.
    waiting: BTreeMap<usize, Instant>,
    /// The next that has not registered.
    next: usize,
    seq: u64,
    dice: Seeded,
    registered: Arc<AtomicU64>,
    probed: Arc<AtomicU64>,
}

/// The engine as a trunk at which `user` has this password.
pub(crate) fn client(user: &str, password: &str, engine: SocketAddr) -> Trunk {
    Trunk {
        id: "engine".parse().unwrap(),
        networks: Vec::new(),
        hosts: vec![HostPort { host: engine.ip().to_string(), port: Some(engine.port()) }],
        transport: None,
        listener: ListenerId(0),
        credentials: Some(Credentials { user: user.into(), password: password.into(), realm: None }),
        register: None,
        digest_user: None,
        codecs: Vec::new(),
        calls_max: 0,
        calls_per_second_max: 0,
        probe: None,
        trusted: false,
    }
}

/// Name of the account of the `n`-th phone of a crowd.
pub(crate) fn account(n: usize) -> String {
    format!("{}", 200_000 + n)
}

impl Play {
    fn turn(&mut self, again: bool) {
        if again && self.next >= self.phones {
            self.next = 0;
        }
        while self.next < self.phones && self.waiting.len() < WINDOW {
            self.register(self.next);
            self.next += 1;
        }
        let mut buffer = [0; 4096];
        for at in 0..self.sockets.len() {
            while let Ok(length) = self.sockets[at].recv(&mut buffer) {
                let Ok(message) = Message::parse(buffer[..length].to_vec()) else { continue };
                match message.status() {
                    Some(status) => self.on_answer(at, status, &message),
                    None => self.on_request(at, &message),
                }
            }
        }
        let now = Instant::now();
        let late: Vec<usize> = self.waiting.iter().filter(|(_, at)| **at <= now).map(|(phone, _)| *phone).collect();
        for phone in late {
            self.register(phone);
        }
    }

    fn register(&mut self, phone: usize) {
        let at = phone % self.sockets.len();
        let (user, engine, here) = (account(phone), self.engine, self.sockets[at].local_addr().unwrap());
        let uri = format!("sip:{}", engine.ip());
        self.seq += 1;
        let seq = self.seq;
        let answer = self.digests[at].ahead(&client(&user, PASSWORD, engine), "REGISTER", &uri, &mut self.dice);
        let credentials = answer.map(|answer| format!("Authorization: {}\r\n", answer.value)).unwrap_or_default();
        let text = format!(
            "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKr{seq};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{ip}>;tag=r{phone}\r\nTo: <sip:{user}@{ip}>\r\nCall-ID: r{phone}@{here}\r\n\
             CSeq: {seq} REGISTER\r\nContact: <sip:{user}@{here}>\r\nExpires: 3600\r\n{credentials}Content-Length: 0\r\n\r\n",
            ip = engine.ip()
        );
        // A lost one is said again.
        let _ = self.sockets[at].send_to(text.as_bytes(), engine);
        self.waiting.insert(phone, Instant::now() + AGAIN);
    }

    fn on_answer(&mut self, at: usize, status: u16, answer: &Message) {
        let phone = answer.call_id().ok().and_then(|id| id.strip_prefix('r')?.split('@').next()?.parse::<usize>().ok());
        let Some(phone) = phone.filter(|phone| self.waiting.contains_key(phone)) else { return };
        match status {
            200 => {
                self.waiting.remove(&phone);
                self.registered.fetch_add(1, Ordering::Relaxed);
            }
            401 => {
                let challenger = Challenger { status, sent_to: self.engine, came_from: self.engine };
                let challenges = answer.www_authenticate().filter_map(Result::ok);
                let trunk = client(&account(phone), PASSWORD, self.engine);
                let tries = &mut Tries::default();
                // What matters is what it keeps for the next.
                let _ = self.digests[at].answer(&trunk, challenger, challenges, ("X", "sip:x"), tries, &mut self.dice);
                self.register(phone);
            }
            _ => {}
        }
    }

    fn on_request(&mut self, at: usize, request: &Message) {
        self.probed.fetch_add(1, Ordering::Relaxed);
        let bytes = Writer::response(request, None, 200, "crowd").finish();
        let _ = self.sockets[at].send_to(&bytes, self.engine);
    }
}
