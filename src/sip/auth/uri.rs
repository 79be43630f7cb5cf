//! Whether the `uri` of an answer is the Request-URI (RFC 3261 §22.4, RFC 7616 §3.4.6), as strictly as phones allow.
//!
//! Phones leave out URI parameters, write the default port or not, and keep the domain where the Request-URI has our
//! address (a proxy in front changes it, too). What must agree is the scheme, the user and that the host is the same
//! one or both are ours: then an answer made for one callee or one server does not serve for another.

use crate::config::SipConfig;
use crate::message::{Host, Uri};

/// Whether the two name the same target.
pub(super) fn agree(presented: &str, requested: &str, config: &SipConfig) -> bool {
    if presented == requested {
        return true;
    }
    let (Some(a), Some(b)) = (Uri::parse(presented), Uri::parse(requested)) else { return false };
    let (Some(a_host), Some(b_host)) = (a.host, b.host) else { return false };
    let same_host = a_host.is_same(b_host) && a.port_or_default() == b.port_or_default();
    a.scheme == b.scheme
        && without_params(&a.user_decoded()) == without_params(&b.user_decoded())
        && (same_host || is_ours(a_host, config) && is_ours(b_host, config))
}

/// Parameters of a telephone number in the user part, as `;phone-context=`.
fn without_params(user: &str) -> &str {
    user.split(';').next().unwrap_or(user)
}

/// A host name or address that we answer for.
fn is_ours(host: Host<'_>, config: &SipConfig) -> bool {
    match host {
        Host::Name(name) => config.domains.iter().any(|domain| domain.eq_ignore_ascii_case(name)),
        Host::V4(_) | Host::V6(_) => {
            let address = host.address();
            config.domains.iter().any(|domain| domain.parse().ok() == address)
                || config.listeners.iter().any(|listener| {
                    let local = listener.local.ip();
                    local.is_unspecified() || Some(local) == address || listener.external.map(|at| at.ip()) == address
                })
        }
    }
}
