//! From JSON text (RFC 8259) to the same tree.
//!
//! A reader of its own, since YAML's disagrees with JSON in places (surrogate pairs, long keys) and
//! since `serde_json` keeps neither places nor duplicate keys. Strings and numbers are its work.

use super::parse::each_key_once;
use super::{Entry, Flaw, Flaws, Key, Limits, Node, Span, Value};

/// Reads a JSON text with the usual limits, as [`super::parse`] reads YAML.
///
/// Numbers are numbers, however they are written.
pub fn parse_json(file: &str, text: &str) -> (Option<Node>, Vec<Flaw>) {
    let flaws = Flaws::new(file);
    let limits = Limits::DEFAULT;
    if !limits.allow(text, &flaws) {
        return (None, flaws.into_vec());
    }
    let mut reader = Reader {
        rest: text,
        line: 1,
        column: 1,
        depth: 0,
        nodes: 0,
        limits,
        flaws: &flaws,
    };
    let node = reader.document().ok();
    (node, flaws.into_vec())
}

/// The text is not read any further; the flaw was reported.
struct Stop;

struct Reader<'a> {
    rest: &'a str,
    line: u32,
    column: u32,
    depth: usize,
    nodes: usize,
    limits: Limits,
    flaws: &'a Flaws,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Stop> {
        let node = self.value()?;
        self.space();
        if self.rest.is_empty() {
            Ok(node)
        } else {
            Err(self.stop("there is more after the end of the JSON value"))
        }
    }

    fn here(&self) -> Span {
        Span {
            line: self.line,
            column: self.column,
            width: 0,
        }
    }

    fn stop(&self, detail: &str) -> Stop {
        self.flaws
            .error(self.here(), format!("this is not JSON: {detail}"), None);
        Stop
    }

    /// Takes so many bytes of one line.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        let width = u32::try_from(taken.chars().count()).unwrap_or(u32::MAX);
        self.column = self.column.saturating_add(width);
        taken
    }

    fn space(&mut self) {
        while let Some(byte) = self.rest.bytes().next() {
            match byte {
                b'\n' => {
                    self.rest = &self.rest[1..];
                    self.line += 1;
                    self.column = 1;
                }
                b' ' | b'\t' | b'\r' => {
                    self.take(1);
                }
                _ => return,
            }
        }
    }

    fn next_is(&mut self, byte: u8) -> bool {
        self.space();
        let is = self.rest.as_bytes().first() == Some(&byte);
        if is {
            self.take(1);
        }
        is
    }

    fn value(&mut self) -> Result<Node, Stop> {
        self.space();
        let start = self.here();
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            let most = self.limits.nodes;
            self.flaws
                .error(start, format!("there are more than {most} values"), None);
            return Err(Stop);
        }
        let value = match self.rest.as_bytes().first() {
            Some(b'{' | b'[') if self.depth >= self.limits.depth => {
                let most = self.limits.depth;
                self.flaws
                    .error(start, format!("this is nested more than {most} deep"), None);
                return Err(Stop);
            }
            Some(b'{') => return self.mapping(start),
            Some(b'[') => return self.list(start),
            Some(b'"') => Value::Str(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => self.word()?,
            None => return Err(self.stop("the text ends where a value should be")),
        };
        let width = if self.line == start.line {
            self.column - start.column
        } else {
            0
        };
        Ok(Node::new(value, Span { width, ..start }))
    }

    fn mapping(&mut self, start: Span) -> Result<Node, Stop> {
        self.take(1);
        self.depth += 1;
        let mut entries = Vec::new();
        if !self.next_is(b'}') {
            loop {
                self.space();
                let at = self.here();
                if !self.rest.starts_with('"') {
                    return Err(self.stop("a key in double quotes should be here"));
                }
                let text = self.string()?;
                let place = Span {
                    width: self.column.saturating_sub(at.column),
                    ..at
                };
                if !self.next_is(b':') {
                    return Err(self.stop("a \":\" should be here"));
                }
                let value = self.value()?;
                entries.push(Entry {
                    key: Key { text, place },
                    value,
                });
                if self.next_is(b'}') {
                    break;
                }
                if !self.next_is(b',') {
                    return Err(self.stop("a \",\" or \"}\" should be here"));
                }
            }
        }
        self.depth -= 1;
        let entries = each_key_once(entries, self.flaws);
        Ok(Node::new(Value::Map(entries), start))
    }

    fn list(&mut self, start: Span) -> Result<Node, Stop> {
        self.take(1);
        self.depth += 1;
        let mut items = Vec::new();
        if !self.next_is(b']') {
            loop {
                items.push(self.value()?);
                if self.next_is(b']') {
                    break;
                }
                if !self.next_is(b',') {
                    return Err(self.stop("a \",\" or \"]\" should be here"));
                }
            }
        }
        self.depth -= 1;
        Ok(Node::new(Value::Seq(items), start))
    }

    fn string(&mut self) -> Result<String, Stop> {
        let mut escaped = false;
        let end = self.rest.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let Some(end) = end else {
            return Err(self.stop("the text that begins here has no end"));
        };
        let place = self.here();
        match serde_json::from_str::<String>(&self.rest[..end + 2]) {
            Ok(text) => {
                self.take(end + 2);
                if text.contains('\0') {
                    self.flaws
                        .error(place, "a text cannot contain the character U+0000", None);
                }
                Ok(text)
            }
            Err(_) => {
                Err(self.stop("this text has a control character or an unknown escape in it"))
            }
        }
    }

    fn number(&mut self) -> Result<Value, Stop> {
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c))
            .unwrap_or(self.rest.len());
        let Ok(number) = serde_json::from_str::<serde_json::Number>(&self.rest[..end]) else {
            return Err(self.stop("this is not a number"));
        };
        let text = self.take(end);
        match number.as_i128() {
            Some(whole) => Ok(Value::Int(whole)),
            // Not by `as_f64`, which may be off in the last digit.
            None => match text.parse::<f64>() {
                Ok(n) if n.is_finite() => Ok(Value::Float(n)),
                _ => Err(self.stop("this number is too large")),
            },
        }
    }

    fn word(&mut self) -> Result<Value, Stop> {
        for (word, value) in [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
        ] {
            if self.rest.starts_with(word) {
                self.take(word.len());
                return Ok(value);
            }
        }
        Err(self.stop("a value should be here"))
    }
}
