//! Inputs and effects as one line each, for people.

use turno_base::Redacted;
use turno_engine::{Effect, Input, Mail};
use turno_sip::flow::{Destination, Flow, Transport};

use crate::shell::run::header_of;

/// One line about an input.
pub fn input_line(input: &Input) -> String {
    match input {
        Input::Configure(config) => format!(
            "configure {} listeners, {} trunks, {} accounts, {} queues, {} agents, {} routes",
            config.sip.listeners.len(),
            config.sip.trunks.len(),
            config.sip.accounts.len(),
            config.acd.queues.len(),
            config.acd.agents.len(),
            config.call.routes.len()
        ),
        Input::Sip { flow, message } => format!("sip {} {}", flow_words(flow), message_words(message.bytes())),
        Input::Unreadable { flow, bytes, rejected } => {
            format!("unreadable {} {} bytes: {rejected}", flow_words(flow), bytes.len())
        }
        Input::FlowClosed(flow) => format!("closed {}", flow_words(flow)),
        Input::SendFailed(token) => format!("send-failed {token}"),
        Input::Resolved { query, addresses } => {
            let addresses: Vec<String> =
                addresses.iter().map(|a| format!("{}:{}", a.transport.via(), a.peer)).collect();
            format!("resolved {query} to [{}]", addresses.join(", "))
        }
        Input::Media { leg, event } => format!("media {leg} {event:?}"),
        Input::Customer { call, customer } => {
            let words = customer.as_ref().map(|c| format!("{} {}", c.id.as_deref().unwrap_or("-"), c.segment));
            format!("customer {call} {}", words.unwrap_or_else(|| "unknown".to_owned()))
        }
        Input::Ports(ports) => format!("ports {}", ports.len()),
        Input::Stored(seq) => format!("stored {seq}"),
        Input::Command { id, command } => format!("command {id} {command:?}"),
        Input::Load(load) => format!(
            "load{}{}",
            if load.draining { ", draining" } else { "" },
            if load.store_full { ", store full" } else { "" }
        ),
        Input::Restarted { alive } => format!("restarted, alive until {}", alive.wall),
        Input::Fault { .. } => "fault".to_owned(),
        Input::Deadline => "deadline".to_owned(),
    }
}

/// One line about an effect.
pub fn effect_line(effect: &Effect) -> String {
    match effect {
        Effect::Send { to, bytes, token } => {
            format!("send {} {} #{token}", destination_words(to), message_words(bytes))
        }
        Effect::Close(flow) => format!("close {}", flow_words(flow)),
        Effect::Resolve { query, host, transport } => {
            let transport = transport.map_or("any", Transport::via);
            format!(
                "resolve {query} {}{} {transport}",
                host.host,
                host.port.map(|p| format!(":{p}")).unwrap_or_default()
            )
        }
        Effect::Media { leg, command } => format!("media {leg} {command:?}"),
        Effect::LookUp { call, number } => format!("look-up {call} {number}"),
        Effect::Mail(Mail::Open { leg, call, message }) => {
            format!("voicemail {call} begins on {leg} in {} from {}", message.mailbox, message.from.raw)
        }
        Effect::Mail(Mail::Done { call }) => format!("voicemail {call} is done"),
        Effect::WantPorts(n) => format!("want-ports {n}"),
        Effect::Store { seq, row } => format!("store {seq} call {}", row.call),
        Effect::Reply { id, answer } => match answer {
            Ok(answer) => format!("reply {id} {answer:?}"),
            Err(refusal) => format!("refuse {id} {refusal}"),
        },
        Effect::Fact(fact) => format!("fact {:?}", fact.what),
        Effect::Count(count) => format!("count {count:?}"),
        Effect::Trunk { trunk, up: Some(true) } => format!("trunk {trunk} up"),
        Effect::Trunk { trunk, up: Some(false) } => format!("trunk {trunk} down"),
        Effect::Trunk { trunk, up: None } => format!("trunk {trunk} unknown"),
        Effect::Why { call, agent, epoch, why } => format!("why {call} {agent} {epoch} {why:?}"),
        Effect::Foreseen { queue, expected_ms, waited_ms } => {
            format!("{queue} expected {expected_ms} ms, waited {waited_ms} ms")
        }
        Effect::Healed(heal) => format!("healed {heal:?}"),
    }
}

fn flow_words(flow: &Flow) -> String {
    match flow.transport {
        Transport::Udp => format!("udp/{} {}", flow.listener.0, flow.peer),
        Transport::Tcp => format!("tcp/{} {} #{}", flow.listener.0, flow.peer, flow.connection),
    }
}

fn destination_words(to: &Destination) -> String {
    match to {
        Destination::Flow(flow) => flow_words(flow),
        Destination::Address { transport, listener, peer } => {
            format!("{}/{} {peer}", transport.via().to_ascii_lowercase(), listener.0)
        }
    }
}

/// First line, CSeq and Call-ID.
pub fn message_words(bytes: &[u8]) -> String {
    let first = bytes.split(|&b| b == b'\r' || b == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let first = first.strip_suffix(" SIP/2.0").unwrap_or(&first);
    let first = first.strip_prefix("SIP/2.0 ").unwrap_or(first);
    format!("{first} ({}) {}", header_of(bytes, &["cseq"]), header_of(bytes, &["call-id", "i"]))
}

/// Leaves only the last four digits of everything that looks like a telephone number.
pub fn shorten_numbers(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        // A bare number (an epoch, a count) stands after a blank or a bracket.
        let begins =
            matches!(before.chars().next_back().or(out.chars().next_back()), None | Some(':' | '+' | '<' | '"'));
        let alone = begins && !after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '-' | '.' | '_'));
        out.push_str(before);
        match alone && (7..=15).contains(&run.len()) {
            true => out.push_str(&Redacted(run).to_string()),
            false => out.push_str(run),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
