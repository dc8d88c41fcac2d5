//! The digest that a client sends along with a content, and is sent with one (RFC 9530).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use ick_core::digest::Digest;

/// The header.
pub const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// The header is not of the form: 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Repr-Digest is written sha-256=:BASE64: with the 32 bytes of the SHA-256 in base64")]
pub struct ReprDigestError;

/// The SHA-256 that a request says its content has. Other algorithms are not looked at.
///
/// # Errors
/// When the header is not of the form.
pub fn read(headers: &HeaderMap) -> Result<Option<Digest>, ReprDigestError> {
    let mut found = None;
    for value in headers.get_all(REPR_DIGEST) {
        let text = value.to_str().map_err(|_| ReprDigestError)?;
        for member in text.split(',') {
            let (key, value) = member.trim().split_once('=').ok_or(ReprDigestError)?;
            if key == "sha-256" {
                // Of a key given twice the last counts (RFC 9651, section 3.2).
                found = Some(byte_sequence(value).ok_or(ReprDigestError)?);
            }
        }
    }
    Ok(found)
}

fn byte_sequence(value: &str) -> Option<Digest> {
    let item = value.split(';').next()?.trim();
    let base64 = item.strip_prefix(':')?.strip_suffix(':')?;
    let bytes: [u8; 32] = STANDARD.decode(base64).ok()?.try_into().ok()?;
    Some(Digest::from_bytes(bytes))
}

/// A digest as `Repr-Digest` has it.
pub fn write(digest: &Digest) -> String {
    format!("sha-256=:{}:", STANDARD.encode(digest.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|v| (REPR_DIGEST, HeaderValue::from_str(v).unwrap()))
            .collect()
    }

    #[test]
    fn digests_by_table() {
        let digest = Digest::from_bytes([7; 32]);
        let text = write(&digest);
        let with_others = format!("sha-512=:AAAA:, {text};x=1, md5=:x:");
        for good in [&text, &with_others] {
            assert_eq!(read(&headers(&[good])), Ok(Some(digest)), "{good}");
        }
        assert_eq!(read(&HeaderMap::new()), Ok(None));
        assert_eq!(read(&headers(&["sha-512=:AAAA:"])), Ok(None));
        for wrong in [
            "",
            "sha-256",
            "sha-256=AAAA",
            "sha-256=:AAAA:",
            "sha-256=:%:",
            "sha-256=::",
        ] {
            assert_eq!(read(&headers(&[wrong])), Err(ReprDigestError), "{wrong}");
        }
    }
}
