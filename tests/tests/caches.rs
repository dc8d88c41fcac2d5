//! What a build keeps for the next one of its project, from the checkout to the compiler.

use anyhow::{Result, ensure};
use ick_tests::{Ick, Outcome, need, project_folder};
use std::path::PathBuf;
use std::process::Command;

/// The program's repository, and a clone in which it is worked on.
struct Source {
    url: String,
    clone: PathBuf,
}

impl Source {
    fn new(ick: &Ick) -> Result<Self> {
        need("git", "git")?;
        need("make", "make")?;
        need("bwrap", "bubblewrap")?;
        let bare = ick.folder().join("wordcount.git");
        let make = project_folder().join("examples/wordcount/make-repository");
        Outcome::of(Command::new(make).arg(&bare))?.exits(0)?;
        let source = Self {
            url: format!("file://{}", bare.display()),
            clone: ick.folder().join("clone"),
        };
        Outcome::of(
            Command::new("git")
                .arg("clone")
                .arg(&bare)
                .arg(&source.clone),
        )?
        .exits(0)?;
        Ok(source)
    }

    fn git(&self, arguments: &[&str]) -> Result<()> {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=N", "-c", "user.email=e@example.org"]);
        Outcome::of(git.arg("-C").arg(&self.clone).args(arguments))?.exits(0)?;
        Ok(())
    }

    /// Adds a line to a file, and pushes it to a branch.
    fn change(&self, file: &str, branch: &str) -> Result<()> {
        self.edit(file)?;
        self.git(&["commit", "--all", "--quiet", "--message", file])?;
        self.git(&["push", "--quiet", "origin", &format!("HEAD:{branch}")])
    }

    fn edit(&self, file: &str) -> Result<()> {
        let path = self.clone.join(file);
        let text = std::fs::read_to_string(&path)?;
        Ok(std::fs::write(path, text + "/* changed */\n")?)
    }
}

fn example() -> String {
    let path = project_folder().join("examples/incremental/project.yaml");
    path.display().to_string()
}

/// What was compiled, by what make has shown.
fn compiled(log: &str) -> Vec<&str> {
    let lines = log.lines().filter(|line| line.contains(" -c "));
    let mut files: Vec<&str> = lines
        .filter_map(|line| line.rsplit_once("../").map(|(_, file)| file))
        .collect();
    files.sort_unstable();
    files
}

/// Builds it; what was compiled, and what Ick has said.
fn build(ick: &Ick, source: &Source, more: &[&str]) -> Result<(Vec<String>, String)> {
    let url = format!("git_url={}", source.url);
    let arguments = ["build", "incremental", "--wait", "-p", &url];
    let id = ick.run(&[&arguments, more].concat())?.exits(0)?.stdout;
    let log = ick.log(id.trim())?;
    ensure!(log.contains(" 2 "), "it was not executed: {log}");
    let said = ick
        .run(&["show-log", id.trim(), "--timestamps"])?
        .exits(0)?;
    let files = compiled(&log).into_iter().map(str::to_owned).collect();
    Ok((files, said.stderr))
}

const ALL: [&str; 3] = ["count.c", "main.c", "options.c"];

#[test]
fn a_build_compiles_what_has_changed_since_the_one_before() -> Result<()> {
    let ick = Ick::up()?;
    let source = Source::new(&ick)?;
    ick.run(&["make-it-so", &example()])?.exits(0)?;
    let (files, said) = build(&ick, &source, &[])?;
    assert_eq!(files, ALL);
    ensure!(said.contains("cache: nothing is kept yet"), "{said}");
    ensure!(said.contains("cache: kept src/build"), "{said}");
    let (files, said) = build(&ick, &source, &[])?;
    assert_eq!(files, [""; 0]);
    ensure!(
        said.contains("cache: src/build is as incremental/1 left it"),
        "{said}"
    );
    source.change("count.c", "main")?;
    assert_eq!(build(&ick, &source, &[])?.0, ["count.c"]);
    // A build that does not come to use it loses nothing.
    let (there, away) = (
        ick.folder().join("wordcount.git"),
        ick.folder().join("away.git"),
    );
    std::fs::rename(&there, &away)?;
    let url = format!("git_url={}", source.url);
    ick.run(&["build", "incremental", "--wait", "-p", &url])?
        .exits(1)?;
    let said = ick
        .run(&["show-log", "incremental", "--timestamps"])?
        .exits(0)?;
    ensure!(
        said.stderr
            .contains("cache: what was kept was not used, and stays"),
        "{said:?}"
    );
    std::fs::rename(&away, &there)?;
    let (files, said) = build(&ick, &source, &[])?;
    assert_eq!(files, [""; 0]);
    ensure!(
        said.contains("cache: src/build is as incremental/3 left it"),
        "{said}"
    );
    // Back to what it was before: older, and yet a change.
    source.git(&["revert", "--no-edit", "HEAD"])?;
    source.git(&["push", "--quiet", "origin", "HEAD:main"])?;
    assert_eq!(build(&ick, &source, &[])?.0, ["count.c"]);
    Ok(())
}

