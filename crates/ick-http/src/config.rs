//! The daemons' configuration files.

use crate::ServeArgs;
use ick_core::yaml::{self, Fields, Style};
use std::path::{Path, PathBuf};

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {why}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        why: std::io::Error,
    },
    /// What is in it is wrong: every problem with its place.
    #[error("the configuration is wrong:\n{0}")]
    Wrong(String),
    /// Neither the command line nor the file says where the state is.
    #[error("there is no state folder: give --state DIR, or \"state\" in the configuration")]
    NoState,
}

/// A configuration file's text, with what the command line says.
#[derive(Clone, Debug)]
pub struct Settings {
    name: String,
    text: String,
    listen: Option<String>,
    state: Option<PathBuf>,
}

impl Settings {
    /// Reads the file that the command line names, or `config.yaml` in the state folder if it is there.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(args: &ServeArgs) -> Result<Self, ConfigError> {
        let beside = args.state.as_ref().map(|state| state.join("config.yaml"));
        let (path, must) = match (&args.config, beside) {
            (Some(path), _) => (path.clone(), true),
            (None, Some(path)) => (path, false),
            (None, None) => return Err(ConfigError::NoState),
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) if !must && why.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(why) => return Err(ConfigError::Read { path, why }),
        };
        Ok(Self {
            name: path.display().to_string(),
            text,
            listen: args.listen.clone(),
            state: args.state.clone(),
        })
    }

    /// Lowers the file into a daemon's own type. The fields `listen` and `state` are known already; see
    /// [`Settings::listen`] and [`Settings::state`]. Warnings go to the log.
    ///
    /// # Errors
    /// With all that is wrong in the file.
    pub fn lower<T>(
        &mut self,
        lower: impl FnOnce(&Fields<'_>) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let mut listen = None;
        let mut state = None;
        let (value, flaws) = yaml::read(&self.name, &self.text, "the configuration", |fields| {
            listen = fields.text("listen");
            state = fields.text("state");
            lower(fields)
        });
        let shown = yaml::render(&flaws, |_| Some(&self.text), Style::Plain);
        let Some(value) = value else {
            return Err(ConfigError::Wrong(shown));
        };
        if !flaws.is_empty() {
            tracing::warn!("the configuration can be used, but:\n{shown}");
        }
        self.listen = self.listen.take().or(listen);
        self.state = self.state.take().or(state.map(PathBuf::from));
        Ok(value)
    }

    /// The address to listen on: the command line's, else the file's (after [`Settings::lower`]), else
    /// the default.
    pub fn listen<'a>(&'a self, default: &'a str) -> &'a str {
        self.listen.as_deref().unwrap_or(default)
    }

    /// The state folder: the command line's, else the file's (after [`Settings::lower`]).
    ///
    /// # Errors
    /// When neither names one.
    pub fn state(&self) -> Result<&Path, ConfigError> {
        self.state.as_deref().ok_or(ConfigError::NoState)
    }
}
