//! `Range: bytes=…` (RFC 9110, section 14). One range is served; a list of them, like anything that
//! is not understood, is as if it were not there, which the RFC leaves to the server.

use http::header::{HeaderMap, HeaderValue, IF_RANGE, RANGE};
use std::ops::Range;

/// What of a content a request wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: 200.
    Whole,
    /// These bytes, of which there is one at least: 206.
    Part(Range<u64>),
    /// Nothing that there is: 416.
    Nothing,
}

/// What a request wants of `size` bytes with this entity tag. `If-Range` names the same strong tag or
/// all is wanted: a date never will do, and what has no tag meets no condition.
pub fn wanted(headers: &HeaderMap, size: u64, tag: Option<&HeaderValue>) -> Wanted {
    let mut ranges = headers.get_all(RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else {
        return Wanted::Whole;
    };
    if headers.get(IF_RANGE).is_some_and(|only| Some(only) != tag) {
        return Wanted::Whole;
    }
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
    Some(if part.is_empty() {
        Wanted::Nothing
    } else {
        Wanted::Part(part)
    })
}

/// Digits only; more than fit are as good as the largest number.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Wanted::{Nothing, Part, Whole};

    #[test]
    fn ranges_by_table() {
        let cases = [
            ("bytes=0-0", 10, Part(0..1)),
            ("bytes=3-", 10, Part(3..10)),
            ("bytes=3-99", 10, Part(3..10)),
            ("bytes=9-", 10, Part(9..10)),
            ("bytes=-4", 10, Part(6..10)),
            ("bytes=-99", 10, Part(0..10)),
            ("Bytes= 1-2 ", 10, Part(1..3)),
            ("bytes=1-99999999999999999999999", 10, Part(1..10)),
            ("bytes=10-", 10, Nothing),
            ("bytes=10-12", 10, Nothing),
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
            ("bytes", 10, Whole),
            ("lines=1-2", 10, Whole),
        ];
        for (text, size, expected) in cases {
            let mut headers = HeaderMap::new();
            assert_eq!(wanted(&headers, size, None), Whole);
            headers.insert(RANGE, HeaderValue::from_static(text));
            assert_eq!(wanted(&headers, size, None), expected, "{text} of {size}");
        }
    }

    #[test]
    fn conditions_by_table() {
        let tag = crate::etag("a");
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static("bytes=0-0"));
        for (only, expected) in [
            ("\"a\"", Part(0..1)),
            ("W/\"a\"", Whole),
            ("\"other\"", Whole),
            ("Sat, 01 Aug 2026 00:00:00 GMT", Whole),
        ] {
            headers.insert(IF_RANGE, HeaderValue::from_static(only));
            assert_eq!(wanted(&headers, 10, Some(&tag)), expected, "{only}");
            assert_eq!(wanted(&headers, 10, None), Whole, "{only}");
        }
    }
}
