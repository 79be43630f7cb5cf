//! The tap from its front door: what passes, what is chosen, what is masked, when it ends, and files that other programs read.

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use turno_base::fact::{Party, What};
use turno_base::{Fact, LegId, Now, Number};
use turno_sip::flow::Listener;

use super::*;
use crate::shell::entropy;

const AUTHORIZED: &str = "REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9\r\nFrom: <sip:1001@x>;tag=a\r\nTo: <sip:1001@x>\r\n\
    Call-ID: reg@9\r\nCSeq: 1 REGISTER\r\nAuthorization: Digest username=\"1001\", response=\"0123456789abcdef\", nc=00000001\r\n\
    Content-Length: 0\r\n\r\n";

fn invite(call_id: &str, from: &str, to: &str) -> String {
    format!(
        "INVITE sip:{to}@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9\r\nFrom: \"María\" <sip:{from}@carrier>;tag=a\r\nTo: <sip:{to}@x>\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )
}

struct Place {
    tap: Arc<Tap>,
    facts: broadcast::Sender<Arc<Numbered>>,
}

impl Place {
    fn new() -> Place {
        let listener = |transport, local: &str| Listener { transport, local: local.parse().unwrap(), external: None };
        let listeners = [listener(Transport::Udp, "192.0.2.1:5060"), listener(Transport::Tcp, "[2001:db8::1]:5060")];
        Place { tap: Tap::new(&listeners), facts: broadcast::Sender::new(64) }
    }

    fn start(&self, order: Order) -> Result<Option<tokio::sync::mpsc::Receiver<Shown>>, NotOn> {
        self.tap.start(order, BTreeSet::new(), self.facts.subscribe())
    }

    fn read(&self, text: &str) {
        let peer = "198.51.100.7:5080".parse().unwrap();
        let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer, connection: 0 };
        self.tap.read(&flow, text.as_bytes());
    }

    fn sends(&self, text: &str) {
        let (transport, listener) = (Transport::Tcp, ListenerId(1));
        let to = Destination::Address { transport, listener, peer: "[2001:db8::7]:5070".parse().unwrap() };
        self.tap.sends(&to, text.as_bytes());
    }

    fn tell(&self, what: What) {
        let fact = Fact { at: Now::from_ms(1), what };
        self.facts.send(Arc::new(Numbered::new(1, fact))).unwrap();
    }

    /// Waits until it has ended; why.
    fn ended(&self) -> String {
        let began = Instant::now();
        loop {
            if let Some(why) = self.tap.standing().ended {
                return why;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn order(to: Target) -> Order {
    Order { to, chosen: Chosen::default(), lasts_s: 60, bytes_max: BYTES_DEFAULT, secrets: false }
}

fn all(lines: &mut tokio::sync::mpsc::Receiver<Shown>) -> Vec<Shown> {
    std::iter::from_fn(|| lines.blocking_recv()).collect()
}

fn first_lines(shown: &[Shown]) -> Vec<&str> {
    shown.iter().map(|shown| shown.text.split(" SIP").next().unwrap()).collect()
}

#[test]
fn off_nothing_is_kept_and_on_everything_is_shown_without_secrets() {
    let place = Place::new();
    place.read("OPTIONS sip:x SIP/2.0\r\n\r\n");
    assert!(!place.tap.standing().on);
    let mut lines = place.start(order(Target::Terminal)).unwrap().unwrap();
    place.read(AUTHORIZED);
    place.sends(&invite("out", "900", "1001"));
    assert!(matches!(place.start(order(Target::Terminal)), Err(NotOn::Busy(Target::Terminal))));
    assert!(place.tap.stop());
    let shown = all(&mut lines);
    assert_eq!(first_lines(&shown), ["REGISTER sip:x", "INVITE sip:1001@x"]);
    assert!(
        shown[0].text.contains("username=\"1001\", response=\"xxxxxxxxxxxxxxxx\", nc=00000001"),
        "{}",
        shown[0].text
    );
    assert_eq!(shown[0].text.len(), AUTHORIZED.len());
    let ends = |shown: &Shown| (shown.way, shown.from.to_string(), shown.to.to_string());
    assert_eq!(ends(&shown[0]), (Way::In, "198.51.100.7:5080".to_owned(), "192.0.2.1:5060".to_owned()));
    assert_eq!(ends(&shown[1]), (Way::Out, "[2001:db8::1]:5060".to_owned(), "[2001:db8::7]:5070".to_owned()));
    assert_eq!(place.ended(), "asked to");
    let standing = place.tap.standing();
    assert_eq!((standing.on, standing.messages, standing.dropped), (false, 2, 0));
}

#[test]
fn secrets_are_shown_to_who_asks_for_them_and_keys_of_media_are_secrets() {
    for (secrets, shows) in [(false, false), (true, true)] {
        let place = Place::new();
        let mut lines = place.start(Order { secrets, ..order(Target::Terminal) }).unwrap().unwrap();
        let sdp = "INVITE sip:x SIP/2.0\r\nAuthorization: Basic dXNlcjpwYXNz\r\n\r\na=crypto:1 AES inline:WVNfX19zZW1jdGwgKCkgewkyMjA7|2^20\r\n\
                   a=ice-pwd:asd88fgpdd777uzjYhagZg\r\n";
        place.read(sdp);
        place.tap.stop();
        let text = all(&mut lines).remove(0).text;
        for secret in ["dXNlcjpwYXNz", "WVNfX19zZW1jdGwgKCkgewkyMjA7", "asd88fgpdd777uzjYhagZg"] {
            assert_eq!(text.contains(secret), shows, "{text}");
        }
        assert!(text.contains("|2^20") && text.len() == sdp.len());
    }
}

#[test]
fn a_number_brings_every_leg_of_its_calls_and_nothing_else() {
    let place = Place::new();
    let chosen = chosen(None, Some("+34612045118".to_owned()));
    let mut lines = place.start(Order { chosen, ..order(Target::Terminal) }).unwrap().unwrap();
    let (theirs, others) = (CallId(7), CallId(8));
    place.read(&invite("a-leg", "612045118", "900100101"));
    place.read(&invite("stranger", "699000000", "900100101"));
    // To the agent: it names neither the number nor the dialog, and its fact comes after it.
    place.sends(&invite("b-leg", "anonymous", "1001"));
    place.sends(&invite("b-other", "anonymous", "1002"));
    let leg = |call, leg, id: &str| What::LegBegan {
        call,
        leg: LegId(leg),
        sip_call_id: id.to_owned(),
        a: Number::default(),
        b: Number::default(),
        party: Party::Caller(None),
    };
    place.tell(leg(theirs, 2, "a-leg"));
    place.tell(leg(theirs, 3, "b-leg"));
    place.tell(leg(others, 5, "b-other"));
    let first = [lines.blocking_recv().unwrap(), lines.blocking_recv().unwrap()];
    place.read("SIP/2.0 180 Ringing\r\nCall-ID: b-leg\r\n\r\n");
    place.read("SIP/2.0 180 Ringing\r\nCall-ID: b-other\r\n\r\n");
    place.tap.stop();
    assert_eq!(first_lines(&first), ["INVITE sip:900100101@x", "INVITE sip:1001@x"]);
    let rest = all(&mut lines);
    assert!(rest.len() == 1 && rest[0].text.contains("Call-ID: b-leg"), "{rest:?}");
}

#[test]
fn a_call_brings_the_legs_that_it_has_and_will_have() {
    let place = Place::new();
    let (tap, call) = (&place.tap, CallId(9));
    let order = Order { chosen: chosen(Some(&call.to_string()), None), ..order(Target::Terminal) };
    let mut lines = tap.start(order, ["known".to_owned()].into(), place.facts.subscribe()).unwrap().unwrap();
    place.read(&invite("known", "1", "2"));
    place.read(&invite("other", "1", "2"));
    place.tap.stop();
    let shown = all(&mut lines);
    assert!(shown.len() == 1 && shown[0].text.contains("Call-ID: known"));
    assert_eq!(chosen(Some("abc@10.0.0.1"), None).sip_call_id.as_deref(), Some("abc@10.0.0.1"));
}

#[test]
fn it_ends_by_time_by_size_and_when_nobody_reads() {
    let place = Place::new();
    let _lines = place.start(Order { lasts_s: 0, ..order(Target::Terminal) }).unwrap();
    assert_eq!(place.ended(), "its time is over");
    let mut lines = place.start(Order { bytes_max: 300, ..order(Target::Terminal) }).unwrap().unwrap();
    (0..4).for_each(|n| place.read(&invite(&n.to_string(), "1", "2")));
    assert_eq!(place.ended(), "its size is reached");
    assert_eq!(all(&mut lines).len(), 2);
    drop(place.start(order(Target::Terminal)).unwrap());
    assert_eq!(place.ended(), "nobody reads it");
    assert!(!place.tap.stop(), "it is off");
}

#[test]
fn what_comes_too_fast_is_dropped_and_counted() {
    let place = Place::new();
    let big = format!("MESSAGE sip:x SIP/2.0\r\nCall-ID: 1\r\n\r\n{}", "x".repeat(60_000));
    // A reader that reads nothing, and a line that is filled faster than it is emptied.
    let mut lines = place.start(Order { bytes_max: u64::MAX, ..order(Target::Terminal) }).unwrap().unwrap();
    let sent = LINES_MAX as u64 + 500;
    (0..sent).for_each(|_| place.read(&big));
    place.tap.stop();
    assert_eq!(place.ended(), "asked to");
    let standing = place.tap.standing();
    assert_eq!(standing.messages + standing.dropped, sent);
    assert!(standing.dropped >= 500, "{standing:?}");
    assert_eq!(all(&mut lines).len() as u64, standing.messages);
}

#[test]
fn tshark_reads_the_file_and_only_its_owner_may() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let path = std::env::temp_dir().join(format!("turno-tap-{:x}.pcap", entropy::draw()));
    place.start(order(Target::File(path.clone()))).unwrap();
    place.read(AUTHORIZED);
    place.sends(&invite("six", "900", "1001"));
    place.read(&format!("MESSAGE sip:x SIP/2.0\r\nCall-ID: long\r\n\r\n{}", "x".repeat(65_400)));
    place.tap.stop();
    assert_eq!(place.ended(), "asked to");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let read = tshark(&path);
    assert!(
        matches!(place.start(order(Target::File(path.clone()))), Err(NotOn::Target(..))),
        "a file is not written over"
    );
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        read,
        "198.51.100.7\t\t5080\t192.0.2.1\t5060\tREGISTER\treg@9\tGood\tGood\n\
         \t2001:db8::1\t5060\t\t5070\tINVITE\tsix\t\tGood\n\
         198.51.100.7\t\t5080\t192.0.2.1\t5060\tMESSAGE\tlong\tGood\tGood\n"
    );
}

fn tshark(path: &Path) -> String {
    let fields = ["ip.src", "ipv6.src", "udp.srcport", "ip.dst", "udp.dstport", "sip.Method", "sip.Call-ID"];
    let mut command = Command::new("tshark");
    command.args(["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-T", "fields", "-r"]).arg(path);
    fields.iter().chain(&["ip.checksum.status", "udp.checksum.status"]).for_each(|field| {
        command.args(["-e", field]);
    });
    let out = command.output().expect("tshark is installed (scripts/tools)");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    // 1 is good.
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().fold(String::new(), |all, line| {
        let cells: Vec<&str> =
            line.split('\t').enumerate().map(|(at, cell)| if at > 6 && cell == "1" { "Good" } else { cell }).collect();
        all + &cells.join("\t") + "\n"
    })
}

/// Chunks of a HEP3 packet by type.
fn chunks(packet: &[u8]) -> std::collections::BTreeMap<u16, Vec<u8>> {
    assert_eq!(packet[..4], *b"HEP3");
    assert_eq!(usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet.len());
    let (mut found, mut rest) = (std::collections::BTreeMap::new(), &packet[6..]);
    while let [0, 0, a, b, c, d, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([c, d]));
        found.insert(u16::from_be_bytes([a, b]), rest[6..length].to_vec());
        rest = &rest[length..];
    }
    assert!(rest.is_empty(), "{rest:?}");
    found
}

#[test]
fn homer_is_sent_addresses_time_and_message() {
    let homer = UdpSocket::bind("127.0.0.1:0").unwrap();
    homer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let place = Place::new();
    place.start(order(Target::Hep(homer.local_addr().unwrap().to_string()))).unwrap();
    place.read(AUTHORIZED);
    place.sends(&invite("six", "900", "1001"));
    let mut buffer = vec![0; 65_535];
    let mut next = || {
        let length = homer.recv(&mut buffer).unwrap();
        chunks(&buffer[..length])
    };
    let (four, six) = (next(), next());
    place.tap.stop();
    let flat = |chunks: &std::collections::BTreeMap<u16, Vec<u8>>, types: &[u16]| {
        types.iter().map(|kind| chunks[kind].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        flat(&four, &[1, 2, 3, 4, 7, 8, 11, 17]),
        [
            &[2][..],
            &[17],
            &[198, 51, 100, 7],
            &[192, 0, 2, 1],
            &5080_u16.to_be_bytes(),
            &5060_u16.to_be_bytes(),
            &[1],
            b"reg@9"
        ]
    );
    assert!(String::from_utf8(four[&15].clone()).unwrap().contains("response=\"xxxxxxxxxxxxxxxx\""));
    let secs = u32::from_be_bytes(four[&9].clone().try_into().unwrap());
    assert!(i64::from(secs).abs_diff(wall().as_secs()) < 60, "{secs}");
    let address = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets().to_vec();
    assert_eq!(flat(&six, &[1, 2, 5, 6]), [vec![10], vec![6], address("2001:db8::1"), address("2001:db8::7")]);
}

#[test]
fn what_waits_for_its_call_is_bounded() {
    let mut chooser = Chooser::new(chosen(None, Some("612045118".to_owned())), BTreeSet::new());
    let (local, peer) = ("192.0.2.1:5060".parse().unwrap(), "192.0.2.2:5060".parse().unwrap());
    let seen = |n: usize, at| {
        let bytes = invite(&format!("held{n}"), "1", "2").into_bytes();
        Seen { at: Wall(at), way: Way::In, transport: Transport::Udp, local, peer, bytes }
    };
    let mut out = Vec::new();
    (0..choose::HELD_MAX + 3).for_each(|n| chooser.on_message(seen(n, 0), &mut out));
    let began = |n: usize, a: &str| What::LegBegan {
        call: CallId(1),
        leg: LegId(2),
        sip_call_id: format!("held{n}"),
        a: Number { raw: a.to_owned(), ..Number::default() },
        b: Number::default(),
        party: Party::Caller(None),
    };
    let mut tell = |what, out: &mut Vec<Seen>| chooser.on_fact(&Fact { at: Now::from_ms(1), what }, out);
    tell(began(0, "+34612045118"), &mut out);
    assert!(out.is_empty(), "the oldest made room");
    tell(began(3, "+34612045118"), &mut out);
    assert_eq!(out.len(), 1);
    // What nobody asked for in two seconds is let go.
    chooser.on_message(seen(1, 10_000_000), &mut out);
    chooser.on_fact(&Fact { at: Now::from_ms(1), what: began(4, "") }, &mut out);
    assert_eq!(out.len(), 1);
}
