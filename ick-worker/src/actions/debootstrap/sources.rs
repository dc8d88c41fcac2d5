//! The host's own sources of Debian packages (sources.list(5)), for another release than its own too.

use std::fs;
use std::path::Path;

const APT: &str = "/etc/apt";

/// The host's sources of this release, one line each; empty when it has none.
pub(super) fn of_host(codename: &str) -> String {
    let own = codename_of(&fs::read_to_string("/etc/os-release").unwrap_or_default());
    let entries: Vec<_> = read(Path::new(APT))
        .iter()
        .flat_map(|(name, text)| match name.ends_with(".sources") {
            true => of_stanzas(text),
            false => of_lines(text),
        })
        .collect();
    chosen(&entries, codename, own.as_deref())
}

/// A place with packages.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    uri: String,
    suite: String,
    components: String,
    signed_by: Option<String>,
}

impl Source {
    fn line(&self, suite: &str) -> String {
        let options = match &self.signed_by {
            Some(keys) => format!("[signed-by={keys}] "),
            None => String::new(),
        };
        let (uri, components) = (&self.uri, &self.components);
        format!("deb {options}{uri} {suite} {components}\n")
    }
}

fn read(apt: &Path) -> Vec<(String, String)> {
    let mut files = vec![apt.join("sources.list")];
    if let Ok(more) = fs::read_dir(apt.join("sources.list.d")) {
        files.extend(more.flatten().map(|entry| entry.path()));
    }
    files.sort();
    files
        .into_iter()
        .filter(|path| {
            let kind = path.extension().and_then(|kind| kind.to_str());
            matches!(kind, Some("list" | "sources"))
        })
        .filter_map(|path| {
            let text = fs::read_to_string(&path).ok()?;
            Some((path.to_string_lossy().into_owned(), text))
        })
        .collect()
}

/// Those of the release; with none, those that the host has of its own release, for this one.
fn chosen(entries: &[Source], codename: &str, own: Option<&str>) -> String {
    let of_it = |suite: &str| {
        suite == codename
            || suite
                .strip_prefix(codename)
                .is_some_and(|rest| rest.starts_with('-'))
    };
    let lines: String = entries
        .iter()
        .filter(|entry| of_it(&entry.suite) && !entry.suite.ends_with("-backports"))
        .map(|entry| entry.line(&entry.suite))
        .collect();
    if entries.iter().any(|entry| entry.suite == codename) {
        return lines;
    }
    entries
        .iter()
        .filter(|entry| Some(entry.suite.as_str()) == own)
        .map(|entry| entry.line(codename))
        .collect()
}

fn codename_of(os_release: &str) -> Option<String> {
    let line = os_release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(line.trim_matches('"').to_owned())
}

/// The old form: a line each.
fn of_lines(text: &str) -> Vec<Source> {
    text.lines().filter_map(of_line).collect()
}

fn of_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    if !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inside) => inside.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    let components: Vec<_> = words.collect();
    let signed_by = options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("signed-by="));
    source(uri, suite, &components.join(" "), signed_by)
}

/// The new form: paragraphs of fields (deb822(5)).
fn of_stanzas(text: &str) -> Vec<Source> {
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::trim_end)
        .collect();
    lines
        .split(|line| line.is_empty())
        .flat_map(|stanza| {
            let field = |name: &str| {
                stanza.iter().find_map(|line| {
                    let (field, value) = line.split_once(':')?;
                    field.eq_ignore_ascii_case(name).then_some(value.trim())
                })
            };
            let is_on = field("Enabled") != Some("no");
            let is_binary = field("Types")
                .is_some_and(|types| types.split_whitespace().any(|kind| kind == "deb"));
            let (uris, suites) = match is_on && is_binary {
                true => (field("URIs"), field("Suites")),
                false => (None, None),
            };
            let (uris, suites) = (uris.unwrap_or_default(), suites.unwrap_or_default());
            let components = field("Components").unwrap_or_default();
            let signed_by = field("Signed-By").filter(|keys| !keys.is_empty());
            let mut sources = Vec::new();
            for uri in uris.split_whitespace() {
                for suite in suites.split_whitespace() {
                    sources.extend(source(uri, suite, components, signed_by));
                }
            }
            sources
        })
        .collect()
}

/// One that mmdebstrap can use in any place: over the network.
fn source(uri: &str, suite: &str, components: &str, signed_by: Option<&str>) -> Option<Source> {
    let is_remote = uri.starts_with("http://") || uri.starts_with("https://");
    let has_components = !components.is_empty();
    (is_remote && has_components).then(|| Source {
        uri: uri.to_owned(),
        suite: suite.to_owned(),
        components: components.to_owned(),
        signed_by: signed_by
            .filter(|keys| keys.starts_with('/'))
            .map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "# a comment\n\
        deb http://m/debian bookworm main contrib # more\n\
        deb-src http://m/debian bookworm main\n\
        deb [arch=amd64 signed-by=/k.gpg] https://s/ bookworm-security main\n\
        deb http://m/debian bookworm-backports main\n\
        deb cdrom:[x]/ bookworm main\n\
        deb http://flat/ ./\n\
        deb\n";

    const STANZAS: &str = "Types: deb deb-src\nURIs: http://m/debian\nSuites: trixie trixie-updates\n\
        # between\nComponents: main\nSigned-By: /k.gpg\n\n\
        Types: deb\nEnabled: no\nURIs: http://off/\nSuites: trixie\nComponents: main\n\n\n\
        Types: deb-src\nURIs: http://src/\nSuites: trixie\nComponents: main\n";

    #[test]
    fn both_forms_are_read() {
        assert_eq!(
            chosen(&of_lines(LINES), "bookworm", None),
            "deb http://m/debian bookworm main contrib\n\
             deb [signed-by=/k.gpg] https://s/ bookworm-security main\n"
        );
        assert_eq!(
            chosen(&of_stanzas(STANZAS), "trixie", None),
            "deb [signed-by=/k.gpg] http://m/debian trixie main\n\
             deb [signed-by=/k.gpg] http://m/debian trixie-updates main\n"
        );
    }

    #[test]
    fn another_release_comes_from_the_same_place() {
        let entries = of_lines(LINES);
        assert_eq!(
            chosen(&entries, "trixie", Some("bookworm")),
            "deb http://m/debian trixie main contrib\n"
        );
        assert_eq!(chosen(&entries, "trixie", None), "");
        assert_eq!(chosen(&[], "trixie", Some("bookworm")), "");
    }

    #[test]
    fn the_hosts_release_is_named() {
        let text = "NAME=\"Debian\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(codename_of(text).as_deref(), Some("bookworm"));
        assert_eq!(codename_of(""), None);
    }
}
