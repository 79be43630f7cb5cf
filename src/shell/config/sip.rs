//! Signalling: listeners, accounts, trunks, timers.

use std::net::SocketAddr;
use std::time::Duration;

use turno_base::{Codec, StationId, TrunkId};
use turno_engine::MediaConfig;
use turno_sip::auth::Algorithm;
use turno_sip::config::{Account, AnswerForm, Credentials, FixedContact, Secret, SipConfig, SipRules, Trunk};
use turno_sip::flow::{Listener, ListenerId, Transport};

use crate::shell::config::section::Section;
use crate::shell::config::values::{
    CIDR_FORM, CODEC_FORM, HOST_FORM, TRANSPORT_FORM, cidr_of, codec_of, host_of, transport_of,
};
use crate::shell::net::{NetSettings, StreamLimits};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(86_400);
const LISTENERS_MAX: usize = 64;
const NAME_SERVERS_MAX: usize = 8;
const NAME_SERVER_FORM: &str = "write addresses, for example \"10.0.0.53\" or \"10.0.0.53:5353\"";

pub(super) fn sip(root: &Section<'_>, media: &MediaConfig) -> (SipConfig, NetSettings) {
    let section = root.section("sip");
    let listeners = listeners(&section);
    let net = net(&section);
    let mut domains = section.list::<String>("domains", "write host names we answer for");
    if domains.is_empty() {
        domains.push("turno".to_owned());
    }
    let mut local_networks = section.list_read("local_networks", CIDR_FORM, cidr_of);
    if local_networks.is_empty() {
        local_networks.clone_from(&media.local_networks);
    }
    let mut rules = rules(&section.section("rules"));
    let digests = section.list_read("digests", "write \"sha-256\" or \"md5\"", |text| Algorithm::named(Some(text)));
    if !digests.is_empty() {
        rules.digests = digests;
    }
    section.done();
    let trunks: Vec<Trunk> =
        root.named("trunks").iter().filter_map(|(name, section)| trunk(name, section, &listeners)).collect();
    let accounts = root.named("accounts").iter().filter_map(|(user, section)| account(user, section)).collect();
    (SipConfig { listeners, local_networks, domains, nonce_key: [0; 32], accounts, trunks, rules }, net)
}

fn listeners(section: &Section<'_>) -> Vec<Listener> {
    let form = "write address and port, for example \"0.0.0.0:5060\"";
    let mut found: Vec<Listener> = Vec::new();
    for one in section.array("listeners") {
        let transport = one.read("transport", TRANSPORT_FORM, transport_of).unwrap_or(Transport::Udp);
        let local: Option<SocketAddr> = one.parsed_needed("address", form);
        let external = one.parsed("external", "write the address and port that peers outside reach us at");
        one.done();
        let Some(local) = local else { continue };
        if local.port() != 0 && found.iter().any(|l| l.transport == transport && l.local == local) {
            one.error("address", format!("{local} is listened on already"));
        }
        if local.ip().is_unspecified() && external.is_none() {
            one.warn(
                "address",
                "listens on every address, so that none of them can be written into Via and Contact; \
                 set external, or the address that peers reach",
            );
        }
        found.push(Listener { transport, local, external });
    }
    if found.is_empty() {
        section.error("listeners", "there is none; add [[sip.listeners]] with transport and address");
    }
    if found.len() > LISTENERS_MAX {
        section.error("listeners", format!("there are more than {LISTENERS_MAX}"));
    }
    found
}

fn net(section: &Section<'_>) -> NetSettings {
    let default = StreamLimits::default();
    let udp_threads = section.integer("udp_threads", 1, 1..=16);
    let streams = section.section("streams");
    let limits = StreamLimits {
        connections_max: streams.integer("connections_max", default.connections_max, 1..=100_000),
        connections_per_address_max: streams.integer(
            "connections_per_address_max",
            default.connections_per_address_max,
            1..=100_000,
        ),
        // Reliability O4: a half-sent request is cut within 30 s.
        message_limit: streams.duration("message_limit", default.message_limit, SECOND..=30 * SECOND),
        connect_limit: streams.duration("connect_limit", default.connect_limit, 100 * MS..=30 * SECOND),
        idle_limit: streams.duration("idle_limit", default.idle_limit, 30 * SECOND..=7 * DAY),
        queue_bytes_max: default.queue_bytes_max,
    };
    streams.done();
    let name_servers = section.list_read("name_servers", NAME_SERVER_FORM, name_server_of);
    if name_servers.len() > NAME_SERVERS_MAX {
        section.error("name_servers", format!("there are more than {NAME_SERVERS_MAX}"));
    }
    NetSettings { udp_threads, streams: limits, name_servers }
}

