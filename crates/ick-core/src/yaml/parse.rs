//! From YAML text to the tree.

use super::lines::lines;
use super::scalar::{self, Plain};
use super::{Entry, Flaw, Flaws, Key, Node, Span, Value};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// How much of a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The size of the text in bytes.
    pub bytes: usize,
    /// How deep lists and mappings may be nested.
    pub depth: usize,
    /// How many values there may be.
    pub nodes: usize,
}

impl Limits {
    /// Those of definition files and configurations.
    pub const DEFAULT: Self = Self {
        bytes: 1 << 20,
        depth: 64,
        nodes: 100_000,
    };
}

impl Limits {
    /// Reports a text that is too long to be read; whether it is not.
    pub(super) fn allow(&self, text: &str, flaws: &Flaws) -> bool {
        let fits = text.len() <= self.bytes;
        if !fits {
            flaws.error(
                Span::default(),
                format!(
                    "the text has {} bytes; at most {} are read",
                    text.len(),
                    self.bytes
                ),
                None,
            );
        }
        fits
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Reads a YAML text with the usual limits.
///
/// The tree is there when the text could be read to its end, even with errors in it; an empty text is
/// [`Value::Null`]. It may be used only when none of the flaws is an error.
pub fn parse(file: &str, text: &str) -> (Option<Node>, Vec<Flaw>) {
    parse_with(&Limits::DEFAULT, file, text)
}

/// Reads a YAML text that may have secrets in it: see [`Flaws::private`].
pub fn parse_private(file: &str, text: &str) -> (Option<Node>, Vec<Flaw>) {
    let flaws = Flaws::new(file).private();
    let node = read(&Limits::DEFAULT, text, &flaws);
    (node, flaws.into_vec())
}

/// Reads a YAML text with other limits.
pub fn parse_with(limits: &Limits, file: &str, text: &str) -> (Option<Node>, Vec<Flaw>) {
    let flaws = Flaws::new(file);
    let node = read(limits, text, &flaws);
    (node, flaws.into_vec())
}

/// Reads a YAML text with the usual limits; what is wrong goes to `flaws`.
pub(crate) fn parse_into(text: &str, flaws: &Flaws) -> Option<Node> {
    read(&Limits::DEFAULT, text, flaws)
}

pub(super) fn read(limits: &Limits, text: &str, flaws: &Flaws) -> Option<Node> {
    if !limits.allow(text, flaws) {
        return None;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder {
        limits,
        flaws,
        open: Vec::new(),
        nodes: 0,
        root: None,
    };
    let text_end = text_end(text);
    let mut documents = 0;
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                syntax_error(&error, text, text_end, flaws);
                return None;
            }
        };
        let place = place(span.start, span.end, text_end);
        match event {
            Event::StreamEnd => break,
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    flaws.error(
                        place,
                        "a second document begins here; a file has one",
                        Some("put what follows into a file of its own".to_owned()),
                    );
                    return None;
                }
            }
            event => builder.take(event, place).ok()?,
        }
    }
    Some(builder.root.unwrap_or_else(|| {
        Node::new(
            Value::Null,
            Span {
                line: 1,
                column: 1,
                width: 0,
            },
        )
    }))
}

/// The place behind the last character.
fn text_end(text: &str) -> Span {
    let last = (1..).zip(lines(text)).last();
    let (line, text) = last.unwrap_or((1, ""));
    Span {
        line,
        column: u32::try_from(text.chars().count() + 1).unwrap_or(u32::MAX),
        width: 0,
    }
}

fn place(start: Marker, end: Marker, text_end: Span) -> Span {
    let width = if start.line() == end.line() {
        end.col().saturating_sub(start.col())
    } else {
        0
    };
    let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    if short(start.line()) > text_end.line {
        // Where a text ends without an end of line, the scanner is a line further.
        return text_end;
    }
    Span {
        line: short(start.line()),
        column: short(start.col() + 1),
        width: short(width),
    }
}

fn syntax_error(error: &ScanError, text: &str, text_end: Span, flaws: &Flaws) {
    let place = place(*error.marker(), *error.marker(), text_end);
    let line = lines(text).nth(place.line.saturating_sub(1) as usize);
    let line = line.unwrap_or_default();
    let info = error.info();
    let indent = line.len() - line.trim_start().len();
    let hint = if line[..indent].contains('\t') {
        Some("indent with spaces: YAML does not take tabs")
    } else if info.contains("mapping values") || info.contains("mapping value") {
        Some("a text with \": \" in it needs quotes; otherwise look at the indentation")
    } else if info.contains("cannot start any token") {
        Some("a text that begins with such a character needs quotes")
    } else if info.contains("flow") || info.contains("','") {
        Some("look for a missing comma, or a missing ] or }")
    } else if info.contains("unknown escape") {
        Some("in double quotes \\ begins an escape; single quotes take it as it is")
    } else {
        None
    };
    flaws.error(
        place,
        if flaws.is_private() {
            "this is not YAML".to_owned()
        } else {
            format!("this is not YAML: {info}")
        },
        hint.map(str::to_owned),
    );
}

/// The text is not read any further; the flaw was reported.
struct Stop;

enum Open {
    Seq(Vec<Node>),
    Map(Vec<Entry>, Option<Key>),
    /// A list or mapping that stands where a key should: it is read over.
    Skipped,
}

