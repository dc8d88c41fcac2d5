//! A flaw as a person sees it: file, line, column, the source line, a caret.

use super::lines::first_line;
use super::{Flaw, Severity};
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

/// How to show flaws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// With the terminal's colours.
    Colour,
}

/// How many characters of a source line are shown before the caret, and how many from it on.
const BEFORE: usize = 60;
const AFTER: usize = 80;

/// Shows flaws one after the other, each ending with a newline. `source` gives the text of a file by its
/// name; without it a flaw is shown with its place alone.
pub fn render<'s>(
    flaws: &[Flaw],
    source: impl Fn(&str) -> Option<&'s str>,
    style: Style,
) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colour => Renderer::styled(),
    };
    // Flaws of one file come together and in order, so the lines are found in one walk.
    let mut lines = Lines::default();
    let mut shown = String::new();
    for flaw in flaws {
        let line = source(&flaw.file).and_then(|text| lines.find(&flaw.file, text, flaw.line));
        shown.push_str(&renderer.render(&[group(flaw, line)]));
        shown.push('\n');
    }
    shown
}

fn group<'a>(flaw: &'a Flaw, line: Option<&'a str>) -> annotate_snippets::Group<'a> {
    let level = match flaw.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(visible(&flaw.detail))
        .elements(None::<annotate_snippets::Message<'_>>);
    let cut = flaw.column as usize > BEFORE + 1;
    if !flaw.file.is_empty() && (cut || line.is_none()) {
        let mut origin = Origin::path(visible(&flaw.file));
        if flaw.line > 0 {
            origin = origin
                .line(flaw.line as usize)
                .char_column(flaw.column as usize);
        }
        group = group.element(origin);
    }
    if let Some(line) = line {
        let line = without_passwords(line);
        let (text, caret) = window(&line, flaw.column as usize, flaw.width as usize);
        let mut snippet = Snippet::source(text)
            .line_start(flaw.line as usize)
            .annotation(AnnotationKind::Primary.span(caret));
        if !cut {
            // Its place follows from the caret's.
            snippet = snippet.path(visible(&flaw.file));
        }
        group = group.element(snippet);
    }
    if let Some(hint) = &flaw.hint {
        group = group.element(Level::HELP.message(visible(hint)));
    }
    group
}

/// A line with as many characters, in which the passwords of URLs (`scheme://user:password@host`) are
/// made unreadable.
fn without_passwords(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let ends = |c: char| c.is_whitespace() || "/\"'`<>".contains(c);
        let authority = &after[..after.find(ends).unwrap_or(after.len())];
        let login = authority.rfind('@').map_or("", |at| &authority[..at]);
        match login.split_once(':') {
            Some((user, password)) => {
                shown.push_str(user);
                shown.push(':');
                shown.extend(password.chars().map(|_| '*'));
                rest = &after[login.len()..];
            }
            None => rest = after,
        }
    }
    shown + rest
}

/// The part of a line that is shown, and the bytes in it that the caret covers.
fn window(line: &str, column: usize, width: usize) -> (String, std::ops::Range<usize>) {
    let at = column.saturating_sub(1);
    let from = at.saturating_sub(BEFORE);
    let mut text = String::new();
    if from > 0 {
        text.push('…');
    }
    let mut caret = None;
    let mut end = None;
    let wide = width.clamp(1, AFTER);
    for (i, c) in line.chars().enumerate().skip(from).take(at - from + AFTER) {
        if i == at {
            caret = Some(text.len());
        }
        if i == at + wide {
            end = Some(text.len());
        }
        push_visible(&mut text, c);
    }
    let start = caret.unwrap_or(text.len());
    let end = end.unwrap_or(text.len()).max(start);
    (text, start..end)
}

/// A text without control characters, which could change what the terminal shows.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_visible(&mut out, c);
    }
    out
}

fn push_visible(out: &mut String, c: char) {
    let hides = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if c == '\t' {
        out.push(' ');
    } else if c.is_control() || hides {
        out.push('\u{fffd}');
    } else {
        out.push(c);
    }
}

#[derive(Default)]
struct Lines<'s> {
    file: String,
    /// The line of this number, and what comes after it.
    number: u32,
    line: &'s str,
    rest: Option<&'s str>,
}

impl<'s> Lines<'s> {
    fn find(&mut self, file: &str, text: &'s str, wanted: u32) -> Option<&'s str> {
        if wanted == 0 {
            return None;
        }
        if self.file != file || self.number == 0 || wanted < self.number {
            file.clone_into(&mut self.file);
            self.number = 0;
            self.rest = Some(text.strip_prefix('\u{feff}').unwrap_or(text));
        }
        while self.number < wanted {
            (self.line, self.rest) = first_line(self.rest?);
            self.number += 1;
        }
        Some(self.line)
    }
}
