//! Dice: what must be unguessable and what must stay the same over a restart, kept in one file that only its owner reads.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What a node keeps for its whole life.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Secret for nonces; stable, so that phones need not be challenged again after a restart.
    pub nonce_key: [u8; 32],
    /// Names the life's ids.
    pub seed: u64,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// Reads the node's identity from `dir`, or draws and keeps one.
pub fn identity(dir: &Path) -> io::Result<Identity> {
    fs::create_dir_all(dir)?;
    let path = dir.join("identity");
    match fs::read(&path) {
        Ok(bytes) => decode(&bytes).ok_or_else(|| {
            let why =
                format!("{} is damaged; remove it to draw a new one (phones will be challenged again)", path.display());
            io::Error::new(io::ErrorKind::InvalidData, why)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut bytes = [0; 40];
            fill(&mut bytes);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            Ok(decode(&bytes).expect("40 bytes are an identity"))
        }
        Err(error) => Err(error),
    }
}

/// 64 bits from the system.
pub fn draw() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the kernel's random source does not fail once the system has started");
}

fn decode(bytes: &[u8]) -> Option<Identity> {
    let (key, seed) = bytes.split_first_chunk::<32>()?;
    Some(Identity { nonce_key: *key, seed: u64::from_le_bytes(seed.try_into().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_a_restart_and_damage_is_reported() {
        let dir = std::env::temp_dir().join(format!("turno-identity-{:x}", draw()));
        let first = identity(&dir).unwrap();
        assert_eq!(identity(&dir).unwrap(), first);
        fs::write(dir.join("identity"), b"short").unwrap();
        assert_eq!(identity(&dir).unwrap_err().kind(), io::ErrorKind::InvalidData);
        fs::remove_dir_all(dir).unwrap();
    }
}
