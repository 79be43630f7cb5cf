//! Whom we talk to by HTTP: an address, and whose certificates vouch for it.

use std::path::Path;

use crate::shell::authorities::Authorities;
use crate::shell::config::section::Section;

/// What an address looks like.
pub(super) const FORM: &str = "write \"https://host/path\" or \"http://host:port/path\"";

/// A checked address.
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
    pub(super) is_secure: bool,
}

/// `https://host/path`, `http://host:port/path`. One with a name or password in it would end up in logs.
pub(super) fn address(text: &str) -> Option<Address> {
    let uri: hyper::Uri = text.parse().ok()?;
    let (authority, path) = (uri.authority()?, uri.path_and_query()?);
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let is_secure = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let fits = !authority.as_str().contains('@') && !host.is_empty();
    let port = authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    fits.then(|| Address { host, port, path: path.as_str().to_owned(), is_secure })
}

/// Those of `ca_file`, else the system's; none: the file has a fault, which was said.
pub(super) fn authorities(section: &Section<'_>, dir: &Path) -> Option<Authorities> {
    let Some(file) = section.text("ca_file") else { return Some(Authorities::default()) };
    match std::fs::read(dir.join(&file)).map_err(|error| format!("cannot be read: {error}")) {
        Ok(pem) => Authorities::parse(&pem).map_err(|why| section.error("ca_file", format!("{file}: {why}"))).ok(),
        Err(why) => {
            section.error("ca_file", format!("{file} {why}"));
            None
        }
    }
}
