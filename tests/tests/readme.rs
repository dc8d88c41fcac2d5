//! What the README tells a newcomer to type exists and does what it says.

use anyhow::{Context, Result, ensure};
use ick_tests::{Ick, Outcome, project_folder};
use std::process::Command;

/// The lines of the README's blocks in this language.
fn blocks(language: &str) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(project_folder().join("README.md"))?;
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1);
    Ok(blocks
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect())
}

/// A line without its comment, cut into words.
fn words(line: &str) -> Vec<String> {
    let code = line.split(" #").next().unwrap_or_default();
    code.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn every_command_that_it_shows_exists() -> Result<()> {
    let ick = Ick::new()?;
    let mut seen = 0;
    for line in blocks("sh")?.iter().flat_map(|block| block.lines()) {
        let words = words(line.trim_start_matches("build=$(").trim_end_matches(')'));
        match words.first().map(String::as_str) {
            Some("icktool") => {
                let command = words.get(1).context("icktool alone")?;
                let mut help = Command::new(ick_tests::program("icktool")?);
                Outcome::of(help.args([command, "--help"]).current_dir(ick.folder()))?.exits(0)?;
                for option in words.iter().filter(|word| word.starts_with("--")) {
                    let shown = Outcome::of(
                        Command::new(ick_tests::program("icktool")?).args([command, "--help"]),
                    )?;
                    ensure!(
                        shown.stdout.contains(option.as_str()),
                        "{line}: no {option}"
                    );
                }
                seen += 1;
            }
            Some(script) if script.starts_with("scripts/") => {
                ensure!(
                    project_folder().join(script).is_file(),
                    "{script} is missing"
                );
                seen += 1;
            }
            _ => {}
        }
    }
    ensure!(seen > 10, "only {seen} commands were found");
    Ok(())
}

#[test]
fn the_project_file_that_it_shows_is_sound() -> Result<()> {
    let ick = Ick::new()?;
    for block in blocks("yaml")? {
        let file = ick.folder().join("readme.yaml");
        std::fs::write(&file, block)?;
        ick.run(&["validate", &file.display().to_string()])?
            .exits(0)?;
    }
    Ok(())
}

#[test]
fn every_example_is_sound_without_a_warning() -> Result<()> {
    let ick = Ick::new()?;
    let mut seen = 0;
    for entry in std::fs::read_dir(project_folder().join("examples"))? {
        let path = entry?.path();
        let file = if path.is_dir() {
            path.join("project.yaml")
        } else {
            path
        };
        // Some are of what stands around Ick.
        if file.exists() {
            let valid = ick.run(&["validate", &file.display().to_string()])?;
            ensure!(!valid.exits(0)?.stderr.contains("warning"), "{file:?}");
            seen += 1;
        }
    }
    ensure!(seen > 1);
    Ok(())
}

#[test]
fn ci_calls_the_very_test_command_that_it_gives() -> Result<()> {
    let ci = std::fs::read_to_string(project_folder().join(".ci/run"))?;
    ensure!(ci.lines().any(|line| line == "scripts/test"), "{ci}");
    let given = blocks("sh")?;
    ensure!(given.iter().any(|block| block.contains("scripts/test")));
    Ok(())
}
