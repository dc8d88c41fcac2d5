//! `docs/configuration.md` and the programs say the same: which settings there are, what they are when
//! they are left out, and what they can be.

use anyhow::{Context, Result, bail, ensure};
use ick_core::definition::limits;
use ick_core::duration;
use ick_core::yaml::{format_size, parse_size};
use ick_http::ServeArgs;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A name that is none, and like none.
const NONE: &str = "qqqqqqqqqqqqqqqqqqqq";

/// Settings by their names: default and range, as the document says.
type Table = BTreeMap<String, (String, String)>;

/// A daemon: reads a configuration, and shows all that it understood.
struct Daemon {
    heading: &'static str,
    /// What every file needs.
    required: &'static str,
    listen: &'static str,
    read: fn(&Path) -> Result<String, String>,
}

const DAEMONS: [Daemon; 4] = [
    Daemon {
        heading: "Identity provider",
        required: "",
        listen: "127.0.0.1:8752",
        read: |file| shown(ick_idp::config::Config::read(&args(file))),
    },
    Daemon {
        heading: "Controller",
        required: "",
        listen: "127.0.0.1:8750",
        read: |file| shown(ick_controller::config::Config::read(&args(file))),
    },
    Daemon {
        heading: "Store",
        required: "",
        listen: "127.0.0.1:8751",
        read: |file| shown(ick_store::config::Config::read(&args(file))),
    },
    Daemon {
        heading: "Worker",
        required: "controller: http://c\nclient_id: w\nclient_secret: s\n",
        listen: "",
        read: |file| shown(ick_worker::config::Config::read(Some(file), None)),
    },
];

fn args(file: &Path) -> ServeArgs {
    ServeArgs {
        config: Some(file.to_owned()),
        ..ServeArgs::default()
    }
}

fn shown<T: std::fmt::Debug, E: ToString>(read: Result<T, E>) -> Result<String, String> {
    read.map(|config| format!("{config:?}"))
        .map_err(|error| error.to_string())
}

fn document() -> Result<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// The rows of the table under a heading, each as its cells.
fn rows(document: &str, heading: &str) -> Result<Vec<Vec<String>>> {
    let (_, section) = document
        .split_once(&format!("\n## {heading}\n"))
        .with_context(|| format!("no section {heading}"))?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    Ok(lines.skip(2).map(cells).collect())
}

fn settings(document: &str, heading: &str) -> Result<Table> {
    let mut table = Table::new();
    for row in rows(document, heading)? {
        ensure!(row.len() == 4 && !row[3].is_empty(), "{row:?}");
        let name = quoted(&row[0]).with_context(|| row[0].clone())?;
        let before = table.insert(name.to_owned(), (row[1].clone(), row[2].clone()));
        ensure!(before.is_none(), "{name} is there twice");
    }
    Ok(table)
}

/// What is between two backquotes that enclose the whole text.
fn quoted(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('`')?.strip_suffix('`')?;
    (!inside.contains('`')).then_some(inside)
}

impl Daemon {
    fn documented(&self, document: &str) -> Result<Table> {
        let mut table = settings(document, self.heading)?;
        if !self.listen.is_empty() {
            let common = settings(document, "Identity provider, controller and store")?;
            for (name, row) in common {
                ensure!(table.insert(name.clone(), row).is_none(), "{name} twice");
            }
            let listen = (format!("`{}`", self.listen), String::new());
            table.insert("listen".to_owned(), listen);
        }
        Ok(table)
    }

    /// What it makes of lines beside the required ones.
    fn with(&self, folder: &Path, lines: &str) -> Result<String, String> {
        let file = folder.join("config.yaml");
        let text = format!("state: /s\n{}{lines}", self.required);
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        (self.read)(&file)
    }

    /// The settings that it would take, which it tells when it is given one that it does not know.
    fn taken(&self, folder: &Path) -> Result<Vec<String>> {
        let lines = format!("{NONE}: 1\nlimits:\n  {NONE}: 1\n");
        let Err(told) = self.with(folder, &lines) else {
            bail!("{} takes anything", self.heading);
        };
        let mut lists = told.split("the fields here are: ").skip(1).map(|list| {
            let line = list.lines().next().unwrap_or_default();
            line.split(", ").map(str::to_owned).collect::<Vec<_>>()
        });
        let (Some(one), Some(other), None) = (lists.next(), lists.next(), lists.next()) else {
            bail!("{told}");
        };
        let (top, limits) = match one.iter().any(|name| name == "limits") {
            true => (one, other),
            false => (other, one),
        };
        let limits = limits.iter().map(|name| format!("limits.{name}"));
        let top = top.into_iter().filter(|name| name != "limits");
        let mut all: Vec<_> = top.chain(limits).collect();
        all.sort();
        Ok(all)
    }
}

fn line(name: &str, value: &str) -> String {
    match name.split_once('.') {
        Some((mapping, name)) => format!("{mapping}: {{{name}: {value}}}\n"),
        None => format!("{name}: {value}\n"),
    }
}

