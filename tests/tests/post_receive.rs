//! The hook in `examples/post-receive`: what is pushed to a real repository is built.

use anyhow::{Context, Result, ensure};
use ick_api::scope::{ProjectsIdTriggerPost, Scope};
use ick_tests::{Ick, Outcome, need, program, project_folder};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A git server: a bare repository with the hook, an account with credentials for triggers alone, and
/// someone's clone.
struct Server {
    ick: Ick,
    repository: PathBuf,
    clone: PathBuf,
    home: PathBuf,
}

impl Server {
    fn new() -> Result<Self> {
        need("git", "git")?;
        let ick = Ick::up()?;
        let server = Self {
            repository: ick.folder().join("program.git"),
            clone: ick.folder().join("clone"),
            home: ick.folder().join("git-home"),
            ick,
        };
        std::fs::create_dir(&server.home)?;
        server.git(
            server.ick.folder(),
            &["init", "-q", "--bare", "-b", "main", "program.git"],
        )?;
        let hook = project_folder().join("examples/post-receive/post-receive");
        std::fs::copy(hook, server.hook())?;
        server.git(server.ick.folder(), &["init", "-q", "-b", "main", "clone"])?;
        let url = server.repository.display().to_string();
        server.git(&server.clone, &["remote", "add", "origin", &url])?;
        server.log_in()?;
        server.ick.apply(&format!(
            "
projects:
  - {{project: program, pipelines: [built]}}
pipelines:
  - pipeline: built
    actions:
      - {{action: git, git_url: 'file://{url}', git_dir: src}}
      - {{shell: 'cat src/file', where: host}}
"
        ))?;
        Ok(server)
    }

    /// The account that git runs as gets credentials of its own.
    fn log_in(&self) -> Result<()> {
        let scope = ProjectsIdTriggerPost::NAME;
        let made = ["create-client", "git-server", "--scope", scope];
        let made = self.ick.run(&[&made[..], &["--format", "json"]].concat())?;
        let made = made.exits(0)?.json()?;
        let secret = made["client_secret"].as_str().context("no secret")?;
        let up = self.ick.up_file()?;
        let url = up["controller"]["url"].as_str().context("no controller")?;
        let mut login = self.command(program("icktool")?, &self.home);
        login.args(["login", "--controller", url, "--client-id", "git-server"]);
        Outcome::of(login.env("ICK_CLIENT_SECRET", secret))?.exits(0)?;
        Ok(())
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        let ours = ick_tests::program("icktool").unwrap_or_default();
        let ours = ours.parent().map(|folder| folder.display().to_string());
        command
            .env_clear()
            .env("PATH", format!("{}:{path}", ours.unwrap_or_default()))
            .env("HOME", &self.home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .current_dir(folder);
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "someone");
            command.env(format!("GIT_{who}_EMAIL"), "someone@example.invalid");
        }
        command
    }

    fn git(&self, folder: &Path, args: &[&str]) -> Result<Outcome> {
        Outcome::of(self.command("git", folder).args(args))?.exits(0)
    }

    /// A new commit.
    fn commit(&self, text: &str) -> Result<String> {
        std::fs::write(self.clone.join("file"), format!("{text}\n"))?;
        self.git(&self.clone, &["add", "file"])?;
        self.git(&self.clone, &["commit", "-q", "-m", text])?;
        self.commit_of("HEAD")
    }

    fn commit_of(&self, what: &str) -> Result<String> {
        let commit = self.git(&self.clone, &["rev-parse", what])?;
        Ok(commit.stdout.trim().to_owned())
    }

    /// What the hook says to who pushes.
    fn push(&self, refs: &[&str]) -> Result<String> {
        let pushed = self.git(&self.clone, &[&["push", "origin"], refs].concat())?;
        Ok(pushed.stderr)
    }

    fn hook(&self) -> PathBuf {
        self.repository.join("hooks/post-receive")
    }

    fn queue(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.repository.join("ick-queue"))?)
    }

    fn retry(&self) -> Result<Outcome> {
        let mut hook = self.command(self.hook(), self.ick.folder());
        Outcome::of(hook.arg("--retry"))?.exits(0)
    }

    fn builds(&self) -> Result<Vec<Value>> {
        let listed = self.ick.run(&["list-builds", "--format", "json"])?;
        let listed = listed.exits(0)?.json()?;
        let listed = listed.as_array().or_else(|| listed["builds"].as_array());
        Ok(listed.context("no list")?.clone())
    }
}

