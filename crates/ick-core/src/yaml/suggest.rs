//! What was probably meant.

/// The longest word that is worth comparing, in bytes.
const LONGEST: usize = 80;

/// The one of `known` that `word` is most probably a slip of.
pub fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let lower = word.to_lowercase();
    let allowed = 1 + lower.chars().count() / 4;
    known
        .into_iter()
        .filter(|name| name.len().abs_diff(word.len()) <= 2 * allowed && name.len() <= LONGEST)
        .filter_map(|name| {
            let candidate = name.to_lowercase();
            let distance = if candidate.replace(['-', ' '], "_") == lower.replace(['-', ' '], "_") {
                0
            } else {
                strsim::damerau_levenshtein(&candidate, &lower)
            };
            // A word with nothing in common would be "one change" from any other single letter.
            (distance <= allowed && distance < lower.chars().count()).then_some((distance, name))
        })
        .min_by_key(|(distance, name)| (*distance, !name.starts_with(word)))
        .map(|(_, name)| name)
}

/// `did you mean "…"?`, when one of `known` resembles `word`.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    closest(word, known).map(|name| format!("did you mean \"{name}\"?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_by_table() {
        let known = ["project", "pipelines", "timeout", "when", "where", "env"];
        for (word, meant) in [
            ("projct", Some("project")),
            ("pipeline", Some("pipelines")),
            ("time-out", Some("timeout")),
            ("Timeout", Some("timeout")),
            ("wehn", Some("when")),
            ("wher", Some("where")),
            ("environment", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(closest(word, known), meant, "{word}");
        }
        assert_eq!(closest(&"x".repeat(10_000), known), None);
    }
}
