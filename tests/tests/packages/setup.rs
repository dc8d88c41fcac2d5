//! The first set-up, and where the files are then.

use super::machine::Machine;
use anyhow::{Context, Result, ensure};
use ick_tests::project_folder;

/// The set-up of `docs/install.md`, to the letter.
pub(crate) fn as_documented(machine: &Machine) -> Result<()> {
    let text = std::fs::read_to_string(project_folder().join("docs/install.md"))?;
    let block = text.split("```sh\n").nth(1).context("no commands")?;
    let commands = block.split("```").next().unwrap_or_default();
    ensure!(commands.contains("apt-get install"), "{commands}");
    machine.said(commands)?;
    for unit in ["ick-idp", "ick-controller", "ick-store", "ick-worker"] {
        machine.says(&format!("systemctl is-active {unit} || true"), "active")?;
        machine.says(&format!("systemctl is-enabled {unit} || true"), "enabled")?;
    }
    machine.says(
        "icktool list-workers --format json | python3 -c \
         'import json, sys; print([w[\"worker\"] for w in json.load(sys.stdin)[\"workers\"]])'",
        "['worker-1']",
    )
}

/// Modes, owners and paths of what the packages and the set-up have put there.
pub(crate) fn everything_is_in_its_place(machine: &Machine) -> Result<()> {
    for (path, about) in [
        ("/usr/bin/icktool", "755 root:root"),
        ("/usr/bin/ick-idp", "755 root:root"),
        ("/usr/bin/ick-controller", "755 root:root"),
        ("/usr/bin/ick-store", "755 root:root"),
        ("/usr/bin/ick-worker", "755 root:root"),
        ("/etc/ick", "755 root:root"),
        ("/etc/ick/idp.yaml", "644 root:root"),
        ("/etc/ick/controller.yaml", "644 root:root"),
        ("/etc/ick/store.yaml", "644 root:root"),
        ("/etc/ick/worker.yaml", "600 _ick-worker:root"),
        ("/var/lib/ick", "755 root:root"),
        ("/var/lib/ick/idp", "700 _ick-idp:_ick-idp"),
        ("/var/lib/ick/idp/keys.json", "600 _ick-idp:_ick-idp"),
        (
            "/var/lib/ick/controller",
            "700 _ick-controller:_ick-controller",
        ),
        ("/var/lib/ick/store", "700 _ick-store:_ick-store"),
        ("/var/lib/ick/worker", "700 _ick-worker:_ick-worker"),
        ("/usr/share/man/man1/icktool.1.gz", "644 root:root"),
        ("/usr/share/man/man1/icktool-build.1.gz", "644 root:root"),
        (
            "/usr/share/bash-completion/completions/icktool",
            "644 root:root",
        ),
        (
            "/usr/share/zsh/vendor-completions/_icktool",
            "644 root:root",
        ),
        (
            "/usr/share/fish/vendor_completions.d/icktool.fish",
            "644 root:root",
        ),
        (
            "/usr/lib/systemd/system/ick-worker.service",
            "644 root:root",
        ),
        ("/usr/lib/sysusers.d/ick-worker.conf", "644 root:root"),
        ("/usr/share/doc/icktool/copyright", "644 root:root"),
        ("/usr/share/doc/ick-worker/changelog.gz", "644 root:root"),
        ("/usr/share/doc/ick-worker/install.md", "644 root:root"),
    ] {
        let is = machine.said(&format!("stat -c '%a %U:%G' {path}"))?;
        ensure!(is == about, "{path} is {is}, not {about}");
    }
    let pages = project_folder().join("man").read_dir()?.count();
    let packed = machine.said("ls /usr/share/man/man[17]/ick*.gz | wc -l")?;
    ensure!(packed == pages.to_string(), "{packed} of {pages} pages");
    machine.said("source /usr/share/bash-completion/completions/icktool; complete -p icktool")?;
    let conffiles = machine.said(
        "dpkg-query -W -f '${Conffiles}\\n' ick-idp ick-controller ick-store | awk '{print $1}' | sort | xargs",
    )?;
    ensure!(
        conffiles == "/etc/ick/controller.yaml /etc/ick/idp.yaml /etc/ick/store.yaml",
        "{conffiles}"
    );
    for user in ["_ick-idp", "_ick-controller", "_ick-store", "_ick-worker"] {
        let shell = machine.said(&format!("getent passwd {user} | cut -d: -f7"))?;
        ensure!(shell == "/usr/sbin/nologin", "{user} has {shell}");
    }
    Ok(())
}
