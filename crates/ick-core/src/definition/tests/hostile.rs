use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Far more than any of these needs in a debug build on a busy machine, far less than a quadratic one takes.
const SOON: Duration = Duration::from_secs(20);

fn ends_soon(what: &str, text: &str) {
    let start = Instant::now();
    let checked = Definitions::check(&[("f", text)]);
    let _ = crate::yaml::render(&checked.flaws, |_| Some(text), crate::yaml::Style::Plain);
    let took = start.elapsed();
    assert!(took < SOON, "{what}: {took:?}");
    if std::env::var_os("SHOW_TIMES").is_some() {
        eprintln!("{what}: {took:?}, {} flaws", checked.flaws.len());
    }
}

/// The size of a hostile file: the largest that is read; a debug build gets less, to be done sooner.
const SIZE: usize = if cfg!(debug_assertions) {
    200 << 10
} else {
    1 << 20
};

/// So many pieces as fit in [`SIZE`].
fn full(head: &str, piece: impl Fn(usize) -> String) -> String {
    let mut text = head.to_owned();
    for i in 0.. {
        let piece = piece(i);
        if text.len() + piece.len() > SIZE - 64 {
            break;
        }
        text.push_str(&piece);
    }
    text
}

#[test]
fn hostile_files_end_soon() {
    let size = SIZE;
    let cases: Vec<(&str, String)> = vec![
        ("20 kB of [", "[".repeat(20_000)),
        ("[", "[".repeat(size)),
        ("{", "{".repeat(size)),
        ("[ by lines", "[\n".repeat(size / 2)),
        ("? ", "? ".repeat(size / 2)),
        ("- ", "- ".repeat(size / 2)),
        (
            "indented deeper and deeper",
            (0..1000).fold(String::new(), |t, i| t + &" ".repeat(i) + "a:\n"),
        ),
        ("[[ ]] wide", format!("a: [{}]", "[],".repeat(size / 4))),
        ("a: inside a:", "a: ".repeat(size / 3)),
        ("one long line", "a".repeat(size)),
        ("one long key", format!("{}: 1", "a".repeat(size - 10))),
        (
            "one long text",
            format!("projects: \"{}\"", "a".repeat(size - 20)),
        ),
        (
            "no end of quotes",
            format!("a: \"{}", "\\\"".repeat(size / 2 - 10)),
        ),
        (
            "many lines in quotes",
            format!("a: \"{}\"", "\n".repeat(size - 10)),
        ),
        (
            "many lines in a block",
            format!("a: |\n{}", " \n".repeat(size / 2 - 10)),
        ),
        ("many lines", "\n".repeat(size)),
        ("comments", "#\n".repeat(size / 2)),
        ("tabs", "\t".repeat(size)),
        ("documents", "---\n".repeat(size / 4)),
        ("directives", "%YAML 1.2\n".repeat(size / 10)),
        ("tags", full("", |i| format!("%TAG !{i}! x\n"))),
        ("anchors", full("", |i| format!("- &a{i} x\n"))),
        ("aliases", full("a: &a x\nb:\n", |_| "- *a\n".to_owned())),
        (
            "a bomb of aliases",
            full("a0: &a0 [x]\n", |i| {
                format!("a{}: &a{} [*a{i}, *a{i}]\n", i + 1, i + 1)
            }),
        ),
        ("duplicate keys", full("", |_| "a: 1\n".to_owned())),
        ("unknown keys", full("", |i| format!("key{i}: 1\n"))),
        ("keys without values", full("", |i| format!("k{i}:\n"))),
        ("flow keys", full("{", |i| format!("k{i}, "))),
        ("numbers", full("projects: [", |i| format!("{i}.10,"))),
        (
            "projects",
            full("projects:\n", |i| {
                format!("- {{project: p{i}, pipelines: [x{i}]}}\n")
            }),
        ),
        (
            "misspelt projects",
            full("projects:\n", |i| format!("- {{projetc: p{i}}}\n")),
        ),
        (
            "the same project",
            full("projects:\n", |_| {
                "- {project: p, pipelines: []}\n".to_owned()
            }),
        ),
        (
            "missing pipelines",
            full("projects:\n- project: p\n  pipelines:\n", |i| {
                format!("  - pip{i}\n")
            }),
        ),
        (
            "many missing among many",
            full(
                &full("pipelines:\n", |i| {
                    format!("- {{pipeline: pipe{i}, actions: []}}\n")
                })[..SIZE / 2]
                    .rsplit_once('\n')
                    .map(|(t, _)| format!("{t}\nprojects:\n"))
                    .unwrap_or_default(),
                |i| format!("- {{project: p{i}, pipelines: [pope{i}]}}\n"),
            ),
        ),
        (
            "actions",
            full("pipelines:\n- pipeline: p\n  actions:\n", |_| {
                "  - shell: x\n".to_owned()
            }),
        ),
        (
            "pipelines",
            full("pipelines:\n", |i| {
                format!("- {{pipeline: p{i}, actions: [{{action: gti}}]}}\n")
            }),
        ),
        (
            "wanted parameters",
            full(
                "pipelines:\n- pipeline: p\n  actions: []\n  parameters:\n",
                |i| format!("  - a{i}\n"),
            ),
        ),
        (
            "references",
            full(
                "pipelines:\n- pipeline: p\n  actions:\n  - shell: x\n    env:\n      A: \"",
                |_| "${x}".to_owned(),
            ) + "\"\n",
        ),
        (
            "references in a built-in",
            full(
                "pipelines:\n- pipeline: p\n  actions:\n  - action: archive\n    artifact: x\n    paths:\n",
                |i| format!("    - ${{x{i}}}\n"),
            ),
        ),
        (
            "unclosed references",
            full(
                "pipelines:\n- pipeline: p\n  actions:\n  - shell: x\n    env:\n",
                |i| format!("      A{i}: \"{}\"\n", "${".repeat(500)),
            ),
        ),
        (
            "variables of the shell",
            full(
                "pipelines:\n- pipeline: p\n  parameters: [x]\n  actions:\n  - shell: \"",
                |_| "${x}${y}".to_owned(),
            ) + "\"\n",
        ),
        (
            "values",
            full(
                "projects:\n- project: p\n  pipelines: []\n  parameters:\n",
                |i| format!("    p{i}: [{i}]\n"),
            ),
        ),
        ("control characters", "\u{1b}[31m".repeat(size / 5)),
        ("wide characters", "日本: 語\n".repeat(size / 12)),
        ("quotes", "'".repeat(size)),
        ("colons", ":".repeat(size)),
        ("colons and spaces", ": ".repeat(size / 2)),
        ("commas", format!("[{}", ",".repeat(size - 1))),
        ("flow pairs", full("a: [", |i| format!("x{i}: y, "))),
        ("exclamation marks", "!".repeat(size)),
        ("stars", "*".repeat(size)),
        ("pipes", "|\n".repeat(size / 2)),
    ];
    for (what, text) in &cases {
        ends_soon(what, text);
    }
}

