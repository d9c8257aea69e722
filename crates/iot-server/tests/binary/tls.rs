//! Encrypted pages of the real binary: the certificate that it makes, shows in its log, and uses again.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
};

use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

use crate::program::{Hub, refused};

/// How pages are encrypted here.
const ENCRYPTED: [&str; 2] = ["--tls", "self-signed"];

/// A hub with encrypted pages.
struct Encrypted {
    _hub: Hub,
    address: SocketAddr,
    fingerprint: String,
}

impl Encrypted {
    fn start(data_dir: &Path) -> Self {
        let hub = Hub::start(data_dir, &ENCRYPTED);
        let (fingerprint, url) = (hub.told("fingerprint"), hub.told("url"));
        let address = url.trim_start_matches("https://").trim_end_matches('/').parse().expect(&url);
        Self { _hub: hub, address, fingerprint }
    }

    /// Claims the hub as a browser of this machine does that believes this certificate alone and looks for this name in
    /// it, and gives the answer.
    fn claim(&self, certificate: CertificateDer<'static>, name: ServerName<'static>) -> String {
        let mut roots = RootCertStore::empty();
        roots.add(certificate).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("the provider knows them");
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        let session = ClientConnection::new(config, name).expect("a name");
        let stream = TcpStream::connect(self.address).expect("it listens");
        let (host, body) = (self.address, "name=ada&password=four+words+are+good");
        let request = format!(
            "POST /claim HTTP/1.1\r\nhost: {host}\r\norigin: https://{host}\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = StreamOwned::new(session, stream);
        stream.write_all(request.as_bytes()).expect("both shake hands");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("ended in good order");
        answer
    }
}

#[test]
fn a_hub_makes_its_certificate_once_and_is_claimed_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Encrypted::start(dir.path());
    let certificate = CertificateDer::from_pem_file(dir.path().join("tls.crt")).expect("the hub has made it");
    let answer = hub.claim(certificate.clone(), hub.address.ip().into());
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let cookie = answer.lines().find(|line| line.starts_with("set-cookie")).expect("a cookie");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    let first = hub.fingerprint.clone();
    drop(hub);

    let again = Encrypted::start(dir.path());
    assert_eq!(again.fingerprint, first);
    // What the network calls it where another machine is `iot-hub.local`.
    for name in ["iot-hub.local", "iot-hub-2.local"] {
        let answer = again.claim(certificate.clone(), name.try_into().expect("a name"));
        assert!(answer.starts_with("HTTP/1.1"), "who believed the certificate does so still: {answer}");
    }
}

#[test]
#[cfg(unix)]
fn a_hub_refused_with_a_key_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    drop(Encrypted::start(dir.path()));
    let key = dir.path().join("tls.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let said = refused(dir.path(), &ENCRYPTED);
    assert!(said.contains("tls.key") && said.contains("chmod 600"), "{said}");
}
