//! Whether a name is an account cannot be told from outside: not by what is answered, not by how soon (reliability A2).

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use turno_base::Seeded;
use turno_sip::auth::{Challenger, Tries, TrunkDigest};
use turno_sip::message::Message;

use super::crowd::client;
use super::gun::percentile;
use super::rig::{Plan, Rig, SOON};

/// Requests of each kind and name unless `TURNO_ALIKE_ROUNDS` says how many.
const ROUNDS: u64 = 60;
/// Until the times are seen not to be apart, at most so many times as many.
const ROUNDS_TIMES_MAX: u64 = 8;

fn uri_of(method: &str, user: &str, to: &SocketAddr) -> String {
    match method {
        "REGISTER" => format!("sip:{}", to.ip()),
        "OPTIONS" => format!("sip:{user}@{}", to.ip()),
        _ => format!("sip:900@{}", to.ip()),
    }
}

/// A request as or to somebody.
fn request(method: &str, user: &str, n: u64, credentials: &str, to: &SocketAddr, from: &UdpSocket) -> String {
    let at = from.local_addr().unwrap();
    let uri = uri_of(method, user, to);
    // To a name, from somebody who is nobody.
    let as_user = if method == "OPTIONS" { "nobody" } else { user };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKalike{n:08};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:{as_user}@{ip}>;tag=a{n:08}\r\nTo: <{to_uri}>\r\nCall-ID: alike{n:08}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:x@{at}>\r\n{credentials}Content-Length: 0\r\n\r\n",
        ip = to.ip(),
        to_uri = if method == "REGISTER" { format!("sip:{user}@{}", to.ip()) } else { uri.clone() },
    )
}

/// The answer with everything drawn and everything of the request taken out.
fn bare(answer: &str, user: &str, n: u64) -> String {
    let mut text = answer.replace(user, "NAME").replace(&format!("{n:08}"), "N");
    for mark in [";tag=", "nonce=\"", "Retry-After: "] {
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(|rest| rest.find(mark)).map(|at| at + from + mark.len()) {
            let end = text[at..].find(['"', ';', '\r', '>']).map_or(text.len(), |len| at + len);
            text.replace_range(at..end, "*");
            from = at;
        }
    }
    text
}

/// The first final answer and how long it took.
fn ask(socket: &UdpSocket, to: SocketAddr, text: &str) -> (String, Duration) {
    let asked = Instant::now();
    socket.send_to(text.as_bytes(), to).unwrap();
    let mut buffer = [0; 4096];
    loop {
        let length = socket.recv(&mut buffer).unwrap_or_else(|e| panic!("{e}: {text}"));
        if !buffer[..length].starts_with(b"SIP/2.0 100") {
            return (String::from_utf8_lossy(&buffer[..length]).into_owned(), asked.elapsed());
        }
    }
}

fn medians(took: &[Vec<Duration>; 2]) -> [Duration; 2] {
    [percentile(&took[0], 50), percentile(&took[1], 50)]
}

fn are_apart(took: &[Vec<Duration>; 2]) -> bool {
    let [known, unknown] = medians(took);
    let apart = known.abs_diff(unknown);
    apart > Duration::from_millis(2) && apart * 4 > known.min(unknown)
}

#[test]
fn known_and_unknown_names_are_answered_alike_in_bytes_and_time() {
    let rounds = std::env::var("TURNO_ALIKE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let rig = Rig::open(Plan { phones: 2, ..Plan::default() });
    let to = rig.sip();
    let (mut n, mut dice) = (0, Seeded::new(3));
    for method in ["REGISTER", "INVITE", "OPTIONS"] {
        for with_password in [false, true] {
            if method == "OPTIONS" && with_password {
                // Nobody is asked for a password to be asked what he can.
                continue;
            }
            // 1001 is an account; both are asked for from addresses that take turns, so that no rate tells.
            let mut took = [Vec::new(), Vec::new()];
            let mut texts = [String::new(), String::new()];
            let mut round = 0;
            // Noise of a busy machine goes away in more rounds; what tells names apart stays.
            while round < rounds || (are_apart(&took) && round < ROUNDS_TIMES_MAX * rounds) {
                let socket = UdpSocket::bind((rig.ip(50 + (round % 150) as u8), 0)).unwrap();
                socket.set_read_timeout(Some(SOON)).unwrap();
                for which in [round as usize % 2, 1 - round as usize % 2] {
                    let user = ["1001", "9001"][which];
                    n += 1;
                    let mut credentials = String::new();
                    if with_password {
                        // A wrong one, with a challenge that is right.
                        let (challenge, _) = ask(&socket, to, &request(method, user, n, "", &to, &socket));
                        let challenge = Message::parse(challenge.into_bytes()).unwrap();
                        let challenger = Challenger { status: 401, sent_to: to, came_from: to };
                        let challenges = challenge.www_authenticate().filter_map(Result::ok);
                        let uri = uri_of(method, user, &to);
                        let asked = (method, uri.as_str());
                        let trunk = client(user, "wrong", to);
                        let (digest, tries) = (&mut TrunkDigest::default(), &mut Tries::default());
                        let answer = digest.answer(&trunk, challenger, challenges, asked, tries, &mut dice).unwrap();
                        credentials = format!("Authorization: {}\r\n", answer.value);
                        n += 1;
                    }
                    let (answer, time) = ask(&socket, to, &request(method, user, n, &credentials, &to, &socket));
                    took[which].push(time);
                    let port = socket.local_addr().unwrap().to_string();
                    let answer = answer.replace(&port, "HERE");
                    let answer = answer.replace(&format!("rport={}", socket.local_addr().unwrap().port()), "rport=P");
                    let answer =
                        answer.replace(&format!("received={}", socket.local_addr().unwrap().ip()), "received=R");
                    texts[which] = bare(&answer, user, n);
                }
                assert_eq!(texts[0], texts[1], "{method}, with a password {with_password}");
                round += 1;
            }
            let [known, unknown] = medians(&took);
            println!(
                "A2: {method}, with a password {with_password}: known {known:?}, unknown {unknown:?}, {round} rounds"
            );
            assert!(!are_apart(&took), "{method}: known {known:?}, unknown {unknown:?} in {round} rounds");
        }
    }
}
