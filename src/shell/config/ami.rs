//! `[ami]`: Asterisk's manager interface and who may log in there.

mod classes;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

pub use classes::Classes;

use crate::shell::config::section::Section;
use crate::shell::config::tls::{TlsSettings, tls};
use crate::shell::config::values::CIDR_FORM;

const TLS_LISTEN_FORM: &str = "write address and port, for example \"0.0.0.0:5039\", or \"off\"";
const LISTEN_FORM: &str = "write address and port, for example \"127.0.0.1:5038\", or \"off\"";
const CLASS_FORM: &str = "name classes: all, system, call, agent, command, originate, reporting";
/// Shorter secrets are guessed.
const SECRET_CHARS_MIN: usize = 8;
/// Most logins: each is looked at for who connects.
const LOGINS_MAX: usize = 100;

/// `[ami]` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AmiSettings {
    /// Address; none: no manager interface.
    pub listen: Option<SocketAddr>,
    /// Address where TLS is spoken; none: nowhere.
    pub tls_listen: Option<SocketAddr>,
    /// Certificate and key there.
    pub tls: Option<TlsSettings>,
    /// Connections at once.
    pub connections_max: u16,
    /// Who may log in, by name.
    pub logins: BTreeMap<String, Login>,
}

/// Somebody who may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Shared secret; a challenge needs it as it is.
    pub secret: String,
    /// Events that he may see.
    pub read: Classes,
    /// Actions that he may ask for.
    pub write: Classes,
    /// Where from.
    pub networks: Vec<Network>,
}

/// Without the secret.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("read", &self.read)
            .field("write", &self.write)
            .field("networks", &self.networks)
            .finish_non_exhaustive()
    }
}

/// Addresses with a common beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// One of them.
    pub address: IpAddr,
    /// Bits that all have in common.
    pub prefix: u8,
}

/// `dir`: what paths are relative to; `https`: what HTTP has, taken where this has no certificate of its own.
pub(super) fn ami(section: &Section<'_>, dir: &Path, https: Option<&TlsSettings>) -> AmiSettings {
    let door = |key: &str, form: &'static str| {
        let read = section.read(key, form, |text| match text {
            "off" => Some(None),
            address => address.parse().ok().map(Some),
        });
        read.flatten()
    };
    let (listen, tls_listen) = (door("listen", LISTEN_FORM), door("tls_listen", TLS_LISTEN_FORM));
    let tls = tls(&section.section("tls"), dir).or_else(|| https.cloned());
    let connections_max = section.integer("connections_max", 64, 1..=1024);
    let named = section.named("logins");
    if named.len() > LOGINS_MAX {
        section.error("logins", format!("are {}; {LOGINS_MAX} are enough", named.len()));
    }
    let logins = named.into_iter().filter_map(|(name, section)| Some((name, login(&section)?))).collect();
    let settings = AmiSettings { listen, tls_listen, tls, connections_max, logins };
    if settings.tls_listen.is_some() && settings.tls.is_none() {
        section.error("tls_listen", "needs a certificate; add [ami.tls], or [http.tls] for both");
    }
    if (settings.listen.or(settings.tls_listen)).is_some() && settings.logins.is_empty() {
        section.warn("listen", "is set, and nobody can log in; add a login, for example [ami.logins.wallboard]");
    }
    if settings.listen.is_some_and(|address| !address.ip().is_loopback()) {
        section.warn("listen", "is not loopback: numbers of callers and plain secrets cross the network unencrypted");
    }
    section.done();
    settings
}

fn login(section: &Section<'_>) -> Option<Login> {
    let secret = section.text_needed("secret", "a-long-and-random-one");
    if secret.as_ref().is_some_and(|secret| secret.chars().count() < SECRET_CHARS_MIN) {
        section.error("secret", format!("is shorter than {SECRET_CHARS_MIN} characters; draw a longer one"));
    }
    let classes = |key: &str, default: Classes| match section.has(key) {
        true => section.list_read(key, CLASS_FORM, Classes::named).into_iter().fold(Classes::NONE, Classes::and),
        false => default,
    };
    let read = classes("read", Classes::ALL);
    let write = classes("write", Classes::NONE);
    let mut networks = section.list_read("networks", CIDR_FORM, network);
    if !section.has("networks") {
        let loopback = Network { address: IpAddr::V4(Ipv4Addr::LOCALHOST), prefix: 8 };
        networks = vec![loopback, Network { address: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix: 128 }];
    }
    section.done();
    Some(Login { secret: secret?, read, write, networks })
}

/// `10.0.0.0/8`, or one address.
fn network(text: &str) -> Option<Network> {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let address: IpAddr = address.parse().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Some(bits), |prefix| prefix.parse().ok())?;
    (prefix <= bits).then_some(Network { address, prefix })
}
