//! What an action in a container sees, and what it cannot.

use crate::build::{Build, end, finish, long_time, processes_with, sleepers, until, until_output};
use ick_core::build::CauseKind;
use ick_worker::engine::{Program, StopReason, UID_BASE};
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

fn root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The host's id of the container's user.
pub(crate) fn host_id() -> u32 {
    match root() {
        // The builds of these tests are in slot 3.
        true => UID_BASE + 3 * 65_536 + 1000,
        false => rustix::process::geteuid().as_raw(),
    }
}

#[test]
fn the_user_is_build() {
    let build = Build::new();
    let request = build.in_container("id -u; id -g; id -un; id -gn; hostname; echo ~; pwd");
    assert_eq!(
        build.stdout(request),
        "1000\n1000\nbuild\nbuild\nick\n/home/build\n/workspace\n"
    );
}

#[test]
fn the_user_is_never_root_outside() {
    let build = Build::new();
    let time = long_time();
    let script = format!("echo begun; sleep {time}");
    let mut running = build.start(build.in_container(&script));
    until_output(&mut running, "begun\n");
    until("it sleeps", || sleepers(&time).len() == 1);
    let pids = sleepers(&time);
    let status = fs::read_to_string(format!("/proc/{}/status", pids[0])).unwrap();
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap()
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let id = host_id().to_string();
    assert_ne!(id, "0");
    assert_eq!(line("Uid:"), vec![id.as_str(); 4]);
    if root() {
        assert_eq!(line("Gid:"), vec![id.as_str(); 4]);
        assert_eq!(line("Groups:"), Vec::<String>::new());
    }
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(line(set), ["0000000000000000"], "{set}");
    }
    assert_eq!(line("NoNewPrivs:"), ["1"]);
    running.stop(StopReason::Cancelled).unwrap();
    end(&mut running);
}

