//! What valgrind counts: one case a run, `instructions CASE`, everything invented and the same each time.
//!
//! `scripts/instructions` runs every case under callgrind with collection on only inside [`measured`], and divides by the
//! number that the case prints: how often it did its work. The table of the results is `tests/golden/instructions.txt`.

mod call;
mod floor;

use std::hint::black_box;
use std::time::Duration;

use turno_base::{Mono, Wall};
use turno_sip::flow::{Destination, Transport};
use turno_sip::message::Message;
use turno_sip::transaction::{Layer, Received, Timing};
use turno_tariff::{Call, Deck, Key, Payer, rate};

fn main() {
    let case = std::env::args().nth(1).unwrap_or_default();
    let times = match case.as_str() {
        "parse" => parse(),
        "transaction" => transaction(),
        "match" => floor::rounds(500),
        "rate" => rates(),
        "call" => call::calls(200),
        _ => {
            println!("cases: parse transaction match rate call");
            return;
        }
    };
    println!("{case} {times}");
}

/// Collection is on in here. Never inlined, so that callgrind finds it by its name.
#[inline(never)]
pub fn measured<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

/// The messages of a call as they come in, each parsed and checked.
fn parse() -> u64 {
    let texts = [call::invite(1), call::ok(1), call::ack(1), call::bye(1)];
    let mut times = 0;
    for _ in 0..250 {
        for text in &texts {
            let bytes = text.clone().into_bytes();
            measured(|| Message::parse(bytes).map(|message| (message.check(), message)))
                .expect("well-formed")
                .0
                .expect("in order");
            times += 1;
        }
    }
    times
}

/// Server transactions of INVITE and BYE: recognised as new, opened, answered, acknowledged, repeated, forgotten.
fn transaction() -> u64 {
    let ms = Duration::from_millis;
    let timing = Timing { t1: ms(500), t2: ms(4000), t4: ms(5000), reliable: false };
    let mut layer: Layer<u64> = Layer::new(timing, 100_000);
    let to = Destination::Address {
        transport: Transport::Udp,
        listener: turno_sip::flow::ListenerId(0),
        peer: "10.0.0.2:5060".parse().expect("an address"),
    };
    let (mut out, mut ups) = (Vec::new(), Vec::new());
    let count = 1000;
    for n in 0..count {
        let message = |text: String| Message::parse(text.into_bytes()).expect("well-formed");
        let (invite, ack, bye) = (message(call::invite(n)), message(call::ack(n)), message(call::bye(n)));
        let now = Mono::from_ms(1000 + n * 10);
        measured(|| {
            let open = |layer: &mut Layer<u64>, request: &Message, trying: Option<Vec<u8>>, out: &mut Vec<_>| {
                assert_eq!(layer.on_request(request, out), Received::New);
                layer.open(request, trying, to, n, out).expect("room")
            };
            let id = open(&mut layer, &invite, Some(b"SIP/2.0 100 Trying\r\n\r\n".to_vec()), &mut out);
            layer.respond(id, 200, b"SIP/2.0 200 OK\r\n\r\n".to_vec(), now, &mut out);
            layer.on_ack(&ack, now);
            let id = open(&mut layer, &bye, None, &mut out);
            layer.respond(id, 200, b"SIP/2.0 200 OK\r\n\r\n".to_vec(), now, &mut out);
            layer.on_request(&bye, &mut out);
            layer.on_deadline(now, &mut out, &mut ups);
            out.clear();
            ups.clear();
        });
    }
    count
}

/// Calls to numbers of all kinds by the sample price book.
fn rates() -> u64 {
    let deck = Deck::parse_csv(include_str!("../../../../config/tariff.csv")).expect("the sample");
    let numbers = ["34612045118", "34910000001", "34900100101", "442071838750", "16502530000", "8613800138000"];
    let mut times = 0;
    for n in 0..1000u64 {
        for to in numbers {
            let key = |digits: &str| Key::new(digits).expect("digits");
            let call = Call {
                a: key("34612045118"),
                b: key(to),
                answer: Wall::from_secs(1_790_000_000 + n as i64),
                duration_ms: n * 997,
                answered: true,
            };
            measured(|| rate(&deck, &call, Payer::company()));
            times += 1;
        }
    }
    times
}
