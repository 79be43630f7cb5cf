//! A carrier, two phones and a stranger around a user agent: they remember its tags, requests and challenges, so that what
//! they say reaches into its dialogs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use turno_base::{Codec, Direction, Seeded};
use turno_sip::auth::{Challenger, Tries, TrunkDigest};
use turno_sip::config::{Account, Cidr, Credentials, FixedContact, HostPort, Secret, SipConfig, SipRules, Trunk};
use turno_sip::flow::{Destination, Flow, Listener, ListenerId, Transport};
use turno_sip::message::{Header, Message, Writer};
use turno_sip::ua::LocalMedia;

use crate::Choices;
use crate::house::DIALLED;
use crate::said::{METHODS, Names, bend, description, request, uri};

const ENGINE: &str = "192.0.2.10:5060";
/// The carrier, a phone on UDP, a phone on TCP, a stranger.
const PEERS: [&str; 4] = ["198.51.100.1:5060", "198.51.100.21:5061", "198.51.100.22:5062", "203.0.113.9:9999"];
/// Requests of the engine that may still be answered.
const ASKED_MAX: usize = 8;

fn trunk(id: &str, at: &str, credentials: Option<Credentials>) -> Trunk {
    let at: SocketAddr = at.parse().expect("address");
    Trunk {
        id: id.parse().expect("name"),
        networks: vec![Cidr { address: at.ip(), prefix: 32 }],
        hosts: vec![HostPort { host: at.ip().to_string(), port: Some(at.port()) }],
        transport: Some(Transport::Udp),
        listener: ListenerId(0),
        credentials,
        register: None,
        digest_user: None,
        codecs: vec![Codec::Pcma, Codec::Opus],
        calls_max: 0,
        calls_per_second_max: 0,
        probe: None,
        trusted: true,
    }
}

/// Accounts 1001 and 1002 register, 1003 has a fixed contact, `carrier` is a trunk by address, `named` one by name.
pub fn sip_config() -> SipConfig {
    let account = |user: &str, fixed| Account {
        user: user.into(),
        secret: Secret::Password("secret".into()),
        station: user.parse().expect("name"),
        fixed,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        auto_answer: Vec::new(),
    };
    let fixed = FixedContact { uri: format!("sip:1003@{}", PEERS[0]), transport: Transport::Udp, trunk: None };
    let mut named = trunk("named", "198.51.100.7:5060", None);
    named.hosts = vec![HostPort { host: "sbc.example".into(), port: None }];
    let listener = |transport| Listener { transport, local: ENGINE.parse().expect("address"), external: None };
    SipConfig {
        listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
        local_networks: Vec::new(),
        domains: vec!["turno.example".into()],
        nonce_key: [7; 32],
        accounts: vec![account("1001", None), account("1002", None), account("1003", Some(fixed))],
        trunks: vec![
            trunk("carrier", PEERS[0], Some(Credentials { user: "t".into(), password: "p".into(), realm: None })),
            named,
        ],
        rules: SipRules { expires_min: std::time::Duration::from_secs(1), ..SipRules::default() },
    }
}

/// Our side of a leg's audio.
pub fn local_media(choices: &mut Choices<'_>) -> LocalMedia {
    let directions = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
    LocalMedia {
        rtp: "192.0.2.10:4000".parse().expect("address"),
        rtcp: "192.0.2.10:4001".parse().expect("address"),
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        direction: directions[choices.below(4) as usize],
    }
}

/// The peers and what they know of the engine.
#[derive(Debug, Default)]
pub struct Peers {
    /// The engine's last tag by Call-ID.
    tags: BTreeMap<String, String>,
    asked: Vec<(usize, Message)>,
    digest: TrunkDigest,
    seq: u64,
}

/// The flow by which the engine hears a peer.
pub fn flow(peer: usize) -> Flow {
    let on_stream = peer == 2;
    Flow {
        transport: if on_stream { Transport::Tcp } else { Transport::Udp },
        listener: ListenerId(u16::from(on_stream)),
        peer: PEERS[peer % PEERS.len()].parse().expect("address"),
        connection: u64::from(on_stream),
    }
}

impl Peers {
    /// One of them says something new, or answers.
    pub fn say(&mut self, choices: &mut Choices<'_>) -> (Flow, Vec<u8>) {
        let (peer, mut bytes) =
            if choices.below(3) == 0 && !self.asked.is_empty() { self.answer(choices) } else { self.ask(choices) };
        for _ in 0..choices.below(4).saturating_sub(1) {
            bend(&mut bytes, &mut |bound| choices.below(bound));
        }
        (flow(peer), bytes)
    }

