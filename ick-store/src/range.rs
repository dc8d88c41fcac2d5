//! `Range: bytes=…` (RFC 9110, section 14). One range is served; a list of them, like anything that
//! is not understood, is as if it were not there, which the RFC leaves to the server.

use http::header::{HeaderMap, IF_RANGE, RANGE};
use ick_core::digest::Digest;
use ick_http::etag;

/// What of a content a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: 200.
    Whole,
    /// The bytes from the first to the last, both included: 206.
    Part(u64, u64),
    /// Nothing that there is: 416.
    Nothing,
}

/// What a request wants of a content of this size and digest.
pub fn wanted(headers: &HeaderMap, digest: &Digest, size: u64) -> Wanted {
    let mut ranges = headers.get_all(RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else {
        return Wanted::Whole;
    };
    // Only the same strong tag will do; a date never does, as blobs have none.
    let same = headers
        .get(IF_RANGE)
        .is_none_or(|tag| *tag == etag(&digest.to_string()));
    if !same {
        return Wanted::Whole;
    }
    range
        .to_str()
        .ok()
        .and_then(|text| parse(text, size))
        .unwrap_or(Wanted::Whole)
}

fn parse(text: &str, size: u64) -> Option<Wanted> {
    let (unit, range) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    if first.is_empty() {
        let len = number(last)?.min(size);
        return Some(match len {
            0 => Wanted::Nothing,
            len => Wanted::Part(size - len, size - 1),
        });
    }
    let first = number(first)?;
    let last = match last {
        "" => u64::MAX,
        last => number(last)?,
    };
    if last < first {
        return None;
    }
    if first >= size {
        return Some(Wanted::Nothing);
    }
    Some(Wanted::Part(first, last.min(size - 1)))
}

/// Digits only; more than fit are as good as the largest number.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn ranges_by_table() {
        use Wanted::{Nothing, Part, Whole};
        let cases = [
            ("bytes=0-0", 10, Part(0, 0)),
            ("bytes=3-", 10, Part(3, 9)),
            ("bytes=3-99", 10, Part(3, 9)),
            ("bytes=-4", 10, Part(6, 9)),
            ("bytes=-99", 10, Part(0, 9)),
            ("Bytes= 1-2 ", 10, Part(1, 2)),
            ("bytes=1-99999999999999999999999", 10, Part(1, 9)),
            ("bytes=10-", 10, Nothing),
            ("bytes=99999999999999999999999-", 10, Nothing),
            ("bytes=-0", 10, Nothing),
            ("bytes=0-", 0, Nothing),
            ("bytes=-1", 0, Nothing),
            ("bytes=5-4", 10, Whole),
            ("bytes=1-2,4-5", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=a-b", 10, Whole),
            ("bytes=+1-2", 10, Whole),
            ("lines=1-2", 10, Whole),
        ];
        let digest = Digest::from_bytes([1; 32]);
        for (text, size, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, HeaderValue::from_static(text));
            assert_eq!(
                wanted(&headers, &digest, size),
                expected,
                "{text} of {size}"
            );
        }
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static("bytes=0-0"));
        for (tag, expected) in [
            (format!("\"{digest}\""), Part(0, 0)),
            (format!("W/\"{digest}\""), Whole),
            ("\"other\"".to_owned(), Whole),
            ("Sat, 01 Aug 2026 00:00:00 GMT".to_owned(), Whole),
        ] {
            headers.insert(IF_RANGE, HeaderValue::from_str(&tag).unwrap());
            assert_eq!(wanted(&headers, &digest, 10), expected, "{tag}");
        }
    }
}
