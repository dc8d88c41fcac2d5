//! Problems in a text, and what collects them.

use super::Span;
use super::suggest;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};

/// How bad a flaw is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The text cannot be used.
    Error,
    /// It can be used, but may not be meant so.
    Warning,
}

/// A problem in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// How bad it is.
    pub severity: Severity,
    /// The file's name as it was given; empty for what stands in no file.
    pub file: String,
    /// The line, from 1; 0 for what stands in no file.
    pub line: u32,
    /// The column in characters, from 1; 0 for what stands in no file.
    pub column: u32,
    /// How many characters the caret covers; 0 where that is not known.
    pub width: u32,
    /// What is wrong.
    pub detail: String,
    /// What to do, or what was probably meant.
    pub hint: Option<String>,
}

impl Flaw {
    /// An error that stands in no file.
    pub fn error(detail: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: String::new(),
            line: 0,
            column: 0,
            width: 0,
            detail: detail.into(),
            hint: None,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether it keeps the text from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Collects the flaws of one file. What a hostile file could have too many of is counted, not kept.
#[derive(Debug)]
pub struct Flaws {
    file: String,
    kept: RefCell<Vec<Flaw>>,
    left_out: Cell<usize>,
    has_errors: Cell<bool>,
    /// How many more names may be compared in order to suggest one.
    comparisons: Cell<usize>,
    /// Whether secrets may be in the file.
    private: bool,
}

impl Flaws {
    /// How many flaws of a file are kept; the rest are only counted.
    pub const MOST: usize = 1000;

    /// An empty collection for the file of that name.
    pub fn new(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            kept: RefCell::new(Vec::new()),
            left_out: Cell::new(0),
            has_errors: Cell::new(false),
            comparisons: Cell::new(100_000),
            private: false,
        }
    }

    /// The same for a file that may have secrets in it, anywhere, as a slip moves them: no text of it
    /// gets into a flaw but what could be the name of a field. To be rendered without a source.
    #[must_use]
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }

    /// Whether no text of the file may be shown.
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// A name from the file, as far as it can be shown.
    pub(super) fn shown<'n>(&self, name: &'n str) -> Cow<'n, str> {
        let most = if self.private { 20 } else { 60 };
        let end = name
            .char_indices()
            .enumerate()
            .find(|(count, (_, c))| {
                *count == most || (self.private && !(c.is_ascii_lowercase() || *c == '_'))
            })
            .map(|(_, (at, _))| at);
        match end {
            Some(end) => format!("{}…", &name[..end]).into(),
            None => name.into(),
        }
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether there was an error so far.
    pub fn has_errors(&self) -> bool {
        self.has_errors.get()
    }

    /// Adds an error.
    pub fn error(&self, place: Span, detail: impl Into<String>, hint: Option<String>) {
        self.add(Severity::Error, place, detail.into(), hint);
    }

    /// Adds a warning.
    pub fn warning(&self, place: Span, detail: impl Into<String>, hint: Option<String>) {
        self.add(Severity::Warning, place, detail.into(), hint);
    }

    /// Adds what another step found.
    pub fn extend(&self, flaws: impl IntoIterator<Item = Flaw>) {
        for flaw in flaws {
            self.push(flaw);
        }
    }

    /// `did you mean …`, when one of `known` resembles `word`; nothing more once very many were compared.
    pub fn suggest<'k>(
        &self,
        word: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Option<String> {
        let mut left = self.comparisons.get();
        let known = known.into_iter().map_while(|name| {
            left = left.checked_sub(1)?;
            Some(name)
        });
        let hint = suggest::did_you_mean(word, known);
        self.comparisons.set(left);
        hint
    }

    fn add(&self, severity: Severity, place: Span, detail: String, hint: Option<String>) {
        self.push(Flaw {
            severity,
            file: self.file.clone(),
            line: place.line,
            column: place.column,
            width: place.width,
            detail,
            hint,
        });
    }

    fn push(&self, flaw: Flaw) {
        if flaw.is_error() {
            self.has_errors.set(true);
        }
        let mut kept = self.kept.borrow_mut();
        if kept.len() < Self::MOST {
            kept.push(flaw);
        } else {
            self.left_out.set(self.left_out.get() + 1);
        }
    }

    /// The flaws in the order of their places.
    pub fn into_vec(self) -> Vec<Flaw> {
        let mut kept = self.kept.into_inner();
        kept.sort_by_key(|flaw| (flaw.line, flaw.column));
        let left_out = self.left_out.get();
        if left_out > 0 {
            kept.push(Flaw {
                severity: if self.has_errors.get() {
                    Severity::Error
                } else {
                    Severity::Warning
                },
                file: self.file,
                ..Flaw::error(format!("{left_out} more problems are not shown"))
            });
        }
        kept
    }
}