/// An address, with the port of DNS unless it has another.
fn name_server_of(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)))
}

fn rules(section: &Section<'_>) -> SipRules {
    let d = SipRules::default();
    let rules = SipRules {
        t1: section.duration("t1", d.t1, 10 * MS..=5 * SECOND),
        t2: section.duration("t2", d.t2, 100 * MS..=30 * SECOND),
        t4: section.duration("t4", d.t4, 100 * MS..=30 * SECOND),
        session_expires: section.duration("session_expires", d.session_expires, 90 * SECOND..=DAY),
        session_min: section.duration("session_min", d.session_min, 90 * SECOND..=DAY),
        expires_min: section.duration("expires_min", d.expires_min, SECOND..=DAY),
        expires_max: section.duration("expires_max", d.expires_max, 60 * SECOND..=7 * DAY),
        bindings_max: section.integer("bindings_max", d.bindings_max, 1..=100),
        // Reliability A1: stale after at most 60 s.
        nonce_life: section.duration("nonce_life", d.nonce_life, SECOND..=60 * SECOND),
        guesses_per_minute: section.integer("guesses_per_minute", d.guesses_per_minute, 1..=30),
        subscribes_per_minute: section.integer("subscribes_per_minute", d.subscribes_per_minute, 1..=10_000),
        dialogs_max: section.integer("dialogs_max", d.dialogs_max, 1..=1_000_000),
        digests: d.digests,
    };
    if rules.session_min > rules.session_expires {
        section.error("session_min", "is longer than session_expires");
    }
    if rules.expires_min > rules.expires_max {
        section.error("expires_min", "is longer than expires_max");
    }
    section.done();
    rules
}

fn codecs(section: &Section<'_>) -> Vec<Codec> {
    section.list_read("codecs", CODEC_FORM, codec_of)
}

const ANSWER_FORM: &str = "write call-info, alert-info, ring-answer, answer-mode or p-auto-answer";

fn answer_form(text: &str) -> Option<AnswerForm> {
    AnswerForm::ALL.into_iter().find(|form| form.as_str() == text)
}

fn account(user: &str, section: &Section<'_>) -> Option<Account> {
    let station_form = "a station is a-z, 0-9, '-', '_' and '.', at most 24";
    let station: Option<StationId> = match section.has("station") {
        true => section.parsed("station", station_form),
        false => user.parse().ok(),
    };
    if station.is_none() && !section.has("station") {
        section.error("station", format!("is missing, and the account's name is no station; {station_form}"));
    }
    let fixed = section.section("fixed");
    let fixed = fixed.is_present().then(|| {
        let contact = FixedContact {
            uri: fixed.text_needed("uri", "sip:204@10.0.0.5").unwrap_or_default(),
            transport: fixed.read("transport", TRANSPORT_FORM, transport_of).unwrap_or(Transport::Udp),
            trunk: fixed.parsed("trunk", "name a trunk"),
        };
        if !contact.uri.starts_with("sip:") && fixed.has("uri") {
            fixed.error(
                "uri",
                format!("{:?} does not fit; write a SIP URI, for example \"sip:204@10.0.0.5\"", contact.uri),
            );
        }
        fixed.done();
        contact
    });
    let secret = secret(section, fixed.is_some());
    let codecs = codecs(section);
    let auto_answer = section.list_read("auto_answer", ANSWER_FORM, answer_form);
    section.done();
    // Without a secret the file is refused; the station is there all the same for whoever names it.
    let secret = secret.unwrap_or(Secret::Hashes { md5: String::new(), sha256: String::new() });
    Some(Account { user: user.to_owned(), secret, station: station?, fixed, codecs, auto_answer })
}