#[test]
fn what_is_pushed_is_built() -> Result<()> {
    let server = Server::new()?;
    let first = server.commit("one")?;
    let told = server.push(&["main"])?;
    ensure!(told.contains("main is built by program/1"), "{told}");
    let second = server.commit("two")?;
    server.push(&["main:refs/heads/side/branch"])?;

    for (id, git_ref, commit, text) in [
        ("program/1", "refs/heads/main", &first, "one\n"),
        ("program/2", "refs/heads/side/branch", &second, "two\n"),
    ] {
        let build = server.ick.build_with_status(id, "done")?;
        ensure!(build["ref"] == git_ref && build["commit"] == **commit);
        ensure!(build["triggered_by"] == "git-server", "{build}");
        ensure!(server.ick.log(id)?.ends_with(text));
    }

    // A tag is built as the commit that it stands for; a branch's end is nothing to build.
    server.git(&server.clone, &["tag", "-a", "-m", "a version", "v1"])?;
    server.push(&["v1", ":side/branch"])?;
    let build = server.ick.build_with_status("program/3", "done")?;
    ensure!(build["ref"] == "refs/tags/v1" && build["commit"] == *second);
    server.push(&["main:refs/notes/x"])?;
    ensure!(server.builds()?.len() == 3);
    Ok(())
}

#[test]
fn a_push_that_is_tried_again_has_one_build() -> Result<()> {
    let server = Server::new()?;
    let commit = server.commit("one")?;
    server.push(&["main"])?;
    let none = "0".repeat(40);
    for _ in 0..2 {
        let line = format!("{none} {commit} refs/heads/main\n");
        std::fs::write(server.repository.join("ick-queue"), line)?;
        let told = server.retry()?.stderr;
        ensure!(told.contains("main is built by program/1"), "{told}");
        ensure!(server.queue()?.is_empty());
    }
    ensure!(server.builds()?.len() == 1);

    // To push the same commit to another branch is another push.
    server.push(&["main:other"])?;
    ensure!(server.builds()?.len() == 2);
    Ok(())
}

#[test]
fn a_push_succeeds_while_ick_is_away_and_is_built_later() -> Result<()> {
    let server = Server::new()?;
    server.ick.down()?;
    let first = server.commit("one")?;
    let told = server.push(&["main"])?;
    let hook = format!("{} --retry", server.hook().display());
    for words in ["cannot be reached", "the push has succeeded", &hook] {
        ensure!(told.replace("remote: ", "").contains(words), "{told}");
    }
    let second = server.commit("two")?;
    server.push(&["main"])?;
    ensure!(server.queue()?.lines().count() == 2);
    server.ick.start()?;
    let told = server.retry()?.stderr;
    ensure!(told.contains("main is built by program/2"), "{told}");
    ensure!(server.queue()?.is_empty());
    for (id, commit) in [("program/1", first), ("program/2", second)] {
        ensure!(server.ick.build(id)?["commit"] == commit);
    }
    Ok(())
}

#[test]
fn what_is_refused_is_said_and_not_kept() -> Result<()> {
    let server = Server::new()?;
    let absent = ["config", "ick.project", "absent"];
    server.git(&server.repository, &absent)?;
    server.commit("one")?;
    let told = server.push(&["main"])?;
    ensure!(told.contains("main is not built") && told.contains("absent"));
    ensure!(server.queue()?.is_empty());

    // Its credentials are good for triggers and nothing else.
    let mut list = server.command(program("icktool")?, server.ick.folder());
    let refused = Outcome::of(list.arg("list-builds"))?.exits(5)?;
    ensure!(refused.stderr.contains("uapi_builds_get"), "{refused:?}");
    Ok(())
}
