//! SIPp as a peer: one process per role, its scenario from `tests/it/sipp`.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::house::{House, PASSWORD, account};

/// Longest life of one SIPp, beyond what it pauses and waits for of its own accord.
const LIFE_MAX: Duration = Duration::from_secs(40);

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
    name: String,
    dir: PathBuf,
    life_max: Duration,
}

impl Role<'_> {
    /// Starts it.
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
        Sipp { child, name, dir: house.dir.clone(), life_max: LIFE_MAX + self.waits }
    }
}

impl Sipp {
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
            sleep(Duration::from_millis(20));
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
    callers(house, scenario, service, pause, 1, 1)
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
        rate: 1,
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
        rate: 1,
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
        rate: 1,
        pause: Duration::ZERO,
        waits: Duration::ZERO,
        more: &[],
    }
}
