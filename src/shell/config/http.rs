//! HTTP: where it listens, who may ask for what, and how often.

use std::net::SocketAddr;
use std::path::Path;

use argon2::password_hash::PasswordHash;
use sha2::{Digest, Sha256};
use turno_acd::AcdConfig;
use turno_base::{AgentId, Wall};

use crate::shell::config::problem::Problems;
use crate::shell::config::section::Section;
use crate::shell::config::tls::{TlsSettings, tls};
use crate::shell::instant::wall_of;

/// Shortest secret that a person may choose.
const SECRET_BYTES_MIN: usize = 16;
/// Most tokens, and most people.
const ENTRIES_MAX: usize = 1000;
const SCOPE_FORM: &str = "write admin, supervisor, planner, agent or board";
const HASH_FORM: &str = "write what `turno token new` printed, sha256: and 64 hexadecimal digits";
const ORIGIN_FORM: &str = "write scheme, name and port of a page, for example \"https://crm.example\"";
const NAME_FORM: &str = "write letters, digits, '-', '_', '.' and '@', at most 64";

/// What somebody may do; each route of HTTP says who may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everything.
    Admin,
    /// What is live: agents, calls, queues, callbacks, tasks.
    Supervisor,
    /// Figures, reports and records, changing nothing.
    Planner,
    /// One agent: himself.
    Agent,
    /// The wallboard, read only.
    Board,
}

impl Scope {
    /// All there are.
    pub const ALL: [Scope; 5] = [Scope::Admin, Scope::Supervisor, Scope::Planner, Scope::Agent, Scope::Board];

    /// The word in the configuration and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Admin => "admin",
            Scope::Supervisor => "supervisor",
            Scope::Planner => "planner",
            Scope::Agent => "agent",
            Scope::Board => "board",
        }
    }

    /// By its word.
    pub fn of(word: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}

/// What somebody may do, and as whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// What.
    pub scope: Scope,
    /// Of scope `agent`: which one.
    pub agent: Option<AgentId>,
}

/// A token: only its hash is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// Named so in the log.
    pub name: String,
    /// SHA-256.
    pub hash: [u8; 32],
    /// What it may.
    pub rights: Rights,
    /// Not valid from then on.
    pub expires: Option<Wall>,
}

/// Somebody who signs in with a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonSettings {
    /// What he writes, and what the log says.
    pub name: String,
    /// Argon2id, as `turno token password` prints it.
    pub password: String,
    /// What he may.
    pub rights: Rights,
}

/// HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpSettings {
    /// Address; none: no HTTP.
    pub listen: Option<SocketAddr>,
    /// A bearer token that may do everything; kept for who needs no more than one.
    pub token: Option<String>,
    /// Tokens with scopes.
    pub tokens: Vec<TokenSettings>,
    /// People with passwords.
    pub people: Vec<PersonSettings>,
    /// Pages of these origins may ask from a browser, besides our own.
    pub origins: Vec<String>,
    /// Requests a second of one token; twice as many at once. 0: no limit.
    pub rate: u32,
    /// Requests a second of one address; twice as many at once. 0: no limit.
    pub source_rate: u32,
    /// None: plain HTTP.
    pub tls: Option<TlsSettings>,
}

impl HttpSettings {
    /// Whoever reaches the address may do everything.
    pub fn is_open(&self) -> bool {
        self.token.is_none() && self.tokens.is_empty() && self.people.is_empty()
    }
}

/// `dir`: what paths are relative to.
pub(super) fn http(section: &Section<'_>, dir: &Path) -> HttpSettings {
    let form = "write address and port, for example \"127.0.0.1:8480\", or \"off\"";
    let listen = section.read("listen", form, |text| match text {
        "off" => Some(None),
        address => address.parse().ok().map(Some),
    });
    let token = section.secret("token").filter(|token| !token.is_empty());
    if let Some(token) = &token
        && token.len() < SECRET_BYTES_MIN
    {
        section.error("token", "is shorter than 16 characters; draw one, for example with `openssl rand -hex 16`");
    }
    let settings = HttpSettings {
        listen: listen.unwrap_or(Some(SocketAddr::from(([127, 0, 0, 1], 8480)))),
        token,
        tokens: entries(section, "tokens", |one| self::token(one, dir)),
        people: entries(section, "people", person),
        origins: section.list_read("origins", ORIGIN_FORM, origin_of),
        rate: section.integer("rate", 100, 0..=100_000),
        source_rate: section.integer("source_rate", 200, 0..=100_000),
        tls: tls(&section.section("tls"), dir),
    };
    doubles(section, "tokens", settings.tokens.iter().map(|token| token.name.as_str()));
    doubles(section, "people", settings.people.iter().map(|person| person.name.as_str()));
    if settings.is_open() && settings.listen.is_some_and(|address| !address.ip().is_loopback()) {
        section.error("listen", "is not loopback, so that anybody could log agents out; set http.token as well");
    }
    section.done();
    settings
}

