//! Random values by a seed, and by schemas.

use serde_json::{Map, Value, json};

/// A generator of random numbers (SplitMix64): the same seed, the same numbers.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to one less than `most`.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        let number = self.number() % (most.max(1) as u64);
        usize::try_from(number).unwrap_or_default()
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    pub(crate) fn bytes(&mut self, most: usize) -> Vec<u8> {
        let len = self.below(most);
        (0..len).map(|_| self.number().to_le_bytes()[0]).collect()
    }

    /// A text that something may stumble over.
    pub(crate) fn text(&mut self) -> String {
        let texts = [
            "",
            "a",
            "some/thing",
            "some/thing/1",
            "../..",
            "\u{0}",
            "ä\u{202e}",
            "${x}",
            "-1",
            "1.5",
            "null",
            "99999999999999999999",
            "sha256:00",
            "'; DROP TABLE build; --",
            "a\r\nX: y",
            "%00",
            "true",
            "2026-01-01T00:00:00Z",
            "9223372036854775808",
            "\u{feff}",
        ];
        match self.below(4) {
            0 => String::from_utf8_lossy(&self.bytes(60)).into_owned(),
            1 => self
                .one_of(&["x", "ü", "/", "\\", "\n"])
                .repeat(self.below(3000)),
            _ => self.one_of(&texts).to_owned(),
        }
    }

    /// A JSON value of any kind.
    pub(crate) fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => self.once_in(2).into(),
            2 => self.number().into(),
            3 => (self.number().cast_signed() >> self.below(64)).into(),
            4 => json!(f64::from_bits(self.number())),
            5 => self.text().into(),
            6 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => {
                let fields = (0..self.below(4)).map(|_| (self.text(), self.value(depth - 1)));
                Value::Object(fields.collect::<Vec<_>>().into_iter().collect())
            }
        }
    }

    /// A value that mostly fits a schema, at its limits where it has some.
    pub(crate) fn fitting(&mut self, root: &Value, schema: &Value, depth: usize) -> Value {
        if depth == 0 || self.once_in(40) {
            return self.value(2);
        }
        if let Some(place) = schema["$ref"].as_str() {
            let found = root.pointer(&place[1..]).unwrap_or(&Value::Null);
            return self.fitting(root, found, depth - 1);
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        for either in ["enum", "anyOf", "oneOf"] {
            if let Some(all) = schema[either].as_array().filter(|all| !all.is_empty()) {
                let one = &all[self.below(all.len())];
                return if either == "enum" {
                    one.clone()
                } else {
                    self.fitting(root, one, depth - 1)
                };
            }
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds[self.below(kinds.len())].clone(),
            kind => kind.clone(),
        };
        match kind.as_str() {
            Some("object") => self.object(root, schema, depth),
            Some("array") => (0..self.below(4))
                .map(|_| self.fitting(root, &schema["items"], depth - 1))
                .collect(),
            Some("integer") => {
                let limits = [
                    schema.get("minimum").cloned().unwrap_or(json!(0)),
                    schema.get("maximum").cloned().unwrap_or(json!(u64::MAX)),
                    json!(1),
                    json!(self.number()),
                ];
                limits[self.below(limits.len())].clone()
            }
            Some("boolean") => self.once_in(2).into(),
            Some("string") => {
                let names = [
                    "some/thing",
                    "some/pipeline",
                    "some/thing/1",
                    "a",
                    "1",
                    "1m",
                    "z".repeat(200).leak(),
                ];
                let text = if self.once_in(3) {
                    self.text()
                } else {
                    self.one_of(&names).to_owned()
                };
                text.into()
            }
            Some("null") => Value::Null,
            _ => self.value(2),
        }
    }

    fn object(&mut self, root: &Value, schema: &Value, depth: usize) -> Value {
        let mut map = Map::new();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let required = schema["required"]
                .as_array()
                .is_some_and(|all| all.contains(&json!(name)));
            if required && !self.once_in(20) || self.once_in(2) {
                map.insert(name.clone(), self.fitting(root, field, depth - 1));
            }
        }
        if self.once_in(15) {
            map.insert(self.text(), self.value(2));
        }
        Value::Object(map)
    }
}
