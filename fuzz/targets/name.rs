//! Names and the other small texts of paths and fields: what is read prints the same, and a name has
//! nothing in it that a path, a header or a terminal could take for something else.

#![no_main]

use ick_api::scope::{BlobsIdGet, for_blob};
use ick_core::digest::Digest;
use ick_core::duration;
use ick_core::name::{
    BlobName, BuildId, ClientId, MAX_LEN, ParameterName, PipelineName, ProjectName,
};
use ick_core::time::Timestamp;
use ick_core::yaml::parse_size;
use ick_http::split_name;
use ick_token::Scopes;
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::{Debug, Display};
use std::str::FromStr;

fuzz_target!(|text: &str| {
    for name in [
        same::<ProjectName>(text).map(|name| name.to_string()),
        same::<PipelineName>(text).map(|name| name.to_string()),
        same::<BlobName>(text).map(|name| name.to_string()),
        same::<ClientId>(text).map(|name| name.to_string()),
    ]
    .into_iter()
    .flatten()
    {
        harmless(&name);
    }
    if let Some(name) = same::<ProjectName>(text) {
        // No project's name is taken for a build, nor the other way round.
        assert!(name.as_str().parse::<BuildId>().is_err());
        let build = format!("{name}/1");
        assert_eq!(
            build.parse::<BuildId>().map(|build| build.project),
            Ok(name)
        );
    }
    if let Some(build) = same::<BuildId>(text) {
        harmless(build.project.as_str());
    }
    if let Some(name) = same::<ParameterName>(text) {
        assert!(!name.as_str().is_empty() && name.as_str().len() <= MAX_LEN);
        assert!(
            name.as_str()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        );
    }
    if let Some(name) = same::<BlobName>(text) {
        // A scope for one blob is one scope, and says the same name again.
        let scope = for_blob::<BlobsIdGet>(name.as_str());
        let scopes: Scopes = scope.parse().expect("a scope");
        assert_eq!(scopes.iter().collect::<Vec<_>>(), [scope.as_str()]);
    }
    same::<Digest>(text);
    if let Ok(scopes) = text.parse::<Scopes>() {
        assert_eq!(scopes.to_string().parse(), Ok(scopes));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        assert_eq!(time.to_string().parse(), Ok(time));
    }
    if let Ok(length) = duration::parse(text) {
        assert!(length <= duration::MAX);
        assert_eq!(duration::parse(&duration::format(length)), Ok(length));
    }
    if let Ok(size) = parse_size(text) {
        assert_eq!(parse_size(&size.to_string()), Ok(size));
    }
});

/// What is read prints the same, as text and as JSON.
fn same<T>(text: &str) -> Option<T>
where
    T: FromStr + Display + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let json = serde_json::Value::from(text);
    let read = text.parse::<T>().ok();
    assert_eq!(serde_json::from_value::<T>(json.clone()).ok(), read);
    if let Some(value) = &read {
        assert_eq!(value.to_string(), text);
        assert_eq!(serde_json::to_value(value).expect("JSON"), json);
    }
    read
}

fn harmless(name: &str) {
    assert!(!name.is_empty() && name.len() <= MAX_LEN);
    assert!(name.bytes().all(|b| b.is_ascii_graphic()), "{name:?}");
    assert!(
        !name.contains(['\\', '"', '%', ':', '?', '#', '&', ',', ';', '$', '*']),
        "{name:?}"
    );
    for segment in name.split('/') {
        assert!(
            segment.starts_with(|c: char| c.is_ascii_alphanumeric()),
            "{name:?}"
        );
    }
    // Nothing of a name is ever taken for what comes after one.
    assert_eq!(split_name(name), (name, None));
    assert_eq!(split_name(&format!("{name}/+x")), (name, Some("+x")));
}
