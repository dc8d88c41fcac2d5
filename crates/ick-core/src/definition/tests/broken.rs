use super::{shown, shown_all};
use std::fmt::Write;

fn table(cases: &[(&str, &str)]) -> String {
    let mut all = String::new();
    for (name, text) in cases {
        let _ = writeln!(all, "=== {name}\n{}", shown(text));
    }
    all
}

/// A pipeline with these actions, each a line or more.
fn with_actions(actions: &[(&str, &str)]) -> String {
    let mut all = String::new();
    for (name, action) in actions {
        let text = format!(
            "pipelines:\n- pipeline: p\n  parameters: [target, git_url]\n  actions:\n  - {}\n",
            action.replace('\n', "\n    ")
        );
        let _ = writeln!(all, "=== {name}\n{}", shown(&text));
    }
    all
}

#[test]
fn the_example_is_accepted() {
    let text = r#"
projects:
  - project: hello                  # name; may contain "/"
    description: Greets
    parameters: {target: world}
    pipelines: [greet]
    timeout: 1h
pipelines:
  - pipeline: greet
    parameters: [target]
    actions:
      - shell: |
          echo "hello, $(params | jq -r .target)"
        where: host
        name: say it
        timeout: 5m
        env: {LANG: C.UTF-8, WHO: "${target}"}
        network: false
        when: always
        once: true
      - python: |
          print(params["target"])
        where: host
      - action: archive
        artifact: hello
"#;
    assert_eq!(shown(text), "accepted\n");
}

#[test]
fn files() {
    let found = table(&[
        ("empty", ""),
        ("comments alone", "# nothing\n"),
        ("a text", "hello\n"),
        ("a list", "- project: x\n"),
        ("nothing known", "foo: 1\n"),
        ("a slip", "project:\n- project: x\n"),
        (
            "no list",
            "projects: {project: x, pipelines: []}\npipelines: p\n",
        ),
        ("nulls", "projects:\npipelines:\n"),
        (
            "items that are no mappings",
            "projects: [a, 1, null, [x]]\n",
        ),
        ("not YAML", "projects:\n- project: x\n pipelines: []\n"),
    ]);
    insta::assert_snapshot!(found);
}

