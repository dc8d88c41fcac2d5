//! What `ick-http` and the store read in heads of requests: ranges, entity tags, pages, digests.

#![no_main]

use futures_executor::block_on;
use http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE, LINK, RANGE};
use http::{HeaderMap, HeaderValue, Request, Uri};
use ick_http::axum::extract::FromRequestParts;
use ick_http::range::{Wanted, wanted};
use ick_http::{Page, Refusal, etag, if_match, if_none_match};
use ick_store::repr_digest::{self, REPR_DIGEST};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, &[u8])| {
    let (size, bytes) = input;
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        range(size, &value);
        tags(size, &value);
        digest(&value);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        page(text);
    }
});

fn range(size: u64, value: &HeaderValue) {
    let mut headers = HeaderMap::new();
    headers.insert(RANGE, value.clone());
    match wanted(&headers, size, None) {
        Wanted::Whole | Wanted::Nothing => {}
        Wanted::Part(part) => assert!(part.start < part.end && part.end <= size, "{part:?}"),
    }
    headers.insert(RANGE, HeaderValue::from_static("bytes=0-0"));
    headers.insert(IF_RANGE, value.clone());
    let tag = etag("7");
    if wanted(&headers, 9, Some(&tag)) != Wanted::Whole {
        assert_eq!(value, tag);
    }
}

fn tags(size: u64, value: &HeaderValue) {
    let current = size.to_string();
    let mut headers = HeaderMap::new();
    headers.insert(IF_MATCH, value.clone());
    match if_match(&headers, Some(&current)) {
        // It stands there in quotes, or is any.
        Ok(()) => assert!(says(value, &format!("\"{current}\"")) || says(value, "*")),
        Err(refusal) => assert!([400, 412].contains(&refusal.status().as_u16())),
    }
    assert!(if_match(&headers, None).is_err());
    headers.insert(IF_NONE_MATCH, value.clone());
    match if_none_match(&headers, Some(&current)) {
        Ok(named) => {
            if named {
                assert!(says(value, &format!("\"{current}\"")) || says(value, "*"));
            }
        }
        Err(refusal) => assert_eq!(refusal.status(), 400),
    }
}

fn says(value: &HeaderValue, text: &str) -> bool {
    value.to_str().is_ok_and(|value| value.contains(text))
}

fn digest(value: &HeaderValue) {
    let headers = HeaderMap::from_iter([(REPR_DIGEST, value.clone())]);
    if let Ok(Some(digest)) = repr_digest::read(&headers) {
        let written = HeaderValue::try_from(repr_digest::write(&digest)).expect("a header");
        let headers = HeaderMap::from_iter([(REPR_DIGEST, written)]);
        assert_eq!(repr_digest::read(&headers), Ok(Some(digest)));
    }
}

fn page(text: &str) {
    let Ok(uri) = format!("/projects?{text}").parse::<Uri>() else {
        return;
    };
    let page = match asked(uri) {
        Ok(page) => page,
        Err(refusal) => return assert_eq!(refusal.status(), 400),
    };
    assert!((1..=1000).contains(&page.limit));
    // The link to the next page asks for just that, and for the same amount.
    let next = page.after.as_deref().unwrap_or("a/b +c&d=%");
    let answer = page.answer(&(), Some(next));
    let link = answer.headers().get(LINK).expect("a link");
    let link = link.to_str().expect("ASCII");
    let link = link
        .strip_prefix('<')
        .and_then(|link| link.strip_suffix(">; rel=\"next\""))
        .expect("a link as in RFC 8288");
    let following = asked(link.parse().expect("an address")).expect("a page");
    assert_eq!(following.limit, page.limit);
    assert_eq!(following.after.as_deref(), Some(next));
}

fn asked(uri: Uri) -> Result<Page, Refusal> {
    let (mut parts, ()) = Request::builder()
        .uri(uri)
        .body(())
        .expect("a request")
        .into_parts();
    block_on(Page::from_request_parts(&mut parts, &()))
}
