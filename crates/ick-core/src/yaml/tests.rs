use super::*;
use proptest::prelude::*;
use serde_json::json;

fn shown(text: &str, flaws: &[Flaw]) -> String {
    render(flaws, |_| Some(text), Style::Plain)
}

/// Reads a text and shows its flaws.
fn flaws_of(text: &str) -> String {
    shown(text, &parse("f.yaml", text).1)
}

#[test]
fn a_tree_with_places() {
    let text = "a: 1\nlist:\n  - x\n  - {ü: true, z: [1.5, null]}\nempty:\ntext: |\n  one\n  two\n";
    let (node, flaws) = parse("f.yaml", text);
    assert_eq!(flaws, []);
    let node = node.expect("a tree");
    assert_eq!(
        node.to_json(),
        json!({"a": 1, "list": ["x", {"ü": true, "z": [1.5, null]}], "empty": null, "text": "one\ntwo\n"})
    );
    let place = |node: &Node| (node.place.line, node.place.column, node.place.width);
    let list = node.get("list").expect("there");
    let Value::Seq(items) = &list.value else {
        panic!("a list")
    };
    assert_eq!(place(&items[0]), (3, 5, 1));
    assert_eq!(place(&items[1]), (4, 5, 0));
    assert_eq!(place(items[1].get("z").expect("there")), (4, 18, 0));
    assert_eq!(place(node.get("empty").expect("there")), (5, 1, 5));
    assert_eq!(place(node.get("text").expect("there")), (7, 3, 0));
}

#[test]
fn the_line_that_is_shown_is_the_one_meant_however_lines_end() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["a: 1", "b: 2", "a: 3", ""].join(end);
        let (_, flaws) = parse("f.yaml", &text);
        assert_eq!(flaws.first().map(|flaw| flaw.line), Some(3), "{end:?}");
        let shown = shown(&text, &flaws);
        assert!(shown.contains("3 | a: 3"), "{end:?}\n{shown}");
    }
}

#[test]
fn a_text_that_ends_too_early_is_wrong_at_its_end() {
    for (text, place) in [
        ("a: [1,\n  2", (2, 4)),
        ("a: \"b", (1, 4)),
        ("{", (1, 2)),
        ("? ", (1, 3)),
    ] {
        let (_, flaws) = parse("f.yaml", text);
        let found = flaws.first().map(|flaw| (flaw.line, flaw.column));
        assert_eq!(found, Some(place), "{text:?}");
        assert!(shown(text, &flaws).contains(" | "), "{text:?}");
    }
}

