//! The certificate authorities that servers' certificates are verified by.

use super::ca_file::{self, CaFileError};
use super::failure::TlsFailure;
use super::verifier::Verifier;
use ick_core::yaml::Fields;
use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock};

/// The certificate authorities of an installation: the platform's, or those of a CA file and no others.
/// Clones share what was read, and the sessions that TLS can take up again.
#[derive(Clone)]
pub struct Authorities(Arc<Inner>);

struct Inner {
    file: Option<CaFile>,
    config: OnceLock<Arc<ClientConfig>>,
}

/// A CA file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CaFile {
    path: PathBuf,
    text: String,
}

impl Authorities {
    /// Those that the platform trusts, looked up at the first connection: on Linux the system's
    /// certificates, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    pub fn platform() -> Self {
        static PLATFORM: LazyLock<Authorities> = LazyLock::new(|| Authorities::of(None));
        PLATFORM.clone()
    }

    /// Those in a CA file: PEM text, 1 MiB at most.
    ///
    /// # Errors
    /// When it cannot be read, or is no CA file.
    pub fn read(file: &Path) -> Result<Self, CaFileError> {
        Self::from_text(file, ca_file::read(file)?)
    }

    /// Those in the text of a CA file that was read from `file` once.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_text(file: &Path, text: String) -> Result<Self, CaFileError> {
        ca_file::parse(file, &text)?;
        Ok(Self::of(Some(CaFile {
            path: file.to_owned(),
            text,
        })))
    }

    /// Those of the setting `ca_file` in a daemon's configuration; the platform's without it. A file that
    /// cannot be used is a flaw of the configuration.
    pub fn setting(fields: &Fields<'_>) -> Self {
        let read = fields.field("ca_file").and_then(|field| {
            // Supervisors run elsewhere.
            let read = std::path::absolute(field.text()?)
                .map_err(|why| why.to_string())
                .and_then(|file| Self::read(&file).map_err(|why| why.to_string()));
            read.map_err(|why| field.error(why)).ok()
        });
        read.unwrap_or_else(Self::platform)
    }

    /// The CA file that they are from.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_ref().map(|file| file.path.as_path())
    }

    /// The text of the CA file that they are from.
    pub fn text(&self) -> Option<&str> {
        self.0.file.as_ref().map(|file| file.text.as_str())
    }

    fn of(file: Option<CaFile>) -> Self {
        Self(Arc::new(Inner {
            file,
            config: OnceLock::new(),
        }))
    }

    /// How connections are secured with them. What fails is tried anew the next time.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, TlsFailure> {
        if let Some(config) = self.0.config.get() {
            return Ok(Arc::clone(config));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Verifier::new(self.verifier(&provider)?, self.file());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| TlsFailure::Other(why.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Arc::clone(self.0.config.get_or_init(|| Arc::new(config))))
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsFailure> {
        let provider = Arc::clone(provider);
        let Some(file) = &self.0.file else {
            let platform = rustls_platform_verifier::Verifier::new(provider);
            return Ok(Arc::new(platform.map_err(|_| TlsFailure::NoAuthorities)?));
        };
        let other = |why: &dyn fmt::Display| TlsFailure::Other(why.to_string());
        let roots = ca_file::parse(&file.path, &file.text).map_err(|why| other(&why))?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        Ok(verifier.build().map_err(|why| other(&why))?)
    }
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.0.file == other.0.file
    }
}

impl Eq for Authorities {}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file() {
            Some(file) => write!(f, "Authorities({})", file.display()),
            None => f.write_str("Authorities(the platform's)"),
        }
    }
}
