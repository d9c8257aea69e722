//! [`Tls`]: the certificate that pages are encrypted with, and the handshake of one connection. Where certificate
//! and key are kept, and how long a handshake may take, is said by others.

use std::{fmt, fmt::Write as _, io, sync::Arc};

use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
    server::TlsStream,
};

/// What is spoken on a connection once it is encrypted.
const HTTP: &[u8] = b"http/1.1";

/// A certificate with its key. Neither shows in what is printed of it.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    fingerprint: Box<str>,
}

/// Why a certificate and a key encrypt nothing. What is in the key is in no message.
#[derive(Debug, Error)]
pub enum TlsError {
    /// There is no certificate in what was given.
    #[error("there is no certificate in PEM")]
    NoCertificate,
    /// There is no key in what was given.
    #[error("there is no private key in PEM")]
    NoKey,
    /// The two do not belong together, or are of a kind that is not known.
    #[error("certificate and key are not usable: {0}")]
    Unusable(rustls::Error),
}

impl Tls {
    /// Encrypts with the first certificate in `certificates`, followed by those that vouch for it, and its `key`.
    /// Both are PEM.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        let chain = chain.map_err(|_| TlsError::NoCertificate)?;
        let fingerprint = fingerprint(chain.first().ok_or(TlsError::NoCertificate)?);
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::NoKey)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
        let mut config = config.map_err(TlsError::Unusable)?;
        config.alpn_protocols = vec![HTTP.into()];
        Ok(Self { config: Arc::new(config), fingerprint })
    }

    /// The SHA-256 of the certificate as browsers show it: 32 bytes in capital hexadecimal digits, with colons.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Shakes hands with whoever opened this connection.
    pub(crate) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        TlsAcceptor::from(Arc::clone(&self.config)).accept(stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

fn fingerprint(certificate: &[u8]) -> Box<str> {
    let mut text = String::with_capacity(3 * 32);
    for byte in Sha256::digest(certificate) {
        let colon = if text.is_empty() { "" } else { ":" };
        // Writing to a string does not fail.
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn made() -> (String, String) {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["hub.example".into()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    #[test]
    fn only_a_certificate_with_its_own_key_is_taken_and_no_message_has_the_key() {
        let ((certificate, key), (_, of_another)) = (made(), made());
        let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(tls.fingerprint().split(':').count(), 32);
        assert!(tls.fingerprint().chars().all(|c| c == ':' || c.is_ascii_digit() || c.is_ascii_uppercase()));

        let cut = &key[..key.len() / 2];
        for (certificate, key) in [
            ("", &*key),
            ("nothing", &key),
            (&certificate, ""),
            (&certificate, cut),
            (&certificate, &of_another),
        ] {
            let error = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err();
            let body = key.lines().nth(1).unwrap_or("no key");
            assert!(!format!("{error} {error:?}").contains(body), "{error}");
        }
        assert!(matches!(Tls::from_pem(b"", key.as_bytes()), Err(TlsError::NoCertificate)));
        assert!(matches!(Tls::from_pem(certificate.as_bytes(), cut.as_bytes()), Err(TlsError::NoKey)));
    }

    #[test]
    fn the_fingerprint_is_the_sha_256_of_the_certificate() {
        let empty =
            "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55";
        assert_eq!(&*fingerprint(b""), empty);
    }
}
