//! HTTPS as somebody who connects sees it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::api::access::tests::settings;
use crate::api::tests::place_with;
use crate::shell::config::{HttpSettings, TlsSettings};

/// A certificate for localhost: settings, and what a client trusts.
fn certificate() -> (HttpSettings, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = TlsSettings::new(made.cert.pem().into_bytes(), made.signing_key.serialize_pem().into_bytes()).unwrap();
    (HttpSettings { tls: Some(tls), ..settings() }, made.cert.der().clone())
}

/// The head of an answer over TLS of these versions, from somebody who has this certificate.
fn head(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Result<String, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut stream = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn https_speaks_tls_1_2_and_1_3_and_takes_a_renewed_certificate_by_a_reload() {
    let (first, trusted) = certificate();
    let place = place_with(first);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let head = head(place.http, &trusted, &[version]).unwrap().to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200") && head.contains("strict-transport-security:"), "{head}");
    }
    let (second, renewed) = certificate();
    place.state.access.set(&second);
    assert!(head(place.http, &trusted, &[&rustls::version::TLS13]).is_err(), "the old one is gone");
    assert!(head(place.http, &renewed, &[&rustls::version::TLS13]).is_ok());
    assert_eq!(place.request("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").0, 0, "plain HTTP gets nothing");
}

/// The beginning of what a ClientHello of this version is answered by: one that offers all that TLS 1.2 needs.
fn answer(address: SocketAddr, minor: u8) -> [u8; 7] {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    // No session; ECDHE-ECDSA with AES-GCM; no compression.
    hello.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2c, 1, 0]);
    // Signatures by ECDSA P-256, the groups x25519 and P-256, uncompressed points.
    let extensions =
        [&[0, 13, 0, 4, 0, 2, 4, 3][..], &[0, 10, 0, 6, 0, 4, 0, 0x1d, 0, 0x17], &[0, 11, 0, 2, 1, 0]].concat();
    hello.extend([0, u8::try_from(extensions.len()).unwrap()]);
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    stream.write_all(&record).unwrap();
    let mut begins = [0; 7];
    stream.read_exact(&mut begins).unwrap();
    begins
}

#[test]
fn tls_1_1_is_refused() {
    let (tls, _) = certificate();
    let place = place_with(tls);
    assert_eq!(answer(place.http, 3)[0], 22, "TLS 1.2 goes on with a ServerHello");
    let refused = answer(place.http, 2);
    // A fatal alert: protocol_version.
    assert_eq!((refused[0], refused[5], refused[6]), (21, 2, 70), "{refused:?}");
}
