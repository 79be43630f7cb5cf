//! Whom the certificates of those that we ask or tell by https are checked by: a CRM, a web hook. There is no way to leave
//! the check out.

use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Most authorities in one file.
const AUTHORITIES_MAX: usize = 1000;

/// Who vouches for the other side.
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
            tracing::error!("the system trusts no certificate authority: nobody is reached by https; set ca_file");
        }
        store
    }
}

/// Opens TLS, for HTTP/1.1, where these authorities vouch for the other side and its name.
pub fn config(authorities: &Authorities) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("the provider has TLS 1.2 and 1.3");
    let mut config = builder.with_root_certificates(authorities.store()).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// The name or address that the certificate must have; an error where a certificate can have no such name.
pub fn name_of(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

#[cfg(test)]
pub(in crate::shell) mod tests {
    use tokio_rustls::rustls;

    use super::*;

    /// A house's own authority, and what it vouches for.
    pub(in crate::shell) struct House {
        pub(in crate::shell) ca_pem: String,
        pub(in crate::shell) config: Arc<rustls::ServerConfig>,
    }

    /// `name`: whom the server's certificate is for.
    pub(in crate::shell) fn house(name: &str) -> House {
        let (ca_key, key) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
        let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
        let issuer = rcgen::Issuer::new(ca, ca_key);
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        House { ca_pem, config: Arc::new(config) }
    }

    #[test]
    fn a_file_of_authorities_is_read_or_its_fault_is_said() {
        let ours = house("127.0.0.1");
        assert_ne!(Authorities::parse(ours.ca_pem.as_bytes()).unwrap(), Authorities::default());
        for (pem, want) in [
            ("", "has no certificate in it".to_owned()),
            ("hello", "has no certificate in it".to_owned()),
            ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "is no PEM file".to_owned()),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "has 1 certificates that are none".to_owned(),
            ),
        ] {
            let why = Authorities::parse(pem.as_bytes()).unwrap_err();
            assert!(why.starts_with(&want), "{why}");
        }
    }
}
