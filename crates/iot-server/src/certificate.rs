//! The certificate that the pages are encrypted with: from files that somebody named, or made once by the hub for
//! itself and kept as `tls.crt` and `tls.key` of the data directory.
//!
//! Nobody vouches for one that the hub made: whoever opens the page compares its fingerprint with the one in the
//! log. So it is used again at each start, and it does not end by itself. A hub whose clock is wrong would otherwise
//! make one that is not valid.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use iot_web::{Tls, TlsError};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};
use thiserror::Error;
use tracing::{info, warn};

use crate::{
    Config, PrivateError,
    config::{StoreKind, TlsWord},
    private,
};

/// Name of the file in the data directory in which a hub keeps the certificate that it has made for itself.
pub const CERTIFICATE: &str = "tls.crt";
/// Name of the file beside it that has its key.
const KEY: &str = "tls.key";

/// Names of a hub on any machine, beside those of its own.
pub(crate) const NAMES: [&str; 3] = ["localhost", "hub.local", iot_net::HOST_NAME];

/// Why there is no certificate to encrypt the pages with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read or made, or others can read the key.
    #[error(transparent)]
    File(PrivateError),
    /// No certificate can be made.
    #[error("cannot make a certificate: {0}")]
    Make(rcgen::Error),
    /// The files are to be used, and are not named.
    #[error("tls is files, so tls_certificate and tls_key must name them")]
    Unnamed,
    /// The files do not hold a certificate and its key.
    #[error("cannot use {} with {}: {why}", certificate.display(), key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong with them.
        why: TlsError,
    },
}

/// A certificate and its key, both PEM.
struct Pair {
    certificate: String,
    key: String,
}

/// What encrypts the pages on this address, where they are to be encrypted. The log says by which fingerprint
/// browsers know it.
///
/// # Errors
/// [`CertificateError`].
pub(crate) fn certificate(config: &Config, address: IpAddr) -> Result<Option<Tls>, CertificateError> {
    let own = (config.data_dir.join(CERTIFICATE), config.data_dir.join(KEY));
    let ((certificate, key), pair) = match (config.tls, config.store) {
        (TlsWord::Off, _) => return Ok(None),
        (TlsWord::Files, _) => {
            let named = config.tls_certificate.clone().zip(config.tls_key.clone());
            let (certificate, key) = named.ok_or(CertificateError::Unnamed)?;
            let pair = Pair { certificate: read(&certificate)?, key: read_key(&key)? };
            ((certificate, key), pair)
        }
        (TlsWord::SelfSigned, StoreKind::Disk) => {
            let pair = kept(config, address, &own.0, &own.1)?;
            (own, pair)
        }
        (TlsWord::SelfSigned, StoreKind::Memory) => (own, made(config, address)?),
    };
    let tls = Tls::from_pem(pair.certificate.as_bytes(), pair.key.as_bytes());
    let tls = tls.map_err(|why| CertificateError::Unusable { certificate, key, why })?;
    info!(
        fingerprint = tls.fingerprint(),
        "pages are encrypted; browsers show this SHA-256 of the certificate"
    );
    Ok(Some(tls))
}

/// The hub's own certificate from its files; what is not there is made.
fn kept(config: &Config, address: IpAddr, certificate: &Path, key: &Path) -> Result<Pair, CertificateError> {
    let is_missing = |path: &Path| !path.exists();
    if is_missing(key) {
        if !is_missing(certificate) {
            warn!(certificate = %certificate.display(), "its key is gone, so another certificate is made");
        }
        let pair = made(config, address)?;
        // The key comes last, so that a certificate is never found with the key of another.
        write(config, CERTIFICATE, &pair.certificate)?;
        write(config, KEY, &pair.key)?;
        return Ok(pair);
    }
    let key = read_key(key)?;
    if is_missing(certificate) {
        let signing = KeyPair::from_pem(&key).map_err(CertificateError::Make)?;
        let certificate = sign(config, address, &signing)?;
        write(config, CERTIFICATE, &certificate)?;
        return Ok(Pair { certificate, key });
    }
    Ok(Pair { certificate: read(certificate)?, key })
}

/// A new key and a certificate for it.
fn made(config: &Config, address: IpAddr) -> Result<Pair, CertificateError> {
    let key = KeyPair::generate().map_err(CertificateError::Make)?;
    Ok(Pair { certificate: sign(config, address, &key)?, key: key.serialize_pem() })
}

/// A certificate for this key that holds for all names and addresses of the hub.
fn sign(config: &Config, address: IpAddr, key: &KeyPair) -> Result<String, CertificateError> {
    let mut params = CertificateParams::new(names(config, address)).map_err(CertificateError::Make)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "IoT hub");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params.self_signed(key).map_err(CertificateError::Make)?.pem())
}