#[test]
fn the_environment_is_exactly_this() {
    let build = Build::new();
    let mut request = build.in_container("/usr/bin/env -0");
    request.env = BTreeMap::from([("WHO".to_owned(), "me".to_owned())]);
    let text = build.stdout(request);
    let seen: BTreeMap<&str, &str> = text
        .split_terminator('\0')
        .map(|line| line.split_once('=').unwrap())
        .collect();
    let expected = BTreeMap::from([
        ("BUILD_ID", "group/hello/7"),
        ("BUILD_NUMBER", "7"),
        ("CI", "true"),
        ("HOME", "/home/build"),
        ("ICK_ACTION_ID", "2"),
        ("ICK_OUTPUTS", "/run/ick/outputs"),
        ("ICK_PROJECT", "group/hello"),
        ("LANG", "C.UTF-8"),
        (
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        ("TMPDIR", "/tmp"),
        ("WHO", "me"),
        ("PWD", "/workspace"),
        ("SHLVL", seen.get("SHLVL").copied().unwrap_or("")),
        ("_", "/usr/bin/env"),
    ]);
    assert_eq!(seen, expected);
}

#[test]
fn nothing_but_its_own_places_can_be_written() {
    let build = Build::new();
    let script = r#"
for at in / /etc /usr /usr/bin /dev /run /run/ick /home /proc/sys/kernel /opt; do
    if : 2>/dev/null >$at/x; then echo "$at can be written"; fi
done
for at in /etc/passwd /proc/sys/kernel/core_pattern /proc/sysrq-trigger /run/ick/script; do
    if : 2>/dev/null >>$at; then echo "$at can be written"; fi
done
for at in /workspace /tmp /dev/shm /home/build; do : >$at/x; done
: >>/run/ick/outputs
grep -c . /etc/passwd >/dev/null
echo done
"#;
    assert_eq!(build.stdout(build.in_container(script)), "done\n");
    // Being on a mount that is read-only, not only a matter of modes.
    let script = "awk '$2 == \"/proc/sys\" || $2 == \"/\" || $2 == \"/dev\" || $2 == \"/usr\" \
                  { split($4, o, \",\"); print $2, o[1] }' /proc/mounts | sort -u";
    assert_eq!(
        build.stdout(build.in_container(script)),
        "/ ro\n/dev ro\n/proc/sys ro\n/usr ro\n"
    );
}

#[test]
fn nothing_but_the_listed_entries_of_the_root_is_seen() {
    let build = Build::new();
    let script = "cd /; ls -A | grep -v '^lib'";
    assert_eq!(
        build.stdout(build.in_container(script)),
        "bin\ndev\netc\nhome\nopt\nproc\nrun\nsbin\ntmp\nusr\nworkspace\n"
    );
    assert_eq!(
        build.stdout(build.in_container("ls -A /home; ls -A /run")),
        "build\nick\n"
    );
}

#[test]
fn what_the_configuration_makes_visible_is_seen() {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(place.path().join("shown"), "shown\n").unwrap();
    let visible = place.path().to_owned();
    let build = Build::with(|config| config.visible = vec![visible.clone()]);
    let script = format!(
        "cat {0}/shown; ! : 2>/dev/null >{0}/x",
        place.path().display()
    );
    assert_eq!(build.stdout(build.in_container(&script)), "shown\n");
}

#[test]
fn the_workers_own_state_and_secrets_are_never_seen() {
    let place = tempfile::tempdir().unwrap();
    let (folder, file) = (place.path().join("state"), place.path().join("key"));
    fs::create_dir(&folder).unwrap();
    for secret in [&folder.join("secret"), &file] {
        fs::write(secret, "secret").unwrap();
        fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let build = Build::with(|config| {
        config.visible = vec![place.path().to_owned(), config.state.clone()];
        config.hidden.extend([folder.clone(), file.clone()]);
    });
    let script = format!(
        "cat {} {}/* {}/runs/*/*/actions/*/* 2>/dev/null || echo nothing",
        file.display(),
        folder.display(),
        build.state().display()
    );
    assert_eq!(build.stdout(build.in_container(&script)), "nothing\n");
}

#[test]
fn other_processes_are_not_seen() {
    let build = Build::new();
    let script = "cd /proc; for p in [0-9]*; do read -r name <$p/comm; echo $name; done; \
                  tr '\\0' '\\n' </proc/1/environ | grep -c . || :";
    let seen = build.stdout(build.in_container(script));
    assert_eq!(seen, "bwrap\nbash\n0\n");
}

#[test]
fn no_further_user_namespace_can_be_made() {
    let build = Build::new();
    let script = "if unshare -U true 2>/dev/null; then echo made; else echo refused; fi";
    assert_eq!(build.stdout(build.in_container(script)), "refused\n");
}

#[test]
fn there_is_no_network() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let build = Build::new();
    let script = format!(
        "if 2>/dev/null : </dev/tcp/127.0.0.1/{port}; then echo reached; else echo none; fi; \
         tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '"
    );
    assert_eq!(build.stdout(build.in_container(&script)), "none\nlo\n");
}

#[test]
fn files_stay_usable_between_host_and_container() {
    let build = Build::new();
    build.stdout(build.shell(
        "mkdir -m 700 -p d/e; echo host >d/e/f; chmod 600 d/e/f; ln -s /etc/shadow d/link; echo h >~/h",
    ));
    build.stdout(build.in_container(
        "[ $(cat d/e/f) = host ]; echo more >>d/e/f; echo container >d/c; chmod 600 d/c; rm ~/h",
    ));
    let request = build.shell("cat d/e/f d/c; echo again >d/c; echo new >d/n; [ ! -e ~/h ]");
    assert_eq!(build.stdout(request), "host\nmore\ncontainer\n");
    let request = build.in_container("cat d/c d/n; echo x >>d/n; mv d/e d/g; rm -r d");
    assert_eq!(build.stdout(request), "again\nnew\n");
    assert_eq!(fs::metadata("/etc/shadow").unwrap().uid(), 0);
    assert_eq!(fs::read_dir(build.run.workspace()).unwrap().count(), 0);
}

#[test]
fn git_works_on_the_host_after_a_container() {
    let build = Build::new();
    let script = "git init -q src; cd src; git config user.email a@b.c; git config user.name n; \
                  git commit -q --allow-empty -m one";
    build.stdout(build.in_container(script));
    let request = build.shell("cd src; git log --format=%s");
    assert_eq!(build.stdout(request), "one\n");
}

#[test]
fn a_file_that_is_known_elsewhere_too_is_not_given_away() {
    let build = Build::new();
    let outside = build.state().join("mirror");
    fs::write(&outside, "kept\n").unwrap();
    let before = fs::metadata(&outside).unwrap().uid();
    fs::hard_link(&outside, build.file("linked")).unwrap();
    let script = "cat linked; rm linked; echo changed >linked";
    assert_eq!(build.stdout(build.in_container(script)), "kept\n");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "kept\n");
    assert_eq!(fs::metadata(&outside).unwrap().uid(), before);
}

