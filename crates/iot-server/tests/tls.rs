//! Encrypted pages of the real binary: the certificate that it makes, shows in its log, and uses again.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    sync::Arc,
};

use serde_json::Value as Json;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

/// The binary with encrypted pages.
struct Hub {
    child: Child,
    log: BufReader<ChildStderr>,
    address: SocketAddr,
    fingerprint: String,
}

fn command(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iot-server"));
    command
        .args(["--log-format", "json", "--address", "127.0.0.1", "--tcp-port", "0", "--web-port", "0"])
        .args(["--announce", "no", "--tls", "self-signed", "--data-dir"])
        .arg(data_dir)
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    command
}

impl Hub {
    fn start(data_dir: &Path) -> Self {
        let mut child = command(data_dir).spawn().expect("the binary is there");
        let mut log = BufReader::new(child.stderr.take().expect("it was asked for"));
        let fingerprint = found(&mut log, "fingerprint");
        let url = found(&mut log, "url");
        let address = url.trim_start_matches("https://").trim_end_matches('/').parse().expect(&url);
        Self { child, log, address, fingerprint }
    }

    /// Claims the hub as a browser of this machine does that believes this certificate alone, and gives the answer.
    fn claim(&self, certificate: CertificateDer<'static>) -> String {
        let mut roots = RootCertStore::empty();
        roots.add(certificate).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("the provider knows them");
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        let name = ServerName::from(self.address.ip());
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

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // What it still said is of no interest.
        let _ = self.log.read_to_end(&mut Vec::new());
    }
}

/// What the log says under this key, as soon as it does.
fn found(log: &mut impl std::io::BufRead, key: &str) -> String {
    let mut seen = Vec::new();
    for line in log.lines() {
        let line = line.expect("text");
        let event: Json = serde_json::from_str(&line).unwrap_or_default();
        if let Some(value) = event[key].as_str() {
            return value.to_owned();
        }
        seen.push(line);
    }
    panic!("the hub ended without {key}: {seen:#?}");
}

#[test]
fn a_hub_makes_its_certificate_once_and_is_claimed_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::start(dir.path());
    let certificate = CertificateDer::from_pem_file(dir.path().join("tls.crt")).expect("the hub has made it");
    let answer = hub.claim(certificate.clone());
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let cookie = answer.lines().find(|line| line.starts_with("set-cookie")).expect("a cookie");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    let first = hub.fingerprint.clone();
    drop(hub);

    let again = Hub::start(dir.path());
    assert_eq!(again.fingerprint, first);
    let answer = again.claim(certificate);
    assert!(answer.starts_with("HTTP/1.1"), "who believed the certificate does so still: {answer}");
}

#[test]
#[cfg(unix)]
fn a_hub_does_not_start_with_a_key_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    drop(Hub::start(dir.path()));
    let key = dir.path().join("tls.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let ended = command(dir.path()).output().expect("the binary is there");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success(), "{said}");
    assert!(said.contains("tls.key") && said.contains("chmod 600"), "{said}");
}
