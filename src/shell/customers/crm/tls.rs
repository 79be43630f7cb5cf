//! Whom the CRM's certificate is checked by. There is no way to leave the check out.

use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Most authorities in one file.
const AUTHORITIES_MAX: usize = 1000;

/// Who vouches for a CRM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities {
    /// Their certificates; empty: those that the system trusts.
    own: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// The certificates of a PEM file; the error is a sentence.
    pub fn parse(pem: &[u8]) -> Result<Authorities, String> {
        let found = CertificateDer::pem_slice_iter(pem).take(AUTHORITIES_MAX + 1).collect::<Result<Vec<_>, _>>();
        let own = found.map_err(|error| format!("is no PEM file: {error}"))?;
        let mut store = RootCertStore::empty();
        let (good, bad) = store.add_parsable_certificates(own.iter().cloned());
        match own.len() {
            0 => Err("has no certificate in it".to_owned()),
            many if many > AUTHORITIES_MAX => Err(format!("has more than {AUTHORITIES_MAX} certificates")),
            _ if bad > 0 => Err(format!("has {bad} certificates that are none beside {good} that are")),
            _ => Ok(Authorities { own }),
        }
    }

    fn store(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        if !self.own.is_empty() {
            store.add_parsable_certificates(self.own.iter().cloned());
            return store;
        }
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some of the system's certificate authorities cannot be read");
        }
        store.add_parsable_certificates(found.certs);
        if store.is_empty() {
            tracing::error!(
                "the system trusts no certificate authority: no CRM by https will be; set customers.crm.ca_file"
            );
        }
        store
    }
}

/// Opens TLS where these authorities vouch for the other side and its name.
pub(super) fn config(authorities: &Authorities) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("the provider has TLS 1.2 and 1.3");
    let mut config = builder.with_root_certificates(authorities.store()).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// The name or address that the certificate must have.
pub(super) fn name_of(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}