    fn ask(&mut self, choices: &mut Choices<'_>) -> (usize, Vec<u8>) {
        let peer = choices.below(4) as usize;
        let method = METHODS[choices.below(METHODS.len() as u64) as usize];
        // Calls of the peers, and those that the engine began.
        let known = self.tags.len() as u64;
        let nth = choices.below(4 + known);
        let call = match self.tags.keys().nth(nth.wrapping_sub(4) as usize) {
            Some(call) if nth >= 4 => call.clone(),
            _ => format!("c{nth}"),
        };
        let is_inside = choices.below(2) == 1;
        let to_tag = self.tags.get(&call).filter(|_| is_inside).cloned().unwrap_or_default();
        // Mostly ascending; CANCEL and ACK name the request before.
        self.seq = match choices.below(8) {
            0 => choices.below(70_000),
            _ if matches!(method, "CANCEL" | "ACK") => self.seq,
            _ => self.seq + 1,
        };
        let user = ["1001", "1002", "1001", "1003"][choices.below(4) as usize];
        let mut names = Names {
            engine: ENGINE,
            peer: PEERS[peer],
            via: flow(peer).transport.via(),
            user,
            to: DIALLED[choices.below(DIALLED.len() as u64) as usize],
            to_tag: &to_tag,
            call: &call,
            seq: self.seq,
            authorization: "",
        };
        let mut authorization = String::new();
        if choices.below(3) > 0 {
            let as_client = client(user);
            let uri = uri(method, &names);
            let answer = self.digest.ahead(&as_client, method, &uri, &mut Seeded::new(self.seq));
            authorization = answer.map(|answer| answer.value).unwrap_or_default();
        }
        names.authorization = &authorization;
        (peer, request(method, &names))
    }

    fn answer(&mut self, choices: &mut Choices<'_>) -> (usize, Vec<u8>) {
        let nth = choices.below(self.asked.len() as u64) as usize;
        let (peer, request) = &self.asked[nth];
        let status = [200, 180, 183, 100, 200, 302, 401, 407, 422, 423, 481, 486, 488, 491, 500, 503, 603, 699]
            [choices.below(18) as usize];
        let tag = ["a", "b", ""][choices.below(3) as usize];
        let mut writer = Writer::response(request, None, status, tag);
        writer.header(Header::Contact, &format!("<sip:x@{}>", PEERS[*peer]));
        match status {
            401 => drop(writer.header(Header::WwwAuthenticate, "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"")),
            407 => drop(writer.header(Header::ProxyAuthenticate, "Digest realm=\"r\", nonce=\"n\", algorithm=MD5")),
            422 => drop(writer.header(Header::MinSe, "120")),
            183 => drop(writer.header(Header::Require, "100rel").header(Header::RSeq, "1")),
            _ => {}
        }
        let bytes = match choices.below(2) {
            0 => writer.finish(),
            _ => writer.finish_with("application/sdp", description(PEERS[*peer]).as_bytes()),
        };
        (*peer, bytes)
    }

    /// The engine sent this.
    pub fn hear(&mut self, to: &Destination, bytes: &[u8]) {
        let message = Message::parse(bytes.to_vec()).expect("the engine writes what can be read");
        let at = match to {
            Destination::Flow(flow) => flow.peer,
            Destination::Address { peer, .. } => *peer,
        };
        let peer = PEERS.iter().position(|p| p.parse() == Ok(at)).unwrap_or(0);
        let side = if message.is_request() { message.from() } else { message.to() };
        if let (Ok(call), Ok(Some(tag))) = (message.call_id(), side.map(|a| a.tag().map(str::to_owned))) {
            self.tags.insert(call.to_owned(), tag);
        }
        while self.tags.len() > 16 {
            self.tags.pop_first();
        }
        if message.is_request() {
            if self.asked.len() >= ASKED_MAX {
                self.asked.remove(0);
            }
            self.asked.push((peer, message));
        } else if message.status() == Some(401) {
            let challenger = Challenger { status: 401, sent_to: at, came_from: at };
            let user = message.from().ok().and_then(|from| from.uri.user).unwrap_or("1001");
            let challenges = message.www_authenticate().filter_map(Result::ok);
            let (tries, seeded) = (&mut Tries::default(), &mut Seeded::new(1));
            let _ = self.digest.answer(&client(user), challenger, challenges, ("REGISTER", "sip:x"), tries, seeded);
        }
    }
}

/// The client side of an account, as a trunk of its own.
fn client(user: &str) -> Trunk {
    let credentials = Credentials { user: user.into(), password: "secret".into(), realm: None };
    trunk("engine", ENGINE, Some(credentials))
}

/// A wait: mostly short, sometimes long enough for any timer.
pub fn wait(choices: &mut Choices<'_>) -> Duration {
    let scale = [1, 20, 500, 4000, 33_000, 200_000][choices.below(6) as usize];
    Duration::from_millis(choices.below(16) * scale)
}