#[test]
fn projects() {
    let found = table(&[
        (
            "everything at once",
            "\
projects:
- project: he llo
  descripton: Greets
  description: 5
  parameters: [target]
  pipelines: greet
  timeout: 5
  timeout: 1h
- pipelines: [a, a/, 7]
  timeout: 0s
- project: x/12
  pipelines: []
  parameters: {a b: 1, ok: [1, {x: y}], 9: 2}
  timeout: 400d
  owner: me
",
        ),
        (
            "a cache",
            "\
projects:
- project: a
  pipelines: []
  cache: src/target
- project: b
  pipelines: []
  cache: [src/target, ./src//target/, src, src/tar, /abs, a/../b, ., '', a/.git/b, '${x}', 7, \"a\\tb\"]
",
        ),
        (
            "a pipeline that no file defines",
            "\
projects:
- project: hello
  pipelines: [great, other]
pipelines:
- pipeline: greet
  actions: [{shell: 'true'}]
",
        ),
        (
            "parameters that do not meet",
            "\
projects:
- project: hello
  parameters: {targt: world}
  pipelines: [greet]
pipelines:
- pipeline: greet
  parameters: [target, {name: colour, default: red}]
  actions: [{shell: 'true'}]
",
        ),
        (
            "a number that would lose its zero",
            "\
projects:
- project: hello
  parameters: {version: 3.10, other: 3.1}
  pipelines: [greet]
pipelines:
- pipeline: greet
  parameters: [version, other]
  actions: [{shell: 'true'}]
",
        ),
        (
            "the same twice",
            "\
projects:
- {project: a, pipelines: [p]}
- {project: a, pipelines: [p]}
pipelines:
- {pipeline: p, actions: [{shell: 'true'}]}
- {pipeline: p, actions: [{shell: 'true'}]}
",
        ),
    ]);
    insta::assert_snapshot!(found);
}

#[test]
fn the_same_in_two_files() {
    let found = shown_all(&[
        (
            "a.yaml",
            "pipelines:\n- pipeline: p\n  actions: [{shell: 'true'}]\n",
        ),
        ("b.yaml", "projects:\n- project: x\n  pipelines: [p, q]\n"),
        (
            "c.yaml",
            "pipelines:\n- actions: [{shel: 'true'}]\n  pipeline: p\n",
        ),
    ]);
    insta::assert_snapshot!(found);
}

#[test]
fn pipelines() {
    let found = table(&[(
        "everything at once",
        "\
pipelines:
- pipeline: -x
  parameter: [a]
  parameters:
  - a-b
  - a_b
  - a-b
  - 9x
  - {default: 1}
  - {name: c, defualt: 1, description: [x]}
  - [d]
  action: []
- pipeline: y
  actions: {shell: x}
- pipeline: z
  actions: []
- pipeline: w
  actions: [make, null]
",
    )]);
    insta::assert_snapshot!(found);
}

#[test]
fn actions() {
    let found = with_actions(&[
        ("none of the three", "name: x"),
        ("a slip", "shel: make"),
        ("two of the three", "shell: make\npython: pass"),
        ("all three", "python: pass\naction: git\nshell: make"),
        ("a script that is none", "shell: [make, test]"),
        (
            "wrong values",
            "shell: make\nwhere: hots\nwhen: allways\nonce: yes\nnetwork: 1\ntimeout: 10min\nname: [x]\nenv: [A=1]",
        ),
        (
            "network elsewhere",
            "shell: make\nwhere: host\nnetwork: true",
        ),
        ("network in a container", "shell: make\nnetwork: true"),
        (
            "env",
            "shell: make\nenv: {A: 1, B: [x], C: null, 'D E': x, ICK_X: 1, BUILD_ID: x, F: '${targt}', G: '${target}', H: true, I: '${'}",
        ),
        (
            "the shell's own variables",
            "shell: |\n  echo ${target} ${git_url} ${HOME}\n  git_url=x\n",
        ),
        (
            "the parameter by env",
            "shell: echo ${target}\nenv: {target: '${target}'}",
        ),
    ]);
    insta::assert_snapshot!(found);
}

#[test]
fn built_in_actions() {
    let found = with_actions(&[
        ("a slip", "action: archiv\nartifact: x"),
        ("a script's name", "action: shell"),
        ("the implicit one", "action: create_workspace"),
        (
            "where",
            "action: archive\nartifact: x\nwhere: host\nenv: {A: b}\nnetwork: true",
        ),
        ("a missing field", "action: archive"),
        ("a field that is the pipeline's parameter", "action: git"),
        ("a slip in a field", "action: archive\nartefact: x"),
        ("a field of another", "action: git\nartifact: x"),
        (
            "wrong types",
            "action: archive\nartifact: [x]\nfrom: worksapce\npaths: {a: b}\nmtime: 5",
        ),
        ("a blob's name", "action: archive\nartifact: ../x"),
        (
            "paths",
            "action: archive\nartifact: x\npaths: [a/*.c, /etc/passwd, ../x, a/../b, '', \"a\\nb\"]",
        ),
        ("one path", "action: archive\nartifact: x\npaths: bin/*"),
        (
            "git",
            "action: git\ngit_url: --upload-pack=x\ngit_ref: -x\ngit_dir: /tmp",
        ),
        (
            "git again",
            "action: git\ngit_url: ext::sh -c x\ngit_ref: a..b\ngit_dir: a/.GIT/hooks",
        ),
        (
            "git with a password",
            "action: git\ngit_url: 'https://me:hunter2@example.com/x'\ngit_ref: 'a b'\ngit_dir: ../x",
        ),
        (
            "git by other ways",
            "action: git\ngit_url: htps://example.com/x",
        ),
        (
            "git that is fine",
            "action: git\ngit_url: 'git@example.com:x/y.git'\ngit_ref: refs/heads/a-b_c/1.2\ngit_dir: src/a",
        ),
        ("a ref that is a number", "action: git\ngit_ref: 1.10"),
        (
            "sources",
            "action: git_mirror\nsources:\n- {name: a, url: 'https://x/y'}\n- {name: a, url: '-x', reff: main}\n- b\n- {ref: '~'}",
        ),
        (
            "references",
            "action: archive\nartifact: '${targt}/${target}'\nfrom: '${target}'\npaths: ['${nope}', '${ick.comit}', '${outputs.a-b}', '${outputs.ok}', '${secrets.x}', '${matrix.y}', '${ target }', '${', '$${x}', '${}', '${ick.build_number}']",
        ),
        (
            "debootstrap",
            "action: debootstrap\ndebian_codename: --x\npackages: gcc\nmirror: ''",
        ),
        (
            "populate",
            "action: populate_workspace\nartifact: '${target}'\nrequired: yes",
        ),
        (
            "dput",
            "action: dput\ndput_host: x\nchanges: ../*.changes\nonce: false",
        ),
    ]);
    insta::assert_snapshot!(found);
}
