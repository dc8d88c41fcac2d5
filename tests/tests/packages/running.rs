//! Ick in use, as packaged.

use super::machine::Machine;
use anyhow::{Result, ensure};

/// A project whose action never ends by itself.
const ENDLESS: &str = "
projects: [{project: endless, pipelines: [endless]}]
pipelines:
  - pipeline: endless
    actions: [{shell: exec sleep infinity}]
";

/// The daemons have their users, no capability, no way to more rights, and listen on this machine only.
pub(crate) fn with_no_more_rights_than_needed(machine: &Machine) -> Result<()> {
    for daemon in ["idp", "controller", "store", "worker"] {
        let status = machine.said(&format!(
            "status=/proc/$(systemctl show -P MainPID ick-{daemon})/status
             stat -c %U $status
             awk '/^(CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):/ {{print $1, $2}}' $status"
        ))?;
        let none = "0000000000000000";
        let expected = format!(
            "_ick-{daemon}\nCapEff: {none}\nCapBnd: {none}\nCapAmb: {none}\nNoNewPrivs: 1\nSeccomp: 2"
        );
        ensure!(status == expected, "ick-{daemon}: {status}");
    }
    // 0A: it listens (Linux: Documentation/networking/proc_net_tcp.rst).
    let listening = "awk '$4 == \"0A\" {print $2}' /proc/net/tcp /proc/net/tcp6 | sort | xargs";
    let listening = machine.said(listening)?;
    ensure!(
        listening == "0100007F:222E 0100007F:222F 0100007F:2230",
        "{listening}"
    );
    Ok(())
}

/// The main path: apply, build with container actions, log, artifact.
pub(crate) fn a_build_from_trigger_to_artifact(machine: &Machine) -> Result<()> {
    let log = machine.said(
        "icktool make-it-so /usr/share/doc/icktool/examples/hello/project.yaml >&2
         icktool build hello --wait >&2
         icktool show-log hello --raw",
    )?;
    ensure!(
        log == "hello, world\nhello/1 greeted world in 13 bytes",
        "{log}"
    );
    let greeting = machine.said(
        "icktool get-artifact hello/greeting.tar.zst -o greeting.tar.zst >&2
         tar --zstd -xOf greeting.tar.zst greeting.txt",
    )?;
    ensure!(greeting == "hello, world", "{greeting}");
    Ok(())
}

/// Starts a build that does not end, and gives the process id of its action.
pub(crate) fn endless(machine: &Machine) -> Result<String> {
    machine.said(&format!(
        "cat > endless.yaml <<'END'\n{ENDLESS}END\nicktool make-it-so endless.yaml\nicktool build endless"
    ))?;
    machine.says(&format!("{ACTIONS} | wc -l"), "1")?;
    machine.said(ACTIONS)
}

/// The process ids of such actions: of their programs, without bubblewrap's processes.
pub(crate) const ACTIONS: &str = "for p in /proc/[0-9]*; do [ \"$(cat $p/comm 2> /dev/null)\" != sleep ] || echo ${p#/proc/}; done";

/// A restart of the worker ends its actions; their build starts anew at once.
pub(crate) fn a_restart_of_the_worker_starts_its_builds_anew(machine: &Machine) -> Result<()> {
    let before = endless(machine)?;
    machine.said("systemctl restart ick-worker")?;
    machine.says("systemctl is-active ick-worker || true", "active")?;
    machine.says(&format!("{ACTIONS} | wc -l"), "1")?;
    let after = machine.said(ACTIONS)?;
    ensure!(before != after, "{before} goes on");
    let build = "icktool show-build endless/1 --format json | python3 -c \
         'import json, sys; b = json.load(sys.stdin); print(b[\"status\"], b[\"attempt\"])'";
    machine.says(build, "building 2")?;
    machine.said("icktool cancel-build endless/1")?;
    machine.says(build, "cancelled 2")?;
    machine.says(ACTIONS, "")?;
    let left = machine.said("journalctl --no-pager -u ick-worker | grep left-over || true")?;
    ensure!(left.is_empty(), "{left}");
    Ok(())
}

/// What crashes is started again; what its configuration keeps from starting is not.
pub(crate) fn a_crash_is_mended_and_a_mistake_is_not_repeated(machine: &Machine) -> Result<()> {
    machine.said("systemctl kill --signal=KILL ick-store")?;
    machine.says("systemctl show -P NRestarts ick-store", "1")?;
    machine.says("systemctl is-active ick-store || true", "active")?;
    machine.said("icktool list-artifacts")?;

    machine.said(
        "cp -p /etc/ick/store.yaml store.yaml
         echo 'contoller: x' >> /etc/ick/store.yaml
         systemctl restart ick-store",
    )?;
    machine.says("systemctl is-failed ick-store || true", "failed")?;
    let shown = machine.said("systemctl show -P ExecMainStatus ick-store")?;
    ensure!(shown == "2", "exit code {shown}");
    let journal = machine.said("journalctl --no-pager -u ick-store")?;
    let told = ["/etc/ick/store.yaml:6:1", "did you mean \"controller\"?"];
    for part in told {
        ensure!(journal.contains(part), "{part} is not in {journal}");
    }
    machine.said(
        "cp -p store.yaml /etc/ick/store.yaml
         systemctl restart ick-store
         icktool list-artifacts",
    )?;
    Ok(())
}
