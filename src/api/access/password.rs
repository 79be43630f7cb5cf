//! Passwords: Argon2id, checked on few threads at a time, and the same for a name that nobody has.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use tokio::sync::Semaphore;

use super::pace::{Pace, Turn};

/// Passwords checked at once: each takes 19 MiB and a core.
const CHECKS_MAX: usize = 2;
/// Longest password, bytes.
const PASSWORD_BYTES_MAX: usize = 1024;
/// Attempts of one address on one name: the owner elsewhere is not locked out by them.
const NAME_FROM_SOURCE: Turn = Turn { every: Duration::from_secs(12), burst: 5 };
/// Attempts of one address.
const SOURCE: Turn = Turn { every: Duration::from_secs(3), burst: 20 };
/// Attempts on one name from everywhere: more than people make, less than guessing needs.
const NAME: Turn = Turn { every: Duration::from_secs(2), burst: 100 };

/// A password as the configuration keeps it; the error is a sentence.
pub(crate) fn hash(password: &str) -> Result<String, String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| format!("the system gives no random bytes: {error}"))?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(|error| error.to_string())?;
    Ok(hash.to_string())
}

/// Checks passwords.
pub(super) struct Passwords {
    places: Arc<Semaphore>,
    /// Of nobody: checked when the name is.
    decoy: String,
    both: Pace<(IpAddr, String)>,
    by_source: Pace<IpAddr>,
    by_name: Pace<String>,
}

impl Passwords {
    pub(super) fn new() -> Passwords {
        let salt = SaltString::encode_b64(&[7; 16]).expect("16 bytes are a salt");
        let decoy = Argon2::default().hash_password(b"nobody's", &salt).expect("the default costs are allowed");
        Passwords {
            places: Arc::new(Semaphore::new(CHECKS_MAX)),
            decoy: decoy.to_string(),
            both: Pace::default(),
            by_source: Pace::default(),
            by_name: Pace::default(),
        }
    }

    /// Whether somebody there may try this name now, or how long he waits.
    pub(super) fn may_try(&self, source: IpAddr, name: &str) -> Result<(), Duration> {
        // A name is as long as a request may be: what is kept of it is not.
        let name: String = name.chars().take(64).collect();
        self.by_source.take(source, SOURCE)?;
        self.both.take((source, name.clone()), NAME_FROM_SOURCE)?;
        self.by_name.take(name, NAME)
    }

    /// Whether `given` is the password; of nobody it never is, after the same work.
    pub(super) async fn check(&self, kept: Option<String>, given: &str) -> bool {
        let Ok(place) = self.places.clone().acquire_owned().await else { return false };
        let is_somebody = kept.is_some();
        let kept = kept.unwrap_or_else(|| self.decoy.clone());
        let given: Vec<u8> = given.bytes().take(PASSWORD_BYTES_MAX).collect();
        let checked = tokio::task::spawn_blocking(move || {
            let _place = place;
            PasswordHash::new(&kept).is_ok_and(|hash| Argon2::default().verify_password(&given, &hash).is_ok())
        });
        checked.await.unwrap_or(false) && is_somebody
    }
}