#[test]
fn closed_folders_above_the_state_do_not_matter_and_stay_closed() {
    let place = tempfile::tempdir().unwrap();
    let closed = place.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let state = closed.join("state");
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    let build = Build::with(|config| config.state = state.clone());
    assert_eq!(
        build.stdout(build.in_container("echo here >f; cat f")),
        "here\n"
    );
    for path in [&closed, &state, &build.run.path().to_owned()] {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", path.display());
    }
    assert_eq!(fs::metadata(build.file("f")).unwrap().uid(), host_id());
}

#[test]
fn parameters_are_found() {
    let build = Build::new();
    let mut request = build.in_container("params; echo $ICK_PARAM_a");
    request.parameters = serde_json::from_str(r#"{"a":"x y"}"#).unwrap();
    assert_eq!(build.stdout(request), "{\"a\":\"x y\"}\nx y\n");
    let mut request = build.in_container("");
    request.program = Program::Python("print(params['a'])".to_owned());
    request.parameters = serde_json::from_str(r#"{"a":"x y"}"#).unwrap();
    assert_eq!(build.stdout(request), "x y\n");
}

#[test]
fn secrets_are_not_on_any_command_line() {
    let build = Build::new();
    let mut request = build.in_container("echo begun; sleep 1000");
    request.env = BTreeMap::from([("KEY".to_owned(), "hush-hush-4711".to_owned())]);
    let mut running = build.start(request);
    until_output(&mut running, "begun\n");
    assert!(processes_with("hush-hush-4711").is_empty());
    running.stop(StopReason::Cancelled).unwrap();
    end(&mut running);
}

#[test]
fn exit_codes_pass() {
    let build = Build::new();
    let done = build.execute(build.in_container("exit 7"));
    assert_eq!(
        (done.kind(), done.outcome.exit_code),
        (Some(CauseKind::Exit), Some(7))
    );
}

#[test]
fn a_cancel_ends_it() {
    let build = Build::new();
    let time = long_time();
    let script = format!("trap '' TERM; echo begun; sleep {time}; sleep {time}");
    let mut running = build.start(build.in_container(&script));
    until_output(&mut running, "begun\n");
    running.stop(StopReason::Cancelled).unwrap();
    assert_eq!(finish(running).kind(), Some(CauseKind::Cancelled));
    assert!(sleepers(&time).is_empty());
}

#[test]
fn the_small_file_systems_have_a_size() {
    let build = Build::with(|config| {
        config.limits.tmp = 2 << 20;
        config.limits.shm = 1 << 20;
    });
    let script = "df --output=size -B1 /tmp /dev/shm | tail -n +2 | tr -d ' '; \
                  if head -c 3M /dev/zero 2>/dev/null >/tmp/x; then echo room; else echo full; fi";
    assert_eq!(
        build.stdout(build.in_container(script)),
        "2097152\n1048576\nfull\n"
    );
}

#[test]
fn what_grows_too_big_is_ended() {
    for script in [
        "head -c 3M /dev/zero >x",
        "head -c 3M /dev/zero >~/x",
        "head -c 3M /dev/zero >$ICK_OUTPUTS",
    ] {
        let build = Build::with(|config| {
            config.limits.workspace = 2 << 20;
            config.limits.home = 2 << 20;
            config.limits.measure = Duration::from_millis(50);
        });
        let done = build.execute(build.in_container(&format!("{script}; sleep 1000")));
        assert_eq!(done.kind(), Some(CauseKind::DiskFull), "{script}");
    }
}

#[test]
fn a_container_that_cannot_be_made_is_no_failure_of_the_action() {
    // A folder that cannot be entered from where it is shown.
    let build = Build::with(|config| config.limits.tmp = 0);
    let done = build.execute(build.in_container("echo not reached"));
    assert_eq!(done.kind(), Some(CauseKind::Internal), "{}", done.text());
    assert_eq!(done.stdout(), "");
}
