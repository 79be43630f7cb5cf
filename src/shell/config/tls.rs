//! `[http.tls]` and `[ami.tls]`: certificate and key, TLS 1.2 and 1.3 (reliability S6).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, Error, RootCertStore, ServerConfig};

use crate::shell::config::section::Section;

/// Most certificates in one chain.
const CHAIN_MAX: usize = 16;

/// A certificate chain with its key; equal if their bytes are.
#[derive(Clone)]
pub struct TlsSettings {
    pem: (Vec<u8>, Vec<u8>),
    /// What connections are opened with.
    pub config: Arc<ServerConfig>,
}

impl TlsSettings {
    /// From the PEM of a chain and of its key; the error is a sentence.
    pub fn new(cert: Vec<u8>, key: Vec<u8>) -> Result<TlsSettings, String> {
        let config = config(&cert, &key)?;
        Ok(TlsSettings { pem: (cert, key), config })
    }

    /// From when and until when the certificate that is shown is valid, seconds since 1970; none if its dates are none.
    pub fn validity_secs(&self) -> Option<(u64, u64)> {
        let first = CertificateDer::from_pem_slice(&self.pem.0).ok()?;
        let parsed = ParsedCertificate::try_from(&first).ok()?;
        // Its dates are looked at before its issuer: that of nobody will do.
        let at = |secs| {
            let instant = UnixTime::since_unix_epoch(Duration::from_secs(secs));
            let nobody = RootCertStore::empty();
            match verify_server_cert_signed_by_trust_anchor(&parsed, &nobody, &[], instant, &[]) {
                Err(Error::InvalidCertificate(error)) => Some(error),
                Ok(()) | Err(_) => None,
            }
        };
        let until = match at(u64::MAX)? {
            CertificateError::ExpiredContext { not_after, .. } => not_after.as_secs(),
            _ => return None,
        };
        let from = match at(0) {
            Some(CertificateError::NotValidYetContext { not_before, .. }) => not_before.as_secs(),
            _ => 0,
        };
        Some((from, until))
    }
}

impl std::fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsSettings(…)")
    }
}

impl PartialEq for TlsSettings {
    fn eq(&self, other: &TlsSettings) -> bool {
        self.pem == other.pem
    }
}

impl Eq for TlsSettings {}

/// What connections are opened with, from the PEM of a chain and of its key; the error is a sentence.
fn config(cert: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, String> {
    let chain = CertificateDer::pem_slice_iter(cert).take(CHAIN_MAX + 1).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| format!("is no PEM file: {error}"))?;
    match chain.len() {
        0 => return Err("has no certificate in it".to_owned()),
        many if many > CHAIN_MAX => return Err(format!("has more than {CHAIN_MAX} certificates")),
        _ => {}
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("its key cannot be read: {error}"))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("the provider has TLS 1.2 and 1.3");
    let config = builder.with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(|error| format!("and its key do not belong together: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// `dir`: what paths are relative to.
pub(super) fn tls(section: &Section<'_>, dir: &Path) -> Option<TlsSettings> {
    if !section.is_present() {
        return None;
    }
    let file = |key: &str, example: &str| {
        section.text_needed(key, example);
        let path = dir.join(section.text(key)?);
        match std::fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                section.error(key, format!("{} cannot be read: {error}", path.display()));
                None
            }
        }
    };
    let pem = (file("cert", "tls/turno.crt"), file("key", "tls/turno.key"));
    section.done();
    match TlsSettings::new(pem.0?, pem.1?) {
        Ok(tls) => Some(tls),
        Err(sentence) => {
            section.error("cert", sentence);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_said() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        for (cert, key, says) in [
            ("", key.as_str(), "has no certificate in it"),
            (cert.as_str(), "", "its key cannot be read"),
            (cert.as_str(), other.signing_key.serialize_pem().as_str(), "do not belong together"),
        ] {
            let said = config(cert.as_bytes(), key.as_bytes()).err().unwrap_or_default();
            assert!(said.contains(says), "{said:?}");
        }
        assert!(config(cert.as_bytes(), key.as_bytes()).is_ok());
        assert!(config(cert.repeat(CHAIN_MAX + 1).as_bytes(), key.as_bytes()).is_err());
    }
}
