//! `icktool generate`: the completions and man pages, from the definitions of the commands.

use crate::cli;
use crate::commands::actions_page;
use crate::error::{Error, Failure};
use crate::exit::{self, Exit};
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Write the completions and man pages
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder that gets `completions/` and `man/`
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Does it.
///
/// # Errors
/// When a file cannot be written.
pub fn run(args: &Args) -> Result<Exit, Failure> {
    for (name, bytes) in files() {
        let path = args.folder.join(name);
        crate::config::write(&path, &bytes, 0o644).map_err(|source| Error::File {
            doing: "write",
            path: path.clone(),
            source,
        })?;
    }
    Ok(Exit::Ok)
}

/// Every generated file, by its path.
pub fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (shell, name) in [
        (Shell::Bash, "icktool.bash"),
        (Shell::Zsh, "_icktool"),
        (Shell::Fish, "icktool.fish"),
    ] {
        let mut bytes = Vec::new();
        clap_complete::generate(shell, &mut visible(), "icktool", &mut bytes);
        files.insert(format!("completions/{name}"), bytes);
    }
    let mut top = visible().disable_help_subcommand(true);
    top.build();
    page(&top, "icktool", &mut files);
    for command in top.get_subcommands() {
        page(
            command,
            &format!("icktool-{}", command.get_name()),
            &mut files,
        );
    }
    files.insert(
        "man/ick-actions.7".to_owned(),
        actions_page::render().into_bytes(),
    );
    files
}

/// The commands that are for people.
fn visible() -> Command {
    let all = cli::command();
    let hidden: Vec<String> = all
        .get_subcommands()
        .filter(|command| command.is_hide_set())
        .map(|command| command.get_name().to_owned())
        .collect();
    let mut shown = Command::new("icktool");
    // clap cannot take a command away again, so the others are put into an empty one.
    shown = shown
        .version(env!("CARGO_PKG_VERSION"))
        .about(all.get_about().cloned().unwrap_or_default())
        .long_about(all.get_long_about().cloned().unwrap_or_default())
        .after_help(all.get_after_long_help().cloned().unwrap_or_default())
        .args(all.get_arguments().cloned())
        .subcommand_required(true);
    for command in all
        .get_subcommands()
        .filter(|c| !hidden.iter().any(|name| name == c.get_name()))
    {
        shown = shown.subcommand(command.clone());
    }
    shown
}

fn page(command: &Command, name: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    // No date: a page changes only when the commands do.
    let named = command
        .clone()
        .name(name.to_owned())
        .bin_name(name.replacen('-', " ", 1));
    let man = Man::new(named)
        .title(name)
        .manual("Ick")
        .source(concat!("icktool ", env!("CARGO_PKG_VERSION")));
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = man.render(&mut bytes);
    if name != "icktool" {
        bytes.extend_from_slice(b".SH \"EXIT STATUS\"\n");
        for row in exit::TABLE {
            bytes.extend_from_slice(format!(".TP\n{}\n{}\n", row.code, row.means).as_bytes());
        }
        bytes.extend_from_slice(b".SH \"SEE ALSO\"\n.BR icktool (1)\n");
    }
    files.insert(format!("man/{name}.1"), bytes);
}
