//! Why there is no secure connection, as data.

use ick_core::time::Timestamp;
use rustls::{AlertDescription, CertificateError, InvalidMessage, OtherError, PeerIncompatible};
use std::fmt;
use std::path::PathBuf;

/// Why there is no secure connection to a server. The texts say what is wrong with the server's
/// certificate, or with how it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The certificate, or one between it and its authority, has expired.
    Expired {
        /// Since when.
        since: Timestamp,
        /// This machine's time.
        now: Timestamp,
    },
    /// The certificate, or one between it and its authority, is not valid yet.
    NotYetValid {
        /// From when on it is.
        from: Timestamp,
        /// This machine's time.
        now: Timestamp,
    },
    /// The certificate is for other names.
    WrongName {
        /// The name in the URL.
        expected: String,
        /// Those in the certificate.
        names: Vec<String>,
    },
    /// The certificate is signed by nobody who is trusted.
    UnknownAuthority {
        /// Who signed it, where it says so.
        signer: Option<String>,
        /// The CA file that says who is trusted; none for the platform.
        ca_file: Option<PathBuf>,
    },
    /// The certificate is signed by itself, and not trusted for itself.
    SelfSigned {
        /// The CA file that says who is trusted; none for the platform.
        ca_file: Option<PathBuf>,
    },
    /// The certificate is an authority's own, with which no server may show itself.
    AuthorityItself,
    /// The certificate cannot be used for another reason.
    Certificate(String),
    /// The platform trusts no authority at all.
    NoAuthorities,
    /// The URL begins with https://, and what listens there does not speak TLS.
    NotTls,
    /// The URL begins with http://, and what listens there speaks TLS.
    OnlyTls,
    /// The server speaks nothing newer than TLS 1.1.
    TooOld,
    /// The server refused, or something in the handshake was not as it should be.
    Other(String),
}

impl TlsFailure {
    /// What an error of rustls means.
    pub(crate) fn of(error: &rustls::Error) -> Self {
        use rustls::Error as E;
        match error {
            E::InvalidCertificate(CertificateError::Other(OtherError(why))) => why
                .downcast_ref()
                .cloned()
                .unwrap_or_else(|| Self::Certificate(why.to_string())),
            E::InvalidCertificate(why) => Self::Certificate(why.to_string()),
            E::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            E::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            )
            | E::AlertReceived(AlertDescription::ProtocolVersion) => Self::TooOld,
            E::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => Self::TooOld,
            other => Self::Other(other.to_string()),
        }
    }

    /// Whether it is the certificate that is not trusted; otherwise there is no TLS at all.
    pub fn is_distrust(&self) -> bool {
        !matches!(
            self,
            Self::NotTls | Self::OnlyTls | Self::TooOld | Self::Other(_)
        )
    }

    /// Whether another CA file could help.
    pub fn is_unknown_authority(&self) -> bool {
        matches!(
            self,
            Self::UnknownAuthority { .. } | Self::SelfSigned { .. } | Self::NoAuthorities
        )
    }
}

impl std::error::Error for TlsFailure {}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { since, now } => write!(
                f,
                "its certificate expired at {since}; it is {now} by the clock here"
            ),
            Self::NotYetValid { from, now } => write!(
                f,
                "its certificate is not valid before {from}; it is {now} by the clock here"
            ),
            Self::WrongName { expected, names } => match names.split_last() {
                None => write!(f, "its certificate is for no host, and so not for {expected}"),
                Some((last, [])) => write!(f, "its certificate is for {last}, not for {expected}"),
                Some((last, others)) => write!(
                    f,
                    "its certificate is for {} and {last}, not for {expected}",
                    others.join(", ")
                ),
            },
            Self::UnknownAuthority { signer, ca_file } => {
                f.write_str("its certificate is signed by ")?;
                match signer {
                    Some(signer) => write!(f, "{signer:?}")?,
                    None => f.write_str("an authority without a name")?,
                }
                match ca_file {
                    Some(file) => write!(f, ", which is not in {}", file.display()),
                    None => f.write_str(", which this machine does not trust"),
                }
            }
            Self::SelfSigned { ca_file } => {
                f.write_str("its certificate is signed by nobody but itself")?;
                match ca_file {
                    Some(file) => write!(f, ", and is not in {}", file.display()),
                    None => f.write_str(", and this machine does not trust it"),
                }
            }
            Self::AuthorityItself => f.write_str(
                "its certificate is an authority's own (CA:TRUE), which is for signing others and not \
                 for servers",
            ),
            Self::Certificate(why) => write!(f, "its certificate cannot be used: {why}"),
            Self::NoAuthorities => f.write_str(
                "this machine trusts no authority at all (on Debian, the package ca-certificates has the \
                 usual ones)",
            ),
            Self::NotTls => {
                f.write_str("the URL begins with https://, and what answers there does not speak TLS")
            }
            Self::OnlyTls => {
                f.write_str("the URL begins with http://, and what answers there speaks TLS")
            }
            Self::TooOld => f.write_str("it speaks no TLS newer than 1.1; 1.2 is the least"),
            Self::Other(why) => write!(f, "the TLS handshake failed: {why}"),
        }
    }
}
