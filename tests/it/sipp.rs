//! SIPp as a peer: one process per role, its scenario from `tests/it/sipp`.
//!
//! What a scenario does in its own time is right only where nothing else has to have happened before: a pause that is long enough
//! for that on one machine is too short on another. Who must go on after something is told to: [`Sipp::cue`].

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::house::{House, PASSWORD, account};

/// Longest life of one SIPp, beyond what it pauses and waits for of its own accord; a bound of failures.
const LIFE_MAX: Duration = Duration::from_secs(100);
/// How often a SIPp is looked at while something of it is waited for.
const LOOK: Duration = Duration::from_millis(20);

/// Calls a second at which SIPp makes its only one without a wait.
const AT_ONCE: u32 = 100;

/// A SIPp to start.
pub(crate) struct Role<'a> {
    /// File in `tests/it/sipp`, without its ending.
    pub(crate) scenario: &'a str,
    /// Its own address.
    pub(crate) local: IpAddr,
    /// Its own port.
    pub(crate) port: u16,
    /// Whom it calls, or from whom it expects calls.
    pub(crate) peer: SocketAddr,
    /// The number it calls.
    pub(crate) service: &'a str,
    /// Fields of its input file, one line a call.
    pub(crate) fields: &'a [&'a str],
    /// Calls to make or to take.
    pub(crate) calls: u32,
    /// Calls a second, if it makes any.
    pub(crate) rate: u32,
    /// Length of its pauses without a length of their own.
    pub(crate) pause: Duration,
    /// What it waits for longer than usual.
    pub(crate) waits: Duration,
    /// Further arguments.
    pub(crate) more: &'a [&'a str],
}

/// A SIPp that runs. Dropping it ends it.
pub(crate) struct Sipp {
    child: Child,
    at: SocketAddr,
    name: String,
    dir: PathBuf,
    life_max: Duration,
}

impl Role<'_> {
    /// Starts it; it listens when this returns.
    pub(crate) fn start(&self, house: &House) -> Sipp {
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/sipp/{}.xml", self.scenario));
        let name = format!("{}-{}-{}", self.scenario, self.local, self.port);
        let fields = house.dir.join(format!("{name}.csv"));
        fs::write(&fields, format!("SEQUENTIAL\n{}\n", self.fields.join("\n"))).unwrap();
        let file = |ending: &str| house.dir.join(format!("{name}.{ending}"));
        let mut command = Command::new("sipp");
        command.arg(self.peer.to_string()).arg("-sf").arg(&scenario).arg("-inf").arg(&fields);
        command.args(["-i", &self.local.to_string(), "-mi", &self.local.to_string(), "-p", &self.port.to_string()]);
        command.args(["-s", self.service, "-m", &self.calls.to_string(), "-r", &self.rate.to_string()]);
        command.args(["-d", &self.pause.as_millis().to_string()]);
        let patience = (LIFE_MAX + self.waits).as_secs() - 5;
        command.args(["-buff_size", "4194304", "-nostdin", "-timeout", &patience.to_string(), "-timeout_error"]);
        // Enough for the scenarios that lose messages at random.
        command.args(["-max_invite_retrans", "15", "-max_non_invite_retrans", "20"]);
        command.arg("-trace_err").arg("-error_file").arg(file("err"));
        command.arg("-trace_msg").arg("-message_file").arg(file("msg"));
        command.args(self.more);
        let screen = fs::File::create(file("screen")).unwrap();
        let child = command
            .current_dir(&house.dir)
            .env("TERM", "dumb")
            .stdin(Stdio::null())
            .stdout(screen.try_clone().unwrap())
            .stderr(screen)
            .spawn()
            .unwrap_or_else(|error| panic!("sipp does not start ({error}); scripts/tools installs it"));
        let at = SocketAddr::new(self.local, self.port);
        let mut sipp = Sipp { child, at, name, dir: house.dir.clone(), life_max: LIFE_MAX + self.waits };
        sipp.until_it("listens", |sipp| is_bound(sipp.at) || sipp.child.try_wait().unwrap().is_some());
        sipp
    }
}

