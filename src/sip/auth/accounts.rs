//! The accounts as digest needs them: by user name, with both hashes computed once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use turno_base::StationId;

use super::digest::{Algorithm, Sum, ha1};
use crate::config::{Secret, SipConfig};

/// Realm of our challenges when no domain is configured.
pub const REALM_DEFAULT: &str = "turno";

/// Made from the configuration, anew when it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    realm: String,
    by_user: BTreeMap<String, Known>,
    // Stands in for an unknown user, so that one costs what a known one costs.
    nobody: [Sum; 2],
}

/// An account found by its user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The station this account is.
    pub station: StationId,
    /// Index in `SipConfig::accounts`.
    pub account: u32,
    md5: Option<Sum>,
    sha256: Option<Sum>,
}

impl Accounts {
    /// All accounts of `config`, in the realm of its first domain.
    pub fn of(config: &SipConfig) -> Accounts {
        let realm = config.domains.first().map_or(REALM_DEFAULT, String::as_str);
        let by_user = config.accounts.iter().zip(0..).map(|(account, index)| {
            let sum = |algorithm| match (&account.secret, algorithm) {
                (Secret::Password(password), _) => Some(ha1(algorithm, &account.user, realm, password)),
                (Secret::Hashes { md5, .. }, Algorithm::Md5) => Sum::from_hex(algorithm, md5),
                (Secret::Hashes { sha256, .. }, Algorithm::Sha256) => Sum::from_hex(algorithm, sha256),
            };
            let known = Known {
                station: account.station,
                account: index,
                md5: sum(Algorithm::Md5),
                sha256: sum(Algorithm::Sha256),
            };
            (account.user.clone(), known)
        });
        let nobody = [Algorithm::Md5, Algorithm::Sha256].map(|algorithm| {
            Sum::of(algorithm, &[&config.nonce_key, b"nobody"]) // never equal to anybody's by chance
        });
        Accounts { realm: realm.to_owned(), by_user: by_user.collect(), nobody }
    }

    /// Realm of our challenges.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The account with this user name.
    pub fn find(&self, user: &str) -> Option<&Known> {
        self.by_user.get(user)
    }

    /// What to compute with for `known`: its hash, or nobody's for an unknown user or a hash that is not stored.
    pub(super) fn secret<'a>(&'a self, known: Option<&'a Known>, algorithm: Algorithm) -> &'a Sum {
        let [nobody_md5, nobody_sha256] = &self.nobody;
        match algorithm {
            Algorithm::Md5 => known.and_then(|known| known.md5.as_ref()).unwrap_or(nobody_md5),
            Algorithm::Sha256 => known.and_then(|known| known.sha256.as_ref()).unwrap_or(nobody_sha256),
        }
    }
}
