//! What is made from the definitions of the commands is committed, and does not drift.
//! `UPDATE=1 cargo test -p icktool --test generated` writes it anew.

use clap::Command;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn project_folder() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// Compares files with what they should be, or writes them.
fn compare(expected: &BTreeMap<PathBuf, Vec<u8>>, folders: &[PathBuf]) -> std::io::Result<()> {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for folder in folders {
        std::fs::create_dir_all(folder)?;
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if !expected.contains_key(&path) {
                if update {
                    std::fs::remove_file(&path)?;
                } else {
                    wrong.push(format!("{} is no longer made", path.display()));
                }
            }
        }
    }
    for (path, bytes) in expected {
        if std::fs::read(path).is_ok_and(|found| found == *bytes) {
            continue;
        }
        if update {
            std::fs::write(path, bytes)?;
        } else {
            wrong.push(format!("{} is not up to date", path.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nUPDATE=1 cargo test -p icktool --test generated",
        wrong.join("\n")
    );
    Ok(())
}

#[test]
fn completions_and_man_pages_are_those_of_the_commands() -> std::io::Result<()> {
    let root = project_folder();
    let expected = icktool::commands::generate::files()
        .into_iter()
        .map(|(name, bytes)| (root.join(name), bytes))
        .collect();
    compare(&expected, &[root.join("completions"), root.join("man")])
}

#[test]
fn the_whole_help_is_as_it_was() -> std::io::Result<()> {
    let mut text = String::new();
    let mut top = icktool::cli::command().term_width(100);
    top.build();
    help(&mut top, &mut text);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help.txt");
    compare(&BTreeMap::from([(file, text.into_bytes())]), &[])
}

fn help(command: &mut Command, text: &mut String) {
    let name = command
        .get_bin_name()
        .unwrap_or(command.get_name())
        .to_owned();
    let rendered = command.render_long_help().to_string();
    let _ = writeln!(text, "$ {name} --help");
    for line in rendered.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = writeln!(text);
    let below: Vec<String> = command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
        .map(|below| below.get_name().to_owned())
        .collect();
    for name in below {
        if let Some(below) = command.find_subcommand_mut(&name) {
            help(below, text);
        }
    }
}

#[test]
fn the_definitions_are_sound() {
    icktool::cli::command().debug_assert();
}

#[test]
fn every_command_says_what_it_is_for_and_shows_an_example() {
    let top = icktool::cli::command();
    for command in top
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name} has no help");
        let after = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(after.contains("Examples:"), "{name} has no example");
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "{name}: {} has no help",
                argument.get_id()
            );
        }
    }
}
