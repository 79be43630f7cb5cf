//! Readers of events over loopback: what they get, what they missed, and what becomes of one that does not read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::api::access::tests::{bearer, settings};
use crate::api::tests::{Place, place_with};
use crate::shell::event;
use crate::shell::store::{Options, Store};
use turno_base::Now;
use turno_base::fact::What;

/// A reader of a feed, with little room of its own; its status if it is none.
pub(in crate::api) struct Reader {
    stream: TcpStream,
}

impl Reader {
    pub(in crate::api) fn open(address: SocketAddr, path: &str, headers: &str) -> Result<Reader, u16> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        socket.connect(&address.into()).unwrap();
        let mut stream: TcpStream = socket.into();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let hello = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost:1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{headers}\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(hello.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        match String::from_utf8_lossy(&head)[9..12].parse().unwrap() {
            101 => Ok(Reader { stream }),
            status => Err(status),
        }
    }

    /// The next message; none once the feed is closed.
    pub(in crate::api) fn next(&mut self) -> Option<Value> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).ok()?;
        let mut length = [0; 8];
        let at = match head[1] {
            126 => 6,
            127 => 0,
            short => {
                length[7] = short;
                8
            }
        };
        self.stream.read_exact(&mut length[at..]).ok()?;
        let mut body = vec![0; usize::try_from(u64::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut body).ok()?;
        serde_json::from_slice(&body).ok()
    }

    /// Numbers of the next events, which come before two beats do.
    fn numbers(&mut self, many: usize) -> Vec<u64> {
        let (mut numbers, mut beats) = (Vec::new(), 0);
        while numbers.len() < many && beats < 2 {
            let message = self.next().expect("the feed is open");
            beats += u32::from(message["type"] == "beat");
            numbers.extend((message["type"] == "event").then(|| message["seq"].as_u64().unwrap()));
        }
        numbers
    }
}

fn fact(n: u64) -> Fact {
    Fact { at: Now::from_ms(n), what: What::Emergency { queue: None, on: n.is_multiple_of(2) } }
}

/// The board has been told so far.
fn told(place: &Place, seq: u64) {
    let begun = Instant::now();
    while place.state.board.view().0 < seq {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::yield_now();
    }
}

fn open(place: &Place, query: &str, token: &str) -> Result<Reader, u16> {
    Reader::open(place.http, &format!("/api/v1/events{query}"), &bearer(token))
}

