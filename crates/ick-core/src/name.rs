//! The names that people give to things (DESIGN.md, section 3), each as a type of its own.
//!
//! A name is data: it is never joined to a path. Checking happens once, when text becomes a name.

use std::fmt;
use std::str::FromStr;

/// The longest name, in bytes.
pub const MAX_LEN: usize = 200;

/// How a name looks, as a pattern of JSON Schema.
pub const PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._~+-]*(/[A-Za-z0-9][A-Za-z0-9._~+-]*)*$";

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text has no character.
    #[error("a name cannot be empty")]
    Empty,
    /// The text is longer than [`MAX_LEN`].
    #[error("a name has at most {MAX_LEN} bytes; this one has {0}")]
    TooLong(usize),
    /// Two slashes in a row, or one at an end.
    #[error("a name cannot have an empty part before, between or after \"/\"")]
    EmptySegment,
    /// A segment starts with something other than a letter or digit.
    #[error("each part of a name begins with a letter or a digit, not with {0:?}")]
    Start(char),
    /// A character that names do not have.
    #[error("a name cannot contain {0:?}; allowed are letters, digits and . _ ~ + -")]
    Character(char),
    /// A project whose last part could be taken for a build number.
    #[error(
        "the last part of a project's name cannot be all digits, as it would look like a build number"
    )]
    LooksLikeBuild,
    /// A parameter's name.
    #[error("a parameter's name is a letter or \"_\", then letters, digits, \"_\" or \"-\"")]
    Parameter,
    /// Not `<project>/<number>`.
    #[error("a build is written PROJECT/NUMBER, like hello/3")]
    NotABuild,
}

fn check_segments(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > MAX_LEN {
        return Err(NameError::TooLong(text.len()));
    }
    for segment in text.split('/') {
        let first = segment.chars().next().ok_or(NameError::EmptySegment)?;
        if !first.is_ascii_alphanumeric() {
            return Err(NameError::Start(first));
        }
        if let Some(bad) = segment
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && !"._~+-".contains(*c))
        {
            return Err(NameError::Character(bad));
        }
    }
    Ok(())
}

fn check_project(text: &str) -> Result<(), NameError> {
    check_segments(text)?;
    match text.rsplit('/').next() {
        Some(last) if last.bytes().all(|b| b.is_ascii_digit()) => Err(NameError::LooksLikeBuild),
        _ => Ok(()),
    }
}

fn check_parameter(text: &str) -> Result<(), NameError> {
    if text.len() > MAX_LEN {
        return Err(NameError::TooLong(text.len()));
    }
    let mut chars = text.chars();
    let starts = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if starts && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        Ok(())
    } else {
        Err(NameError::Parameter)
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        crate::serde_as_text!($name);
    };
}

name_type!(
    /// A project's name: segments joined by "/", the last of them not all digits.
    ProjectName,
    check_project
);
name_type!(
    /// A pipeline's name: segments joined by "/".
    PipelineName,
    check_segments
);
name_type!(
    /// The name of a blob in the artifact store: segments joined by "/".
    BlobName,
    check_segments
);
name_type!(
    /// A parameter's name.
    ParameterName,
    check_parameter
);
name_type!(
    /// The identity of an API client, and so of a worker: the `sub` of its tokens.
    ClientId,
    check_segments
);

/// The identity of a worker is that of its client.
pub type WorkerId = ClientId;

/// A build: the project's name and the build's number in it, written `<project>/<n>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildId {
    /// The project it is a build of.
    pub project: ProjectName,
    /// 1, 2, … in its project, never used twice; 0 is the build of `icktool run`.
    pub number: u64,
}

impl FromStr for BuildId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (project, number) = text.rsplit_once('/').ok_or(NameError::NotABuild)?;
        let canonical = number == "0"
            || (!number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit()));
        if !canonical {
            return Err(NameError::NotABuild);
        }
        Ok(Self {
            project: project.parse()?,
            number: number.parse().map_err(|_| NameError::NotABuild)?,
        })
    }
}

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.number)
    }
}

crate::serde_as_text!(BuildId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_table() {
        let long = "a".repeat(MAX_LEN + 1);
        let cases: &[(&str, Option<NameError>)] = &[
            ("hello", None),
            ("a/b/c", None),
            ("9lives", None),
            ("a.b_c~d+e-f", None),
            ("", Some(NameError::Empty)),
            ("/a", Some(NameError::EmptySegment)),
            ("a//b", Some(NameError::EmptySegment)),
            ("a/", Some(NameError::EmptySegment)),
            (".", Some(NameError::Start('.'))),
            ("..", Some(NameError::Start('.'))),
            ("a/../b", Some(NameError::Start('.'))),
            ("+trigger", Some(NameError::Start('+'))),
            ("-x", Some(NameError::Start('-'))),
            ("a b", Some(NameError::Character(' '))),
            ("a\0", Some(NameError::Character('\0'))),
            ("ä", Some(NameError::Start('ä'))),
            ("a\\b", Some(NameError::Character('\\'))),
            (&long, Some(NameError::TooLong(MAX_LEN + 1))),
        ];
        for (text, wrong) in cases {
            assert_eq!(text.parse::<BlobName>().err(), *wrong, "{text:?}");
        }
        assert_eq!(
            "a/12".parse::<ProjectName>(),
            Err(NameError::LooksLikeBuild)
        );
        assert!("a/12".parse::<PipelineName>().is_ok());
        assert!("_a-9".parse::<ParameterName>().is_ok());
        assert_eq!("9a".parse::<ParameterName>(), Err(NameError::Parameter));
        assert_eq!("".parse::<ParameterName>(), Err(NameError::Parameter));
    }

    #[test]
    fn builds_by_table() -> Result<(), NameError> {
        let id: BuildId = "a/b/12".parse()?;
        assert_eq!((id.project.as_str(), id.number), ("a/b", 12));
        assert_eq!(id.to_string(), "a/b/12");
        for wrong in [
            "a",
            "a/",
            "a/012",
            "a/+1",
            "a/-1",
            "/1",
            "a/1/2",
            "a/99999999999999999999",
        ] {
            assert!(wrong.parse::<BuildId>().is_err(), "{wrong:?}");
        }
        Ok(())
    }
}