/// Whether somebody has that UDP port; addresses are IPv4 here.
fn is_bound(at: SocketAddr) -> bool {
    let IpAddr::V4(ip) = at.ip() else { panic!("{at} is not IPv4") };
    let entry = format!(" {:08X}:{:04X} ", u32::from_le_bytes(ip.octets()), at.port());
    fs::read_to_string("/proc/net/udp").unwrap().contains(&entry)
}

/// Value of a header in the first message that begins with `begins`.
fn header<'a>(messages: &'a str, begins: &str, name: &str) -> Option<&'a str> {
    let head = messages[messages.find(&format!("\n{begins}"))?..].trim_start();
    head.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix(name)).map(str::trim)
}

impl Sipp {
    fn until_it(&mut self, what: &str, mut holds: impl FnMut(&mut Sipp) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < LIFE_MAX, "sipp {}: not within {LIFE_MAX:?}: it {what}", self.name);
            sleep(LOOK);
        }
    }

    /// Waits until its call has been answered and acknowledged.
    pub(crate) fn until_up(&mut self) {
        self.until_acked(1);
    }

    /// Waits until so many ACKs have been sent and received.
    pub(crate) fn until_acked(&mut self, times: usize) {
        self.until_it("has its ACKs", |sipp| sipp.messages().matches("\nACK sip:").count() >= times);
    }

    /// Waits until in so many calls an ACK has come that it did not lose.
    pub(crate) fn until_heard(&mut self, calls: usize) {
        self.until_it("heard its ACKs", |sipp| {
            let messages = sipp.messages();
            let heard =
                messages.split("----------").filter(|one| one.contains("\nACK sip:") && !one.contains(" lost ("));
            let of = heard.filter_map(|one| one.lines().find(|line| line.starts_with("Call-ID:")));
            of.collect::<std::collections::BTreeSet<_>>().len() >= calls
        });
    }

    /// Waits until a key that it pressed has been taken.
    pub(crate) fn until_pressed(&mut self) {
        self.until_it("has pressed its key", |sipp| sipp.messages().matches(" INFO\r\n").count() >= 2);
    }

    /// Tells the one call of a scenario that waits for it to go on, by an INFO that it does not answer, as soon as so many ACKs
    /// have been sent and received; before the first: as soon as it rings.
    pub(crate) fn cue(&mut self, acks: usize) {
        self.until_acked(acks);
        let rings = |sipp: &mut Sipp| sipp.messages().contains("\nSIP/2.0 180");
        self.until_it("rings", |sipp| acks > 0 || rings(sipp));
        let messages = self.messages();
        let head = if acks == 0 {
            // What it answers then is the INVITE, by the headers of what came last.
            let invite = messages[messages.find("\nINVITE sip:").expect("it was called")..].trim_start();
            let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:", "Record-Route:"];
            let lines = invite.lines().take_while(|line| !line.is_empty());
            let lines = lines.filter(|line| kept.iter().any(|name| line.starts_with(name)));
            lines.map(|line| format!("{line}\r\n")).collect::<String>()
        } else {
            // SIPp takes the tag of whoever spoke last for its peer's; and what is the same as the last is a repetition to it.
            let call_id = header(&messages, "ACK sip:", "Call-ID:").expect("every message has one");
            let peer = header(&messages, "SIP/2.0 200", "To:").expect("it was answered");
            let via = self.at.ip();
            format!(
                "Via: SIP/2.0/UDP {via};branch=z9hG4bKcue{acks}\r\nFrom: {peer}\r\nTo: {peer}\r\nCall-ID: {call_id}\r\n\
                 CSeq: 9{acks} INFO\r\n"
            )
        };
        let text = format!("INFO sip:{} SIP/2.0\r\n{head}Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n", self.at);
        let socket = UdpSocket::bind((self.at.ip(), 0)).unwrap();
        socket.send_to(text.as_bytes(), self.at).unwrap();
    }

    /// The same for one whose call is up and whose scenario then comes to its end, as by hanging up; what it sent and received.
    pub(crate) fn hang_up(mut self) -> String {
        self.cue(1);
        self.done_telling()
    }

    /// The messages it has sent and received so far.
    pub(crate) fn messages(&self) -> String {
        fs::read_to_string(self.dir.join(format!("{}.msg", self.name))).unwrap_or_default()
    }

    /// Waits for its end; every call must have gone as its scenario says.
    pub(crate) fn done(self) {
        self.done_telling();
    }

    /// The same; the messages it has sent and received, which are written when it ends.
    pub(crate) fn done_telling(mut self) -> String {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < self.life_max, "sipp {} does not end", self.name);
            sleep(LOOK);
        };
        if !status.success() {
            let errors = fs::read_to_string(self.dir.join(format!("{}.err", self.name))).unwrap_or_default();
            panic!("sipp {}: {status}\n{errors}", self.name);
        }
        self.messages()
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One caller at the carrier who calls `service`, showing `from`, and pauses as long as `pause`.
pub(crate) fn caller(house: &House, scenario: &str, service: &str, pause: Duration) -> Sipp {
    carrier(house, scenario, service, pause).start(house)
}