struct Builder<'a> {
    limits: &'a Limits,
    flaws: &'a Flaws,
    open: Vec<(Open, Span)>,
    nodes: usize,
    root: Option<Node>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, place: Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_marks(anchor, tag.as_ref(), place);
                self.scalar(text, style, place)
            }
            Event::Alias(_) => {
                self.flaws.error(
                    place,
                    "aliases (*name) are not accepted",
                    Some("write the value out".to_owned()),
                );
                let mut node = Node::new(Value::Null, place);
                node.broken = true;
                self.node(node)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_marks(anchor, tag.as_ref(), place);
                self.begin(Open::Seq(Vec::new()), place)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_marks(anchor, tag.as_ref(), place);
                self.begin(Open::Map(Vec::new(), None), place)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => Ok(()),
        }
    }

    fn refuse_marks(&self, anchor: usize, tag: Option<&Cow<'_, Tag>>, place: Span) {
        if anchor != 0 {
            self.flaws.error(
                Span { width: 0, ..place },
                "anchors (&name) are not accepted",
                Some("write the value out where it is needed".to_owned()),
            );
        }
        if let Some(tag) = tag {
            self.flaws.error(
                Span { width: 0, ..place },
                if self.flaws.is_private() {
                    "tags are not accepted".to_owned()
                } else {
                    format!("tags are not accepted, and this has the tag {tag}")
                },
                Some("leave it out; quotes make a text of anything".to_owned()),
            );
        }
    }

    fn begin(&mut self, open: Open, place: Span) -> Result<(), Stop> {
        if self.open.len() >= self.limits.depth {
            self.flaws.error(
                Span { width: 0, ..place },
                format!("this is nested more than {} deep", self.limits.depth),
                None,
            );
            return Err(Stop);
        }
        let skipped = match self.open.last() {
            Some((Open::Skipped, _)) => true,
            Some((Open::Map(_, None), _)) => {
                self.flaws.error(
                    Span { width: 0, ..place },
                    "a key must be a text",
                    Some("a text that begins with [ or { needs quotes".to_owned()),
                );
                true
            }
            _ => false,
        };
        self.open
            .push((if skipped { Open::Skipped } else { open }, place));
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some((open, place)) = self.open.pop() else {
            return Ok(());
        };
        let place = Span { width: 0, ..place };
        let value = match open {
            Open::Seq(items) => Value::Seq(items),
            Open::Map(entries, _) => Value::Map(each_key_once(entries, self.flaws)),
            Open::Skipped => {
                if let Some((Open::Map(_, key @ None), _)) = self.open.last_mut() {
                    // The value that follows has a key, so that the pairs stay in step; no reader asks for it.
                    *key = Some(Key {
                        text: String::new(),
                        place,
                    });
                }
                return Ok(());
            }
        };
        self.node(Node::new(value, place))
    }

    fn scalar(&mut self, text: Cow<'_, str>, style: ScalarStyle, place: Span) -> Result<(), Stop> {
        if text.contains('\0') {
            self.flaws
                .error(place, "a text cannot contain the character U+0000", None);
        }
        if let Some((Open::Map(_, key @ None), _)) = self.open.last_mut() {
            if style == ScalarStyle::Plain && text.is_empty() {
                self.flaws
                    .error(place, "there is no key before this \":\"", None);
            }
            *key = Some(Key {
                text: text.into_owned(),
                place,
            });
            return Ok(());
        }
        let value = if style == ScalarStyle::Plain {
            match scalar::resolve(&text) {
                Plain::Value(value) => value,
                Plain::KeptText { as_number } => {
                    let (said, hint) = if self.flaws.is_private() {
                        (
                            "this looks like a number, and is taken as a text".to_owned(),
                            "write it with quotes to say that it is one".to_owned(),
                        )
                    } else {
                        (
                            format!(
                                "{text} is taken as a text, since the number would be {as_number}"
                            ),
                            format!("write \"{text}\" with quotes to say that it is one"),
                        )
                    };
                    self.flaws.warning(place, said, Some(hint));
                    Value::Str(text.into_owned())
                }
            }
        } else {
            Value::Str(text.into_owned())
        };
        self.node(Node::new(value, place))
    }

    fn node(&mut self, mut node: Node) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            self.flaws.error(
                Span {
                    width: 0,
                    ..node.place
                },
                format!("there are more than {} values", self.limits.nodes),
                None,
            );
            return Err(Stop);
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some((Open::Skipped, _)) => {}
            Some((Open::Seq(items), _)) => items.push(node),
            Some((Open::Map(entries, key), _)) => match key.take() {
                Some(key) => {
                    // What is not there stands nowhere: show its key.
                    if node.value == Value::Null && node.place.width == 0 {
                        node.place = key.place;
                    }
                    entries.push(Entry { key, value: node });
                }
                // Only an alias comes here without a key before it: it stands where a key should.
                None => {
                    *key = Some(Key {
                        text: String::new(),
                        place: node.place,
                    });
                }
            },
        }
        Ok(())
    }
}

/// The entries without those whose key came before, each of which is reported.
pub(super) fn each_key_once(entries: Vec<Entry>, flaws: &Flaws) -> Vec<Entry> {
    let mut first: HashMap<&str, u32> = HashMap::with_capacity(entries.len());
    let mut again = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        let key = &entry.key;
        match first.get(key.text.as_str()) {
            Some(_) if key.text.is_empty() => again.push(i),
            Some(line) => {
                let shown = flaws.shown(&key.text);
                flaws.error(
                    key.place,
                    format!(
                        "the key \"{shown}\" is here a second time; the first is in line {line}"
                    ),
                    Some("keep one of the two".to_owned()),
                );
                again.push(i);
            }
            None => {
                first.insert(&key.text, key.place.line);
            }
        }
    }
    if again.is_empty() {
        return entries;
    }
    let mut again = again.into_iter().peekable();
    entries
        .into_iter()
        .enumerate()
        .filter(|(i, _)| again.next_if_eq(i).is_none())
        .map(|(_, entry)| entry)
        .collect()
}