/// One of `password` or `md5` (with `sha256` beside it). A fixed contact needs none: it never registers.
fn secret(section: &Section<'_>, fixed: bool) -> Option<Secret> {
    let password = section.secret("password");
    let md5 = hash(section, "md5", 32);
    let sha256 = hash(section, "sha256", 64);
    match (password, md5) {
        (Some(_), Some(_)) => {
            section.error("password", "stands beside md5; keep one of them");
            None
        }
        (Some(password), None) if password.is_empty() => {
            section.error("password", "is empty, so that anybody could register");
            None
        }
        (Some(password), None) => Some(Secret::Password(password)),
        (None, Some(md5)) => Some(Secret::Hashes { md5, sha256: sha256.unwrap_or_default() }),
        // What is wrong with the file has been said.
        (None, None) if section.has("password_file") => None,
        (None, None) if fixed => Some(Secret::Hashes { md5: String::new(), sha256: String::new() }),
        (None, None) => {
            section.error(
                "password",
                "is missing; set password, or md5 and sha256 (H(user:realm:password) in hexadecimal)",
            );
            None
        }
    }
}

fn hash(section: &Section<'_>, key: &str, digits: usize) -> Option<String> {
    let form = format!("write {digits} hexadecimal digits in lower case: {key}(user:realm:password)");
    section.read(key, &form, |text| {
        let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == digits && text.bytes().all(hex)).then(|| text.to_owned())
    })
}

fn trunk(name: &str, section: &Section<'_>, listeners: &[Listener]) -> Option<Trunk> {
    let id = match name.parse::<TrunkId>() {
        Ok(id) => Some(id),
        Err(error) => {
            section.error("", format!("{name:?}: {error}"));
            None
        }
    };
    let transport = section.read("transport", TRANSPORT_FORM, transport_of);
    let listener = listener(section, listeners, transport);
    let register = section.has("register").then(|| section.duration("register", 300 * SECOND, 30 * SECOND..=DAY));
    let probe = section.has("probe").then(|| section.duration("probe", 30 * SECOND, SECOND..=3600 * SECOND));
    let trunk = Trunk {
        id: id?,
        networks: section.list_read("networks", CIDR_FORM, cidr_of),
        hosts: section.list_read("hosts", HOST_FORM, host_of),
        transport,
        listener,
        credentials: credentials(section),
        register,
        digest_user: section.text("digest_user"),
        codecs: codecs(section),
        calls_max: section.integer("calls_max", 0, 0..=100_000),
        calls_per_second_max: section.integer("calls_per_second_max", 0, 0..=100_000),
        probe,
        trusted: section.flag("trusted", false),
    };
    if trunk.register.is_some() && trunk.credentials.is_none() {
        section.error("register", "needs user and password");
    }
    if trunk.hosts.is_empty() && (trunk.register.is_some() || trunk.probe.is_some()) {
        section.error("hosts", "is missing; register and probe need somewhere to go");
    }
    if !section.has("networks") && trunk.digest_user.is_none() {
        section.warn("networks", "is missing, and so is digest_user: no call can arrive by this trunk");
    }
    section.done();
    Some(trunk)
}

fn credentials(section: &Section<'_>) -> Option<Credentials> {
    let (user, password, realm) = (section.text("user"), section.secret("password"), section.text("realm"));
    match (user, password) {
        (Some(user), Some(password)) => Some(Credentials { user, password, realm }),
        (None, None) => None,
        (Some(_), None) => {
            section.error("password", "is missing beside user");
            None
        }
        (None, Some(_)) => {
            section.error("user", "is missing beside password");
            None
        }
    }
}

/// By its address as `[[sip.listeners]]` has it; without one, the first of the trunk's transport.
fn listener(section: &Section<'_>, listeners: &[Listener], transport: Option<Transport>) -> ListenerId {
    let wanted = transport.unwrap_or(Transport::Udp);
    let first = || listeners.iter().position(|l| l.transport == wanted).unwrap_or(0);
    let at = match section.parsed::<SocketAddr>("listener", "write the address of a [[sip.listeners]]") {
        None => first(),
        Some(address) => {
            match listeners.iter().position(|l| l.local == address && transport.is_none_or(|t| t == l.transport)) {
                Some(at) => at,
                None => {
                    let all: Vec<String> =
                        listeners.iter().map(|l| format!("{} {}", l.transport.via(), l.local)).collect();
                    section.error("listener", format!("{address} is no listener; there are {}", all.join(", ")));
                    first()
                }
            }
        }
    };
    ListenerId(u16::try_from(at).unwrap_or(0))
}
