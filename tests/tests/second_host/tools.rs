//! A host that lacks programs which actions need.

use crate::world::{FIRST_WORKER, listed};
use anyhow::{Context, Result, ensure};
use ick_tests::{Ick, eventually, program};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A worker without bubblewrap, git and Python.
struct Bare(Child);

impl Bare {
    fn start(ick: &Ick) -> Result<Self> {
        let made = ick
            .run(&["create-worker", "bare", "--format", "json"])?
            .exits(0)?
            .json()?;
        let state = ick.folder().join("bare");
        fs::create_dir(&state)?;
        let settings = state.join("config.yaml");
        fs::write(
            &settings,
            format!(
                "controller: {}\nclient_id: {}\nclient_secret: {}\nallow_host: true\n",
                made["controller"], made["client_id"], made["client_secret"]
            ),
        )?;
        fs::set_permissions(&settings, fs::Permissions::from_mode(0o600))?;
        let tools = ick.folder().join("tools");
        fs::create_dir(&tools)?;
        for tool in ["bash", "sh", "true", "cat", "env"] {
            let folders = ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(tool));
            let from = folders.into_iter().find(|path| path.exists());
            symlink(
                from.with_context(|| format!("no {tool}"))?,
                tools.join(tool),
            )?;
        }
        let child = Command::new(program("ick-worker")?)
            .args(["serve", "--state"])
            .arg(&state)
            .env_clear()
            .env("PATH", &tools)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(ick.folder().join("bare-log"))?)
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.0.wait();
    }
}

#[test]
fn missing_programs_are_said_at_the_start_and_where_they_are_missed() -> Result<()> {
    let ick = Ick::up()?;
    ick.run(&["drain-worker", FIRST_WORKER])?.exits(0)?;
    let bare = Bare::start(&ick)?;
    eventually("the bare worker to register", || {
        Ok((ick.run(&["show-worker", "bare"])?.code == Some(0)).then_some(()))
    })?;
    let line = listed(&ick, "bare")?;
    ensure!(line.contains("lacks bubblewrap, python3, git"), "{line}");
    ensure!(!listed(&ick, FIRST_WORKER)?.contains("lacks"));
    let said = fs::read_to_string(ick.folder().join("bare-log"))?;

    for (project, program, package, action) in [
        ("boxed", "bwrap", "bubblewrap", "shell: 'true'"),
        (
            "python",
            "python3",
            "python3",
            "python: 'pass'\n        where: host",
        ),
        (
            "cloned",
            "git",
            "git",
            "action: git\n        git_url: https://git.invalid/x",
        ),
    ] {
        let remedy = format!("install the Debian package {package}");
        let at_start = said
            .lines()
            .find(|line| line.contains(&format!("{program} is not on this host")));
        ensure!(
            at_start.is_some_and(|line| line.ends_with(&remedy)),
            "{said}"
        );

        ick.apply(&format!(
            "projects:\n  - project: {project}\n    pipelines: [{project}]\n\
             pipelines:\n  - pipeline: {project}\n    actions:\n      - {action}\n"
        ))?;
        let id = ick.trigger(project)?;
        let build = ick.build_with_status(&id, "failed")?;
        assert_eq!(build["worker"], "bare");
        assert_eq!(build["cause"]["kind"], "missing_tool", "{build}");
        ick.run(&["show-log", &id, "--timestamps"])?
            .exits(0)?
            .says(&format!("{program} is not on this worker: {remedy}"))?;
    }
    drop(bare);
    Ok(())
}
