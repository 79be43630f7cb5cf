//! A carrier behind a proxy that stays in the path: Kamailio with Record-Route between the callers and the engine.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::house::{AVERIAS, House, Plan};
use crate::sipp::{Role, Sipp, carrier, phone, seat};

const ONE: Plan<'static> =
    Plan { agents: &[("anna", 5)], sip: "digests = [\"md5\"]", queue: "ring_limit = \"1m\"", more: "" };

/// A Kamailio in the foreground.
struct Kamailio(Child);

impl Kamailio {
    fn open(house: &House) -> Kamailio {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/peers/kamailio.cfg");
        let log = fs::File::create(house.dir.join("kamailio.log")).unwrap();
        let child = Command::new("kamailio")
            .arg("-f")
            .arg(config)
            .args(["-A", &format!("LISTEN=udp:{}:5060", house.ip(3))])
            .args(["-A", &format!("ENGINE=\"sip:{}\"", house.sip())])
            .args(["-DD", "-E", "-m", "16", "-M", "4"])
            .arg("-Y")
            .arg(&house.dir)
            .arg("-w")
            .arg(&house.dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("kamailio does not start ({error}); scripts/tools installs it"));
        let kamailio = Kamailio(child);
        let probe = UdpSocket::bind((house.ip(4), 0)).unwrap();
        probe.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        house.until("kamailio answers", || {
            let local = probe.local_addr().unwrap();
            let request = format!(
                "OPTIONS sip:{0} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKprobe\r\nFrom: <sip:p@{local}>;tag=p\r\n\
                 To: <sip:{0}>\r\nCall-ID: probe\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 0\r\nContent-Length: 0\r\n\r\n",
                house.ip(3)
            );
            probe.send_to(request.as_bytes(), (house.ip(3), 5060)).ok()?;
            probe.recv(&mut [0; 2000]).ok()
        });
        kamailio
    }
}

impl Drop for Kamailio {
    // Killed outright it would leave its children behind.
    fn drop(&mut self) {
        let _ = Command::new("sh").args(["-c", &format!("kill {}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

/// A caller behind the proxy.
fn caller(house: &House, scenario: &str) -> Sipp {
    Role { peer: (house.ip(3), 5060).into(), ..carrier(house, scenario, AVERIAS, Duration::ZERO) }.start(house)
}

/// A call that its agent ends, after the caller has been answered; what the caller sent and received.
fn hung_up_on(house: &House) -> String {
    seat(house, 0, "anna");
    let anna = phone(house, 0, "agent_till_told", Duration::ZERO, 1);
    let mut caller = caller(house, "caller_waits");
    caller.until_up();
    anna.hang_up();
    caller.done_telling()
}

fn ended_by(house: &House) -> String {
    let record = &house.records(1)[0];
    assert_eq!((record["outcome"].as_str(), record["trunk"].as_str()), (Some("answered"), Some("pstn")));
    house.until_agent("anna", "ready");
    house.is_clean();
    record["ended_by"].as_str().unwrap().to_owned()
}

#[test]
fn a_call_through_a_proxy_is_changed_and_ended_by_the_caller() {
    let house = House::open(&ONE);
    let _kamailio = Kamailio::open(&house);
    seat(&house, 0, "anna");
    let anna = phone(&house, 0, "agent_answers", Duration::ZERO, 1);
    let caller = caller(&house, "caller_hold");
    house.until_agent("anna", "talking");
    caller.hang_up();
    anna.done();
    assert_eq!(ended_by(&house), "caller");
}

#[test]
fn a_call_through_a_proxy_is_ended_by_the_agent() {
    let house = House::open(&ONE);
    let _kamailio = Kamailio::open(&house);
    hung_up_on(&house);
    assert_eq!(ended_by(&house), "agent");
}

/// Without the proxy's Record-Route in our requests, the caller would get them past the proxy.
#[test]
fn what_we_send_within_a_call_passes_the_proxy() {
    let house = House::open(&ONE);
    let _kamailio = Kamailio::open(&house);
    let messages = hung_up_on(&house);
    let bye = messages.split("\nBYE ").nth(1).expect("the caller got a BYE");
    let vias = bye.split("\r\n\r\n").next().unwrap().lines().filter(|line| line.starts_with("Via:")).count();
    assert_eq!(vias, 2, "{bye}");
}
