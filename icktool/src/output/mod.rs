//! How results and messages are shown: results on stdout, everything else on stderr.

pub mod progress;
pub mod sanitise;
pub mod style;
pub mod table;

use crate::error::Error;
use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
pub use table::{Cell, Table};

/// The form of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: the API's own objects.
    Json,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The two streams, and how to write to them.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// The form of results.
    pub format: Format,
    /// When to use colour.
    pub color: Color,
    no_color: bool,
}

impl Output {
    /// The output that the command line and the environment ask for.
    pub fn new(format: Format, color: Color) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            format,
            color,
            no_color,
        }
    }

    /// Whether results are for programs.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    fn choice(&self, terminal: bool) -> ColorChoice {
        match self.color {
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
            Color::Auto if terminal && !self.no_color && !is_dumb() => ColorChoice::Always,
            Color::Auto => ColorChoice::Never,
        }
    }

    /// Standard output; escape sequences of Ick's own styles are stripped where they are unwanted.
    pub fn stdout(&self) -> AutoStream<io::StdoutLock<'static>> {
        let stdout = io::stdout();
        let choice = self.choice(stdout.is_terminal());
        AutoStream::new(stdout.lock(), choice)
    }

    /// Standard error, likewise.
    pub fn stderr(&self) -> AutoStream<io::StderrLock<'static>> {
        let stderr = io::stderr();
        let choice = self.choice(stderr.is_terminal());
        AutoStream::new(stderr.lock(), choice)
    }

    /// Whether messages may use colour; for renderers that make their own escape sequences.
    pub fn colours_messages(&self) -> bool {
        self.choice(io::stderr().is_terminal()) == ColorChoice::Always
    }

    /// Prints a result as it is, which must end in a line end if it is to have one.
    ///
    /// # Errors
    /// When stdout cannot be written, a closed pipe included.
    pub fn print(&self, text: &str) -> Result<(), Error> {
        let mut stdout = self.stdout();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(Error::Output)
    }

    /// Prints a result as JSON, one object, indented.
    ///
    /// # Errors
    /// As [`Output::print`].
    pub fn print_json<T: Serialize>(&self, result: &T) -> Result<(), Error> {
        let mut text = serde_json::to_string_pretty(result).map_err(|e| Error::Output(e.into()))?;
        text.push('\n');
        self.print(&text)
    }

    /// Prints a result as JSON or, for people, as what `text` makes of it.
    ///
    /// # Errors
    /// As [`Output::print`].
    pub fn result<T: Serialize>(
        &self,
        result: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Error> {
        match self.format {
            Format::Json => self.print_json(result),
            Format::Text => self.print(&text(result)),
        }
    }

    /// Says something that is not a result, on stderr. That it cannot be said is no error.
    pub fn say(&self, text: &str) {
        let mut stderr = self.stderr();
        let _ = writeln!(stderr, "{text}");
    }

    /// Says how something ended, in one line that begins with the program's name.
    pub fn note(&self, text: &str) {
        self.say(&format!("icktool: {text}"));
    }

    /// Warns, in one line that begins with the program's name.
    pub fn warn(&self, text: &str) {
        let style = style::WARNING;
        self.say(&format!("icktool: {style}warning{style:#}: {text}"));
    }
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}