/// The values just beside a bound, below and above.
fn beside(bound: &str) -> Result<(Option<String>, String)> {
    if let Ok(number) = bound.parse::<u64>() {
        let below = number.checked_sub(1).map(|n| n.to_string());
        return Ok((below, (number + 1).to_string()));
    }
    if let Ok(time) = duration::parse(bound) {
        let step = Duration::from_millis(1);
        let below = time.checked_sub(step).map(duration::format);
        return Ok((below, duration::format(time + step)));
    }
    let size = parse_size(bound)?;
    let below = size.checked_sub(1).map(format_size);
    Ok((below, format_size(size + 1)))
}

#[test]
fn every_setting_is_documented_and_every_documented_one_is_taken() -> Result<()> {
    let (document, folder) = (document()?, tempfile::tempdir()?);
    for daemon in DAEMONS {
        let documented: Vec<_> = daemon.documented(&document)?.into_keys().collect();
        let taken = daemon.taken(folder.path())?;
        ensure!(
            documented == taken,
            "{}: documented are {documented:#?}, taken {taken:#?}",
            daemon.heading
        );
    }
    Ok(())
}

#[test]
fn defaults_are_as_documented() -> Result<()> {
    let (document, folder) = (document()?, tempfile::tempdir()?);
    for daemon in DAEMONS {
        let with = |lines: &str| {
            let read = daemon.with(folder.path(), lines);
            read.map_err(|told| anyhow::anyhow!("{}: {told}", daemon.heading))
        };
        let usual = with("")?;
        let mut compared = 0;
        for (name, (default, _)) in daemon.documented(&document)? {
            if let Some(value) = quoted(&default) {
                let given = with(&line(&name, value))?;
                ensure!(given == usual, "{name}: {given} is not {usual}");
                compared += 1;
            }
        }
        ensure!(compared > 8, "only {compared} of {}", daemon.heading);
    }
    Ok(())
}

#[test]
fn ranges_are_as_documented() -> Result<()> {
    let (document, folder) = (document()?, tempfile::tempdir()?);
    for daemon in DAEMONS {
        let takes = |name: &str, value: &str| daemon.with(folder.path(), &line(name, value));
        let mut compared = 0;
        for (name, (_, range)) in daemon.documented(&document)? {
            let bounds = range.split_once(" to ");
            let bounds = bounds.and_then(|(a, b)| Some((quoted(a)?, quoted(b)?)));
            let Some((least, most)) = bounds else {
                continue;
            };
            compared += 1;
            for value in [least, most] {
                if let Err(told) = takes(&name, value) {
                    bail!("{name}: {value}: {told}");
                }
            }
            let (below, above) = (beside(least)?.0, beside(most)?.1);
            for value in below.into_iter().chain([above]) {
                ensure!(takes(&name, &value).is_err(), "{name}: {value} is taken");
            }
        }
        ensure!(compared > 4, "only {compared} of {}", daemon.heading);
    }
    Ok(())
}

#[test]
fn the_limits_of_definitions_are_as_documented() -> Result<()> {
    let count = |number: usize| number.to_string();
    let size = |bytes: usize| format_size(bytes as u64);
    let yaml = ick_core::yaml::Limits::DEFAULT;
    let limits = [
        ("a file", size(yaml.bytes)),
        ("levels in a file", count(yaml.depth)),
        ("values in a file", count(yaml.nodes)),
        ("files in one apply", count(limits::FILES)),
        ("projects in one apply", count(limits::PROJECTS)),
        ("pipelines in one apply", count(limits::PIPELINES)),
        (
            "pipelines of a project",
            count(limits::PIPELINES_OF_PROJECT),
        ),
        ("folders in a project's `cache`", count(limits::CACHE)),
        (
            "parameters of a project, and of a pipeline",
            count(limits::PARAMETERS),
        ),
        (
            "actions of a pipeline, and of a build",
            count(limits::ACTIONS),
        ),
        ("entries of an action's `env`", count(limits::ENV)),
        ("a script", size(limits::SCRIPT)),
        (
            "the value of a parameter or of an `env` entry",
            size(limits::VALUE),
        ),
        ("all parameters of a project together", size(limits::VALUES)),
        ("a description", size(limits::DESCRIPTION)),
        ("an action's name", count(limits::ACTION_NAME)),
        ("any other text of a built-in action", size(limits::TEXT)),
        ("items of a list of a built-in action", count(limits::ITEMS)),
        (
            "an action after its `${…}` are replaced",
            size(limits::EXPANDED),
        ),
        (
            "all actions of a build with the parameters of each",
            size(limits::PLAN),
        ),
    ];
    let limits = limits.map(|(what, value)| vec![what.to_owned(), value]);
    let documented = rows(&document()?, "Definitions")?;
    ensure!(documented == limits, "{documented:#?} are not {limits:#?}");
    Ok(())
}
