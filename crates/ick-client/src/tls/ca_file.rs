//! A CA file: PEM text (RFC 7468) with the certificates of authorities.

use base64::Engine;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest CA file that is read, in bytes: four times what a distribution's own bundle has.
const MAX_SIZE: u64 = 1 << 20;

/// A CA file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {flaw}", .file.display(), .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct CaFileError {
    /// The file.
    pub file: PathBuf,
    /// The line that is wrong, from 1, where one is.
    pub line: Option<usize>,
    /// What is wrong.
    pub flaw: CaFileFlaw,
}

/// What is wrong with a CA file.
#[derive(Debug, thiserror::Error)]
pub enum CaFileFlaw {
    /// It cannot be read.
    #[error("the CA file cannot be read: {0}")]
    Read(std::io::Error),
    /// It is larger than 1 MiB.
    #[error("this is larger than 1 MiB, and no CA file")]
    TooLarge,
    /// There is no PEM text in it.
    #[error(
        "this is no PEM text: a CA file has lines -----BEGIN CERTIFICATE-----; a binary certificate \
         becomes one with `openssl x509 -inform DER -in FILE`"
    )]
    NotPem,
    /// There is PEM text in it, but no certificate.
    #[error("there is no certificate in this CA file, only {0}")]
    NoCertificate(String),
    /// It holds a private key.
    #[error(
        "a private key is in this CA file: it is for certificates only, and others may read it; keep the \
         key elsewhere"
    )]
    PrivateKey,
    /// A section without its end line.
    #[error("the {0} that begins here has no end line: the file is cut")]
    Unfinished(String),
    /// A certificate whose text is not base64.
    #[error("the certificate that begins here is damaged: it is not base64")]
    NotBase64,
    /// A certificate that is none.
    #[error("the certificate that begins here is damaged: {0}")]
    Damaged(rustls::Error),
}

/// Reads a CA file's text.
pub(super) fn read(file: &Path) -> Result<String, CaFileError> {
    let wrong = |flaw| CaFileError {
        file: file.to_owned(),
        line: None,
        flaw,
    };
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|open| open.take(MAX_SIZE + 1).read_to_end(&mut bytes))
        .map_err(|why| wrong(CaFileFlaw::Read(why)))?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(wrong(CaFileFlaw::TooLarge));
    }
    // What stands between the sections is for people, in whatever encoding.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The certificates in a CA file's text.
pub(super) fn parse(file: &Path, text: &str) -> Result<RootCertStore, CaFileError> {
    let at = |line, flaw| CaFileError {
        file: file.to_owned(),
        line,
        flaw,
    };
    let mut roots = RootCertStore::empty();
    let mut others = Vec::new();
    let mut lines = (1..).zip(text.lines().map(str::trim));
    while let Some((begin, line)) = lines.next() {
        let Some(label) = label(line, "-----BEGIN ") else {
            continue;
        };
        if label.ends_with("PRIVATE KEY") {
            return Err(at(Some(begin), CaFileFlaw::PrivateKey));
        }
        let mut base64 = String::new();
        loop {
            match lines.next() {
                Some((_, line)) if self::label(line, "-----END ") == Some(label) => break,
                Some((_, line)) if !line.starts_with("-----") => base64.push_str(line),
                _ => {
                    let flaw = CaFileFlaw::Unfinished(label.to_lowercase());
                    return Err(at(Some(begin), flaw));
                }
            }
        }
        if label != "CERTIFICATE" {
            others.push(label.to_lowercase());
            continue;
        }
        let der = base64::engine::general_purpose::STANDARD
            .decode(base64)
            .map_err(|_| at(Some(begin), CaFileFlaw::NotBase64))?;
        roots
            .add(CertificateDer::from(der))
            .map_err(|why| at(Some(begin), CaFileFlaw::Damaged(why)))?;
    }
    if !roots.is_empty() {
        return Ok(roots);
    }
    Err(at(
        None,
        if others.is_empty() {
            CaFileFlaw::NotPem
        } else {
            CaFileFlaw::NoCertificate(others.join(", "))
        },
    ))
}

fn label<'a>(line: &'a str, begins: &str) -> Option<&'a str> {
    line.strip_prefix(begins)?.strip_suffix("-----")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test is a panic")]
mod tests {
    use super::*;

    /// What is said of a CA file with this text.
    fn said(text: &str) -> String {
        parse(Path::new("ca.pem"), text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_ca_file_is_told_with_its_line() {
        for (text, expected) in [
            ("", "ca.pem: this is no PEM text"),
            ("0\u{fffd}\u{3}", "ca.pem: this is no PEM text"),
            (
                "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                "ca.pem: there is no certificate in this CA file, only public key",
            ),
            (
                "mine\n-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
                "ca.pem:2: a private key is in this CA file",
            ),
            (
                "a\n\n-----BEGIN CERTIFICATE-----\r\nAAAA\r\n",
                "ca.pem:3: the certificate that begins here has no end line",
            ),
            (
                "-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n",
                "ca.pem:1: the certificate that begins here has no end line",
            ),
            (
                "-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n",
                "ca.pem:1: the certificate that begins here is damaged: it is not base64",
            ),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "ca.pem:1: the certificate that begins here is damaged: ",
            ),
        ] {
            let said = said(text);
            assert!(said.starts_with(expected), "{text:?}: {said}");
        }
    }

    #[test]
    fn what_cannot_be_read_or_is_too_large_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let said = |name: &str| read(&folder.path().join(name)).unwrap_err().flaw;
        assert!(matches!(said("none"), CaFileFlaw::Read(_)));
        assert!(matches!(said("."), CaFileFlaw::Read(_)));
        std::fs::write(folder.path().join("huge"), vec![b'\n'; (1 << 20) + 1]).unwrap();
        assert!(matches!(said("huge"), CaFileFlaw::TooLarge));
        std::fs::write(folder.path().join("full"), vec![b'\n'; 1 << 20]).unwrap();
        assert!(read(&folder.path().join("full")).is_ok());
    }
}
