//! A text that must not be shown.

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A secret: `Debug`, `Display` and `Serialize` write `[secret]` in its place, so that it reaches no
/// log, error or answer by accident. Only [`Secret::reveal`] gives the text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Every call is a place to look at.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str("[secret]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Text)
    }
}

/// Takes a text, and refuses everything else without showing it, as serde's own errors would.
struct Text;

/// A refusal of everything of a kind.
macro_rules! refuse {
    ($($visit:ident($kind:ty)),*) => {
        $(fn $visit<E: Error>(self, _: $kind) -> Result<Secret, E> {
            Err(no_text())
        })*
    };
}

fn no_text<E: Error>() -> E {
    E::custom("a secret is a text, and this is none")
}

impl<'de> Visitor<'de> for Text {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::new(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Secret, E> {
        Ok(Secret(text))
    }

    refuse!(
        visit_bool(bool),
        visit_i64(i64),
        visit_u64(u64),
        visit_f64(f64)
    );

    fn visit_unit<E: Error>(self) -> Result<Secret, E> {
        Err(no_text())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Secret, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Err(no_text())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Secret, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Err(no_text())
    }
}

/// For `#[serde(with = "ick_core::secret::revealed")]`: a secret that is written out as it is, into a
/// file that its owner alone may read or into the one answer that it is for.
pub mod revealed {
    use super::Secret;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the text itself.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn serialize<S: Serializer>(secret: &Secret, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(secret.reveal())
    }

    /// Reads a text.
    ///
    /// # Errors
    /// When it is none.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Secret, D::Error> {
        Secret::deserialize(d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_not_show_itself() {
        let secret = Secret::new("hunter2");
        let shown = format!("{secret} {secret:?} {:?}", serde_json::to_string(&secret));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn what_is_no_text_is_refused_without_being_shown() {
        for (json, shown) in [
            ("47110815", "47110815"),
            ("-4711.5", "4711"),
            ("true", "true"),
            ("null", "null"),
            (r#"["hunter2"]"#, "hunter2"),
            (r#"{"hunter2": {"hunter3": 1}}"#, "hunter"),
        ] {
            let said = serde_json::from_str::<Secret>(json).map_err(|e| e.to_string());
            let said = said.err().unwrap_or_default();
            assert!(said.contains("a secret is a text"), "{json}: {said}");
            assert!(!said.contains(shown), "{said}");
        }
        let read = serde_json::from_str::<Secret>("\"hunter2\"").ok();
        assert_eq!(read, Some(Secret::new("hunter2")));
    }

    #[test]
    fn it_is_written_out_where_that_is_said() {
        #[derive(Serialize, Deserialize)]
        struct File {
            #[serde(with = "revealed")]
            key: Secret,
        }
        let text = r#"{"key":"hunter2"}"#;
        let file = serde_json::from_str::<File>(text).ok();
        let written = file.and_then(|file| serde_json::to_string(&file).ok());
        assert_eq!(written.as_deref(), Some(text));
    }
}