/// Callers at the carrier.
pub(crate) fn callers(house: &House, scenario: &str, service: &str, pause: Duration, calls: u32, rate: u32) -> Sipp {
    Role { calls, rate, ..carrier(house, scenario, service, pause) }.start(house)
}

/// The carrier with one caller, to be changed before it starts.
pub(crate) fn carrier<'a>(house: &House, scenario: &'a str, service: &'a str, pause: Duration) -> Role<'a> {
    Role {
        scenario,
        local: house.ip(2),
        port: 5060,
        peer: house.sip(),
        service,
        fields: &["612345678"],
        calls: 1,
        rate: AT_ONCE,
        pause,
        waits: Duration::ZERO,
        more: &[],
    }
}

/// What SIPp replaces by an answer to the challenge it got.
pub(crate) fn credentials(user: &str) -> String {
    format!("[authentication username={user} password={PASSWORD}]")
}

/// Registers the phone of agent `at` and logs him in.
pub(crate) fn seat(house: &House, at: usize, agent: &str) {
    seat_by(house, at, agent, house.sip());
}

/// The same by another address of the engine.
pub(crate) fn seat_by(house: &House, at: usize, agent: &str, engine: SocketAddr) {
    let user = account(at);
    let fields = format!("{user};{}", credentials(&user));
    let role = Role {
        scenario: "register",
        local: house.phone(at),
        port: 5060,
        peer: engine,
        service: "-",
        fields: &[&fields],
        calls: 1,
        rate: AT_ONCE,
        pause: Duration::ZERO,
        waits: Duration::ZERO,
        more: &[],
    };
    role.start(house).done();
    house.log_in(agent);
}

/// The phone of agent `at` plays `scenario` for so many calls.
pub(crate) fn phone(house: &House, at: usize, scenario: &str, pause: Duration, calls: u32) -> Sipp {
    phone_to(house, at, scenario, pause, calls, "-")
}

/// The same; `service` is whom it transfers to.
pub(crate) fn phone_to(house: &House, at: usize, scenario: &str, pause: Duration, calls: u32, service: &str) -> Sipp {
    Role { service, calls, pause, ..taker(house, at, scenario) }.start(house)
}

/// The phone of agent `at` for one call, to be changed before it starts.
pub(crate) fn taker<'a>(house: &House, at: usize, scenario: &'a str) -> Role<'a> {
    Role {
        scenario,
        local: house.phone(at),
        port: 5060,
        peer: house.sip(),
        service: "-",
        fields: &["-"],
        calls: 1,
        rate: AT_ONCE,
        pause: Duration::ZERO,
        waits: Duration::ZERO,
        more: &[],
    }
}
