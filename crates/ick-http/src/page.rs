//! Lists in pages: `?limit=`, `?after=`, and `Link: <…>; rel="next"` (RFC 8288).

use crate::{Refusal, query};
use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::LINK;
use http::request::Parts;
use http::{HeaderValue, Uri};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

/// How many are shown when the client does not say.
const DEFAULT: u32 = 100;
/// How many are shown at most.
const MOST: u32 = 1000;

/// Which part of a list is asked for.
#[derive(Clone, Debug)]
pub struct Page {
    /// How many at most: 1 to 1000.
    pub limit: u32,
    /// Only what comes after this one; the key of the last one of the page before.
    pub after: Option<String>,
    uri: Uri,
}

#[derive(Deserialize)]
struct Asked {
    limit: Option<u32>,
    after: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Page {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let asked: Asked = query::parse(parts)?;
        let limit = asked.limit.unwrap_or(DEFAULT);
        if limit == 0 {
            return Err(Refusal::bad_request("limit must be 1 to 1000"));
        }
        Ok(Self {
            limit: limit.min(MOST),
            after: asked.after,
            uri: parts.uri.clone(),
        })
    }
}

impl Page {
    /// Takes a list of up to `limit + 1` items, as the database gave it, and cuts it to the page; the key
    /// of the last one when there are more.
    pub fn cut<T>(&self, items: &mut Vec<T>, key: impl FnOnce(&T) -> String) -> Option<String> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if items.len() <= limit {
            return None;
        }
        items.truncate(limit);
        items.last().map(key)
    }

    /// The answer 200 with the page, and the link to the next one.
    pub fn answer(&self, body: &impl Serialize, next: Option<&str>) -> Response {
        let mut response = Json(body).into_response();
        if let Some(link) = next.and_then(|next| self.link(next)) {
            response.headers_mut().insert(LINK, link);
        }
        response
    }

    fn link(&self, next: &str) -> Option<HeaderValue> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (key, value) in form_urlencoded::parse(self.uri.query().unwrap_or("").as_bytes()) {
            if key != "after" {
                query.append_pair(&key, &value);
            }
        }
        let query = query.append_pair("after", next).finish();
        HeaderValue::try_from(format!("<{}?{query}>; rel=\"next\"", self.uri.path())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_by_table() {
        let page = |limit| Page {
            limit,
            after: None,
            uri: Uri::from_static("/projects/a/+builds?status=done&after=x&limit=2"),
        };
        let mut items = vec![1, 2, 3];
        assert_eq!(page(3).cut(&mut items, i32::to_string), None);
        assert_eq!(items, [1, 2, 3]);
        assert_eq!(
            page(2).cut(&mut items, i32::to_string),
            Some("2".to_owned())
        );
        assert_eq!(items, [1, 2]);
        assert_eq!(
            page(2).link("a/b +c").unwrap(),
            "</projects/a/+builds?status=done&limit=2&after=a%2Fb+%2Bc>; rel=\"next\""
        );
    }
}