#[test]
fn broken_texts() {
    let table = [
        ("duplicate keys", "a: 1\nb: 2\na: 3\na: 4\n"),
        ("a number that would lose its zero", "version: 3.10\n"),
        (
            "anchors, aliases and tags",
            "a: &x 1\nb: *x\nc: !!str 2\nd: !mine {e: 1}\n",
        ),
        ("tab", "a:\n\tb: 1\n"),
        ("colon in a text", "a: b: c\n"),
        ("no end of a list", "a: [1, 2\nb: 3\n"),
        ("no end of quotes", "a: \"b\n"),
        ("a strange beginning", "a: @b\n"),
        ("an unknown escape", "a: \"\\q\"\n"),
        ("two documents", "a: 1\n---\nb: 2\n"),
        (
            "keys that are no texts",
            "[a, b]: 1\n{c: d}: 2\n: 3\ne: 4\n",
        ),
        ("the character U+0000", "a: \"x\\0y\"\n"),
        (
            "far to the right",
            &format!(
                "a: [{}\u{1b}[31m, *x, {}]\n",
                "b, ".repeat(100),
                "c, ".repeat(100)
            ),
        ),
    ];
    let mut all = String::new();
    for (name, text) in table {
        all.push_str(&format!("=== {name}\n{}", flaws_of(text)));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn json_with_places() {
    let text = r#"{"a": [1, -2.5e3, "\ud83d\ude00\/"], "b": {"c": null}, "d": 3.10}"#;
    let (node, flaws) = parse_json("", text);
    assert_eq!(flaws, []);
    assert_eq!(
        node.map(|n| n.to_json()),
        Some(json!({"a": [1, -2500.0, "😀/"], "b": {"c": null}, "d": 3.1}))
    );
    let mut all = String::new();
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\" 1}",
        "{a: 1}",
        "nul",
        "\"a",
        "\"\\x\"",
        "1 2",
        "01",
        "1e999",
        "{\"a\": 1,\n \"a\": 2}",
        "\"\\u0000\"",
        "[1}",
        "-",
    ] {
        let flaws = parse_json("body", text).1;
        assert!(flaws.iter().any(Flaw::is_error), "{text}");
        all.push_str(&format!("=== {text}\n{}", shown(text, &flaws)));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn fields_report_everything() {
    let text = "listen: 80\nslotz: 2\nallow: yes\nwait: 5\nkeep: 5x\nsize: 3 parsecs\nwhere: hst\nnames: one\nmany: [a, 1, b]\nempty:\n";
    let (value, flaws) = read("config.yaml", text, "the configuration", |fields| {
        let _ = fields.text("listen");
        let _ = fields.integer("slots", 1..=64);
        let _ = fields.boolean("allow");
        let _ = fields.duration("wait");
        let _ = fields.duration("keep");
        let _ = fields.size("size");
        let _ = fields
            .field("where")
            .and_then(|f| f.word(&[("host", 1), ("container", 2)]));
        let _ = fields.texts("names");
        let _ = fields.texts("many");
        let _ = fields.text("empty");
        fields.required("controller").map(|_| ())
    });
    assert_eq!(value, None);
    insta::assert_snapshot!(shown(text, &flaws));
}

#[test]
fn an_empty_configuration_is_an_empty_mapping() {
    let (value, flaws) = read("c", "# nothing\n", "the configuration", |f| {
        Some(f.integer("slots", 1..=64))
    });
    assert_eq!((value, flaws), (Some(None), vec![]));
}

#[test]
fn limits_hold() {
    let limits = Limits {
        bytes: 30,
        depth: 3,
        nodes: 5,
    };
    for (text, detail) in [
        ("a".repeat(31), "the text has 31 bytes; at most 30 are read"),
        ("[[[[]]]]".to_owned(), "this is nested more than 3 deep"),
        ("[1,2,3,4,5,6,7]".to_owned(), "there are more than 5 values"),
    ] {
        let (node, flaws) = parse_with(&limits, "f", &text);
        assert_eq!(node, None);
        assert_eq!(
            flaws.iter().map(|f| f.detail.as_str()).collect::<Vec<_>>(),
            [detail]
        );
    }
}

#[test]
fn too_many_flaws_are_counted() {
    let text = "a: 1\n".repeat(Flaws::MOST + 11);
    let flaws = parse("f", &text).1;
    assert_eq!(flaws.len(), Flaws::MOST + 1);
    assert_eq!(
        flaws.last().map(|f| f.detail.as_str()),
        Some("10 more problems are not shown")
    );
}

/// Values as JSON has them.
fn value() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof![
        "\\PC{0,12}",
        any::<String>().prop_map(|s| s.replace('\0', "")),
        "[a-z \\n:#'\"|>{}\\[\\],&*!%@`0-9.~-]{0,20}",
        "( |\\n|a|\\t|\\r|-){0,12}",
        "[0-9.e+x-]{1,6}",
        prop_oneof![
            Just("null"),
            Just("true"),
            Just("no"),
            Just("~"),
            Just(".inf")
        ]
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<u64>().prop_map(|n| json!(n)),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(|n| json!(n)),
        text.clone().prop_map(|s| json!(s)),
    ];
    leaf.prop_recursive(4, 30, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|v| json!(v)),
            prop::collection::btree_map(
                text.clone().prop_filter("a key", |k| !k.is_empty()),
                inner,
                0..5
            )
            .prop_map(|m| json!(m)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_written_is_read(value in value()) {
        let text = to_text(&value);
        let (node, flaws) = parse("f", &text);
        prop_assert_eq!(&flaws, &vec![], "{}", text);
        prop_assert_eq!(node.map(|n| n.to_json()), Some(value.clone()), "{}", text);
        for text in [value.to_string(), format!("{value:#}")] {
            let (node, flaws) = parse_json("f", &text);
            prop_assert_eq!(&flaws, &vec![]);
            prop_assert_eq!(node.map(|n| n.to_json()), Some(value.clone()));
        }
        prop_assert_eq!(Node::from_json(&value).to_json(), value);
    }

    #[test]
    fn any_text_ends(text in prop_oneof![any::<String>(), "[\\[\\]{}a:,\\-\"'|>&*! \\n\\t#%?]{0,60}"]) {
        for (node, flaws) in [parse("f", &text), parse_json("f", &text)] {
            prop_assert!(node.is_some() || flaws.iter().any(Flaw::is_error));
            let _ = shown(&text, &flaws);
        }
    }
}

#[test]
fn no_password_of_a_url_is_shown() {
    for (line, shown) in [
        ("a: https://me:hunter2@h/x", "a: https://me:*******@h/x"),
        ("a: 'https://me:hü@er@h' x", "a: 'https://me:*****@h' x"),
        ("a: x://b c://:p@d", "a: x://b c://:*@d"),
        ("a: https://h:80/b:c@d", "a: https://h:80/b:c@d"),
        ("a: https://me@h", "a: https://me@h"),
        ("a: x://", "a: x://"),
    ] {
        let (_, flaws) = read("f", line, "it", |_| Some(()));
        let told = render(&flaws, |_| Some(line), Style::Plain);
        assert!(told.contains(&format!("| {shown}\n")), "{line}: {told}");
    }
}
