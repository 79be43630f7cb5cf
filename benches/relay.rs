//! What media costs: CPU of the media thread per packet, and per second of a call.
//!
//! `cargo bench --bench relay [-- CALLERS SECONDS]`. Every line is a run of its own on loopback: phones that send
//! 50 packets a second of G.711 each and read all they get, against a thread that receives and sends. The first kind is a
//! forwarder that does nothing but receive on one socket and send on another: what the kernel alone costs. CPU is the
//! scheduler's account of the media thread, so phones and other processes do not count. Kinds take turns, because the
//! machine's speed varies more than they differ; the table shows each kind's median.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use turno::shell::media::{MediaOut, MediaPlane, MediaPlaneConfig};
use turno_base::{Codec, Direction, LegId, PromptId, StreamAgreement};
use turno_media::rtp::Header;
use turno_media::{MediaCommand, MediaEvent, Play, Port};

const PTIME: Duration = Duration::from_millis(20);
const ROUNDS: usize = 5;
/// Longest wait for the streams to flow.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy)]
enum Kind {
    Forwarder { connected: bool },
    Bridge { transcode: bool },
    Music,
}

fn main() {
    // `cargo bench` passes `--bench`; `cargo test` would run this with the harness's flags.
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let callers = numbers.first().copied().unwrap_or(200) as usize;
    let seconds = numbers.get(1).copied().unwrap_or(4);
    let kinds = [
        ("forwarder: kernel alone", Kind::Forwarder { connected: false }),
        ("forwarder, connected sockets", Kind::Forwarder { connected: true }),
        ("bridge", Kind::Bridge { transcode: false }),
        ("bridge, A-law to u-law", Kind::Bridge { transcode: true }),
        ("music", Kind::Music),
    ];
    let mut results: Vec<Vec<Run>> = kinds.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for ((_, kind), results) in kinds.iter().zip(&mut results) {
            results.push(run(*kind, callers, Duration::from_secs(seconds)));
        }
    }
    println!("{callers} callers, {ROUNDS} rounds of {seconds} s, medians");
    println!("{:28} {:>14} {:>16} {:>16} {:>8}", "", "us/packet out", "ms/s per caller", "packets/s out", "lost %");
    let mut medians: BTreeMap<&str, f64> = BTreeMap::new();
    for ((name, _), mut results) in kinds.iter().zip(results) {
        results.sort_by(|a, b| a.us_per_packet.total_cmp(&b.us_per_packet));
        let Some(run) = results.get(ROUNDS / 2) else { continue };
        println!(
            "{name:28} {:>14.2} {:>16.3} {:>16.0} {:>8.2}",
            run.us_per_packet, run.ms_per_caller, run.packets_per_s, run.lost_percent
        );
        medians.insert(name, run.ms_per_caller);
    }
    for (name, callers, goal) in [("music", 1.0, 0.2), ("bridge", 2.0, 0.6)] {
        let took = medians.get(name).copied().unwrap_or(f64::NAN) * callers;
        let met = if took <= goal { "met" } else { "MISSED" };
        println!("verdict: CPU of {name} {took:.3} ms/s a call, goal at most {goal} ms/s: {met}");
    }
}

struct Run {
    us_per_packet: f64,
    ms_per_caller: f64,
    packets_per_s: f64,
    lost_percent: f64,
}

/// CPU time of the thread with this name, ns.
fn cpu_ns(name: &str) -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("the process's threads");
    let of_name = |path: &PathBuf| std::fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name);
    let path = tasks.flatten().map(|task| task.path()).find(of_name).expect("the media thread");
    let text = std::fs::read_to_string(path.join("schedstat")).expect("scheduler figures");
    text.split_whitespace().next().and_then(|ns| ns.parse().ok()).expect("nanoseconds")
}

/// Phones that send on their beat and read what comes, until told to stop.
struct Phones {
    heard: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a phone's socket");
    socket.set_nonblocking(true).expect("non-blocking");
    socket
}

