//! Entity tags and the preconditions that name them (RFC 9110, sections 8.8.3 and 13.1).

use crate::Refusal;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The strong entity tag with this text, for an `ETag` header.
pub fn etag(text: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{text}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"?\""))
}

/// The entity tag of an object's revision.
pub fn revision_tag(revision: u64) -> HeaderValue {
    etag(&revision.to_string())
}

/// Checks `If-Match` for something whose entity tag has this text at the moment; `None`: it is not there.
///
/// # Errors
/// 412 when the header is there and does not name it, 400 when it cannot be understood.
pub fn if_match(headers: &HeaderMap, current: Option<&str>) -> Result<(), Refusal> {
    match named(headers, &IF_MATCH, current)? {
        None | Some(true) => Ok(()),
        Some(false) => Err(Refusal::precondition_failed(
            "it was changed in the meantime: look at it again, then decide",
        )),
    }
}

/// Whether `If-None-Match` names something whose entity tag has this text at the moment (`*` names all
/// that is there): then a GET is answered 304, and a PUT 412.
///
/// # Errors
/// 400 when the header cannot be understood.
pub fn if_none_match(headers: &HeaderMap, current: Option<&str>) -> Result<bool, Refusal> {
    Ok(named(headers, &IF_NONE_MATCH, current)?.unwrap_or(false))
}

/// Whether a header names the tag; `None` when there is no such header.
fn named(
    headers: &HeaderMap,
    name: &HeaderName,
    current: Option<&str>,
) -> Result<Option<bool>, Refusal> {
    let mut found = None;
    for value in headers.get_all(name) {
        let wrong = || Refusal::bad_request(format!("{name} is not a list of entity tags"));
        let text = value.to_str().map_err(|_| wrong())?;
        let mut matches = found.unwrap_or(false);
        for tag in text.split(',').map(str::trim) {
            if tag == "*" {
                matches |= current.is_some();
                continue;
            }
            let strong = tag.strip_prefix("W/").unwrap_or(tag);
            let inner = strong
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'))
                .ok_or_else(wrong)?;
            // A weak tag never matches in If-Match, which compares strongly.
            let comparable = strong.len() == tag.len() || *name == IF_NONE_MATCH;
            matches |= comparable && current == Some(inner);
        }
        found = Some(matches);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preconditions_by_table() {
        let asked = |name: HeaderName, value: &str| {
            HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
        };
        let status = |value, current| {
            if_match(&asked(IF_MATCH, value), current).map_err(|refusal| refusal.status().as_u16())
        };
        assert!(if_match(&HeaderMap::new(), None).is_ok());
        assert_eq!(status("\"7\"", Some("7")), Ok(()));
        assert_eq!(status("\"6\", \"7\"", Some("7")), Ok(()));
        assert_eq!(status("*", Some("7")), Ok(()));
        assert_eq!(status("*", None), Err(412));
        assert_eq!(status("\"6\"", Some("7")), Err(412));
        assert_eq!(status("W/\"7\"", Some("7")), Err(412));
        assert_eq!(status("7", Some("7")), Err(400));
        let none = |value, current| if_none_match(&asked(IF_NONE_MATCH, value), current).unwrap();
        assert!(none("W/\"7\"", Some("7")));
        assert!(none("*", Some("7")));
        assert!(!none("*", None));
        assert!(!none("\"6\"", Some("7")));
    }
}
