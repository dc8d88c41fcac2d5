//! What an action on the host sees.

use crate::build::Build;
use ick_core::build::CauseKind;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;

fn parameters() -> serde_json::Map<String, serde_json::Value> {
    let value = json!({"target": "wörld's \"end\"\n", "deep-er": {"a": [1, true]}, "n": 3});
    value.as_object().unwrap().clone()
}

#[test]
fn the_environment_is_exactly_this() {
    let build = Build::with(|config| config.pass_env = vec!["ICK_TEST_NONE".into()]);
    let mut request = build.shell("/usr/bin/env -0");
    request.parameters = parameters();
    request.env = BTreeMap::from([
        ("WHO".to_owned(), "me".to_owned()),
        ("LANG".to_owned(), "C".to_owned()),
    ]);
    let text = build.stdout(request);
    let seen: BTreeMap<&str, &str> = text
        .split_terminator('\0')
        .map(|line| line.split_once('=').unwrap())
        .collect();
    let folder = build.run.path().join("actions/2");
    let home = build.run.home();
    let workspace = build.run.workspace();
    let path = std::env::var("PATH").unwrap();
    let (tmp, outputs) = (folder.join("tmp"), folder.join("outputs"));
    let expected = BTreeMap::from([
        ("BUILD_ID", "group/hello/7"),
        ("BUILD_NUMBER", "7"),
        ("CI", "true"),
        ("HOME", home.to_str().unwrap()),
        ("ICK_ACTION_ID", "2"),
        ("ICK_OUTPUTS", outputs.to_str().unwrap()),
        ("ICK_PARAM_deep_er", r#"{"a":[1,true]}"#),
        ("ICK_PARAM_n", "3"),
        ("ICK_PARAM_target", "wörld's \"end\"\n"),
        ("ICK_PROJECT", "group/hello"),
        ("LANG", "C"),
        ("PATH", &path),
        ("TMPDIR", tmp.to_str().unwrap()),
        ("WHO", "me"),
        // bash's own.
        ("PWD", workspace.to_str().unwrap()),
        ("SHLVL", seen.get("SHLVL").copied().unwrap_or("")),
        ("_", "/usr/bin/env"),
    ]);
    assert_eq!(seen, expected);
}

#[test]
fn what_the_configuration_passes_is_seen() {
    // Cargo sets it for every test.
    let build = Build::with(|config| config.pass_env = vec!["CARGO_PKG_NAME".into()]);
    let request = build.shell("echo $CARGO_PKG_NAME");
    assert_eq!(build.stdout(request), "ick-worker\n");
}

#[test]
fn shell_finds_its_parameters() {
    let build = Build::new();
    let mut request = build.shell("params | jq -r .target; params | jq -c '.\"deep-er\"'");
    request.parameters = parameters();
    assert_eq!(
        build.stdout(request),
        "wörld's \"end\"\n\n{\"a\":[1,true]}\n",
        "(needs the Debian package jq)"
    );
}

#[test]
fn python_finds_its_parameters() {
    let build = Build::new();
    let mut request = build.python(
        "from __future__ import annotations\n\
         import sys, os\n\
         def show():\n    print(params['target'], params['n'])\n\
         if __name__ == '__main__':\n    show()\n\
         print(sorted(n for n in globals() if not n.startswith('__')))\n\
         print(len(sys.argv), os.path.basename(__file__))\n",
    );
    request.parameters = parameters();
    assert_eq!(
        build.stdout(request),
        "wörld's \"end\"\n 3\n['annotations', 'os', 'params', 'show', 'sys']\n1 script\n"
    );
}

#[test]
fn python_takes_no_module_from_the_workspace() {
    let build = Build::new();
    for name in ["json", "subprocess"] {
        fs::write(
            build.file(&format!("{name}.py")),
            "raise SystemExit('taken')",
        )
        .unwrap();
    }
    let request = build.python("import json, subprocess\nprint(params)");
    assert_eq!(build.stdout(request), "{}\n");
}

#[test]
fn errors_name_the_scripts_own_lines() {
    let build = Build::new();
    let shell = build.execute(build.shell("true\ntrue\nno-such-command\n"));
    let script = build.run.path().join("actions/2/script");
    assert_eq!(
        shell.stderr(),
        format!(
            "{}: line 3: no-such-command: command not found\n",
            script.display()
        )
    );
    assert_eq!(shell.outcome.exit_code, Some(127));
    let python = build.execute(build.python("x = 1\n\nraise ValueError('no')\n"));
    let script = build.run.path().join("actions/3/script");
    assert_eq!(
        python.stderr(),
        format!(
            "Traceback (most recent call last):\n  File \"{}\", line 3, in <module>\n    \
             raise ValueError('no')\nValueError: no\n",
            script.display()
        )
    );
    assert_eq!(python.outcome.exit_code, Some(1));
}

#[test]
fn the_shell_is_strict() {
    let build = Build::new();
    for script in [
        "false; echo on",
        "false | cat; echo on",
        "echo $NO_SUCH; echo on",
    ] {
        let done = build.execute(build.shell(script));
        assert_eq!(done.outcome.exit_code, Some(1), "{script}");
        assert_eq!(done.stdout(), "", "{script}");
    }
}

#[test]
fn input_is_empty_and_the_mask_and_folder_are_known() {
    let build = Build::new();
    let request = build.shell("cat; readlink /proc/self/fd/0; umask; pwd; ls -A; ls -A $TMPDIR");
    assert_eq!(
        build.stdout(request),
        format!("/dev/null\n0022\n{}\n", build.run.workspace().display())
    );
}

#[test]
fn actions_share_workspace_and_home_but_not_their_temporary_folder() {
    let build = Build::new();
    build.stdout(build.shell("echo 1 >a; echo 2 >$HOME/b; echo 3 >$TMPDIR/c"));
    let request = build.shell("cat a ~/b; ls $TMPDIR; [ $HOME != $PWD ]");
    assert_eq!(build.stdout(request), "1\n2\n");
}

#[test]
fn no_file_of_the_worker_is_open_in_an_action() {
    let build = Build::new();
    let request = build.shell("ls /proc/$$/fd");
    // 255 is bash's own script.
    assert_eq!(build.stdout(request), "0\n1\n2\n255\n");
}

#[test]
fn nobody_else_can_look_into_a_run() {
    use std::os::unix::fs::PermissionsExt;
    let build = Build::new();
    build.stdout(build.shell("true"));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(build.run.path()), 0o700);
    let folder = build.run.path().join("actions/2");
    assert_eq!(mode(&folder), 0o700);
    for file in ["request.json", "params.json", "script", "spool"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
}

#[test]
fn what_cannot_be_an_environment_is_a_bad_definition() {
    let build = Build::new();
    let mut request = build.shell("true");
    request.env = BTreeMap::from([("A=B".to_owned(), String::new())]);
    assert_eq!(build.refusal(request).0, CauseKind::BadDefinition);
    let mut request = build.shell("true");
    request.parameters = json!({"a-b": 1, "a_b": 2}).as_object().unwrap().clone();
    let (kind, detail) = build.refusal(request);
    assert_eq!(kind, CauseKind::BadDefinition);
    assert_eq!(
        detail,
        "two parameters would both be the variable ICK_PARAM_a_b: rename one of them"
    );
}
