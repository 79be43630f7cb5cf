//! `turno trunk show|ping`.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Subcommand;
use serde_json::json;
use turno_base::TrunkId;
use turno_engine::{Answer, Command as Ask};
use turno_sip::config::Resolved;
use turno_sip::flow::Transport;
use turno_sip::trunk::{AddressState, Registration, TrunkView};

use crate::api::control::{self, Reply, Request};
use crate::cli::table::Table;
use crate::cli::{NOT_FOUND, REFUSED, ask};

/// How long a trunk has for an answer to OPTIONS; asked twice, since a datagram may be lost.
const ANSWER_WAIT: Duration = Duration::from_secs(2);
const ASKED: u32 = 2;

#[derive(Debug, Subcommand)]
pub(super) enum TrunkCommand {
    /// All trunks, or one: up or not, calls, our registration there, and each address.
    Show {
        /// Trunk.
        trunk: Option<TrunkId>,
    },
    /// Ask each address of a trunk, or of all, by OPTIONS from a port of its own; exit status 1 if one does not answer.
    Ping {
        /// Trunk.
        trunk: Option<TrunkId>,
    },
}

/// Runs a `trunk` command.
pub(super) fn trunk(socket: &Path, as_json: bool, command: &TrunkCommand) -> u8 {
    let (TrunkCommand::Show { trunk } | TrunkCommand::Ping { trunk }) = command;
    let trunks = match control::ask(socket, &Request::Command(Ask::RegShow)) {
        Ok(Reply::Answer(Answer::Reachable { trunks, .. })) => trunks,
        Ok(other) => return ask::show(other, as_json),
        Err(error) => return ask::unreachable(socket, &error),
    };
    let found: Vec<TrunkView> = trunks.into_iter().filter(|view| trunk.is_none_or(|only| only == view.trunk)).collect();
    if let Some(only) = trunk
        && found.is_empty()
    {
        eprintln!("there is no trunk {:?}", only.to_string());
        return NOT_FOUND;
    }
    match command {
        TrunkCommand::Show { .. } => show(&found, as_json),
        TrunkCommand::Ping { .. } => ping(&found, as_json),
    }
}

fn show(trunks: &[TrunkView], as_json: bool) -> u8 {
    if as_json {
        println!("{}", json!({"trunks": trunks}));
        return 0;
    }
    let mut table = Table::new(&["trunk", "up", "calls", "refused", "registered", "address", "state"]);
    for view in trunks {
        let head = [
            view.trunk.to_string(),
            if view.up { "yes" } else { "no" }.to_owned(),
            view.calls.to_string(),
            view.refused.to_string(),
            registration_words(&view.registration),
        ];
        if view.addresses.is_empty() {
            let [trunk, up, calls, refused, registered] = head.clone();
            table.row([trunk, up, calls, refused, registered, String::new(), String::new()]);
        }
        for (at, address) in view.addresses.iter().enumerate() {
            let [trunk, up, calls, refused, registered] = if at == 0 { head.clone() } else { Default::default() };
            let state = match address.state {
                AddressState::Good { missed: 0 } => "good".to_owned(),
                AddressState::Good { missed } => format!("good, {missed} probes missed"),
                AddressState::Quarantined { answered, .. } => format!("set aside, {answered} probes answered"),
            };
            table.row([trunk, up, calls, refused, registered, address_words(&address.to), state]);
        }
    }
    table.print();
    0
}

fn registration_words(registration: &Registration) -> String {
    match registration {
        Registration::Off => "not wanted",
        Registration::Asking { .. } => "asking",
        Registration::Bound { .. } => "yes",
        Registration::Waiting { .. } => "no, will ask again",
    }
    .to_owned()
}

fn address_words(to: &Resolved) -> String {
    format!("{}:{}", to.transport.via().to_lowercase(), to.peer)
}

fn ping(trunks: &[TrunkView], as_json: bool) -> u8 {
    let mut rows = Vec::new();
    for view in trunks {
        for address in &view.addresses {
            let began = Instant::now();
            let answer = asked(address.to.peer, address.to.transport);
            rows.push((view.trunk, address.to, answer, began.elapsed()));
        }
    }
    let all_answer = !rows.is_empty() && rows.iter().all(|(_, _, answer, _)| answer.is_ok());
    if as_json {
        let row = |(trunk, to, answer, took): &(TrunkId, Resolved, io::Result<String>, Duration)| match answer {
            Ok(status) => {
                json!({"trunk": trunk, "to": address_words(to), "answer": status, "ms": took.as_millis() as u64})
            }
            Err(error) => json!({"trunk": trunk, "to": address_words(to), "error": error.to_string()}),
        };
        println!("{}", json!({"pings": rows.iter().map(row).collect::<Vec<_>>()}));
    } else {
        let mut table = Table::new(&["trunk", "address", "answer", "ms"]);
        for (trunk, to, answer, took) in &rows {
            let (said, ms) = match answer {
                Ok(status) => (status.clone(), format!("{}.{}", took.as_millis(), took.as_micros() / 100 % 10)),
                Err(error) => (format!("none: {error}"), String::new()),
            };
            table.row([trunk.to_string(), address_words(to), said, ms]);
        }
        table.print();
        if rows.is_empty() {
            eprintln!("no trunk has an address to ask");
        }
    }
    if all_answer { 0 } else { REFUSED }
}

/// The status with which `peer` answers OPTIONS.
pub(super) fn asked(peer: SocketAddr, by: Transport) -> io::Result<String> {
    match by {
        Transport::Udp => asked_by_datagram(peer),
        Transport::Tcp => asked_by_stream(peer),
    }
}

fn asked_by_datagram(peer: SocketAddr) -> io::Result<String> {
    let socket = UdpSocket::bind(if peer.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" })?;
    socket.connect(peer)?;
    socket.set_read_timeout(Some(ANSWER_WAIT))?;
    let local = socket.local_addr()?;
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for n in 0..ASKED {
        let mut buffer = [0; 4096];
        let sent = socket.send(options(local, peer, Transport::Udp, n).as_bytes());
        match sent.and_then(|_| socket.recv(&mut buffer)) {
            Ok(length) => return status_of(buffer.get(..length).unwrap_or_default()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn asked_by_stream(peer: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&peer, ANSWER_WAIT)?;
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    stream.write_all(options(stream.local_addr()?, peer, Transport::Tcp, 0).as_bytes())?;
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer)?;
    status_of(buffer.get(..length).unwrap_or_default())
}

fn options(local: SocketAddr, peer: SocketAddr, by: Transport, n: u32) -> String {
    let (pid, host, cseq, via) = (std::process::id(), local.ip(), n + 1, by.via());
    format!(
        "OPTIONS sip:{peer} SIP/2.0\r\nVia: SIP/2.0/{via} {local};branch=z9hG4bKping{pid}n{n};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:turno@{local}>;tag={pid}\r\nTo: <sip:{peer}>\r\nCall-ID: ping-{pid}@{host}\r\nCSeq: {cseq} OPTIONS\r\n\
         Contact: <sip:turno@{local}>\r\nContent-Length: 0\r\n\r\n"
    )
}

fn status_of(answer: &[u8]) -> io::Result<String> {
    let text = String::from_utf8_lossy(answer);
    let line = text.lines().next().unwrap_or_default();
    let no_sip = || io::Error::new(io::ErrorKind::InvalidData, "it does not speak SIP");
    line.strip_prefix("SIP/2.0 ").map(str::to_owned).ok_or_else(no_sip)
}
