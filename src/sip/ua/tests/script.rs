//! Scripts of what peers and the engine do, and the transcript of what the user agent does about it.
//!
//! A line is `milliseconds who verb arguments | Header: value | …`. Peers send requests by method and the name of a call
//! (`carrier INVITE c1 sdp`), repeat them (`carrier again c1`) and answer ours by status (`anna 200 INVITE sdp tag=x`); calls that
//! we dial are `x1`, `x2` … in the order of their INVITEs. The engine is `turno`. `-` in place of a value drops a header.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use turno_base::fact::DialogId;
use turno_base::{Cause, Codec, Direction, LegId, Mono, Now, Number, Reason, StationId, TrunkId};

use crate::auth::{Algorithm, Asked, ha1, response};
use crate::config::{Account, Cidr, Credentials, FixedContact, HostPort, Resolved, Secret, SipConfig, SipRules, Trunk};
use crate::flow::{Destination, Flow, Listener, ListenerId, Transport};
use crate::message::{Header, Message, Method, Writer};
use crate::ua::{Dial, Load, LocalMedia, SipEffect, SipEvent, Target, TransferProgress, Ua};

/// Name, address, transport. Whoever begins with `carrier` is the trunk.
const PEERS: [(&str, &str, Transport); 7] = [
    ("carrier", "198.51.100.1:5060", Transport::Udp),
    ("carrier2", "198.51.100.2:5060", Transport::Udp),
    ("carrier6", "[2001:db8::1]:5060", Transport::Udp),
    ("anna", "203.0.113.7:40000", Transport::Udp),
    ("anna-tcp", "203.0.113.7:41000", Transport::Tcp),
    ("pbx", "10.0.0.5:5060", Transport::Udp),
    ("stranger", "203.0.113.99:5060", Transport::Udp),
];

pub(super) fn config() -> SipConfig {
    let local = "192.0.2.10:5060".parse().unwrap();
    let listener = |transport| Listener { transport, local, external: None };
    let account = |user: &str, fixed| Account {
        user: user.to_owned(),
        secret: Secret::Password("secret".to_owned()),
        station: StationId::new(user).unwrap(),
        fixed,
        codecs: vec![Codec::Pcma],
        auto_answer: Vec::new(),
    };
    let fixed = |uri: &str| Some(FixedContact { uri: uri.to_owned(), transport: Transport::Udp, trunk: None });
    let host = |host: &str| HostPort { host: host.to_owned(), port: Some(5060) };
    SipConfig {
        listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
        local_networks: Vec::new(),
        domains: vec!["turno.example".to_owned()],
        nonce_key: [7; 32],
        accounts: vec![
            account("anna", None),
            account("boris", None),
            account("204", fixed("sip:204@10.0.0.5")),
            account("205", fixed("sip:205@pbx.example")),
        ],
        trunks: vec![Trunk {
            id: TrunkId::new("carrier").unwrap(),
            networks: vec![Cidr { address: "198.51.100.0".parse().unwrap(), prefix: 24 }],
            hosts: vec![host("198.51.100.1"), host("198.51.100.2")],
            transport: Some(Transport::Udp),
            listener: ListenerId(0),
            credentials: Some(Credentials {
                user: "us".to_owned(),
                password: "pw".to_owned(),
                realm: Some("carrier".to_owned()),
            }),
            register: None,
            digest_user: None,
            codecs: vec![Codec::Pcma],
            calls_max: 3,
            calls_per_second_max: 0,
            probe: None,
            trusted: true,
        }],
        rules: SipRules::default(),
    }
}

/// A call as its peer sees it.
#[derive(Clone, Debug, Default)]
struct Call {
    call_id: String,
    peer: String,
    peer_tag: String,
    our_tag: String,
    target: String,
    from: String,
    to: String,
    seq: u32,
    invite_seq: u32,
    invite_branch: String,
    last: Vec<u8>,
    status: u16,
    rseq: u32,
    nonce: String,
    /// A dialog exists: requests carry our tag.
    has_dialog: bool,
}

pub(super) struct Script {
    pub(super) ua: Ua,
    now: Mono,
    calls: BTreeMap<String, Call>,
    /// Requests of ours that each peer has, oldest first.
    asked: Vec<(String, Message)>,
    dialled: u32,
    shown: Vec<String>,
    branches: u32,
    /// Token of the last send to each peer.
    tokens: BTreeMap<String, u64>,
    pub(super) text: String,
    /// The names told last of each leg's dialog.
    pub(super) names: BTreeMap<LegId, DialogId>,
}

