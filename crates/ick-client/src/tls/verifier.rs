//! Verifies a server's certificate, and says as data why it cannot be trusted.

use super::failure::TlsFailure;
use super::names::{Signer, signer};
use ick_core::time::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Leaves the verdict to another verifier, and explains it.
#[derive(Debug)]
pub(super) struct Verifier {
    judge: Arc<dyn ServerCertVerifier>,
    file: Option<PathBuf>,
}

impl Verifier {
    /// Explains `judge`, whose authorities are those of a CA file or the platform's.
    pub(super) fn new(judge: Arc<dyn ServerCertVerifier>, file: Option<&Path>) -> Self {
        Self {
            judge,
            file: file.map(Path::to_owned),
        }
    }

    fn explain(&self, certificate: &CertificateDer<'_>, why: CertificateError) -> TlsFailure {
        use CertificateError as C;
        let time = |time: UnixTime| Timestamp::from_millis(time.as_secs().saturating_mul(1000));
        match why {
            C::ExpiredContext {
                time: now,
                not_after,
            } => TlsFailure::Expired {
                since: time(not_after),
                now: time(now),
            },
            C::NotValidYetContext {
                time: now,
                not_before,
            } => TlsFailure::NotYetValid {
                from: time(not_before),
                now: time(now),
            },
            C::UnknownIssuer => match signer(certificate) {
                Signer::Itself => TlsFailure::SelfSigned {
                    ca_file: self.file.clone(),
                },
                Signer::Other(signer) => TlsFailure::UnknownAuthority {
                    signer,
                    ca_file: self.file.clone(),
                },
            },
            C::NotValidForNameContext {
                expected,
                presented,
            } => TlsFailure::WrongName {
                expected: expected.to_str().into_owned(),
                names: presented.iter().map(|name| bare(name)).collect(),
            },
            C::Other(OtherError(ref inner))
                if matches!(inner.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) =>
            {
                TlsFailure::AuthorityItself
            }
            other => TlsFailure::Certificate(other.to_string()),
        }
    }
}

/// A name as it stands in a certificate, without the words that the library puts around it.
fn bare(presented: &str) -> String {
    let inside = presented
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    let name = inside.unwrap_or(presented).trim_matches('"');
    name.chars().filter(|c| !c.is_control()).collect()
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.judge.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        verdict.map_err(|why| match why {
            rustls::Error::InvalidCertificate(why) => {
                let failure = self.explain(end_entity, why);
                CertificateError::Other(OtherError(Arc::new(failure))).into()
            }
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_they_stand_in_certificates() {
        for (presented, expected) in [
            ("DnsName(\"*.ick.example\")", "*.ick.example"),
            ("IpAddress(127.0.0.1)", "127.0.0.1"),
            ("DnsName(\"a\x1b[2J\")", "a[2J"),
            ("DirectoryName", "DirectoryName"),
        ] {
            assert_eq!(bare(presented), expected);
        }
    }
}
