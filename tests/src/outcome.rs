//! What a command did.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::{Command, Output};

/// A command's exit code and all that it printed.
#[derive(Clone, Debug)]
pub struct Outcome {
    command: String,
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn of(command: &mut Command) -> Result<Self> {
        let shown = format!("{command:?}");
        let output = command
            .output()
            .with_context(|| format!("cannot run {shown}"))?;
        Ok(Self::from_output(shown, &output))
    }

    /// What a command that has ended did.
    pub fn from_output(command: String, output: &Output) -> Self {
        Self {
            command,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Itself, if it ended with this exit code.
    ///
    /// # Errors
    /// When it ended otherwise; the error shows all it printed.
    pub fn exits(self, code: i32) -> Result<Self> {
        ensure!(
            self.code == Some(code),
            "expected exit code {code}, got {:?} from {}\n--- stdout\n{}\n--- stderr\n{}",
            self.code,
            self.command,
            self.stdout,
            self.stderr
        );
        Ok(self)
    }

    /// Itself, if its standard error has this text.
    ///
    /// # Errors
    /// When it has not.
    pub fn says(self, text: &str) -> Result<Self> {
        ensure!(
            self.stderr.contains(text),
            "expected {text:?} from {}\n--- stdout\n{}\n--- stderr\n{}",
            self.command,
            self.stdout,
            self.stderr
        );
        Ok(self)
    }

    /// Its standard output as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout)
            .with_context(|| format!("no JSON from {}: {:?}", self.command, self.stdout))
    }
}
