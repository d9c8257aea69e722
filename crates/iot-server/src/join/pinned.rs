//! [`believing`]: how to talk TLS to the hub of this machine, whatever names its certificate is for. The file that the hub
//! takes its certificate from says more than a name: it is the one and no other, and nobody else needs to vouch for it.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    },
};

/// Believes the first certificate in this file, and no other.
///
/// # Errors
/// The file cannot be read, or there is no certificate in it.
pub(super) fn believing(path: &Path) -> anyhow::Result<TlsConnector> {
    let certificate =
        CertificateDer::from_pem_file(path).with_context(|| format!("read {}", path.display()))?;
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let pinned = Arc::new(Pinned { certificate, algorithms });
    let client = client.dangerous().with_custom_certificate_verifier(pinned).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(client)))
}

/// Compares a certificate, and leaves it to the library to see that whoever shows it has its key.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *shown == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, shown, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, shown, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