#[test]
fn too_large_a_file() {
    let checked = Definitions::check(&[("f", "a".repeat((1 << 20) + 1))]);
    assert_eq!(
        checked
            .flaws
            .iter()
            .map(|f| f.detail.as_str())
            .collect::<Vec<_>>(),
        ["the text has 1048577 bytes; at most 1048576 are read"]
    );
}

#[test]
fn limits_are_told() {
    let long = |n: usize| "x".repeat(n);
    let cases = [
        (
            "script",
            format!(
                "pipelines: [{{pipeline: p, actions: [{{shell: {}}}]}}]",
                long(limits::SCRIPT + 1)
            ),
        ),
        (
            "description",
            format!(
                "projects: [{{project: p, pipelines: [], description: {}}}]",
                long(limits::DESCRIPTION + 1)
            ),
        ),
        (
            "value",
            format!(
                "projects: [{{project: p, pipelines: [], parameters: {{a: {}}}}}]",
                long(limits::VALUE + 1)
            ),
        ),
        (
            "list",
            format!(
                "projects: [{{project: p, pipelines: [], parameters: {{a: [{}]}}}}]",
                long(limits::VALUE)
            ),
        ),
        (
            "name",
            format!("projects: [{{project: {}, pipelines: []}}]", long(201)),
        ),
        (
            "action's name",
            format!(
                "pipelines: [{{pipeline: p, actions: [{{shell: x, name: {}}}]}}]",
                long(limits::ACTION_NAME + 1)
            ),
        ),
        (
            "env",
            format!(
                "pipelines: [{{pipeline: p, actions: [{{shell: x, env: {{A: {}}}}}]}}]",
                long(limits::VALUE + 1)
            ),
        ),
        (
            "url",
            format!(
                "pipelines: [{{pipeline: p, actions: [{{action: git, git_url: {}}}]}}]",
                long(limits::TEXT + 1)
            ),
        ),
    ];
    let mut all = String::new();
    for (name, text) in cases {
        for flaw in Definitions::check(&[("f", text)])
            .flaws
            .iter()
            .filter(|f| f.is_error())
        {
            all.push_str(&format!(
                "{name}: {}:{} {}\n",
                flaw.line, flaw.column, flaw.detail
            ));
        }
    }
    insta::assert_snapshot!(all);
}

/// Texts made of the words of definitions in any order.
fn almost_a_file() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "projects:",
        "pipelines:",
        "project:",
        "pipeline:",
        "actions:",
        "shell:",
        "action:",
        "git",
        "archive",
        "artifact:",
        "env:",
        "parameters:",
        "where:",
        "host",
        "timeout:",
        "5m",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        "[",
        "]",
        "{",
        "}",
        ",",
        " ",
        "${x}",
        "$${",
        "|",
        "\"",
        "'",
        "#",
        "&a",
        "*a",
        "!t",
        "3.10",
        "x",
        "null",
        "\t",
        "\u{0}",
        "ä",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_has_an_answer(text in prop_oneof![almost_a_file(), any::<String>()]) {
        let checked = Definitions::check(&[("f", &text)]);
        let has_errors = checked.flaws.iter().any(crate::yaml::Flaw::is_error);
        prop_assert_eq!(checked.definitions.is_none(), has_errors);
        let _ = crate::yaml::render(&checked.flaws, |_| Some(&text), crate::yaml::Style::Colour);
        for flaw in checked.flaws {
            prop_assert!(flaw.line > 0 || flaw.detail.contains("bytes"), "{:?}", flaw);
            prop_assert!(flaw.column > 0 || flaw.line == 0, "{:?}", flaw);
        }
    }

    #[test]
    fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = Definitions::check(&[("f", &text)]);
        let _ = Project::from_json("f", &text);
        let _ = Pipeline::from_json("f", &text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(32),
        ..ProptestConfig::default()
    })]

    /// A quadratic way through any of these would take minutes.
    #[test]
    fn whatever_is_repeated_ends_soon(head in "[a:\\-|>\"'\\[{ \n?]{0,3}", piece in "[\\[\\]{}a:,\\-\"'|>&*! \n\t#%?@~1.$]{1,5}") {
        let text = format!("{head}{}", piece.repeat((64 << 10) / piece.len()));
        ends_soon(&format!("{head:?} and {piece:?}"), &text);
    }
}
