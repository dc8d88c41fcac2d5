//! What a certificate says of who it is for and who signed it.

use rustls::pki_types::CertificateDer;

/// Who signed a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Signer {
    /// The one whom it is for.
    Itself,
    /// Another one, by its common name or organisation where it has one.
    Other(Option<String>),
}

/// Who signed a certificate.
pub(super) fn signer(certificate: &CertificateDer<'_>) -> Signer {
    let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) else {
        return Signer::Other(None);
    };
    if parsed.issuer() == parsed.subject() {
        return Signer::Itself;
    }
    Signer::Other(shown(parsed.issuer()))
}

/// The common name, else the organisation, in the DER of a distinguished name (RFC 5280, 4.1.2.4).
fn shown(name: &[u8]) -> Option<String> {
    const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
    const ORGANISATION: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x0a];
    attribute(name, COMMON_NAME).or_else(|| attribute(name, ORGANISATION))
}

/// The value that follows an attribute's object identifier: a UTF8String, PrintableString or IA5String
/// of less than 128 bytes, which is what RFC 5280 allows (64 characters).
fn attribute(name: &[u8], identifier: [u8; 5]) -> Option<String> {
    let begin = name
        .windows(identifier.len())
        .position(|at| at == identifier)?;
    let [kind @ (0x0c | 0x13 | 0x16), length @ 0..0x80, rest @ ..] =
        &name[begin + identifier.len()..]
    else {
        return None;
    };
    let _ = kind;
    let text = std::str::from_utf8(rest.get(..usize::from(*length))?).ok()?;
    // Whoever made it may have written anything.
    Some(text.chars().filter(|c| !c.is_control()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_table() {
        let of = |identifier: u8, kind: u8, text: &str| {
            let mut der = vec![0x31, 0, 0x30, 0, 0x06, 0x03, 0x55, 0x04, identifier, kind];
            der.push(u8::try_from(text.len()).unwrap_or(0xff));
            der.extend(text.as_bytes());
            der
        };
        for (der, expected) in [
            (of(0x03, 0x0c, "Bö\x1b[2JrseCA"), Some("Bö[2JrseCA")),
            (of(0x0a, 0x13, "Example"), Some("Example")),
            (
                [of(0x0a, 0x13, "Example"), of(0x03, 0x16, "Mine")].concat(),
                Some("Mine"),
            ),
            (of(0x06, 0x13, "DE"), None),
            (of(0x03, 0x04, "bits"), None),
            (of(0x03, 0x0c, "cut")[..12].to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(shown(&der).as_deref(), expected, "{der:?}");
        }
    }
}
