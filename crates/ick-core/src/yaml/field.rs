//! One value, read as what it must be; every reader that answers `None` has reported why.

use super::{Fields, Flaws, Node, Span, Value, parse_size};
use crate::duration;
use crate::secret::Secret;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// A field of a mapping, an item of a list, or an entry of a mapping whose keys are free.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Its key; for an item of a list, that of the list.
    pub name: &'a str,
    /// Its value.
    pub node: &'a Node,
    /// Where its key stands; for an item of a list, where it stands itself.
    pub key_place: Span,
    pub(super) flaws: &'a Flaws,
}

/// A text of a file as it is shown in a message: not more than some characters of it.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl<'a> Field<'a> {
    /// A field that stands for a node of its own.
    pub fn of(name: &'a str, node: &'a Node, flaws: &'a Flaws) -> Self {
        Self {
            name,
            node,
            key_place: node.place,
            flaws,
        }
    }

    /// Where flaws go.
    pub fn flaws(&self) -> &'a Flaws {
        self.flaws
    }

    /// Reports an error about the value.
    pub fn error(&self, detail: impl Display) {
        self.error_hint(detail, None);
    }

    /// Reports an error about the value, with a hint.
    pub fn error_hint(&self, detail: impl Display, hint: Option<String>) {
        if !self.node.broken {
            self.flaws.error(
                self.node.place,
                format!("\"{}\": {detail}", self.flaws.shown(self.name)),
                hint,
            );
        }
    }

    fn wrong_type(&self, wanted: &str) {
        let hint = match (&self.node.value, wanted) {
            (Value::Null, _) => Some("give it a value or leave it out".to_owned()),
            (Value::Int(_) | Value::Float(_) | Value::Bool(_), "a text")
                if self.flaws.is_private() =>
            {
                Some("write it with quotes".to_owned())
            }
            _ if self.flaws.is_private() => None,
            (Value::Int(n), "a text") => Some(format!("write \"{n}\" with quotes")),
            (Value::Float(n), "a text") => Some(format!("write \"{n}\" with quotes")),
            (Value::Bool(b), "a text") => Some(format!("write \"{b}\" with quotes")),
            (Value::Str(text), "true or false") => match text.as_str() {
                "yes" | "Yes" | "on" | "On" | "YES" | "ON" => Some("write true".to_owned()),
                "no" | "No" | "off" | "Off" | "NO" | "OFF" => Some("write false".to_owned()),
                _ => None,
            },
            (Value::Str(text), "a list") if text.len() <= 60 => {
                Some(format!("write [{text}] for a list of one"))
            }
            _ => None,
        };
        self.error_hint(
            format_args!("this must be {wanted}, not {}", self.node.kind()),
            hint,
        );
    }

    /// The text.
    pub fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Str(text) => Some(text),
            _ => {
                self.wrong_type("a text");
                None
            }
        }
    }

    /// A text that must not be shown.
    pub fn secret(&self) -> Option<Secret> {
        self.text().map(Secret::new)
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        match self.node.value {
            Value::Bool(b) => Some(b),
            _ => {
                self.wrong_type("true or false");
                None
            }
        }
    }

    /// A whole number in a range.
    pub fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let Value::Int(n) = self.node.value else {
            self.wrong_type("a whole number");
            return None;
        };
        let found = u64::try_from(n).ok().filter(|n| range.contains(n));
        if found.is_none() {
            self.error(format_args!(
                "this must be from {} to {}, not {n}",
                range.start(),
                range.end()
            ));
        }
        found
    }

    /// A duration like `30s`.
    pub fn duration(&self) -> Option<Duration> {
        if let Value::Int(n) = self.node.value {
            self.error_hint(
                "a duration has a unit",
                Some(format!("write {n}s, {n}m or {n}h")),
            );
            return None;
        }
        let text = self.text()?;
        match duration::parse(text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.error(error);
                None
            }
        }
    }

    /// A size like `1GiB`, or a number of bytes.
    pub fn size(&self) -> Option<u64> {
        if let Value::Int(n) = self.node.value {
            let size = u64::try_from(n).ok();
            if size.is_none() {
                self.error(super::SizeError);
            }
            return size;
        }
        match parse_size(self.text()?) {
            Ok(size) => Some(size),
            Err(error) => {
                self.error(error);
                None
            }
        }
    }

    /// A duration in a range.
    pub fn duration_within(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let duration = self.duration()?;
        if range.contains(&duration) {
            return Some(duration);
        }
        self.error(format_args!(
            "this must be from {} to {}, not {}",
            duration::format(*range.start()),
            duration::format(*range.end()),
            duration::format(duration)
        ));
        None
    }

    /// A size in a range.
    pub fn size_within(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let size = self.size()?;
        if range.contains(&size) {
            return Some(size);
        }
        self.error(format_args!(
            "this must be from {} to {}, not {}",
            super::format_size(*range.start()),
            super::format_size(*range.end()),
            super::format_size(size)
        ));
        None
    }

    /// A text that is read by its type's `FromStr`.
    pub fn parse<T>(&self) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        match self.text()?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(error);
                None
            }
        }
    }

    /// One of some words.
    pub fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let hint = self.flaws.suggest(text, names.iter().copied());
            self.error_hint(
                format_args!(
                    "this must be one of {}, not \"{}\"",
                    names.join(", "),
                    self.flaws.shown(text)
                ),
                hint,
            );
        }
        found.map(|(_, value)| *value)
    }

    /// The items of a list.
    pub fn items(&self) -> Option<impl ExactSizeIterator<Item = Field<'a>> + use<'a>> {
        let Value::Seq(items) = &self.node.value else {
            self.wrong_type("a list");
            return None;
        };
        let (name, flaws) = (self.name, self.flaws);
        Some(items.iter().map(move |node| Field {
            name,
            node,
            key_place: node.place,
            flaws,
        }))
    }

    /// A list of texts; nothing when one of them is not a text.
    pub fn texts(&self) -> Option<Vec<String>> {
        let items = self.items()?;
        // Each is looked at, so that each problem is reported.
        let texts: Vec<Option<&str>> = items.map(|item| item.text()).collect();
        texts.into_iter().map(|t| t.map(str::to_owned)).collect()
    }

    /// A mapping, which is called `what` in messages.
    pub fn mapping(&self, what: impl Into<String>) -> Option<Fields<'a>> {
        Fields::of(self.node, what, self.flaws)
    }

    /// The entries of a mapping whose keys are free.
    pub fn entries(&self) -> Option<impl Iterator<Item = Field<'a>> + use<'a>> {
        if !matches!(self.node.value, Value::Map(_)) {
            self.wrong_type("a mapping");
            return None;
        }
        Some(Fields::of(self.node, "", self.flaws)?.entries())
    }
}
