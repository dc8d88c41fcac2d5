//! `Range: bytes=…` (RFC 9110, section 14) of something that has no version. One range is served; a
//! list of them, like anything that is not understood, is as if it were not there, which the RFC leaves
//! to the server.

use http::header::{HeaderMap, IF_RANGE, RANGE};
use std::ops::Range;

/// What a request wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All: 200.
    Whole,
    /// These bytes: 206.
    Part(Range<u64>),
    /// Nothing that there is: 416.
    Nothing,
}

/// What a request wants of `size` bytes.
pub(super) fn wanted(headers: &HeaderMap, size: u64) -> Wanted {
    let mut ranges = headers.get_all(RANGE).iter();
    // A log has no tag or date that a condition could name.
    let (Some(range), None, None) = (ranges.next(), ranges.next(), headers.get(IF_RANGE)) else {
        return Wanted::Whole;
    };
    let range = range.to_str().ok();
    range
        .and_then(|text| parse(text, size))
        .unwrap_or(Wanted::Whole)
}

fn parse(text: &str, size: u64) -> Option<Wanted> {
    let (unit, range) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let part = match range.trim().split_once('-')? {
        ("", last) => size.saturating_sub(number(last)?)..size,
        (first, "") => number(first)?..size,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(size)
        }
    };
    Some(if part.start >= part.end {
        Wanted::Nothing
    } else {
        Wanted::Part(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn ranges_by_table() {
        use Wanted::{Nothing, Part, Whole};
        let cases = [
            ("bytes=0-0", Part(0..1)),
            ("bytes=2-5", Part(2..6)),
            ("Bytes=2-99", Part(2..10)),
            ("bytes=9-", Part(9..10)),
            ("bytes=10-", Nothing),
            ("bytes=10-12", Nothing),
            ("bytes=99999999999999999999-", Nothing),
            ("bytes=-3", Part(7..10)),
            ("bytes=-99", Part(0..10)),
            ("bytes=-0", Nothing),
            ("bytes=5-2", Whole),
            ("bytes=0-1,4-5", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("lines=0-1", Whole),
            ("bytes", Whole),
        ];
        for (text, expected) in cases {
            let mut headers = HeaderMap::new();
            assert_eq!(wanted(&headers, 10), Whole);
            headers.insert(RANGE, HeaderValue::from_static(text));
            assert_eq!(wanted(&headers, 10), expected, "{text}");
        }
    }
}
