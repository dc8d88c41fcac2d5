//! The committed descriptions are what the code says.

#![expect(clippy::expect_used, reason = "a failed test is a panic")]

use serde_json::Value;
use std::path::Path;

/// `UPDATE=1 cargo test -p ick-openapi` writes them anew.
#[test]
fn the_committed_descriptions_are_the_generated_ones() {
    for (name, generated) in [
        ("controller", ick_openapi::controller()),
        ("store", ick_openapi::store()),
        ("idp", ick_openapi::idp()),
    ] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/openapi/{name}.json"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, format!("{generated:#}\n")).expect("the file can be written");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        // As values: the order of the keys depends on how serde_json is built.
        let committed: Option<Value> = serde_json::from_str(&committed).ok();
        assert!(
            committed == Some(generated),
            "docs/openapi/{name}.json is not what the code says; run UPDATE=1 cargo test -p ick-openapi"
        );
    }
}