/// Runs a script and gives its transcript.
pub(super) fn run(script: &str) -> String {
    run_with(config(), script)
}

/// Runs a script with a configuration of its own.
pub(super) fn run_with(config: SipConfig, script: &str) -> String {
    let mut world = Script::new(config);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        world.line(line);
    }
    world.text
}

impl Script {
    pub(super) fn new(config: SipConfig) -> Script {
        let mut script = Script {
            ua: Ua::new(config.clone(), 1),
            now: Mono::from_ms(0),
            calls: BTreeMap::new(),
            asked: Vec::new(),
            dialled: 0,
            shown: Vec::new(),
            branches: 0,
            tokens: BTreeMap::new(),
            text: String::new(),
            names: BTreeMap::new(),
        };
        script.act(|ua, now, out| ua.configure(config, now, out));
        // A trunk that is never probed is up from the start: no news.
        script.text = script.text.replace("0      carrier up: true\n", "");
        script
    }

    pub(super) fn line(&mut self, line: &str) {
        if let Some(headers) = line.strip_prefix("show ") {
            self.shown = headers.split(", ").map(str::to_owned).collect();
            return;
        }
        let mut fields = line.split(" | ");
        let words: Vec<&str> = fields.next().unwrap_or("").split_whitespace().collect();
        let headers: Vec<(&str, &str)> = fields.filter_map(|f| f.split_once(": ")).collect();
        let [at, who, verb, rest @ ..] = &words[..] else { panic!("{line}") };
        self.pass(Mono::from_ms(at.parse().expect(line)));
        match (*who, verb.parse::<u16>()) {
            ("turno", _) => self.engine(verb, rest),
            (peer, Ok(status)) => self.answer(peer, status, rest, &headers),
            (peer, Err(_)) => self.ask(peer, verb, rest, &headers),
        }
    }

