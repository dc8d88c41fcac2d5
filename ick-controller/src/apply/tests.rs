use super::*;
use serde_json::json;

fn record(name: &str, made_by: Option<&str>) -> ObjectRecord {
    let definition =
        json!({"project": name, "parameters": {}, "pipelines": ["a"], "timeout": "1h"});
    ObjectRecord {
        kind: Kind::Project,
        name: name.to_owned(),
        definition: definition.as_object().unwrap().clone(),
        made_by: made_by.map(str::to_owned),
        stamp: Stamp::new(&"me".parse().unwrap(), Timestamp::from_millis(7)),
    }
}

fn files(text: &str) -> Vec<Definition> {
    flat(Definitions::check(&[("f", text)]).definitions.unwrap())
}

#[test]
fn what_is_the_same_is_unchanged_however_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let state = crate::state::State::open(folder.path()).unwrap();
    let by = "me".parse().unwrap();
    let now = Timestamp::from_millis(9);
    let apply = |text: &str, set: Option<&str>, prune: bool| {
        state
            .write(|tx| {
                let changes = changes(tx, &files(text), set, prune)?;
                perform(tx, &changes, set, &by, now)?;
                Ok::<_, Refusal>(changes.shown())
            })
            .unwrap()
    };
    let names = |of: &[AppliedObject]| {
        let names: Vec<_> = of
            .iter()
            .map(|one| format!("{} {}", one.kind, one.name))
            .collect();
        names.join(", ")
    };
    let both = "projects:\n- project: a\n  pipelines: [p]\n- project: b\n  pipelines: [p]\npipelines:\n- pipeline: p\n  actions:\n  - shell: \"true\"\n";
    let applied = apply(both, Some("s"), false);
    assert_eq!(names(&applied.created), "pipeline p, project a, project b");
    let same = apply(
        "{projects: [{pipelines: [p], project: a, timeout: 60m, parameters: {}}]}",
        None,
        false,
    );
    assert_eq!(names(&same.unchanged), "project a");

    let less = "projects:\n- project: a\n  pipelines: [p]\n  timeout: 2h\n";
    let changed = apply(less, Some("other"), false);
    let diff = changed.changed[0].diff.clone().unwrap();
    assert!(
        diff.contains("\n-timeout: \"1h\"\n+timeout: \"2h\"\n"),
        "{diff}"
    );

    // "other" has taken over a; b and p are still of "s", and c is nobody's.
    state.write(|tx| tx.put_object(&record("c", None))).unwrap();
    let pruned = apply(
        "projects:\n- project: d\n  pipelines: [p]\n",
        Some("s"),
        true,
    );
    assert_eq!(names(&pruned.deleted), "project b, pipeline p");
    let left = state.read(|tx| tx.names(Kind::Project)).unwrap();
    assert_eq!(left, ["a", "c", "d"]);
    let revision = state.read(|tx| tx.object(Kind::Project, "a")).unwrap();
    assert_eq!(revision.unwrap().stamp.revision, 2);
}

#[test]
fn sets_go_over_to_who_names_a_thing_last_and_take_nothing_of_others() {
    let adopt = |made_by, set| adopted(&record("a", made_by), set);
    assert_eq!(adopt(None, Some("s")), None);
    assert_eq!(adopt(Some("t"), None).as_deref(), Some("t"));
    assert_eq!(adopt(Some("t"), Some("s")).as_deref(), Some("s"));
}

#[test]
fn requests_by_table() {
    let request = |files: usize, set: Option<&str>, prune| MakeItSo {
        files: (0..files)
            .map(|_| ick_api::controller::DefinitionFile {
                name: "f".to_owned(),
                text: String::new(),
            })
            .collect(),
        set: set.map(str::to_owned),
        prune,
    };
    let status = |wanted| {
        check_request(&wanted)
            .err()
            .map(|refusal| refusal.status().as_u16())
    };
    assert_eq!(status(request(1, Some("s"), true)), None);
    assert_eq!(status(request(1, None, false)), None);
    assert_eq!(status(request(1, None, true)), Some(422));
    assert_eq!(status(request(1, Some(""), true)), Some(422));
    assert_eq!(status(request(1, Some("a\n"), false)), Some(422));
    assert_eq!(status(request(0, None, false)), Some(422));
}