fn phones(lines: Vec<(UdpSocket, SocketAddr, u8)>) -> Phones {
    let (heard, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (count, end) = (heard.clone(), stop.clone());
    let thread = std::thread::spawn(move || {
        let start = Instant::now();
        let mut packet = [0x55u8; 172];
        let mut scratch = [0; 1500];
        for n in 0u32.. {
            if end.load(Ordering::Relaxed) {
                return;
            }
            // Phones are spread over the beat, as calls are.
            let parts = 10;
            for part in 0..parts {
                let due = start + PTIME * n + PTIME * part / parts;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                for (line, (socket, to, payload_type)) in lines.iter().enumerate() {
                    if line % parts as usize != part as usize {
                        continue;
                    }
                    let header = Header {
                        marker: n == 0,
                        payload_type: *payload_type,
                        sequence: n as u16,
                        timestamp: n.wrapping_mul(160),
                        ssrc: line as u32 + 1,
                    };
                    packet[..12].copy_from_slice(&header.to_bytes());
                    let _ = socket.send_to(&packet, to);
                    while socket.recv(&mut scratch).is_ok() {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
    });
    Phones { heard, stop, thread }
}

impl Phones {
    /// Measures once all streams flow: by then each caller has heard half a second.
    fn measure(self, thread: &str, callers: usize, time: Duration) -> Run {
        let began = Instant::now();
        while self.heard.load(Ordering::Relaxed) < callers as u64 * 25 {
            assert!(began.elapsed() < PATIENCE, "the streams do not flow");
            std::thread::sleep(Duration::from_millis(50));
        }
        let (cpu, heard, began) = (cpu_ns(thread), self.heard.load(Ordering::Relaxed), Instant::now());
        std::thread::sleep(time);
        let (cpu, heard) = (cpu_ns(thread) - cpu, self.heard.load(Ordering::Relaxed) - heard);
        let seconds = began.elapsed().as_secs_f64();
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the phones");
        let expected = callers as f64 * 50.0 * seconds;
        Run {
            us_per_packet: cpu as f64 / 1000.0 / heard as f64,
            ms_per_caller: cpu as f64 / 1e6 / seconds / callers as f64,
            packets_per_s: heard as f64 / seconds,
            lost_percent: (100.0 * (1.0 - heard as f64 / expected)).max(0.0),
        }
    }
}

fn run(kind: Kind, callers: usize, time: Duration) -> Run {
    match kind {
        Kind::Forwarder { connected } => forwarder(callers, time, connected),
        Kind::Bridge { transcode } => plane(callers, time, Some(transcode)),
        Kind::Music => plane(callers, time, None),
    }
}

/// Receives on each socket and sends from its neighbour to the neighbour's phone. Connected sockets save the kernel a look
/// at its routes, but hide strangers and a peer's new port, so the plane does without.
fn forwarder(callers: usize, time: Duration, connected: bool) -> Run {
    let ours: Vec<UdpSocket> = (0..callers).map(|_| socket()).collect();
    let phone_sockets: Vec<UdpSocket> = (0..callers).map(|_| socket()).collect();
    let local = |socket: &UdpSocket| socket.local_addr().expect("an address");
    let targets: Vec<SocketAddr> = phone_sockets.iter().map(local).collect();
    let addresses: Vec<SocketAddr> = ours.iter().map(local).collect();
    if connected {
        ours.iter().zip(&targets).for_each(|(socket, to)| socket.connect(to).expect("connected"));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let end = stop.clone();
    let thread = std::thread::Builder::new().name("forwarder".into()).spawn(move || {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll");
        for (n, socket) in ours.iter().enumerate() {
            epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, n as u64)).expect("watched");
        }
        let mut events = [EpollEvent::empty(); 256];
        let mut packet = [0; 1500];
        while !end.load(Ordering::Relaxed) {
            let ready = epoll.wait(&mut events, EpollTimeout::from(100u16)).unwrap_or(0);
            for event in &events[..ready] {
                let n = event.data() as usize;
                if connected {
                    if let Ok(len) = ours[n].recv(&mut packet) {
                        let _ = ours[n ^ 1].send(&packet[..len]);
                    }
                } else if let Ok((len, _)) = ours[n].recv_from(&mut packet) {
                    let _ = ours[n ^ 1].send_to(&packet[..len], targets[n ^ 1]);
                }
            }
        }
    });
    let thread = thread.expect("a thread");
    let lines = phone_sockets.into_iter().zip(addresses).map(|(socket, to)| (socket, to, 8)).collect();
    let run = phones(lines).measure("forwarder", callers, time);
    stop.store(true, Ordering::Relaxed);
    thread.join().expect("the forwarder");
    run
}

/// Pairs of callers in a bridge, whose codecs differ if `transcode`; or each with music.
fn plane(callers: usize, time: Duration, bridge: Option<bool>) -> Run {
    let music = PromptId::new("music").expect("a name");
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/config/prompts/music.wav"));
    let loopback = vec![Ipv4Addr::LOCALHOST.into()];
    let mut config = MediaPlaneConfig::new(loopback, (10_000, 30_000), BTreeMap::from([(music, file)]), 1);
    config.ports_at_start = callers as u32;
    let (tell, out) = unbounded();
    let mut plane = MediaPlane::start(config, move |said| tell.send(said).expect("listening")).expect("a plane");
    let mut ports: Vec<Port> = Vec::new();
    while ports.len() < callers {
        if let Ok(MediaOut::Ports(more)) = out.recv() {
            ports.extend(more);
        }
    }
    let mut lines = Vec::new();
    for (n, port) in ports.iter().enumerate() {
        let codec = if bridge == Some(true) && n % 2 == 1 { Codec::Pcmu } else { Codec::Pcma };
        let phone = socket();
        let remote = phone.local_addr().expect("an address");
        let agreement = StreamAgreement {
            remote,
            remote_rtcp: remote,
            send: (codec, codec.payload_type()),
            receive: vec![(codec, codec.payload_type())],
            dtmf: Some(101),
            dtmf_receive: vec![101],
            direction: Direction::SendRecv,
            ptime_ms: 20,
        };
        let leg = LegId(n as u64);
        plane.command(leg, MediaCommand::Open(*port));
        plane.command(leg, MediaCommand::Agree(agreement));
        match bridge {
            Some(_) if n % 2 == 1 => plane.command(leg, MediaCommand::Bridge(LegId(n as u64 - 1))),
            Some(_) => {}
            None => plane.command(leg, MediaCommand::Play(Play::Loop(music), 7)),
        }
        lines.push((phone, port.rtp, codec.payload_type()));
    }
    let run = phones(lines).measure("turno-media-0", callers, time);
    assert!(!out.try_iter().any(|said| matches!(said, MediaOut::Event(_, MediaEvent::Failed))), "a session failed");
    plane.stop();
    run
}
