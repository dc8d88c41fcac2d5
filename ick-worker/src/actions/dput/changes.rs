//! Reading a `.changes` file (deb-changes(5)): which files belong to it.
//!
//! dput joins the names in it to paths, and hands them to shells at the target, as they are. So this
//! reader takes the one form that dpkg-genchanges and debsign write, in which dput finds the same names.

/// What a `.changes` file names, and whether it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) files: Vec<String>,
    pub(super) signed: bool,
}

const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";

impl Changes {
    /// Reads the file's text.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow its name.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "is not in UTF-8")?;
        if text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
            return Err("has control characters in it".to_owned());
        }
        let signed = text.starts_with(BEGIN);
        let text = if signed { signed_text(text)? } else { text };
        Ok(Self {
            files: files(text.trim_end_matches('\n'))?,
            signed,
        })
    }
}

/// What is signed: there is nothing before and nothing after it.
fn signed_text(text: &str) -> Result<&str, &'static str> {
    let form = "is not signed as debsign does it: one signature, and nothing before or after it";
    let rest = text.strip_prefix(BEGIN).ok_or(form)?;
    let rest = rest.strip_prefix("\nHash: ").ok_or(form)?;
    let (_, rest) = rest
        .split_once("\n\n")
        .filter(|(hash, _)| !hash.contains('\n'))
        .ok_or(form)?;
    let (signed, rest) = rest.split_once(&format!("\n{SIGNATURE}\n")).ok_or(form)?;
    let (_, after) = rest.split_once(END).ok_or(form)?;
    if after.trim() != "" {
        return Err(form);
    }
    Ok(signed)
}

/// The names in the field `Files`.
fn files(text: &str) -> Result<Vec<String>, String> {
    if !text.starts_with("Format:") {
        return Err("is no .changes file: it does not begin with the field Format".to_owned());
    }
    let mut fields: Vec<(String, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some((_, lines)) = fields.last_mut() {
                lines.push(line);
            }
            continue;
        }
        let Some((name, first)) = line.split_once(':').filter(|(name, _)| is_field(name)) else {
            return Err(format!("has a line that is no field: {line:?}"));
        };
        let name = name.to_ascii_lowercase();
        if fields.iter().any(|(other, _)| *other == name) {
            return Err(format!("has the field {name} twice"));
        }
        fields.push((name, vec![first]));
    }
    let lines = fields.into_iter().find(|(name, _)| name == "files");
    let (_, lines) = lines.ok_or("has no field Files")?;
    let lines = lines.into_iter().filter(|line| !line.trim().is_empty());
    let files = lines.map(file).collect::<Result<Vec<_>, _>>()?;
    if files.is_empty() {
        return Err("names no files".to_owned());
    }
    Ok(files)
}

fn is_field(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(['-', '#']) && name.chars().all(|c| c.is_ascii_graphic())
}

/// The name in a line: checksum, size, section, priority, name.
fn file(line: &str) -> Result<String, String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [_, _, _, _, name] = words[..] else {
        return Err(format!(
            "has a line in its field Files that is none: {line:?}"
        ));
    };
    if !is_name(name) {
        return Err(format!(
            "names the file {name:?}, which cannot be that of a package: it has letters, digits and +.~_- \
             and begins with a letter or digit"
        ));
    }
    Ok(name.to_owned())
}

/// Whether it is nothing but a name to dput, and to the shell at the target.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+.~_-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "Format: 1.8\nSource: a\nDescription:\n a - the best of all/any\nFiles:\n 0 1 misc \
                         optional a_1.dsc\n 0 1 misc optional a_1_all.deb\nChecksums-Sha1:\n 0 1 ../x\n";

    fn signed(text: &str) -> String {
        format!("{BEGIN}\nHash: SHA512\n\n{text}{SIGNATURE}\n\niQ==\n{END}\n")
    }

    #[test]
    fn names_of_a_plain_and_a_signed_one() {
        for (text, is_signed) in [(PLAIN.to_owned(), false), (signed(PLAIN), true)] {
            let changes = Changes::parse(text.as_bytes());
            let expected = Changes {
                files: vec!["a_1.dsc".to_owned(), "a_1_all.deb".to_owned()],
                signed: is_signed,
            };
            assert_eq!(changes, Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_dput_would_read_otherwise_is_refused() {
        let with = |line: &str| PLAIN.replace(" 0 1 misc optional a_1.dsc", line);
        for (text, told) in [
            (
                with(" 0 1 misc optional ../../etc/shadow"),
                "../../etc/shadow",
            ),
            (with(" 0 1 misc optional /etc/shadow"), "/etc/shadow"),
            (with(" 0 1 misc optional -x"), "-x"),
            (with(" 0 1 misc optional .."), "\"..\""),
            (with(" 0 1 misc optional a$(id)"), "a$(id)"),
            (with(" 0 1 misc optional a b"), "that is none"),
            (
                with(" 0 1 misc\r0 1 misc optional /x"),
                "control characters",
            ),
            (with("\n 0 1 misc optional x"), "that is no field"),
            (with("Files: 0 1 misc optional x"), "twice"),
            (with("FILES:\n 0 1 misc optional x"), "twice"),
            (with("junk"), "that is no field"),
            ("Source: a\nFiles: x\n".to_owned(), "Format"),
            ("Format: 1\nSource: a\n".to_owned(), "no field Files"),
            ("Format: 1\nFiles:\n".to_owned(), "names no files"),
            (format!("{PLAIN}\n{}", signed(PLAIN)), "no field"),
            (signed(PLAIN) + PLAIN, "nothing before or after"),
            (signed(PLAIN) + &signed(PLAIN), "nothing before or after"),
            (signed(&format!("- {BEGIN}\n{PLAIN}")), "Format"),
            (
                signed(PLAIN).replace("Hash: SHA512", "Hash: a\nX: b"),
                "as debsign",
            ),
            (signed(PLAIN).replace(END, ""), "as debsign"),
            (String::new(), "Format"),
        ] {
            let why = Changes::parse(text.as_bytes()).map(|changes| format!("{changes:?}"));
            let why = why.map_or_else(|why| why, |taken| format!("taken: {taken}"));
            assert!(why.contains(told), "{told}: {why}");
        }
        assert!(Changes::parse(b"Format: \xff").is_err());
    }
}