/// Under what browsers may open the pages on this address.
fn names(config: &Config, address: IpAddr) -> Vec<String> {
    let machine = gethostname::gethostname().to_string_lossy().to_lowercase();
    let mut names = BTreeSet::from(NAMES.map(str::to_owned));
    // The network may give it any of these later, and a certificate that is made anew must be compared anew.
    names.extend(iot_net::other_host_names());
    names.extend([format!("{machine}.local"), machine]);
    names.extend(config.web_hosts.iter().map(|name| name.to_lowercase()));
    // A certificate has no room for others, and no browser asks for them.
    names.retain(|name| name.is_ascii());
    let mut addresses = BTreeSet::from([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    if address.is_unspecified() {
        // Where the system gives no list, a browser that is pointed at an address says that the name does not fit.
        let all = if_addrs::get_if_addrs().unwrap_or_default();
        addresses.extend(all.iter().map(if_addrs::Interface::ip));
    } else {
        addresses.insert(address);
    }
    names.into_iter().chain(addresses.iter().map(IpAddr::to_string)).collect()
}

fn read(path: &Path) -> Result<String, CertificateError> {
    fs::read_to_string(path).map_err(|source| failed(path, source))
}

fn read_key(path: &Path) -> Result<String, CertificateError> {
    private::check_secret(path).map_err(CertificateError::File)?;
    read(path)
}

fn write(config: &Config, name: &str, content: &str) -> Result<(), CertificateError> {
    let written = private::write(&config.data_dir, name, content);
    written.map_err(|source| failed(&config.data_dir.join(name), source))
}

fn failed(path: &Path, source: io::Error) -> CertificateError {
    CertificateError::File(PrivateError::Io { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn on(data_dir: &Path, tls: TlsWord) -> Config {
        Config { data_dir: data_dir.into(), tls, ..Config::default() }
    }

    fn fingerprint(config: &Config) -> String {
        certificate(config, LOCAL).unwrap().unwrap().fingerprint().to_owned()
    }

    #[test]
    fn a_hub_keeps_its_certificate_and_two_hubs_have_two() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let config = on(one.path(), TlsWord::SelfSigned);
        let first = fingerprint(&config);
        assert_eq!(fingerprint(&config), first);
        assert_ne!(fingerprint(&on(two.path(), TlsWord::SelfSigned)), first);
        assert_ne!(fingerprint(&Config { store: StoreKind::Memory, ..config.clone() }), first);
        assert!(certificate(&on(one.path(), TlsWord::Off), LOCAL).unwrap().is_none());

        let key = fs::read(one.path().join(KEY)).unwrap();
        fs::remove_file(one.path().join(CERTIFICATE)).unwrap();
        fingerprint(&config);
        assert_eq!(fs::read(one.path().join(KEY)).unwrap(), key, "another certificate, the same key");
        fs::remove_file(one.path().join(KEY)).unwrap();
        assert_ne!(fingerprint(&config), first, "nobody can use the certificate without its key");
    }

    #[test]
    fn files_that_do_not_fit_are_refused_and_stay_as_they_are() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let config = on(one.path(), TlsWord::SelfSigned);
        let own = fingerprint(&config);
        fingerprint(&on(two.path(), TlsWord::SelfSigned));
        let files = |dir: &Path| Config {
            tls_certificate: Some(dir.join(CERTIFICATE)),
            tls_key: Some(one.path().join(KEY)),
            ..on(two.path(), TlsWord::Files)
        };
        assert_eq!(fingerprint(&files(one.path())), own, "files elsewhere are used where they are named");
        let mixed = certificate(&files(two.path()), LOCAL).unwrap_err();
        assert!(matches!(mixed, CertificateError::Unusable { .. }), "{mixed}");
        let unnamed = certificate(&on(one.path(), TlsWord::Files), LOCAL).unwrap_err();
        assert!(matches!(unnamed, CertificateError::Unnamed), "{unnamed}");
        fs::write(one.path().join(CERTIFICATE), "").unwrap();
        let empty = certificate(&config, LOCAL).unwrap_err();
        assert!(matches!(empty, CertificateError::Unusable { .. }), "{empty}");
        assert_eq!(fs::read(one.path().join(CERTIFICATE)).unwrap(), b"");
    }

    #[test]
    #[cfg(unix)]
    fn the_key_is_readable_by_nobody_else_and_refused_when_it_is() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let config = on(dir.path(), TlsWord::SelfSigned);
        fingerprint(&config);
        let key = dir.path().join(KEY);
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        let named = Config {
            tls_certificate: Some(dir.path().join(CERTIFICATE)),
            tls_key: Some(key.clone()),
            ..on(dir.path(), TlsWord::Files)
        };
        for mode in [0o640, 0o604, 0o620, 0o666] {
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            for config in [&config, &named] {
                let refused = certificate(config, LOCAL).unwrap_err();
                assert!(matches!(refused, CertificateError::File(PrivateError::Loose { .. })), "{refused}");
            }
        }
    }

    #[test]
    fn it_holds_for_the_names_and_addresses_under_which_pages_are_opened() {
        let config = Config { web_hosts: vec!["Hub.example".into(), "höhle".into()], ..Config::default() };
        let names = names(&config, Ipv4Addr::UNSPECIFIED.into());
        let in_a_conflict = ["iot-hub-2.local", "iot-hub-9.local"];
        for name in ["localhost", "hub.local", "hub.example", "127.0.0.1", "::1"].iter().chain(&in_a_conflict)
        {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
        assert!(!names.iter().any(|name| name == "0.0.0.0"));
        sign(&config, LOCAL, &KeyPair::generate().unwrap()).unwrap();
    }
}
