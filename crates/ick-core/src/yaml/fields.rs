//! Reading a mapping field by field, so that every problem is told with its place.
//!
//! Asking for a field makes it known; [`Fields::finish`] reports those that nobody asked for. Every
//! reader that answers `None` for a field that is there has reported why.

use super::field::Field;
use super::{Flaw, Flaws, Node, Span, Value, closest, parse};
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Reads a YAML text whose top is a mapping, such as a configuration, into a type.
///
/// `what` names the mapping in messages (`the configuration`). Unknown fields are reported after
/// `lower`. The value is there only when there is no error; the flaws may be warnings then. An empty
/// text is an empty mapping.
pub fn read<T>(
    file: &str,
    text: &str,
    what: &str,
    lower: impl FnOnce(&Fields<'_>) -> Option<T>,
) -> (Option<T>, Vec<Flaw>) {
    read_into(Flaws::new(file), text, what, lower)
}

/// Like [`read`], for a text that may have secrets in it: see [`Flaws::private`].
pub fn read_private<T>(
    file: &str,
    text: &str,
    what: &str,
    lower: impl FnOnce(&Fields<'_>) -> Option<T>,
) -> (Option<T>, Vec<Flaw>) {
    read_into(Flaws::new(file).private(), text, what, lower)
}

fn read_into<T>(
    flaws: Flaws,
    text: &str,
    what: &str,
    lower: impl FnOnce(&Fields<'_>) -> Option<T>,
) -> (Option<T>, Vec<Flaw>) {
    let node = parse::read(&parse::Limits::DEFAULT, text, &flaws);
    let value = node.and_then(|mut node| {
        if node.value == Value::Null && !node.broken {
            node.value = Value::Map(Vec::new());
        }
        let fields = Fields::of(&node, what, &flaws)?;
        let value = lower(&fields);
        fields.finish();
        value
    });
    let value = value.filter(|_| !flaws.has_errors());
    (value, flaws.into_vec())
}

/// A mapping that is read field by field.
#[derive(Debug)]
pub struct Fields<'a> {
    node: &'a Node,
    what: String,
    flaws: &'a Flaws,
    asked: RefCell<Vec<&'static str>>,
    /// Required fields that are not there, and were not reported yet.
    missing: RefCell<Vec<&'static str>>,
    /// Known fields that no hint needs to list.
    unlisted: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Begins to read a mapping, which is called `what` in messages. Reports when it is something else.
    pub fn of(node: &'a Node, what: impl Into<String>, flaws: &'a Flaws) -> Option<Self> {
        let what = what.into();
        if matches!(node.value, Value::Map(_)) {
            return Some(Self {
                node,
                what,
                flaws,
                asked: RefCell::new(Vec::new()),
                missing: RefCell::new(Vec::new()),
                unlisted: Vec::new(),
            });
        }
        if !node.broken {
            flaws.error(
                node.place,
                format!(
                    "{what} is a mapping (\"key: value\" lines), not {}",
                    node.kind()
                ),
                None,
            );
        }
        None
    }

    /// Where the mapping begins.
    pub fn place(&self) -> Span {
        self.node.place
    }

    /// Where flaws go.
    pub fn flaws(&self) -> &'a Flaws {
        self.flaws
    }

    /// The name of the mapping in messages.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// A field that may be left out.
    pub fn field(&self, name: &'static str) -> Option<Field<'a>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&name) {
            asked.push(name);
        }
        self.peek(name)
    }

    /// A field, without making it known.
    pub fn peek(&self, name: &str) -> Option<Field<'a>> {
        self.entries().find(|field| field.name == name)
    }

    /// A field that must be there. That it is not is told by [`Self::finish`], unless a slip of its
    /// name is told instead.
    pub fn required(&self, name: &'static str) -> Option<Field<'a>> {
        let field = self.field(name);
        if field.is_none() {
            self.missing.borrow_mut().push(name);
        }
        field
    }

    /// Gives the mapping another name in messages, once more is known about it, and leaves some of its
    /// fields out of hints.
    pub fn rename(&mut self, what: impl Into<String>, unlisted: &[&'static str]) {
        self.what = what.into();
        self.unlisted.extend(unlisted);
    }

    /// All entries, in order; none becomes known.
    pub fn entries(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let entries: &'a [super::Entry] = match &self.node.value {
            Value::Map(entries) => entries,
            _ => &[],
        };
        let flaws = self.flaws;
        entries.iter().map(move |entry| Field {
            name: &entry.key.text,
            node: &entry.value,
            key_place: entry.key.place,
            flaws,
        })
    }

    /// Makes names known that are read elsewhere, or that are to be ignored.
    pub fn known(&self, names: &[&'static str]) {
        self.asked.borrow_mut().extend(names);
    }

    /// Reports the fields that nobody asked for, and those that are missing.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        let listed = || {
            asked
                .iter()
                .copied()
                .filter(|name| !self.unlisted.contains(name))
        };
        for field in self.entries() {
            if asked.contains(&field.name) || field.name.is_empty() {
                continue;
            }
            let mut missing = self.missing.borrow_mut();
            let meant = closest(field.name, missing.iter().copied());
            missing.retain(|name| Some(*name) != meant);
            let hint = self.flaws.suggest(field.name, listed()).unwrap_or_else(|| {
                let names: Vec<&str> = listed().collect();
                format!("the fields here are: {}", names.join(", "))
            });
            self.flaws.error(
                field.key_place,
                format!(
                    "{} has no field \"{}\"",
                    self.what,
                    self.flaws.shown(field.name)
                ),
                Some(hint),
            );
        }
        self.tell_missing();
    }

    fn tell_missing(&self) {
        for name in self.missing.take() {
            self.flaws.error(
                self.node.place,
                format!("{} has no \"{name}\"", self.what),
                None,
            );
        }
    }

    /// An optional text.
    pub fn text(&self, name: &'static str) -> Option<String> {
        Some(self.field(name)?.text()?.to_owned())
    }

    /// An optional `true` or `false`.
    pub fn boolean(&self, name: &'static str) -> Option<bool> {
        self.field(name)?.boolean()
    }

    /// An optional whole number.
    pub fn integer(&self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.field(name)?.integer(range)
    }

    /// An optional duration like `30s`.
    pub fn duration(&self, name: &'static str) -> Option<Duration> {
        self.field(name)?.duration()
    }

    /// An optional size like `1GiB`.
    pub fn size(&self, name: &'static str) -> Option<u64> {
        self.field(name)?.size()
    }

    /// An optional duration in a range.
    pub fn duration_within(
        &self,
        name: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        self.field(name)?.duration_within(range)
    }

    /// An optional size in a range.
    pub fn size_within(&self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.field(name)?.size_within(range)
    }

    /// An optional text that is read by its type's `FromStr`.
    pub fn parse<T>(&self, name: &'static str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.field(name)?.parse()
    }

    /// An optional list of texts.
    pub fn texts(&self, name: &'static str) -> Option<Vec<String>> {
        self.field(name)?.texts()
    }
}

impl Drop for Fields<'_> {
    /// What is missing is an error also where unknown fields are of no interest.
    fn drop(&mut self) {
        self.tell_missing();
    }
}
