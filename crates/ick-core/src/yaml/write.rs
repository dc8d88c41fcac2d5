//! JSON values as YAML text, for people: what `show` and diffs print.

use serde_json::Value;
use std::fmt::Write;

/// Keys that come first, in this order, wherever they are; the others follow in the order of their names.
const FIRST: [&str; 17] = [
    "project",
    "pipeline",
    "shell",
    "python",
    "action",
    "name",
    "description",
    "parameters",
    "pipelines",
    "actions",
    "where",
    "network",
    "when",
    "once",
    "timeout",
    "default",
    "env",
];

/// A value as YAML text that [`super::parse`] reads back to the same value, ending with a newline.
pub fn to_text(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut text, map, 0, false),
        Value::Array(items) if !items.is_empty() => list(&mut text, items, 0),
        other => {
            scalar(&mut text, other, 0);
            text.push('\n');
        }
    }
    text
}

fn indent(text: &mut String, depth: usize) {
    text.extend(std::iter::repeat_n("  ", depth));
}

fn mapping(
    text: &mut String,
    map: &serde_json::Map<String, Value>,
    depth: usize,
    mut on_line: bool,
) {
    let mut keys: Vec<&String> = map.keys().collect();
    let rank = |key: &str| FIRST.iter().position(|f| *f == key).unwrap_or(FIRST.len());
    keys.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    for key in keys {
        if !on_line {
            indent(text, depth);
        }
        on_line = false;
        // A key as long as YAML's simple keys may be (1024 characters) needs the explicit form.
        if key.chars().count() > 250 {
            text.push_str("? ");
            quoted(text, key);
            text.push('\n');
            indent(text, depth);
        } else {
            plain_or_quoted(text, key);
        }
        text.push(':');
        entry(text, &map[key], depth);
    }
}

fn entry(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            mapping(text, map, depth + 1, false);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            list(text, items, depth + 1);
        }
        other => {
            text.push(' ');
            scalar(text, other, depth + 1);
            text.push('\n');
        }
    }
}

fn list(text: &mut String, items: &[Value], depth: usize) {
    for item in items {
        indent(text, depth);
        text.push('-');
        match item {
            Value::Object(map) if !map.is_empty() => {
                text.push(' ');
                mapping(text, map, depth + 1, true);
            }
            other => entry(text, other, depth),
        }
    }
}

fn scalar(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(b) => text.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => {
            let _ = write!(text, "{n}");
        }
        Value::String(s) if s.contains('\n') && fits_block(s) => block(text, s, depth),
        Value::String(s) => plain_or_quoted(text, s),
        Value::Array(_) => text.push_str("[]"),
        Value::Object(_) => text.push_str("{}"),
    }
}

/// Whether a literal block gives back exactly this text.
fn fits_block(s: &str) -> bool {
    !s.starts_with([' ', '\n'])
        && !s.trim_end_matches('\n').is_empty()
        && s.chars().all(|c| c == '\n' || (printable(c) && c != '\t'))
        && s.lines()
            .all(|line| line.is_empty() || !line.trim().is_empty())
        && !s
            .lines()
            .any(|line| line.starts_with("---") || line.starts_with("..."))
}

fn block(text: &mut String, s: &str, depth: usize) {
    text.push_str(if s.ends_with("\n\n") {
        "|+"
    } else if s.ends_with('\n') {
        "|"
    } else {
        "|-"
    });
    // The last line's end is written by the caller.
    for line in s.strip_suffix('\n').unwrap_or(s).split('\n') {
        text.push('\n');
        if !line.is_empty() {
            indent(text, depth.max(1));
            text.push_str(line);
        }
    }
}

fn printable(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

fn plain_or_quoted(text: &mut String, s: &str) {
    let starts = s
        .chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() || c == '/' || c == '_');
    let plain = starts
        && s.chars()
            .all(|c| c.is_alphanumeric() || "._/+-=@ ,;()$".contains(c))
        && !s.ends_with(' ')
        && !matches!(
            s.to_ascii_lowercase().as_str(),
            "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    // Inside [ ] and { } nothing is ever written, so "," is harmless.
    if plain {
        text.push_str(s);
    } else {
        quoted(text, s);
    }
}

fn quoted(text: &mut String, s: &str) {
    text.push('"');
    for c in s.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            c if printable(c) => text.push(c),
            c if (c as u32) <= 0xff => {
                let _ = write!(text, "\\x{:02x}", c as u32);
            }
            c if (c as u32) <= 0xffff => {
                let _ = write!(text, "\\u{:04x}", c as u32);
            }
            c => {
                let _ = write!(text, "\\U{:08x}", c as u32);
            }
        }
    }
    text.push('"');
}
