//! Two engines behind the proxy that `deploy/pbx/kamailio` describes, brought to a new version one after the other while calls
//! come: no call is cut, no caller is sent away, and the PBX's own queue takes over when both are away.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use turno::api::control::{self, Reply, Request};
use turno::demo::party::{Party, PartyEvent, Voice};
use turno::shell::store::{Filter, Order, Reader};
use turno_engine::{Answer, Command as Ask};

use super::rig::{PASSWORD, Plan, Rig, program};

/// Hosts of the network: the first engine is the rig's own.
const PROXY: u8 = 3;
const SECOND: u8 = 5;
const PBX: u8 = 6;
const SECOND_PHONES: u8 = 31;
/// New calls a second.
const RATE: f64 = 8.0;

/// Kamailio in the foreground.
struct Proxy(Child);

impl Proxy {
    /// Runs the snippet as it is, but for addresses and for how often it asks.
    fn open(rig: &Rig) -> Proxy {
        let snippet = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/pbx/kamailio/kamailio.turno.cfg");
        let mut text = fs::read_to_string(snippet).unwrap();
        let list = rig.dir.join("dispatcher.list");
        for (from, to) in [
            ("udp:192.0.2.10:5060", format!("udp:{}:5060", rig.ip(PROXY))),
            ("/etc/kamailio/dispatcher.list", list.display().to_string()),
            ("\"ds_ping_interval\", 10", "\"ds_ping_interval\", 1".to_owned()),
            ("log_stderror = no", "log_stderror = yes\ndisable_tcp = yes".to_owned()),
        ] {
            assert!(text.contains(from), "the snippet has no {from}");
            text = text.replace(from, &to);
        }
        let config = rig.dir.join("kamailio.cfg");
        fs::write(&config, text).unwrap();
        let [first, second, pbx] = [1, SECOND, PBX].map(|host| format!("sip:{}:5060", rig.ip(host)));
        // As the snippet says it: with priorities, the higher one first.
        fs::write(&list, format!("1 {first} 0 2\n1 {second} 0 1\n2 {pbx}\n")).unwrap();
        let log = File::create(rig.dir.join("kamailio.log")).unwrap();
        let child = Command::new("kamailio")
            .arg("-f")
            .arg(&config)
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-Y"])
            .arg(&rig.dir)
            .arg("-w")
            .arg(&rig.dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("kamailio does not start ({error}); scripts/tools installs it"));
        Proxy(child)
    }
}

impl Drop for Proxy {
    // Killed outright it would leave its children behind.
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// The second engine with phones of its own, and the PBX that falls in.
struct Beside {
    dir: PathBuf,
    ip: IpAddr,
    engine: Option<Child>,
    phones: Vec<Party>,
    pbx: Party,
    /// Calls that its phones, and the PBX, have taken.
    taken: usize,
    pbx_took: usize,
}

impl Beside {
    fn build(rig: &Rig) -> Beside {
        let dir = rig.dir.join("second");
        fs::create_dir_all(&dir).unwrap();
        let text = fs::read_to_string(rig.dir.join("turno.toml")).unwrap();
        let ip = rig.ip(SECOND);
        fs::write(
            dir.join("turno.toml"),
            text.replace(&format!("{}\"", rig.ip(1)), &format!("{ip}\""))
                .replace(&format!("{}:", rig.ip(1)), &format!("{ip}:")),
        )
        .unwrap();
        let sip = SocketAddr::new(ip, 5060);
        let phone = |n: u8| {
            let account = (1001 + u16::from(n)).to_string();
            let local = SocketAddr::new(rig.ip(SECOND_PHONES + n), 5060);
            Party::open(local, sip, Some((&account, PASSWORD)), 300 + u64::from(n), Voice::Silent).unwrap()
        };
        let local = SocketAddr::new(rig.ip(PBX), 5060);
        let pbx = Party::open(local, SocketAddr::new(rig.ip(PROXY), 5060), None, 400, Voice::Silent).unwrap();
        Beside { dir, ip, engine: None, phones: (0..2).map(phone).collect(), pbx, taken: 0, pbx_took: 0 }
    }

    fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.dir.join("engine.log")).unwrap();
        let mut serve = Command::new(program());
        serve.args(["serve", "--config"]).arg(self.dir.join("turno.toml")).stdin(Stdio::null());
        self.engine = Some(serve.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    }

    fn ask(&self, command: Ask) -> Answer {
        match control::ask(&self.dir.join("data/turno.sock"), &Request::Command(command)).unwrap() {
            Reply::Answer(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// Whether its OPTIONS are answered with this status.
    fn says(&self, rig: &Rig, status: u16) -> bool {
        let socket = std::net::UdpSocket::bind((rig.ip(201), 0)).unwrap();
        let to = SocketAddr::new(self.ip, 5060);
        super::rig::options_from(&socket, to, Duration::from_millis(100)) == Some(status)
    }

    fn terminate(&self) {
        let pid = self.engine.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    fn has_ended(&mut self) -> bool {
        self.engine.as_mut().unwrap().try_wait().unwrap().is_some_and(|status| {
            assert!(status.success(), "the second ended with {status}");
            true
        })
    }

    /// Phones and PBX answer at once; who called hangs up.
    fn pump(&mut self) {
        for phone in &mut self.phones {
            self.taken += answer_all(phone);
        }
        self.pbx_took += answer_all(&mut self.pbx);
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some(mut engine) = self.engine.take() {
            // It may have ended by itself.
            let _ = engine.kill();
            let _ = engine.wait();
        }
    }
}

/// How many calls it took.
fn answer_all(party: &mut Party) -> usize {
    let called = |event| match event {
        PartyEvent::Called(leg, _) => Some(leg),
        _ => None,
    };
    let legs: Vec<_> = party.pump().filter_map(called).collect();
    legs.iter().for_each(|leg| party.answer(*leg).unwrap());
    legs.len()
}

/// The whole scene; whoever waits for something plays it on.
struct Scene {
    rig: Rig,
    beside: Beside,
}

impl Scene {
    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Rig, &mut Beside) -> bool) {
        let beside = &mut self.beside;
        self.rig.until_in(Duration::from_secs(90), what, |rig| {
            beside.pump();
            done(rig, beside)
        });
    }

    /// So many more calls come, each answered by somebody.
    fn until_more(&mut self, calls: usize) {
        let wanted = self.rig.callers.len() + calls;
        self.until("more calls", |rig, _| rig.callers.len() >= wanted);
    }

    /// Nobody was refused or cut: who is gone was answered before, and left of his own accord.
    fn nobody_lost(&self, when: &str) {
        for caller in self.rig.callers.values() {
            if let Some((at, cause)) = caller.ended {
                let by_himself = caller.leaves_before(at + Duration::from_millis(1));
                assert!(caller.answered.is_some() && by_himself, "{when}: {caller:?} {cause:?}\n{}", self.rig.tail());
            }
        }
    }
}

/// As the program before the present one left them: without the tags of legs; gives where a copy of them will stay.
fn tables_of_the_version_before(records: &Path) -> PathBuf {
    let tables = Connection::open(records.join("records.sqlite")).unwrap();
    let present: u32 = tables.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let before = present - 1;
    tables.pragma_update(None, "user_version", before).unwrap();
    tables.execute_batch("ALTER TABLE legs DROP COLUMN local_tag; ALTER TABLE legs DROP COLUMN remote_tag").unwrap();
    records.join(format!("records.v{before}.sqlite"))
}

/// Ids of the calls that ended in the records of `dir`.
fn calls(dir: &Path) -> BTreeSet<String> {
    let reader = Reader::open(&dir.join("data/records")).unwrap();
    let records = reader.list(&Filter::default(), Order::OldestFirst).unwrap();
    let calls: BTreeSet<String> = records.iter().map(|record| record.call.to_string()).collect();
    assert_eq!(calls.len(), records.len(), "one record a call");
    calls
}

#[test]
fn two_nodes_are_upgraded_in_turn_behind_kamailio_and_no_caller_notices() {
    let plan = Plan { phones: 2, carrier_seen_at: PROXY, engine_seen_at: PROXY, ..Plan::default() };
    let mut rig = Rig::build(&plan);
    let mut beside = Beside::build(&rig);
    rig.start();
    rig.seat();
    beside.start();
    let mut scene = Scene { rig, beside };
    scene.until("the second answers", |rig, beside| beside.says(rig, 200));
    scene.until("its phones are registered", |_, beside| {
        let Answer::Reachable { stations, .. } = beside.ask(Ask::RegShow) else { panic!("shown") };
        stations.iter().filter(|station| station.reachable).count() == 2
    });
    for n in 0..2 {
        scene.beside.ask(Ask::AgentLogin(format!("agent{n}").parse().unwrap(), None));
    }
    let _proxy = Proxy::open(&scene.rig);
    let proxy = SocketAddr::new(scene.rig.ip(PROXY), 5060);
    scene.until("the proxy answers", |rig, _| {
        let socket = std::net::UdpSocket::bind((rig.ip(201), 0)).unwrap();
        super::rig::options_from(&socket, proxy, Duration::from_millis(100)) == Some(200)
    });

    scene.rig.rate = RATE;
    scene.until("the first takes calls", |rig, _| rig.taken() >= 4);
    assert_eq!(scene.beside.taken, 0, "the second is there for when the first is not");

    // The first is upgraded: it drains while calls come, which the second takes.
    scene.rig.terminate();
    let began = Instant::now();
    scene.until("the first says 503", |rig, _| rig.options(Duration::from_millis(100)) == Some(503));
    scene.until("the second takes calls", |_, beside| beside.taken >= 2);
    scene.until("the first ends with its last call", |rig, _| rig.has_ended());
    println!("the first ended {:?} after it was asked to", began.elapsed());
    scene.nobody_lost("the first drained");
    let registrations = scene.rig.registrations();
    let aside = tables_of_the_version_before(&scene.rig.dir.join("data/records"));
    scene.until_more(5);
    scene.rig.start();
    let Answer::Agents(agents) = scene.rig.ask(Ask::AgentShow(None)) else { panic!("shown") };
    assert!(agents.iter().all(|agent| agent.state != "logged-out"), "{agents:?}");
    assert_eq!(scene.rig.registrations(), registrations, "its phones need not come again");
    assert!(aside.exists(), "tables of the version before stay beside");
    let taken = scene.rig.taken();
    scene.until("the first takes calls again", |rig, _| rig.taken() > taken + 2);

    // Then the second.
    scene.beside.terminate();
    scene.until("the second ends with its last call", |_, beside| beside.has_ended());
    scene.until_more(5);
    scene.beside.start();
    scene.until("the second is there again", |rig, beside| beside.says(rig, 200));
    scene.nobody_lost("the second drained");
    assert_eq!(scene.beside.pbx_took, 0, "one of them was always there");

    // Both away: the PBX's own queue.
    scene.rig.terminate();
    scene.beside.terminate();
    scene.until("the PBX takes calls", |_, beside| beside.pbx_took >= 5);
    scene.rig.rate = 0.0;
    scene.until("both end", |rig, beside| rig.has_ended() && beside.has_ended());
    scene.until("every caller is gone", |rig, _| rig.is_quiet());
    scene.nobody_lost("both drained");

    let (first, second) = (calls(&scene.rig.dir), calls(&scene.beside.dir));
    assert!(first.is_disjoint(&second));
    let all = scene.rig.callers.len();
    assert_eq!(first.len() + second.len() + scene.beside.pbx_took, all, "every call has its record where it was taken");
}
