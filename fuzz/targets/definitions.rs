//! Definition files: whatever the text, the checks end and say where something is wrong; what they
//! accept they accept again in the canonical form, as the very same definition, and a build of it can be
//! planned within the limits or is refused with words.

#![no_main]

use ick_core::definition::{
    Context, Definitions, Pipeline, Plan, Project, Trigger, blob_access, expand, limits, resolve,
};
use ick_core::name::BuildId;
use ick_core::yaml::{self, Style};
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use std::collections::BTreeMap;

fuzz_target!(|text: &str| {
    let checked = Definitions::check(&[("f", text)]);
    let shown = yaml::render(&checked.flaws, |_| Some(text), Style::Plain);
    assert_eq!(shown.is_empty(), checked.flaws.is_empty());
    assert_eq!(
        checked.definitions.is_none(),
        checked.flaws.iter().any(yaml::Flaw::is_error)
    );
    // A line of YAML ends with "\n", "\r" or both.
    let lines = text.replace("\r\n", "\n").split(['\n', '\r']).count();
    let lines = u32::try_from(lines).expect("few lines");
    for flaw in &checked.flaws {
        assert!(flaw.line <= lines, "{flaw:?}");
        assert!(!flaw.detail.is_empty());
    }
    // The API's form goes through the other reader.
    let _ = Project::from_json("f", text);
    let _ = Pipeline::from_json("f", text);
    let Some(first) = checked.definitions else {
        return;
    };
    written_and_read(&first);
    for project in first.projects.values() {
        planned(project, &first);
    }
});

fn written_and_read(first: &Definitions) {
    for project in first.projects.values() {
        let json = project.to_json();
        assert_eq!(Project::from_value(&json).as_ref(), Ok(project));
        let (read, _) = Project::from_json("f", &json.to_string()).expect("canonical JSON");
        assert_eq!(&read, project);
    }
    for pipeline in first.pipelines.values() {
        let json = pipeline.to_json();
        assert_eq!(Pipeline::from_value(&json).as_ref(), Ok(pipeline));
        let (read, _) = Pipeline::from_json("f", &json.to_string()).expect("canonical JSON");
        assert_eq!(&read, pipeline);
    }
    let projects: Vec<_> = first.projects.values().map(Project::to_json).collect();
    let pipelines: Vec<_> = first.pipelines.values().map(Pipeline::to_json).collect();
    let text = yaml::to_text(&json!({"projects": projects, "pipelines": pipelines}));
    let again = Definitions::check(&[("f", &text)]);
    assert_eq!(
        again.definitions.as_ref(),
        Some(first),
        "{text}\n{:?}",
        again.flaws
    );
}

fn planned(project: &Project, definitions: &Definitions) {
    let trigger = Trigger {
        git_ref: Some("refs/heads/main".to_owned()),
        commit: Some("0123456789".repeat(4)),
        ..Trigger::default()
    };
    let plan = match resolve(project, &definitions.pipelines, &trigger) {
        Ok(plan) => plan,
        Err(flaws) => {
            assert!(flaws.iter().all(|flaw| !flaw.detail.is_empty()));
            return assert!(!flaws.is_empty());
        }
    };
    let text = serde_json::to_string(&plan).expect("a plan is JSON");
    // Each of at most a thousand actions has its id, run and the like besides what is counted.
    assert!(text.len() <= limits::PLAN + (1 << 20), "{}", text.len());
    let read: Plan = serde_json::from_str(&text).expect("what was written is read");
    assert_eq!(read, plan);
    let build = BuildId {
        project: project.name.clone(),
        number: 1,
    };
    for action in &plan.actions {
        let context = Context {
            parameters: &action.parameters,
            build: &build,
            commit: Some("c0ffee"),
            outputs: &BTreeMap::from([("VERSION".to_owned(), "1.2".to_owned())]),
        };
        match expand(&action.step, &context) {
            Ok(step) => {
                let before = serde_json::to_vec(&action.step).expect("JSON").len();
                let after = serde_json::to_vec(&step).expect("JSON").len();
                // A byte put in is at most six in JSON.
                assert!(after <= before + 6 * limits::EXPANDED, "{after}");
                for (name, _) in blob_access(&step, &action.parameters) {
                    assert!(!name.as_str().contains("/../"));
                }
            }
            Err(error) => assert!(!error.problems.is_empty()),
        }
    }
}
