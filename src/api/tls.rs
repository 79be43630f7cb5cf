//! HTTPS: the certificate and key of `[http.tls]`, TLS 1.2 and 1.3 (reliability S6).

use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Most certificates in one chain.
const CHAIN_MAX: usize = 16;

/// What connections are opened with, from the PEM of a chain and of its key; the error is a sentence.
pub(crate) fn config(cert: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, String> {
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
