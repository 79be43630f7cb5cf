//! State × event matrices of the four machines, printed to `tests/golden/`.

use std::fmt::{Debug, Write};

use expect_test::expect_file;
use turno_base::Mono;

use super::timing::Timing;
use super::{InviteClient, InviteServer, PlainClient, PlainServer, invite_client, invite_server};
use super::{plain_client, plain_server};
use crate::config::SipRules;

fn timing(reliable: bool) -> Timing {
    let SipRules { t1, t2, t4, .. } = SipRules::default();
    Timing { t1, t2, t4, reliable }
}

/// A line of a matrix: state, event, wants, next state; instants are printed from `START` on in milliseconds.
fn line<S: Debug, W: Debug>(text: &mut String, from: &S, event: &str, wants: &[W], to: &S, deadline: Option<Mono>) {
    let short = |s: String| {
        let waits = if s.contains("cancel: true") { "+cancel" } else { "" };
        format!("{}{waits}", s.split([' ', '{']).next().unwrap_or_default())
    };
    let due = deadline.map_or("-".to_owned(), |d| format!("+{}", d.as_ms() as i64 - START.as_ms() as i64));
    let wants = wants.iter().map(|w| format!("{w:?}")).collect::<Vec<_>>().join(" ");
    let (from, to) = (short(format!("{from:?}")), short(format!("{to:?}")));
    writeln!(text, "{from:<14} {event:<9} -> {to:<14} {due:>8}  {wants}").expect("a string takes all");
}

const START: Mono = Mono::from_ms(100_000);

#[test]
fn invite_client_matrix() {
    let mut text = String::new();
    for reliable in [false, true] {
        let t = timing(reliable);
        writeln!(text, "# {}", if reliable { "stream" } else { "datagram" }).expect("a string takes all");
        let reach = |script: &[u16]| {
            let mut machine = InviteClient::start(&t, START);
            for &status in script {
                match status {
                    0 => machine.on_cancel(&t, START, &mut Vec::new()),
                    status => machine.on_response(status, &t, START, &mut Vec::new()),
                }
            }
            machine
        };
        let states = [reach(&[]), reach(&[0]), reach(&[180]), reach(&[180, 0]), reach(&[486]), reach(&[200])];
        for state in states.into_iter().chain([InviteClient::Terminated]) {
            for event in ["1xx", "2xx", "3xx-6xx", "cancel", "failed", "+500", "+32000"] {
                let (mut machine, mut wants) = (state, Vec::new());
                match event {
                    "1xx" => machine.on_response(180, &t, START, &mut wants),
                    "2xx" => machine.on_response(200, &t, START, &mut wants),
                    "3xx-6xx" => machine.on_response(486, &t, START, &mut wants),
                    "cancel" => machine.on_cancel(&t, START, &mut wants),
                    "failed" => machine.on_failed(&mut wants),
                    "+500" => machine.on_deadline(Mono::from_ms(100_500), &mut wants),
                    _ => machine.on_deadline(Mono::from_ms(132_000), &mut wants),
                }
                line::<_, invite_client::Want>(&mut text, &state, event, &wants, &machine, machine.deadline());
            }
        }
    }
    expect_file!["../../../tests/golden/sip-invite-client.txt"].assert_eq(&text);
}

#[test]
fn invite_server_matrix() {
    let mut text = String::new();
    for reliable in [false, true] {
        let t = timing(reliable);
        writeln!(text, "# {}", if reliable { "stream" } else { "datagram" }).expect("a string takes all");
        let reach = |status: Option<u16>, acked: bool| {
            let mut machine = InviteServer::start();
            if let Some(status) = status {
                machine.on_respond(status, &t, START, &mut Vec::new());
            }
            if acked {
                machine.on_ack(&t, START, &mut Vec::new());
            }
            machine
        };
        let states = [reach(None, false), reach(Some(486), false), reach(Some(486), true), reach(Some(200), false)];
        for state in states.into_iter().chain([InviteServer::Terminated]) {
            for event in ["INVITE", "send 1xx", "send 2xx", "send 3xx+", "ACK", "failed", "+500", "+5000", "+32000"] {
                let (mut machine, mut wants) = (state, Vec::new());
                match event {
                    "INVITE" => machine.on_request(&mut wants),
                    "send 1xx" => machine.on_respond(180, &t, START, &mut wants),
                    "send 2xx" => machine.on_respond(200, &t, START, &mut wants),
                    "send 3xx+" => machine.on_respond(486, &t, START, &mut wants),
                    "ACK" => machine.on_ack(&t, START, &mut wants),
                    "failed" => machine.on_failed(&mut wants),
                    "+500" => machine.on_deadline(&t, Mono::from_ms(100_500), &mut wants),
                    "+5000" => machine.on_deadline(&t, Mono::from_ms(105_000), &mut wants),
                    _ => machine.on_deadline(&t, Mono::from_ms(132_000), &mut wants),
                }
                line::<_, invite_server::Want>(&mut text, &state, event, &wants, &machine, machine.deadline());
            }
        }
    }
    expect_file!["../../../tests/golden/sip-invite-server.txt"].assert_eq(&text);
}

#[test]
fn plain_client_matrix() {
    let mut text = String::new();
    for reliable in [false, true] {
        let t = timing(reliable);
        writeln!(text, "# {}", if reliable { "stream" } else { "datagram" }).expect("a string takes all");
        let reach = |status: Option<u16>| {
            let mut machine = PlainClient::start(&t, START);
            if let Some(status) = status {
                machine.on_response(status, &t, START, &mut Vec::new());
            }
            machine
        };
        for state in [reach(None), reach(Some(100)), reach(Some(200)), PlainClient::Terminated] {
            for event in ["1xx", "final", "failed", "+500", "+4000", "+32000"] {
                let (mut machine, mut wants) = (state, Vec::new());
                match event {
                    "1xx" => machine.on_response(100, &t, START, &mut wants),
                    "final" => machine.on_response(200, &t, START, &mut wants),
                    "failed" => machine.on_failed(&mut wants),
                    "+500" => machine.on_deadline(&t, Mono::from_ms(100_500), &mut wants),
                    "+4000" => machine.on_deadline(&t, Mono::from_ms(104_000), &mut wants),
                    _ => machine.on_deadline(&t, Mono::from_ms(132_000), &mut wants),
                }
                line::<_, plain_client::Want>(&mut text, &state, event, &wants, &machine, machine.deadline());
            }
        }
    }
    expect_file!["../../../tests/golden/sip-plain-client.txt"].assert_eq(&text);
}

#[test]
fn plain_server_matrix() {
    let mut text = String::new();
    for reliable in [false, true] {
        let t = timing(reliable);
        writeln!(text, "# {}", if reliable { "stream" } else { "datagram" }).expect("a string takes all");
        let mut answered = PlainServer::start();
        answered.on_respond(&t, START, &mut Vec::new());
        for state in [PlainServer::start(), answered, PlainServer::Terminated] {
            for event in ["request", "send", "failed", "+32000"] {
                let (mut machine, mut wants) = (state, Vec::new());
                match event {
                    "request" => machine.on_request(&mut wants),
                    "send" => machine.on_respond(&t, START, &mut wants),
                    "failed" => machine.on_failed(),
                    _ => machine.on_deadline(Mono::from_ms(132_000)),
                }
                line::<_, plain_server::Want>(&mut text, &state, event, &wants, &machine, machine.deadline());
            }
        }
    }
    expect_file!["../../../tests/golden/sip-plain-server.txt"].assert_eq(&text);
}