/// Agents that are named must be there.
pub(super) fn check(http: &HttpSettings, acd: &AcdConfig, problems: &Problems) {
    let tokens = http.tokens.iter().map(|token| ("tokens", &token.name, token.rights.agent));
    let people = http.people.iter().map(|person| ("people", &person.name, person.rights.agent));
    for (list, name, agent) in tokens.chain(people) {
        if let Some(agent) = agent.filter(|agent| !acd.agents.contains_key(agent)) {
            let sentence =
                format!("{name:?} is of agent {agent:?}, whom [agents] does not have", agent = agent.as_str());
            problems.error(&format!("http.{list}"), sentence);
        }
    }
}

fn entries<T>(section: &Section<'_>, key: &str, read: impl Fn(&Section<'_>) -> Option<T>) -> Vec<T> {
    let sections = section.array(key);
    if sections.len() > ENTRIES_MAX {
        section.error(key, format!("there are {} of them; {ENTRIES_MAX} are enough", sections.len()));
    }
    sections.iter().filter_map(read).collect()
}

fn doubles<'a>(section: &Section<'_>, key: &str, names: impl Iterator<Item = &'a str>) {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            section.error(key, format!("{name:?} is there twice; each needs a name of its own"));
        }
    }
}

fn name(section: &Section<'_>) -> Option<String> {
    section.text_needed("name", "crm");
    section.read("name", NAME_FORM, |text| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
        (!text.is_empty() && text.len() <= 64 && text.chars().all(fits)).then(|| text.to_owned())
    })
}

fn rights(section: &Section<'_>) -> Option<Rights> {
    section.text_needed("scope", "supervisor");
    let scope = section.read("scope", SCOPE_FORM, Scope::of);
    let agent = section.parsed("agent", "name an agent of [agents]");
    match (scope?, agent) {
        (Scope::Agent, None) => {
            section.error("agent", "is missing; scope agent is of one of [agents], for example agent = \"anna\"");
            None
        }
        (scope @ (Scope::Admin | Scope::Supervisor | Scope::Planner | Scope::Board), Some(_)) => {
            section.error("agent", format!("does not fit scope {}; only scope agent is of one", scope.as_str()));
            None
        }
        (scope, agent) => Some(Rights { scope, agent }),
    }
}

fn token(section: &Section<'_>, dir: &Path) -> Option<TokenSettings> {
    let (name, rights) = (name(section), rights(section));
    let given = section.read("hash", HASH_FORM, |text| text.strip_prefix("sha256:").and_then(hex32));
    let filed = section.tried("secret_file", |path| secret_of(&dir.join(path)));
    let expires = section.tried("expires", wall_of);
    if section.has("hash") == section.has("secret_file") {
        section.error("hash", "is needed, or secret_file, and not both; `turno token new` prints one");
    }
    section.done();
    Some(TokenSettings { name: name?, hash: given.or(filed)?, rights: rights?, expires })
}

fn person(section: &Section<'_>) -> Option<PersonSettings> {
    let (name, rights) = (name(section), rights(section));
    section.text_needed("password", "$argon2id$v=19$m=19456,t=2,p=1$...");
    let password = section.read("password", "write what `turno token password` printed", |text| {
        let hash = PasswordHash::new(text).ok()?;
        (hash.algorithm.as_str() == "argon2id" && hash.hash.is_some()).then(|| text.to_owned())
    });
    section.done();
    Some(PersonSettings { name: name?, password: password?, rights: rights? })
}

/// What a secret is known by.
pub(crate) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

fn secret_of(path: &Path) -> Result<[u8; 32], String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    match text.trim() {
        secret if secret.len() < SECRET_BYTES_MIN => Err("the secret in it is shorter than 16 characters".to_owned()),
        secret => Ok(digest(secret)),
    }
}

fn hex32(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn origin_of(text: &str) -> Option<String> {
    let (scheme, authority) = text.split_once("://")?;
    let fits = matches!(scheme, "http" | "https") && !authority.is_empty();
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    (fits && authority.chars().all(plain)).then(|| text.to_ascii_lowercase())
}
