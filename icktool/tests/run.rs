//! `icktool run` from outside: builds without any server.

#![expect(clippy::unwrap_used, reason = "a failed test is a panic")]

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A home of its own.
struct Home(tempfile::TempDir);

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn icktool(&self, folder: &Path) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("icktool"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.0.path())
            .current_dir(folder)
            .stdin(Stdio::null())
            .arg("run");
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        run(self.icktool(self.0.path()).args(args))
    }

    /// A build with these actions.
    fn build(&self, actions: &str) -> Ended {
        self.write("p.yaml", &project(actions));
        self.run(&["p.yaml"])
    }
}

fn run(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn project(actions: &str) -> String {
    format!(
        "projects:\n  - project: p\n    parameters: {{who: world}}\n    pipelines: [q]\n\
         pipelines:\n  - pipeline: q\n    parameters: [who]\n    actions:\n{actions}"
    )
}

fn eventually(what: &str, mut fact: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !fact() {
        assert!(Instant::now() < until, "not in time: {what}");
        std::thread::yield_now();
    }
}

fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('Z'))
    })
}

#[test]
fn what_actions_write_is_on_stdout_and_nothing_else() {
    let home = Home::new();
    let ended = home.build(
        "      - shell: |
          echo \"hello, $ICK_PARAM_who\"; echo \"$BUILD_ID $BUILD_NUMBER\" >&2; echo kept > file
        where: host
      - python: print(open('file').read().strip(), params['who'])
        where: host
",
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.stdout, "hello, world\np/0 0\nkept world\n");
    assert!(ended.stderr.contains("p/0 done"), "{}", ended.stderr);
    let left: Vec<_> = std::fs::read_dir(home.path(".local/share/ick/run/runs/1"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_exit_code_says_how_the_build_ended() {
    let home = Home::new();
    let failed = home.build(
        "      - {shell: exit 3, where: host}
      - {shell: echo skipped, where: host}
      - {shell: echo after a failure, where: host, when: on_failure}
",
    );
    assert_eq!(
        (failed.code, failed.stdout.as_str()),
        (1, "after a failure\n"),
        "{}",
        failed.stderr
    );
    assert!(failed.stderr.contains("p/0 failed"), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("action 2 (shell): exit code 3"),
        "{}",
        failed.stderr
    );
    let late = home.build("      - {shell: sleep 1000, where: host, timeout: 200ms}\n");
    assert_eq!(late.code, 1, "{}", late.stderr);
    assert!(late.stderr.contains("timeout"), "{}", late.stderr);
    let wrong = home.build("      - {shell: 'true', where: host, env: {X: '${outputs.none}'}}\n");
    assert_eq!(wrong.code, 1, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("bad_definition"), "{}", wrong.stderr);
}

#[test]
fn the_builds_own_time_out_ends_it() {
    let home = Home::new();
    let text = project(
        "      - {shell: sleep 1000, where: host}\n      - {shell: echo last, where: host, when: always}\n",
    );
    home.write(
        "p.yaml",
        &text.replace(
            "    pipelines: [q]",
            "    pipelines: [q]\n    timeout: 300ms",
        ),
    );
    let ended = home.run(&["p.yaml"]);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (1, "last\n"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("timeout"), "{}", ended.stderr);
}

#[test]
fn with_json_stdout_is_the_build() {
    let home = Home::new();
    home.write(
        "p.yaml",
        &project("      - {shell: 'echo shown; echo \"A=1\" >> $ICK_OUTPUTS', where: host}\n"),
    );
    let ended = home.run(&["p.yaml", "-p", "who=moon", "--format", "json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let build: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(build["build_id"], "p/0");
    assert_eq!(build["status"], "done");
    assert_eq!(build["parameters"]["who"], "moon");
    assert_eq!(build["outputs"]["A"], "1");
    assert_eq!(build["actions"][1]["exit_code"], 0);
    assert!(ended.stderr.contains("shown\n"), "{}", ended.stderr);
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let home = Home::new();
    home.write(
        "p.yaml",
        &project("      - {shell: touch ran, where: host}\n").replace("[q]", "[qq]"),
    );
    let missing = home.run(&["p.yaml"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (2, ""));
    assert!(
        missing.stderr.contains("did you mean \"q\"?"),
        "{}",
        missing.stderr
    );
    home.write("p.yaml", &project("      - {shell: 'true', where: host}\n"));
    let other = home.run(&["p.yaml", "pp"]);
    assert_eq!(other.code, 4, "{}", other.stderr);
    assert!(
        other.stderr.contains("did you mean \"p\"?"),
        "{}",
        other.stderr
    );
    let unwanted = home.run(&["p.yaml", "-p", "whom=x"]);
    assert_eq!(unwanted.code, 2, "{}", unwanted.stderr);
    assert!(unwanted.stderr.contains("whom"), "{}", unwanted.stderr);
    home.write(
        "two.yaml",
        "projects: [{project: a, pipelines: []}, {project: b, pipelines: []}]\n",
    );
    let several = home.run(&["two.yaml"]);
    assert_eq!(several.code, 2, "{}", several.stderr);
    assert!(several.stderr.contains("a, b"), "{}", several.stderr);
}

#[test]
fn control_sequences_of_actions_do_not_reach_the_terminal() {
    let home = Home::new();
    let ended = home.build("      - {shell: \"printf '\\\\033[2J\\\\033[31mred\\\\033[0m\\\\007\\\\n'\", where: host}\n");
    assert_eq!(ended.stdout, "\x1b[31mred\x1b[0m^G\n", "{}", ended.stderr);
}

#[test]
fn an_archive_goes_to_the_folder_that_is_named() {
    let home = Home::new();
    home.write(
        "p.yaml",
        &project("      - {shell: echo x > f, where: host}\n      - {action: archive, artifact: p/f.tar.zst}\n"),
    );
    let ended = home.run(&["p.yaml", "--store", "kept"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(home.path("kept/p/f.tar.zst").is_file(), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("kept/p/f.tar.zst"),
        "{}",
        ended.stderr
    );
}

fn git(folder: &Path, args: &[&str]) {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=Ick",
            "-c",
            "user.email=ick@example.invalid",
        ])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap_or_else(|why| {
            unreachable!("cannot run git ({why}): install the Debian package git")
        });
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_working_tree_is_the_source() {
    let home = Home::new();
    let tree = home.path("tree");
    std::fs::create_dir(&tree).unwrap();
    git(&tree, &["init", "-q", "-b", "main"]);
    home.write("tree/tracked", "committed\n");
    home.write("tree/.gitignore", "ignored\n");
    git(&tree, &["add", "."]);
    git(&tree, &["commit", "-q", "-m", "First"]);
    git(
        &tree,
        &[
            "remote",
            "add",
            "origin",
            "https://git.example.invalid/tree.git",
        ],
    );
    home.write("tree/tracked", "changed\n");
    home.write("tree/untracked", "new\n");
    home.write("tree/ignored", "secret\n");
    let actions = "      - {action: git, git_url: URL}\n      - {shell: 'cat src/tracked; ls src', where: host}\n";
    for url in [".", "https://git.example.invalid/tree.git"] {
        home.write("p.yaml", &project(&actions.replace("URL", url)));
        let ended = run(home.icktool(&tree).arg("../p.yaml"));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(
            ended.stdout, "changed\ntracked\nuntracked\n",
            "{}",
            ended.stderr
        );
        let ended = run(home.icktool(&tree).args(["../p.yaml", "--committed"]));
        assert_eq!(ended.stdout, "committed\ntracked\n", "{}", ended.stderr);
    }
}

#[test]
fn several_repositories_are_sources() {
    let home = Home::new();
    for name in ["one", "two"] {
        let tree = home.path(name);
        home.write(&format!("{name}/file"), &format!("{name}\n"));
        git(&tree, &["init", "-q", "-b", "main"]);
        git(&tree, &["add", "."]);
        git(&tree, &["commit", "-q", "-m", "First"]);
    }
    let ended = home.build(&format!(
        "      - action: git_mirror
        sources:
          - {{name: a, url: 'file://{0}/one', ref: main}}
          - {{name: b, url: 'file://{0}/two'}}
      - shell: cat a/file b/file; git -C .mirror/a log --format=%s main
        where: host
",
        home.0.path().display()
    ));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.stdout, "one\ntwo\nFirst\n");
}

/// A build that says its process ids and then does not end by itself.
const SILENT: &str = "      - shell: |
          trap '' TERM
          setsid sleep 1000 &
          echo $$ $!
          wait; sleep 1000
        where: host
      - {shell: echo cleaning up, where: host, when: always}
";

#[test]
fn ctrl_c_cancels_the_build_and_leaves_no_process() {
    let home = Home::new();
    home.write("p.yaml", &project(SILENT));
    let mut command = home.icktool(home.0.path());
    let mut child = command
        .arg("p.yaml")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let pids: Vec<i32> = lines
        .next()
        .unwrap()
        .unwrap()
        .split(' ')
        .map(|pid| pid.parse().unwrap())
        .collect();
    let own = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(own, Signal::INT).unwrap();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert_eq!(rest, ["cleaning up"], "{stderr}");
    assert!(stderr.contains("p/0 cancelled"), "{stderr}");
    assert!(pids.iter().all(|pid| !is_alive(*pid)), "{pids:?}");
}

#[test]
fn a_killed_call_leaves_no_process_and_its_files_are_removed_by_the_next() {
    let home = Home::new();
    home.write("p.yaml", &project(&SILENT.replace("trap '' TERM", ":")));
    let mut command = home.icktool(home.0.path());
    let mut child = command
        .arg("p.yaml")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let pids: Vec<i32> = lines
        .next()
        .unwrap()
        .unwrap()
        .split(' ')
        .map(|pid| pid.parse().unwrap())
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the end of every process", || {
        pids.iter().all(|pid| !is_alive(*pid))
    });
    let runs = home.path(".local/share/ick/run/runs/1");
    eventually("the removal of what is left", || {
        let _ = home.build("      - {shell: 'true', where: host}\n");
        std::fs::read_dir(&runs).unwrap().next().is_none()
    });
}

/// Types these lines into the shell that is opened where an action of this build failed; all that is at
/// the terminal then, and the exit code.
fn typed(home: &Home, actions: &str, lines: &str) -> (String, i32) {
    home.write("p.yaml", &project(actions));
    // Of Debian's essential package bsdutils: a terminal for a program that is not at one.
    let icktool = assert_cmd::cargo::cargo_bin!("icktool")
        .display()
        .to_string();
    let mut terminal = Command::new("script")
        .args(["--quiet", "--return", "--command"])
        .arg(format!("exec '{icktool}' run p.yaml --shell-on-failure"))
        .arg("/dev/null")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.0.path())
        .current_dir(home.0.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = terminal.stdin.take().unwrap();
    let mut output = terminal.stdout.take().unwrap();
    let mut seen = String::new();
    let mut piece = [0; 4096];
    let mut left = Some(lines);
    loop {
        let count = output.read(&mut piece).unwrap();
        seen.push_str(&String::from_utf8_lossy(&piece[..count]));
        if count == 0 {
            break;
        }
        if seen.contains("bash-")
            && let Some(lines) = left.take()
        {
            input.write_all(lines.as_bytes()).unwrap();
        }
    }
    let code = terminal.wait().unwrap().code().unwrap_or(-1);
    (seen, code)
}

/// What the shell says about where it is, marked so that it is not taken for what was typed.
const WHERE: &str =
    "echo \"<$(cat file)>\" \"<$WHO>\" \"<$BUILD_ID $ICK_PARAM_who>\" \"<$PWD>\" \"<$(id -un)>\"\n";

#[test]
fn a_shell_is_opened_where_an_action_failed() {
    let home = Home::new();
    let actions = "      - shell: echo made > file; exit 3
        env: {WHO: me}
        where: PLACE
      - shell: echo cleaned up
        when: always
        where: host
";
    let (seen, code) = typed(
        &home,
        &actions.replace("PLACE", "container"),
        &format!("{WHERE}echo \"files <$(ulimit -Hf)>\"\nexit\n"),
    );
    for shown in [
        "files <67108864>",
        "action 2 failed: ended with exit code 3",
        "<made> <me> <p/0 world> </workspace> <build>",
        "cleaned up",
    ] {
        assert!(seen.contains(shown), "{shown}: {seen}");
    }
    assert_eq!(code, 1, "{seen}");
    let (seen, code) = typed(
        &home,
        &actions.replace("PLACE", "host"),
        &format!("{WHERE}exit 0\n"),
    );
    assert!(seen.contains("<made> <me> <p/0 world> </"), "{seen}");
    assert!(seen.contains("cleaned up"), "{seen}");
    assert_eq!(code, 1, "{seen}");
}

#[test]
fn a_shell_is_opened_in_a_changed_root() {
    let home = Home::new();
    let actions = r#"      - where: host
        shell: |
          mkdir -p usr/bin; ln -s usr/bin bin; ln -s usr/lib lib; ln -s usr/lib64 lib64
          for program in bash cat id; do
            path=$(readlink -f "$(command -v $program)")
            cp "$path" usr/bin/$program
            ldd "$path" | grep -o '/[^ ]*' | while read -r file; do
              case $file in /usr/*) to=.$file ;; *) to=./usr$file ;; esac
              mkdir -p "${to%/*}"
              cp -n "$file" "$to"
            done
          done
      - shell: echo made > file; exit 3
        where: chroot
"#;
    let lines = "echo \"<$(cat /file)>\" \"<$PWD>\" \"<$(id -u)>\" \"<$BUILD_ID>\"\nexit\n";
    let (seen, code) = typed(&home, actions, lines);
    if !rustix::process::geteuid().is_root() && seen.contains("/etc/subuid") {
        // This user has no ids for a tree's users, and is told so.
        assert_eq!(code, 1, "{seen}");
        return;
    }
    assert!(seen.contains("<made> </> <0> <p/0>"), "{seen}");
    assert_eq!(code, 1, "{seen}");
}

#[test]
fn a_shell_leaves_nothing_and_cannot_type_for_its_person() {
    let home = Home::new();
    let actions = "      - shell: exit 3\n";
    // TIOCSTI.
    let kind = "import fcntl; fcntl.ioctl(0, 0x5412, b'x')";
    let lines = format!("python3 -c \"{kind}\"\nsleep 1006 &\necho \"<$!>\"\nexit\n");
    let (seen, code) = typed(&home, actions, &lines);
    assert_eq!(code, 1, "{seen}");
    assert!(seen.contains("Operation not permitted"), "{seen}");
    let host = "      - shell: exit 3\n        where: host\n";
    let (seen, _) = typed(&home, host, "sleep 1006 &\necho \"<$!>\"\nexit\n");
    let pid = seen
        .rsplit_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    let pid: i32 = pid.and_then(|(pid, _)| pid.parse().ok()).unwrap();
    assert!(!is_alive(pid), "{seen}");
}

#[test]
fn without_a_terminal_or_a_failure_there_is_no_shell() {
    let home = Home::new();
    home.write("p.yaml", &project("      - {shell: exit 3, where: host}\n"));
    let ended = home.run(&["p.yaml", "--shell-on-failure"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("needs a terminal"),
        "{}",
        ended.stderr
    );
    let (seen, code) = typed(&home, "      - {shell: echo fine, where: host}\n", "");
    assert_eq!(code, 0, "{seen}");
}