#[test]
fn another_branch_begins_with_a_copy_of_the_default_one_s() -> Result<()> {
    let ick = Ick::up()?;
    let source = Source::new(&ick)?;
    ick.run(&["make-it-so", &example()])?.exits(0)?;
    // As a hook does: no build is without a ref, and main is the remote's HEAD.
    let main = ["--ref", "refs/heads/main"];
    assert_eq!(build(&ick, &source, &main)?.0, ALL);
    assert_eq!(build(&ick, &source, &main)?.0, [""; 0]);
    source.change("options.c", "topic")?;
    let topic = ["--ref", "topic"];
    let (files, said) = build(&ick, &source, &topic)?;
    assert_eq!(files, ["options.c"]);
    ensure!(
        said.contains("a copy of the default ref's is taken"),
        "{said}"
    );
    // Each has its own from here on.
    let (files, said) = build(&ick, &source, &topic)?;
    assert_eq!(files, [""; 0]);
    ensure!(
        said.contains("src/build is as incremental/3 left it"),
        "{said}"
    );
    let (files, said) = build(&ick, &source, &main)?;
    assert_eq!(files, [""; 0]);
    ensure!(
        said.contains("src/build is as incremental/2 left it"),
        "{said}"
    );
    assert_eq!(build(&ick, &source, &[])?.0, [""; 0]);
    Ok(())
}

#[test]
fn without_a_daemon_as_well() -> Result<()> {
    let ick = Ick::new()?;
    let source = Source::new(&ick)?;
    let run = || -> Result<Outcome> {
        let mut run = ick.command(&["run", &example(), "-p", "git_url=."])?;
        Outcome::of(run.current_dir(&source.clone))?.exits(0)
    };
    assert_eq!(compiled(&run()?.stdout), ALL);
    let again = run()?;
    assert_eq!(compiled(&again.stdout), [""; 0]);
    ensure!(again.stderr.contains("cache: src/build is as"), "{again:?}");
    // Not committed.
    source.edit("main.c")?;
    assert_eq!(compiled(&run()?.stdout), ["main.c"]);
    Ok(())
}

#[test]
fn a_worker_that_is_killed_loses_none() -> Result<()> {
    let ick = Ick::up()?;
    let gate = ick.folder().join("gate");
    ick.apply(&format!(
        "
projects:
  - {{project: kept, pipelines: [kept], cache: [kept]}}
pipelines:
  - pipeline: kept
    actions:
      - where: host
        shell: |
          mkdir -p kept; ls kept; touch \"kept/$BUILD_NUMBER\"; echo ready
          [ \"$BUILD_NUMBER\" = 1 ] || until [ -e {} ]; do read -r -t 0.05 < <(:) || true; done
",
        gate.display()
    ))?;
    ick.run(&["build", "kept", "--wait"])?.exits(0)?;
    let second = ick.trigger("kept")?;
    ick.log_with(&second, "ready\n")?;
    ick.kill("worker")?;
    ick.start()?;
    std::fs::write(&gate, "")?;
    let build = ick.build_with_status(&second, "done")?;
    assert_eq!(build["attempt"], 1, "{build}");
    assert_eq!(ick.log(&second)?, "1\nready\n");
    ick.run(&["build", "kept", "--wait"])?.exits(0)?;
    assert_eq!(ick.log("kept/3")?, "1\n2\nready\n");
    Ok(())
}

#[test]
fn the_state_is_held_to_its_size() -> Result<()> {
    let ick = Ick::up()?;
    ick.configure("worker-1", "limits: {caches: 3MiB}\n")?;
    let project =
        |name: &str| format!("  - {{project: {name}, pipelines: [fill], cache: [kept]}}\n");
    let projects: String = ["a", "b", "c"].into_iter().map(project).collect();
    let file = ick.folder().join("ick.yaml");
    let text = format!(
        "projects:\n{projects}pipelines:\n  - pipeline: fill\n    actions:\n      - where: host\n        \
         shell: ls kept || {{ mkdir kept; head -c 2M /dev/zero > kept/zeros; }}\n"
    );
    std::fs::write(&file, text)?;
    ick.run(&["make-it-so", &file.display().to_string()])?
        .exits(0)?;
    let worker = ick.state().join("worker-1");
    let caches = || -> Result<usize> {
        let mut count = 0;
        for project in std::fs::read_dir(worker.join("caches"))?.flatten() {
            count += std::fs::read_dir(project.path()).map_or(0, Iterator::count);
        }
        Ok(count)
    };
    for project in ["a", "b"] {
        ick.run(&["build", project, "--wait"])?.exits(0)?;
    }
    ick_tests::eventually("the older one is removed", || {
        let log = std::fs::read_to_string(worker.join("log"))?;
        let removed = log.contains("removed the cache of a, which took 2 MiB");
        Ok((removed && caches()? == 1).then_some(()))
    })?;
    ick.run(&["build", "b", "--wait"])?.exits(0)?;
    assert_eq!(ick.log("b/2")?, "zeros\n");

    // All of the state, with what is no cache.
    std::fs::create_dir_all(worker.join("mirrors"))?;
    std::fs::write(worker.join("mirrors/big"), vec![1; 4 << 20])?;
    ick.configure("worker-1", "state_size: 3MiB\n")?;
    let listed = |there: bool| {
        ick_tests::eventually("list-workers says whether it is paused", || {
            let list = ick.run(&["list-workers"])?.exits(0)?.stdout;
            Ok((list.contains("state_size") == there).then_some(()))
        })
    };
    listed(true)?;
    assert_eq!(caches()?, 0);
    let id = ick.run(&["build", "c"])?.exits(0)?.stdout;
    assert_eq!(ick.build(id.trim())?["status"], "triggered");
    std::fs::remove_file(worker.join("mirrors/big"))?;
    ick_tests::eventually("the build is done", || {
        Ok((ick.build(id.trim())?["status"] == "done").then_some(()))
    })?;
    listed(false)
}
