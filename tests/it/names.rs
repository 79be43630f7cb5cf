//! A trunk that is known by its name alone, over a name server on loopback: NAPTR, SRV and A records say where it is, and a call goes to the
//! next place when nobody answers at the first (RFC 3263).

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::thread::spawn;
use std::time::Duration;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use turno::demo::party::{Party, PartyEvent, Voice};

use crate::caller::Caller;
use crate::house::{AVERIAS, House, Plan};

/// Nobody has logged in: who has waited for a second goes to a number outside. Timers so short that silence is known after 6.4 s.
const NOBODY: Plan<'static> = Plan {
    agents: &[("anna", 5)],
    sip: "[sip.rules]\nt1 = \"100ms\"\nt2 = \"800ms\"",
    queue: "wait_limit = \"1s\"\non_wait = \"number:+34910000009\"",
    more: "",
};
/// Longest that a question or a call that must come is waited for.
const LONG: Duration = Duration::from_secs(60);

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// Answers from `zone` at `at` until the process ends, and says what it was asked.
fn name_server(at: SocketAddr, zone: Vec<(&'static str, RData)>) -> Receiver<String> {
    let socket = UdpSocket::bind(at).unwrap();
    let (tell, asked) = channel();
    spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let Ok(query) = Message::from_vec(&buffer[..len]) else { continue };
            let Some(question) = query.queries.first().cloned() else { continue };
            let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
            let of_name: Vec<&RData> =
                zone.iter().filter(|(of, _)| name(of) == *question.name()).map(|(_, data)| data).collect();
            if of_name.is_empty() {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
            for data in of_name.into_iter().filter(|data| data.record_type() == question.query_type()) {
                answer.add_answer(Record::from_rdata(question.name().clone(), 60, data.clone()));
            }
            // Who listens may have gone.
            let _ = tell.send(format!("{} {}", question.query_type(), question.name()));
            answer.add_query(question);
            let _ = socket.send_to(&answer.to_vec().unwrap(), from);
        }
    });
    asked
}

fn address(ip: IpAddr) -> RData {
    match ip {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(_) => panic!("loopback is IPv4 here"),
    }
}

#[test]
fn a_call_to_a_trunk_by_name_goes_where_dns_says_and_to_the_next_place_when_the_first_is_dead() {
    let mut asked = None;
    let house = House::open_beside(&NOBODY, |house| {
        let at = SocketAddr::new(house.ip(53), 5353);
        let service = |what: &str, replacement: &str| {
            let (flags, service) = (b"s".to_vec().into(), what.as_bytes().to_vec().into());
            RData::NAPTR(NAPTR::new(10, 50, flags, service, Vec::new().into(), name(replacement)))
        };
        let zone = vec![
            ("far.example.", service("SIP+D2U", "_sip._udp.places.example.")),
            ("_sip._udp.places.example.", RData::SRV(SRV::new(20, 0, 5071, name("second.example.")))),
            ("_sip._udp.places.example.", RData::SRV(SRV::new(10, 0, 5070, name("first.example.")))),
            ("first.example.", address(house.ip(30))),
            ("second.example.", address(house.ip(31))),
        ];
        asked = Some(name_server(at, zone));
        format!(
            "[sip]\nname_servers = [\"{at}\"]\n[trunks.far]\nhosts = [\"far.example\"]\ncodecs = [\"pcma\"]\n\
             [outside.national.allow]\n\"+34\" = [\"far\"]\n[calls]\noverflow_class = \"national\"\n"
        )
    });
    let asked = asked.expect("the house was built with a name server");
    let first = UdpSocket::bind((house.ip(30), 5070)).unwrap();
    first.set_read_timeout(Some(LONG)).unwrap();
    let mut second = Party::open((house.ip(31), 5071).into(), house.sip(), None, 9, Voice::Tone(880)).unwrap();
    let mut caller = Caller::at_carrier(&house, 440);
    let leg = caller.party.dial(AVERIAS, "612345678", "").unwrap();
    let mut theirs = None;
    caller.until("the second place has the call", |_| {
        for event in second.pump() {
            if let PartyEvent::Called(leg, _) = event {
                theirs = Some(leg);
            }
        }
        theirs.is_some()
    });
    let mut buffer = [0; 4096];
    let (len, _) = first.recv_from(&mut buffer).unwrap();
    assert!(buffer[..len].starts_with(b"INVITE sip:"), "the first place is asked first");
    let theirs = theirs.expect("it was called");
    second.answer(theirs).unwrap();
    caller.until("both talk", |caller| {
        second.pump().for_each(drop);
        second.packets(theirs) > 10 && caller.party.packets(leg) > 10
    });
    let questions: Vec<String> = asked.try_iter().collect();
    for question in ["NAPTR far.example.", "SRV _sip._udp.places.example.", "A first.example.", "A second.example."] {
        assert!(questions.iter().any(|asked| asked == question), "{question}: {questions:?}");
    }
    caller.party.end(leg, turno_base::Cause::NORMAL);
    caller.until("both ends have hung up", |caller| {
        caller.has_ended(leg) && second.pump().any(|event| matches!(event, PartyEvent::Ended(..)))
    });
    let record = &house.records(1)[0];
    assert_eq!((&record["outcome"], &record["legs"][1]["trunk"]), (&"answered".into(), &"far".into()), "{record:#}");
    house.is_clean();
}
