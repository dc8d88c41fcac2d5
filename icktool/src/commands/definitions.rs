//! Definition files: read, checked, and their flaws shown with source line and caret.

use crate::error::Error;
use crate::output::{Output, sanitise};
use ick_api::problem;
use ick_core::definition::{Checked, Definitions};
use ick_core::yaml::{self, Flaw, Severity, Style};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The most that is read of a file: what is longer is refused by the check, with its own words.
const MOST: u64 = 2 << 20;

/// Files as they were read: name and text.
#[derive(Debug)]
pub struct Files(Vec<(String, String)>);

impl Files {
    /// Reads files; `-` is standard input.
    ///
    /// # Errors
    /// When one cannot be read, or is no text.
    pub fn read(paths: &[PathBuf]) -> Result<Self, Error> {
        paths
            .iter()
            .map(|path| read(path))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The files, as name and text.
    pub fn texts(&self) -> &[(String, String)] {
        &self.0
    }

    /// All checks that need no server.
    pub fn check(&self) -> Checked {
        Definitions::check(&self.0)
    }

    /// The checked definitions; warnings are said.
    ///
    /// # Errors
    /// When there is an error in them: all of them at once.
    pub fn checked(&self, out: &Output) -> Result<Definitions, Error> {
        let Checked { definitions, flaws } = self.check();
        match definitions {
            Some(definitions) => {
                self.warn(out, &flaws);
                Ok(definitions)
            }
            None => Err(self.refused(out, &flaws)),
        }
    }

    /// Flaws as people see them.
    pub fn show(&self, out: &Output, flaws: &[Flaw]) -> String {
        let style = if out.colours_messages() {
            Style::Colour
        } else {
            Style::Plain
        };
        let source = |name: &str| {
            self.0
                .iter()
                .find(|(file, _)| file == name)
                .map(|(_, text)| text.as_str())
        };
        // What is quoted from a file could hold control sequences; the renderer's own are colours.
        let mut filter = sanitise::Sanitiser::new(true);
        let mut shown = Vec::new();
        filter.push(yaml::render(flaws, source, style).as_bytes(), &mut shown);
        filter.finish(&mut shown);
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// Says warnings.
    pub fn warn(&self, out: &Output, flaws: &[Flaw]) {
        if !flaws.is_empty() {
            out.say(self.show(out, flaws).trim_end());
        }
    }

    /// The error for files with flaws.
    pub fn refused(&self, out: &Output, flaws: &[Flaw]) -> Error {
        Error::Definitions {
            shown: self.show(out, flaws),
            errors: flaws.iter().filter(|flaw| flaw.is_error()).count(),
        }
    }
}

fn read(path: &Path) -> Result<(String, String), Error> {
    let failed = |source| Error::File {
        doing: "read",
        path: path.to_path_buf(),
        source,
    };
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin()
            .take(MOST)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(MOST).read_to_end(&mut bytes).map_err(failed)?;
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err(error) => {
            let place = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..place]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count()
                + 1;
            Err(Error::File {
                doing: "read",
                path: path.to_path_buf(),
                source: std::io::Error::other(format!("line {line} is no UTF-8 text")),
            })
        }
    }
}

/// A server's flaws, so that they are shown like those found here.
pub fn from_server(flaws: &[problem::Flaw], severity: Severity) -> Vec<Flaw> {
    flaws
        .iter()
        .map(|flaw| Flaw {
            severity,
            file: flaw.file.clone().unwrap_or_default(),
            line: flaw.line.unwrap_or(0),
            column: flaw.column.unwrap_or(0),
            width: 0,
            detail: flaw.detail.clone(),
            hint: flaw.hint.clone(),
        })
        .collect()
}

/// Flaws as the API shows them.
pub fn to_json(flaws: &[Flaw], severity: Severity) -> Vec<Value> {
    flaws
        .iter()
        .filter(|flaw| flaw.severity == severity)
        .map(|flaw| {
            let place = !flaw.file.is_empty();
            json!({
                "file": place.then_some(&flaw.file),
                "line": place.then_some(flaw.line),
                "column": place.then_some(flaw.column),
                "detail": flaw.detail,
                "hint": flaw.hint,
            })
        })
        .collect()
}

/// Text from a server that has several lines, for a terminal.
pub fn shown(text: &str) -> String {
    sanitise::block(text)
}