#[test]
fn a_snapshot_comes_first_and_then_every_event_with_its_number() {
    let place = place_with(settings());
    (1..=3).for_each(|n| place.line.tell(n, vec![fact(n)]));
    told(&place, 3);
    let mut reader = open(&place, "", "the-supervisor").ok().unwrap();
    let first = reader.next().unwrap();
    assert_eq!((&first["type"], &first["seq"], first["board"].is_object()), (&json!("snapshot"), &json!(3), true));
    let mut ears = open(&place, "?kind=queue-left,agent-changed&agent=anna", "the-supervisor").ok().unwrap();
    ears.next().unwrap();
    for (seq, fact) in (4..).zip(event::tests::facts()) {
        place.line.tell(seq, vec![fact]);
    }
    for (seq, fact) in (4..).zip(event::tests::facts()) {
        assert_eq!(reader.next().unwrap(), event::event(&fact).json(seq, &fact));
    }
    let heard: Vec<String> = (0..3).map(|_| ears.next().unwrap()["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(heard, ["queue-left", "agent-changed", "agent-changed"]);
}

/// However many read.
#[test]
fn an_event_is_put_into_words_once_for_all() {
    let numbered = Numbered::new(7, fact(7));
    let mut views = [(); 2].map(|()| View { filter: Filter::default(), only: None, his: BTreeSet::new() });
    let [first, second] = &mut views;
    let (first, second) = (first.message(&numbered).unwrap(), second.message(&numbered).unwrap());
    assert!(std::ptr::eq(first, second));
    assert_eq!(serde_json::from_str::<Value>(first).unwrap(), event::event(&numbered.fact).json(7, &numbered.fact));
}

#[test]
fn an_agent_hears_of_himself_and_his_calls_alone() {
    let place = place_with(settings());
    let (mut his, mut others) =
        (open(&place, "", "the-agent").ok().unwrap(), open(&place, "", "another-agent").ok().unwrap());
    let (first, second) = (his.next().unwrap(), others.next().unwrap());
    assert!(first["board"].is_null() && first["calls"].is_null(), "{first}");
    assert_eq!((&first["agents"][0]["agent"], &second["agents"][0]["agent"]), (&json!("anna"), &json!("boris")));
    let changed = |agent: &str, call: u128| What::AgentChanged {
        agent: agent.parse().unwrap(),
        station: None,
        state: turno_base::fact::AgentState::Talking,
        call: Some(CallId(call)),
        is_paid: true,
    };
    let entered =
        |call: u128| What::QueueEntered { call: CallId(call), queue: "averias".parse().unwrap(), position: 1 };
    let facts =
        [entered(0xff), entered(1), changed("anna", 1), entered(1), entered(0xff), changed("boris", 2), entered(2)];
    for (seq, what) in (1..).zip(facts) {
        place.line.tell(seq, vec![Fact { at: Now::from_ms(seq), what }]);
    }
    assert_eq!((his.numbers(3), others.numbers(2)), (vec![1, 3, 4], vec![6, 7]));
}

#[test]
fn who_was_away_hears_what_he_missed_or_that_nobody_knows_any_more() {
    let place = place_with(settings());
    let options = Options { segment_bytes: 4096, ..Options::default() };
    let (store, _) = Store::open(&place.state.records, options, Vec::new(), |_| {}).unwrap();
    for n in 1..=2000 {
        store.append_facts(n, 1, postcard::to_allocvec(&fact(n)).unwrap());
        place.line.tell(n, vec![fact(n)]);
    }
    told(&place, 2000);
    store.flush(Duration::from_secs(20));
    let mut reader = open(&place, "?after=700", "the-supervisor").ok().unwrap();
    assert_eq!(reader.numbers(1300), (701..=2000).collect::<Vec<_>>());
    place.line.tell(2001, vec![fact(2001)]);
    assert_eq!(reader.numbers(1), [2001], "and what happens then");
    told(&place, 2001);
    // What is not yet in the log when somebody asks is waited for.
    let mut reader = open(&place, "?after=1999", "the-supervisor").ok().unwrap();
    store.append_facts(2001, 1, postcard::to_allocvec(&fact(2001)).unwrap());
    store.flush(Duration::from_secs(20));
    assert_eq!(reader.numbers(2), [2000, 2001]);
    let id = event::id(700, &fact(700));
    let mut reader = open(&place, &format!("?after={id}"), "the-supervisor").ok().unwrap();
    assert_eq!(reader.numbers(1301), (701..=2001).collect::<Vec<_>>(), "{id}");

    for after in ["2002", "700.1"] {
        let mut reader = open(&place, &format!("?after={after}"), "the-supervisor").ok().unwrap();
        let (gone, snapshot) = (reader.next().unwrap(), reader.next().unwrap());
        assert_eq!((&gone["type"], &gone["oldest"]), (&json!("gone"), &json!(1)), "{after}: {gone}");
        assert_eq!((&snapshot["type"], &snapshot["seq"]), (&json!("snapshot"), &json!(2001)));
    }
    store.close(Duration::from_secs(20));
    let _ = std::fs::remove_dir_all(&*place.state.records);
}

#[test]
fn who_may_not_or_asks_nonsense_is_told_so() {
    let place = place_with(settings());
    for (query, token, status) in [
        ("", "", 401),
        ("", "the-board", 403),
        ("", "the-planner", 403),
        ("?kind=weather", "the-admin", 400),
        ("?queue=No!", "the-admin", 400),
        ("?after=yesterday", "the-admin", 400),
        ("?after=1.x", "the-admin", 400),
        ("?from=1", "the-admin", 400),
    ] {
        assert_eq!(open(&place, query, token).err(), Some(status), "{query} {token}");
    }
    let offered = "Sec-WebSocket-Protocol: turno, bearer.the-admin\r\n";
    assert!(Reader::open(place.http, "/api/v1/events", offered).is_ok(), "as browsers can say it");
}

#[test]
fn who_does_not_read_is_dropped_and_holds_nobody_up() {
    const MANY: u64 = 60_000;
    let place = place_with(settings());
    let (mut fast, mut slow) =
        (open(&place, "", "the-admin").ok().unwrap(), open(&place, "", "the-admin").ok().unwrap());
    assert!(fast.next().is_some() && slow.next().is_some());
    let heard = Arc::new(AtomicU64::new(0));
    let hearing = heard.clone();
    let reading = std::thread::spawn(move || {
        for n in 1..=MANY {
            assert_eq!(fast.numbers(1), [n]);
            hearing.store(n, Ordering::Release);
        }
    });
    for n in 1..=MANY {
        // At the pace of who reads.
        while !reading.is_finished() && n > heard.load(Ordering::Acquire) + 1000 {
            std::thread::yield_now();
        }
        place.line.tell(n, vec![fact(n)]);
    }
    reading.join().unwrap();
    let got = std::iter::from_fn(|| slow.next()).count();
    assert!((got as u64) < MANY, "{got}");
}