    /// Lets time pass to `until`, deadlines in their order.
    pub(super) fn pass(&mut self, until: Mono) {
        while let Some(at) = self.ua.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.act(|ua, now, out| ua.on_deadline(now, out));
        }
        self.now = until;
    }

    fn engine(&mut self, verb: &str, rest: &[&str]) {
        let leg = |text: &str| {
            let n: u64 = text[1..].parse().unwrap();
            if text.starts_with('a') { LegId::arrived(n) } else { LegId::dialled(n) }
        };
        let media = |direction| LocalMedia {
            rtp: "192.0.2.10:4000".parse().unwrap(),
            rtcp: "192.0.2.10:4001".parse().unwrap(),
            codecs: vec![Codec::Pcma],
            direction,
        };
        match (verb, rest) {
            ("ring", [id]) => self.act(|ua, now, out| ua.ring(leg(id), now, out)),
            ("progress", [id]) => self.act(|ua, now, out| ua.progress(leg(id), media(Direction::SendRecv), now, out)),
            ("answer", [id]) => self.act(|ua, now, out| ua.answer(leg(id), media(Direction::SendRecv), now, out)),
            ("hold", [id]) => self.act(|ua, now, out| ua.reoffer(leg(id), media(Direction::SendOnly), now, out)),
            ("talk", [id]) => self.act(|ua, now, out| ua.reoffer(leg(id), media(Direction::SendRecv), now, out)),
            ("end", [id, why]) => {
                let cause = match *why {
                    "busy" => Cause::new(486, 17, Reason::Normal),
                    "elsewhere" => Cause::new(200, 26, Reason::CompletedElsewhere),
                    _ => Cause::NORMAL,
                };
                self.act(|ua, now, out| ua.end(leg(id), cause, now, out));
            }
            ("dial", [id, whom]) => self.dial(leg(id), Target::Station(StationId::new(whom).unwrap()), "612", false),
            ("dial", [id, "carrier", number, rest @ ..]) => {
                let trunk = TrunkId::new("carrier").unwrap();
                let to = Target::Trunk { trunk, number: (*number).to_owned() };
                self.dial(leg(id), to, "+34912345678", !rest.is_empty());
            }
            ("transfer", [id, how]) => {
                let progress = match *how {
                    "ringing" => TransferProgress::Ringing,
                    "done" => TransferProgress::Done,
                    _ => TransferProgress::Failed(486),
                };
                self.act(|ua, now, out| ua.transfer_progress(leg(id), progress, now, out));
            }
            ("drain", []) => self.act(|ua, _, _| ua.on_load(Load { draining: true, ..Load::default() })),
            ("restart", []) => self.act(|ua, now, out| ua.on_restart(now, out)),
            ("lose", [peer]) => {
                let flow = self.flow(peer);
                self.act(|ua, now, out| ua.on_flow_closed(flow, now, out));
            }
            ("unsent", [peer]) => {
                let token = self.tokens[*peer];
                self.act(|ua, now, out| ua.on_send_failed(token, now, out));
            }
            ("resolved", [query, peers @ ..]) => {
                let resolved = |peer: &&str| {
                    let flow = self.flow(peer);
                    Resolved { transport: flow.transport, peer: flow.peer }
                };
                let (query, addresses) = (query.parse().unwrap(), peers.iter().map(resolved).collect::<Vec<_>>());
                self.act(|ua, now, out| ua.on_resolved(query, &addresses, now, out));
            }
            ("snapshot", []) => {
                let bytes = postcard::to_stdvec(&self.ua).unwrap();
                let again: Ua = postcard::from_bytes(&bytes).unwrap();
                assert!(again == self.ua);
                self.ua = again;
            }
            ("sizes", []) => {
                let (dialogs, transactions, timers, bindings) = self.ua.sizes();
                let sizes =
                    format!("{dialogs} dialogs, {transactions} transactions, {timers} timers, {bindings} bindings");
                self.say(&sizes);
            }
            ("wait", []) => {}
            _ => panic!("{verb} {rest:?}"),
        }
    }

    fn dial(&mut self, leg: LegId, to: Target, from: &str, withheld: bool) {
        let rtp = "192.0.2.10:4000".parse().unwrap();
        let media = LocalMedia {
            rtp,
            rtcp: "192.0.2.10:4001".parse().unwrap(),
            codecs: vec![Codec::Pcma],
            direction: Direction::SendRecv,
        };
        let from = Number { raw: from.to_owned(), e164: from.parse().ok(), withheld };
        let headers = vec![("Alert-Info".to_owned(), "<urn:x>".to_owned()), ("Via".to_owned(), "evil".to_owned())];
        let dial = Dial { leg, to, from, display: "Ana".to_owned(), media, call_id: String::new(), headers };
        self.act(|ua, now, out| ua.dial(dial, now, out));
    }

    pub(super) fn act(&mut self, act: impl FnOnce(&mut Ua, Now, &mut Vec<SipEffect>)) {
        let mut out = Vec::new();
        let now = Now { mono: self.now, wall: turno_base::Wall(1_700_000_000_000_000 + self.now.0 as i64) };
        act(&mut self.ua, now, &mut out);
        for effect in out {
            match effect {
                SipEffect::Send { to, bytes, token } => self.sent(to, bytes, token),
                SipEffect::Event(event) => self.told(event),
                SipEffect::Resolve { query, host, .. } => self.say(&format!("resolve {} #{query}", host.host)),
                SipEffect::Close(flow) => self.say(&format!("close {}", flow.peer)),
            }
        }
    }

    fn say(&mut self, what: &str) {
        writeln!(self.text, "{:<6} {what}", self.now.as_ms()).unwrap();
    }

    pub(super) fn flow(&self, peer: &str) -> Flow {
        let (_, address, transport) = PEERS.into_iter().find(|(name, ..)| *name == peer).expect(peer);
        let listener = ListenerId(u16::from(transport.is_reliable()));
        let connection = if transport.is_reliable() { 7 } else { 0 };
        Flow { transport, listener, peer: address.parse().unwrap(), connection }
    }

    /// The names of a call's dialog as its messages have them.
    pub(super) fn on_the_wire(&self, name: &str) -> DialogId {
        let Call { call_id, our_tag, peer_tag, .. } = &self.calls[name];
        DialogId { call_id: call_id.clone(), local_tag: our_tag.clone(), remote_tag: peer_tag.clone() }
    }

    /// What we sent, as its peer understands it.
    fn sent(&mut self, to: Destination, bytes: Vec<u8>, token: u64) {
        let address: SocketAddr = match to {
            Destination::Flow(flow) => flow.peer,
            Destination::Address { peer, .. } => peer,
        };
        let named = PEERS.into_iter().find(|(_, a, _)| a.parse() == Ok(address)).map(|(name, ..)| name);
        let peer = named.map_or_else(|| address.to_string(), str::to_owned);
        self.tokens.insert(peer.clone(), token);
        let message = Message::parse(bytes.clone()).unwrap();
        // What we copy from a peer is as good as the peer wrote it.
        assert!(message.check().is_ok() || message.from().is_err(), "{}", String::from_utf8_lossy(&bytes));
        let call_id = message.call_id().unwrap().to_owned();
        let name = self.calls.iter().find(|(_, c)| c.call_id == call_id).map(|(name, _)| name.clone());
        let name = match (name, message.method()) {
            (None, Some(Method::Invite)) => {
                self.dialled += 1;
                format!("x{}", self.dialled)
            }
            (name, _) => name.unwrap_or_default(),
        };
        let contact = message.contact().unwrap().map(|c| c.uri.text.to_owned());
        let (seq, method) = message.cseq_text().map(|(seq, method)| (seq, method.to_owned())).unwrap();
        let what = match message.status() {
            None => {
                if !name.is_empty() {
                    let call = self.calls.entry(name.clone()).or_default();
                    call.call_id = call_id;
                    call.has_dialog = true;
                    call.peer.clone_from(&peer);
                    call.our_tag = message.from().unwrap().tag().unwrap().to_owned();
                    call.target = contact.unwrap_or(std::mem::take(&mut call.target));
                    call.from = message.lines(Header::To).next().unwrap().split(";tag").next().unwrap().to_owned();
                    call.to = message.lines(Header::From).next().unwrap().split(";tag").next().unwrap().to_owned();
                    call.seq = call.seq.max(100);
                }
                self.asked.push((peer.clone(), message.clone()));
                format!("{method} {}", message.request_uri())
            }
            Some(status) => {
                if let Some(call) = self.calls.get_mut(&name) {
                    let tag = message.to().unwrap().tag().map(str::to_owned);
                    call.our_tag = tag.unwrap_or(std::mem::take(&mut call.our_tag));
                    call.target = contact.unwrap_or(std::mem::take(&mut call.target));
                    let makes_dialog = method == "INVITE" && (101..300).contains(&status);
                    call.has_dialog |= makes_dialog && !call.our_tag.is_empty();
                    call.rseq = message.rseq().unwrap().unwrap_or(call.rseq);
                    if method == "INVITE" && seq == call.invite_seq {
                        call.status = status;
                    }
                    let nonce = message.www_authenticate().next().map(|d| d.unwrap().nonce().unwrap().to_owned());
                    call.nonce = nonce.unwrap_or(std::mem::take(&mut call.nonce));
                }
                format!("{status} {method}")
            }
        };
        let mut line = format!("-> {peer} {name} {what}").replace("  ", " ");
        let body = String::from_utf8_lossy(message.body()).into_owned();
        if body.starts_with("v=0") {
            let direction = ["sendonly", "recvonly", "inactive"].into_iter().find(|d| body.contains(d));
            write!(line, " sdp {}", direction.unwrap_or("sendrecv")).unwrap();
        } else if !body.is_empty() {
            write!(line, " {:?}", body.trim_end()).unwrap();
        }
        for header in &self.shown {
            for value in message.lines_named(header) {
                write!(line, " | {header}: {value}").unwrap();
            }
        }
        self.say(&line);
    }

    fn told(&mut self, event: SipEvent) {
        let line = match event {
            // Compared with what is on the wire (names.rs): in a transcript they would say nothing.
            SipEvent::Named { leg, dialog } => {
                self.names.insert(leg, dialog);
                return;
            }
            SipEvent::Incoming(i) => {
                let raw = if i.ani.withheld { "withheld" } else { &i.ani.raw };
                let mut line = format!("{} arrives from {raw} {:?} for {} by {:?}", i.leg, i.display, i.dnis, i.origin);
                if !i.diverted_from.is_empty() {
                    write!(line, " diverted by {}", i.diverted_from.join(", ")).unwrap();
                }
                if let Some(leg) = i.replaces {
                    write!(line, " replaces {leg}").unwrap();
                }
                line
            }
            SipEvent::Progress { leg, status } => format!("{leg} progress {status}"),
            SipEvent::Agreed { leg, agreement } => {
                format!("{leg} agreed {:?} {}", agreement.direction, agreement.remote)
            }
            SipEvent::Answered { leg } => format!("{leg} answered"),
            SipEvent::Confirmed { leg } => format!("{leg} confirmed"),
            SipEvent::Ended { leg, cause, by_peer } => {
                let who = if by_peer { "peer" } else { "us" };
                format!("{leg} ended by {who}: {} q850={} {}", cause.sip, cause.q850, cause.reason.as_str())
            }
            SipEvent::Dtmf { leg, key, ms } => format!("{leg} key {key} {ms} ms"),
            SipEvent::TransferAsked { leg, to, replaces } => match replaces {
                Some(other) => format!("{leg} asks for transfer to {to} replacing {other}"),
                None => format!("{leg} asks for transfer to {to}"),
            },
            SipEvent::Station { station, reachable } => format!("{station} reachable: {reachable}"),
            SipEvent::Trunk { trunk, up: Some(up) } => format!("{trunk} up: {up}"),
            SipEvent::Trunk { trunk, up: None } => format!("{trunk} up: unknown"),
            SipEvent::Counted(count) => format!("({count:?})"),
        };
        self.say(&line);
    }

    /// A peer sends a request.
    fn ask(&mut self, peer: &str, method: &str, rest: &[&str], headers: &[(&str, &str)]) {
        let [name, options @ ..] = rest else { panic!("{method} {rest:?}") };
        let flow = self.flow(peer);
        self.branches += 1;
        let fresh = format!("z9hG4bKp{}", self.branches);
        // `OUR-c1` in a header is our tag in that call.
        let tags: Vec<(String, String)> =
            self.calls.iter().rev().map(|(name, call)| (format!("OUR-{name}"), call.our_tag.clone())).collect();
        let call = self.calls.entry((*name).to_owned()).or_insert_with(|| Call {
            call_id: (*name).to_owned(),
            peer_tag: format!("t-{name}"),
            target: "sip:900@turno.example".to_owned(),
            from: format!("<sip:{peer}@{peer}.example>"),
            to: "<sip:900@turno.example>".to_owned(),
            ..Call::default()
        });
        if method == "again" {
            let message = Message::parse(call.last.clone()).unwrap();
            return self.act(|ua, now, out| ua.on_message(flow, &message, now, out));
        }
        let (seq, branch) = match method {
            "ACK" if call.status >= 300 => (call.invite_seq, call.invite_branch.clone()),
            "ACK" => (call.invite_seq, fresh),
            "CANCEL" => (call.invite_seq, call.invite_branch.clone()),
            _ => {
                call.seq += 1;
                (call.seq, fresh)
            }
        };
        if method == "INVITE" {
            call.invite_seq = seq;
            call.invite_branch.clone_from(&branch);
            call.status = 0;
        }
        // A CANCEL has no To tag that the INVITE had not; the ACK of a refusal has the refusal's.
        let is_first = method == "CANCEL" || !(call.has_dialog || method == "ACK");
        let to_tag = if is_first { String::new() } else { format!(";tag={}", call.our_tag) };
        let uri = match headers.iter().find(|(name, _)| *name == "Uri") {
            Some((_, uri)) => (*uri).to_owned(),
            None if is_first => "sip:900@turno.example".to_owned(),
            None => call.target.clone(),
        };
        let mut lines = vec![
            ("Via".to_owned(), format!("SIP/2.0/{} {};rport;branch={branch}", flow.transport.via(), flow.peer)),
            ("Max-Forwards".to_owned(), "70".to_owned()),
            ("From".to_owned(), format!("{};tag={}", call.from, call.peer_tag)),
            ("To".to_owned(), format!("{}{to_tag}", call.to)),
            ("Call-ID".to_owned(), call.call_id.clone()),
            ("CSeq".to_owned(), format!("{seq} {method}")),
            ("Contact".to_owned(), format!("<sip:{peer}@{}>", flow.peer)),
        ];
        if method == "PRACK" {
            lines.push(("RAck".to_owned(), format!("{} {} INVITE", call.rseq, call.invite_seq)));
        }
        if options.contains(&"auth") {
            let secret = ha1(Algorithm::Sha256, "anna", "turno.example", "secret");
            let counted = Some(("00000001", "c"));
            let asked = Asked { method, uri: &uri, nonce: &call.nonce, counted };
            let sum = response(&secret, &asked);
            let value = format!(
                "Digest username=\"anna\", realm=\"turno.example\", nonce=\"{}\", uri=\"{uri}\", algorithm=SHA-256, \
                 qop=auth, nc=00000001, cnonce=\"c\", response=\"{}\"",
                call.nonce,
                sum.hex().as_str()
            );
            lines.push(("Authorization".to_owned(), value));
        }
        for (name, value) in headers.iter().filter(|(name, _)| *name != "Uri") {
            lines.retain(|(known, _)| known != name);
            if *value != "-" {
                let value = tags.iter().fold((*value).to_owned(), |text, (from, to)| text.replace(from, to));
                lines.push(((*name).to_owned(), value));
            }
        }
        let bytes = finish(format!("{method} {uri} SIP/2.0\r\n"), &lines, flow.peer, options);
        call.last.clone_from(&bytes);
        let message = Message::parse(bytes).unwrap();
        self.act(|ua, now, out| ua.on_message(flow, &message, now, out));
    }

    /// A peer answers the newest request of ours of that method; `INVITE#2` is the second that it got.
    fn answer(&mut self, peer: &str, status: u16, rest: &[&str], headers: &[(&str, &str)]) {
        let [method, options @ ..] = rest else { panic!("{status} {rest:?}") };
        let flow = self.flow(peer);
        let (method, nth) = method.split_once('#').map_or((*method, None), |(m, n)| (m, n.parse::<usize>().ok()));
        let method = Method::named(method);
        let of_it = |(who, m): &&(String, Message)| *who == peer && m.method() == Some(method);
        let mut matching: Vec<Message> = self.asked.iter().filter(of_it).map(|(_, m)| m.clone()).collect();
        let request = match nth {
            Some(n) => matching.remove(n - 1),
            None => match matching.pop() {
                Some(request) => request,
                None => return self.say("nothing to answer"),
            },
        };
        let tag = options.iter().find_map(|o| o.strip_prefix("tag=")).unwrap_or("p");
        let tag = if status == 100 { "" } else { tag };
        if let Some(call) = self.calls.values_mut().find(|c| Ok(c.call_id.as_str()) == request.call_id())
            && method == Method::Invite
            && !tag.is_empty()
            && request.to().unwrap().tag().is_none()
        {
            call.peer_tag = tag.to_owned();
        }
        let mut writer = Writer::response(&request, None, status, tag);
        let has_contact = headers.iter().any(|(name, _)| *name == "Contact");
        if matches!(method, Method::Invite | Method::Update) && !has_contact {
            writer.header(Header::Contact, &format!("<sip:{peer}@{}>", flow.peer));
        }
        for (name, value) in headers.iter().filter(|(_, value)| *value != "-") {
            writer.header_named(name, value);
        }
        let bytes = match body(flow.peer, options) {
            Some((kind, body)) => writer.finish_with(kind, body.as_bytes()),
            None => writer.finish(),
        };
        let message = Message::parse(bytes).unwrap();
        self.act(|ua, now, out| ua.on_message(flow, &message, now, out));
    }
}

