//! From project file to log and artifact, with the examples as they are.

use anyhow::{Result, ensure};
use ick_tests::{Ick, Outcome, need, project_folder};
use std::process::Command;

fn example(path: &str) -> String {
    project_folder()
        .join("examples")
        .join(path)
        .display()
        .to_string()
}

/// A repository of the C program, and its URL.
fn wordcount_repository(ick: &Ick) -> Result<String> {
    need("git", "git")?;
    let folder = ick.folder().join("wordcount.git");
    Outcome::of(Command::new(example("wordcount/make-repository")).arg(&folder))?.exits(0)?;
    Ok(format!("file://{}", folder.display()))
}

#[test]
fn hello_is_applied_built_followed_and_fetched() -> Result<()> {
    need("bwrap", "bubblewrap")?;
    need("python3", "python3")?;
    need("zstd", "zstd")?;
    let ick = Ick::up()?;
    let applied = ick
        .run(&["make-it-so", &example("hello/project.yaml")])?
        .exits(0)?;
    ensure!(applied.stdout.contains("hello"), "{applied:?}");

    let built = ick.run(&["build", "--follow"])?.exits(0)?;
    assert_eq!(built.stdout, "hello/1\n");
    let greeting = "hello, world\nhello/1 greeted world in 13 bytes\n";
    ensure!(built.stderr.contains(greeting), "{built:?}");

    assert_eq!(ick.log("hello/1")?, greeting);
    assert_eq!(ick.log("hello")?, greeting);

    let build = ick.build("hello/1")?;
    assert_eq!(build["status"], "done");
    assert_eq!(build["cause"], serde_json::Value::Null);
    let statuses: Vec<_> = build["actions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|action| (action["action"].as_str(), action["status"].as_str()))
        .collect();
    assert_eq!(
        statuses,
        [
            (Some("create_workspace"), Some("done")),
            (Some("shell"), Some("done")),
            (Some("python"), Some("done")),
            (Some("archive"), Some("done")),
        ]
    );

    ick.run(&[
        "get-artifact",
        "hello/greeting.tar.zst",
        "-o",
        "fetched.tar.zst",
    ])?
    .exits(0)?;
    let listed = Outcome::of(Command::new("tar").current_dir(ick.folder()).args([
        "--zstd",
        "-xvf",
        "fetched.tar.zst",
    ]))?
    .exits(0)?;
    assert_eq!(listed.stdout, "greeting.txt\n");
    assert_eq!(
        std::fs::read_to_string(ick.folder().join("greeting.txt"))?,
        "hello, world\n"
    );
    Ok(())
}

#[test]
fn a_cloned_program_is_compiled_tested_archived_and_runs() -> Result<()> {
    for (tool, package) in [
        ("bwrap", "bubblewrap"),
        ("cc", "gcc"),
        ("make", "make"),
        ("zstd", "zstd"),
    ] {
        need(tool, package)?;
    }
    let ick = Ick::up()?;
    let url = wordcount_repository(&ick)?;
    ick.run(&["make-it-so", &example("wordcount/project.yaml")])?
        .exits(0)?;
    let built = ick
        .run(&[
            "build",
            "wordcount",
            "-p",
            &format!("git_url={url}"),
            "--wait",
        ])?
        .exits(0)?;
    assert_eq!(built.stdout, "wordcount/1\n");
    ensure!(ick.log("wordcount/1")?.contains("\n6 checks passed\n"));

    let build = ick.build("wordcount/1")?;
    let head = Outcome::of(
        Command::new("git")
            .args(["rev-parse", "main"])
            .current_dir(ick.folder().join("wordcount.git")),
    )?
    .exits(0)?;
    assert_eq!(build["sources"][0]["commit"], head.stdout.trim());
    assert_eq!(build["sources"][0]["dir"], "src");
    assert_eq!(build["artifacts"][0]["name"], "wordcount/program.tar.zst");

    ick.run(&[
        "get-artifact",
        "wordcount/program.tar.zst",
        "--build",
        "wordcount/1",
        "-o",
        "w.tar.zst",
    ])?
    .exits(0)?;
    Outcome::of(Command::new("tar").current_dir(ick.folder()).args([
        "--zstd",
        "-xf",
        "w.tar.zst",
    ]))?
    .exits(0)?;
    std::fs::write(ick.folder().join("text"), "one two\nthree\n")?;
    let counted = Outcome::of(
        Command::new(ick.folder().join("src/wordcount"))
            .current_dir(ick.folder())
            .arg("text"),
    )?
    .exits(0)?;
    assert_eq!(counted.stdout, "2 3 14\n");
    Ok(())
}

#[test]
fn a_test_that_fails_fails_the_build_and_shows_why() -> Result<()> {
    need("git", "git")?;
    let ick = Ick::up()?;
    let url = wordcount_repository(&ick)?;
    let clone = ick.folder().join("clone");
    let git = |args: &[&str]| {
        Outcome::of(
            Command::new("git")
                .args([
                    "-c",
                    "user.name=Ick",
                    "-c",
                    "user.email=ick@example.invalid",
                ])
                .args(args)
                .current_dir(if clone.exists() { &clone } else { ick.folder() })
                .env("GIT_CONFIG_GLOBAL", "/dev/null"),
        )?
        .exits(0)
    };
    git(&["clone", "-q", &url, "clone"])?;
    git(&["checkout", "-q", "-b", "broken"])?;
    let count = clone.join("count.c");
    let text = std::fs::read_to_string(&count)?.replace("words++", "words += 2");
    std::fs::write(&count, text)?;
    git(&["commit", "-q", "-a", "-m", "Count wrongly"])?;
    git(&["push", "-q", "origin", "broken"])?;

    ick.run(&["make-it-so", &example("wordcount/project.yaml")])?
        .exits(0)?;
    let url = format!("git_url={url}");
    let failed = ick
        .run(&[
            "build",
            "wordcount",
            "-p",
            &url,
            "--ref",
            "broken",
            "--follow",
        ])?
        .exits(1)?;
    ensure!(
        failed
            .stderr
            .contains("FAIL two lines: expected '2 3 14', got '2 6 14'"),
        "{failed:?}"
    );
    let build = ick.build("wordcount/1")?;
    assert_eq!(build["status"], "failed");
    assert_eq!(build["cause"]["kind"], "exit");
    assert_eq!(build["sources"][0]["ref"], "broken");
    assert_eq!(build["artifacts"], serde_json::json!([]));

    ick.run(&["build", "wordcount", "-p", &url, "--wait"])?
        .exits(0)?;
    Ok(())
}

#[test]
fn the_examples_run_without_any_daemon() -> Result<()> {
    need("bwrap", "bubblewrap")?;
    need("git", "git")?;
    let ick = Ick::new()?;
    let hello = ick
        .run(&["run", &example("hello/project.yaml")])?
        .exits(0)?;
    assert_eq!(
        hello.stdout,
        "hello, world\nhello/0 greeted world in 13 bytes\n"
    );
    let url = wordcount_repository(&ick)?;
    let run = ick
        .run(&[
            "run",
            &example("wordcount/project.yaml"),
            "-p",
            &format!("git_url={url}"),
        ])?
        .exits(0)?;
    ensure!(run.stdout.contains("\n6 checks passed\n"), "{run:?}");
    Ok(())
}