fn finish(start: String, lines: &[(String, String)], peer: SocketAddr, options: &[&str]) -> Vec<u8> {
    let mut text = start;
    for (name, value) in lines {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    match body(peer, options) {
        Some((kind, body)) => {
            write!(text, "Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
        None => text.push_str("Content-Length: 0\r\n\r\n"),
    }
    text.into_bytes()
}

/// `sdp`, `sdp=sendonly`, `sdp=zero` (c=0.0.0.0), `sdp=v6`, `sdp=opus`, `relay=5`, `key=5`, `text`.
fn body(peer: SocketAddr, options: &[&str]) -> Option<(&'static str, String)> {
    options.iter().find_map(|option| {
        let (kind, value) = option.split_once('=').unwrap_or((option, ""));
        let host = match value {
            "zero" => "0.0.0.0".to_owned(),
            "v6" => "2001:db8::9".to_owned(),
            _ => peer.ip().to_string(),
        };
        let codec = if value == "opus" { "96\r\na=rtpmap:96 opus/48000/2" } else { "8 101" };
        let direction = if matches!(value, "sendonly" | "recvonly" | "inactive") { value } else { "sendrecv" };
        match kind {
            "sdp" => Some((
                "application/sdp",
                format!(
                    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 6000 RTP/AVP {codec}\r\n\
                     a=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
                ),
            )),
            "relay" => Some(("application/dtmf-relay", format!("Signal={value}\r\nDuration=250\r\n"))),
            "key" => Some(("application/dtmf", value.to_owned())),
            "text" => Some(("text/plain", "hello".to_owned())),
            _ => None,
        }
    })
}
