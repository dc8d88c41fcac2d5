//! The whole life of an installation, with the daemons' logs as loud as they get: up, login, clients,
//! workers, builds that succeed, fail and are refused, wrong tokens, crashes. Afterwards every secret in
//! play is looked for in everything that was written, printed, logged or shown by a process.

use crate::needles::Needles;
use crate::processes::Watch;
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ick_tests::{Ick, Outcome, eventually, need, program};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What every token of Ick begins with: `{"typ":"at+jwt"` in base64url.
const ANY_TOKEN: &str = "eyJ0eXAiOiJhdCtqd3Qi";

/// The password of a git URL.
const PASSWORD: &str = "hunter2-of-the-git-url";

/// Files whose purpose is to keep a secret, by name.
const KEPT: [&str; 8] = [
    "up.json",
    "client.json",
    "keys.json",
    "config.yaml",
    "credentials.json",
    "secret",
    "token",
    "login",
];

/// What an action saw of all processes.
const SHOWN: &str = "shown-to-an-action";

/// Builds that leave behind what they can see, and wait at a gate so that it can be looked at.
const DEFINITION: &str = r#"
projects:
  - {project: life, pipelines: [life]}
  - {project: fails, pipelines: [fails]}
  - {project: fetches, pipelines: [fetches]}
pipelines:
  - pipeline: life
    actions:
      - action: git
        git_url: FOLDER/repository
        git_dir: src
      - shell: env; cat /proc/self/environ; cat src/file; find / -xdev -name '*.json' 2>/dev/null | head -c 10000 || true
      - python: |
          import os
          print(dict(os.environ), params)
          print(open("/proc/1/environ", "rb").read(), open("/proc/1/cmdline", "rb").read())
      - shell: |
          env
          cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null > FOLDER/shown-to-an-action || true
          echo made > made
          touch FOLDER/at-the-gate
          until [ -e FOLDER/gate ]; do read -r -t 0.05 < <(:) || true; done
        where: host
      - action: archive
        artifact: life/all
  - pipeline: fails
    actions:
      - shell: env >&2; exit 3
        where: host
      - python: |
          raise Exception("on purpose")
        where: host
        when: always
  - pipeline: fetches
    actions:
      - action: git
        git_url: https://me:PASSWORD@127.0.0.1:1/x.git
"#;

/// What was printed, with where.
#[derive(Default)]
struct Heap(Vec<(String, Vec<u8>)>);

impl Heap {
    fn add(&mut self, what: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((what.into(), bytes.into()));
    }

    /// Runs icktool and keeps what it prints.
    fn run(&mut self, ick: &Ick, args: &[&str], variables: &[(&str, &str)]) -> Result<Outcome> {
        self.keep(ick.command(args)?, args, variables)
    }

    /// The same for somebody else, who has logged in.
    fn run_elsewhere(
        &mut self,
        ick: &Ick,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Outcome> {
        let mut command = Command::new(program("icktool")?);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", ick.folder().join("elsewhere"))
            .current_dir(ick.folder())
            .args(args);
        self.keep(command, args, variables)
    }

    fn keep(
        &mut self,
        mut command: Command,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Outcome> {
        let outcome = Outcome::of(
            command
                .env("ICK_LOG", "trace")
                .envs(variables.iter().copied()),
        )?;
        let what = format!("the output of icktool {}", args.join(" "));
        self.add(what, format!("{}{}", outcome.stdout, outcome.stderr));
        Ok(outcome)
    }

    fn has_none_of(&self, needles: &Needles) -> Result<()> {
        let mut found = Vec::new();
        for (what, bytes) in &self.0 {
            for secret in needles.found_in(bytes) {
                found.push(format!("{secret}: in {what}"));
            }
        }
        ensure!(found.is_empty(), "{found:#?}");
        Ok(())
    }
}

fn text(value: &Value, field: &str) -> Result<String> {
    let text = value[field].as_str();
    Ok(text.with_context(|| format!("no {field}"))?.to_owned())
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path(), found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

fn is_kept(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    KEPT.contains(&name)
        || path
            .parent()
            .is_some_and(|folder| folder.ends_with("tokens"))
}

/// Looks at every file of an installation: those that keep secrets are their owner's alone, and all
/// others are kept for the search.
fn look_at_files(ick: &Ick, heap: &mut Heap) -> Result<()> {
    let mut found = Vec::new();
    files(ick.folder(), &mut found);
    for path in found {
        // A process may remove it just now.
        let Ok(metadata) = path.metadata() else {
            continue;
        };
        let folder = path.parent().context("no folder")?;
        // A file by such a name in a workspace is a build's own.
        if is_kept(&path)
            && !path
                .components()
                .any(|part| part.as_os_str() == "workspace")
        {
            let mode = metadata.permissions().mode() & 0o777;
            ensure!(mode == 0o600, "{}: {mode:o}", path.display());
            let mode = folder.metadata()?.permissions().mode() & 0o777;
            let own = folder == ick.folder();
            ensure!(own || mode == 0o700, "{}: {mode:o}", folder.display());
        } else if !path.ends_with(SHOWN)
            && let Ok(bytes) = fs::read(&path)
        {
            heap.add(path.display().to_string(), bytes);
        }
    }
    Ok(())
}

/// Every secret that lies in the files that keep them.
fn secrets_of_files(ick: &Ick, needles: &mut Needles) -> Result<()> {
    let state = ick.state();
    let json = |path: PathBuf| -> Result<Value> { Ok(serde_json::from_slice(&fs::read(path)?)?) };
    needles.add(
        "the secret of up.json",
        &text(&ick.up_file()?, "client_secret")?,
    );
    for daemon in ["idp", "controller"] {
        let keys = json(state.join(daemon).join("keys.json"))?;
        for key in keys["keys"].as_array().context("no keys")? {
            let private = text(key, "private")?;
            let what = format!("a signing key of the {daemon}");
            needles.add(&what, &private);
            // Behind the 16 bytes that every Ed25519 key in PKCS #8 begins with.
            let bytes = URL_SAFE_NO_PAD.decode(private)?;
            needles.add_bytes(&what, bytes.get(16..48).context("no Ed25519 key")?);
        }
    }
    let settings = fs::read_to_string(state.join("worker-1/config.yaml"))?;
    let secret = settings
        .lines()
        .find_map(|line| line.strip_prefix("client_secret: "));
    needles.add(
        "the secret of the worker",
        secret.context("no secret")?.trim_matches('"'),
    );
    let mut tokens = Vec::new();
    files(ick.folder(), &mut tokens);
    for path in tokens {
        if path
            .parent()
            .is_some_and(|folder| folder.ends_with("tokens"))
        {
            add_token(
                needles,
                "a kept token",
                &text(&json(path)?, "access_token")?,
            );
        } else if path.ends_with("token") {
            add_token(needles, "a store token", &fs::read_to_string(path)?);
        }
    }
    needles.add("some token", ANY_TOKEN);
    Ok(())
}

/// A token, and its signature alone, which is what makes it one.
fn add_token(needles: &mut Needles, what: &str, token: &str) {
    needles.add(what, token);
    needles.add(what, token.rsplit('.').next().unwrap_or_default());
}

fn repository(ick: &Ick) -> Result<()> {
    let folder = ick.folder().join("repository");
    fs::create_dir(&folder)?;
    fs::write(folder.join("file"), "content\n")?;
    for args in [
        &["init", "-q"][..],
        &["add", "file"],
        &[
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@x",
            "commit",
            "-qm",
            "first",
        ],
    ] {
        Outcome::of(
            Command::new("git")
                .args(args)
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .current_dir(&folder),
        )?
        .exits(0)?;
    }
    Ok(())
}

/// Asks a server with a token in the address, where it does not belong, and with a bad one.
fn ask_wrongly(url: &str, token: &str) -> Result<String> {
    let address = url.strip_prefix("http://").context("no http URL")?;
    let mut answers = String::new();
    for (path, header) in [
        (format!("/x?access_token={token}"), String::new()),
        (
            "/x".to_owned(),
            format!("Authorization: Bearer {token}x\r\n"),
        ),
        ("/x".to_owned(), format!("Authorization: {token}\r\n")),
    ] {
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n"
        )?;
        stream.read_to_string(&mut answers)?;
    }
    Ok(answers)
}

#[test]
fn no_secret_is_where_it_does_not_belong() -> Result<()> {
    for (tool, package) in [("bwrap", "bubblewrap"), ("git", "git"), ("zstd", "zstd")] {
        need(tool, package)?;
    }
    let ick = Ick::new()?;
    let (mut heap, mut needles) = (Heap::default(), Needles::default());
    let watch = Watch::start();
    repository(&ick)?;

    // Who has the right to start daemons may have secrets in the environment: no daemon gets them.
    let own = "a-secret-of-the-environment-4711";
    needles.add("a secret of icktool's environment", own);
    let variables = [
        ("ICK_CLIENT_SECRET", own),
        ("ICK_TOKEN", own),
        ("ICK_LOG", "trace"),
    ];
    let up = ["up", "--detach", "--port", "0", "--slots", "2"];
    heap.run(&ick, &up, &variables)?.exits(0)?;
    let controller = text(&ick.up_file()?["controller"], "url")?;

    // Printing a secret is what these are for; what they print is not in the heap.
    let made = ick.run(&[
        "create-client",
        "reader",
        "--scope",
        "uapi_projects_get",
        "--format",
        "json",
    ])?;
    let reader = text(&made.exits(0)?.json()?, "client_secret")?;
    needles.add("the secret of a client", &reader);
    let made = ick.run(&["create-worker", "other"])?.exits(0)?.stdout;
    let secret = made
        .lines()
        .find_map(|line| line.strip_prefix("client_secret: "));
    needles.add(
        "the secret of a new worker",
        secret.context("no secret")?.trim_matches('"'),
    );
    let token = ick.run(&["token"])?.exits(0)?.stdout.trim().to_owned();
    add_token(&mut needles, "icktool's token", &token);

    // Logins, good and bad, and calls that are refused.
    let file = ick.folder().join("secret");
    fs::write(&file, &reader)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    let secret_file = file.display().to_string();
    let login = [
        "login",
        "--controller",
        &controller,
        "--client-id",
        "reader",
        "--client-secret-file",
    ];
    heap.run_elsewhere(&ick, &[&login[..], &[&secret_file]].concat(), &[])?
        .exits(0)?;
    let wrong = ick.folder().join("login");
    let almost = format!("{reader}x");
    fs::write(&wrong, &almost)?;
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600))?;
    heap.run_elsewhere(
        &ick,
        &[&login[..], &[&wrong.display().to_string()]].concat(),
        &[],
    )?
    .exits(5)?;
    let as_reader = [
        ("ICK_CONTROLLER", controller.as_str()),
        ("ICK_CLIENT_ID", "reader"),
        ("ICK_CLIENT_SECRET", reader.as_str()),
    ];
    heap.run_elsewhere(&ick, &["whoami"], &as_reader)?
        .exits(0)?;
    heap.run_elsewhere(&ick, &["list-builds"], &as_reader)?
        .exits(5)?;
    let almost = format!("{token}x");
    heap.run_elsewhere(&ick, &["list-builds"], &[("ICK_TOKEN", &almost)])?
        .exits(5)?;
    heap.run(&ick, &["list-clients"], &[])?.exits(0)?;
    for server in ["controller", "store", "idp"] {
        let url = text(&ick.up_file()?[server], "url")?;
        heap.add(
            format!("answers of the {server}"),
            ask_wrongly(&url, &token)?,
        );
    }

    // Builds. While one waits at its gate, all that there is then is looked at too.
    let folder = ick.folder().display().to_string();
    let definition = DEFINITION
        .replace("FOLDER", &folder)
        .replace("PASSWORD", PASSWORD);
    let project = ick.folder().join("project.yaml");
    fs::write(&project, definition)?;
    let project = project.display().to_string();
    heap.run(&ick, &["make-it-so", &project], &[])?.exits(0)?;
    heap.run(&ick, &["build", "life"], &[])?.exits(0)?;
    eventually("the build at its gate", || {
        let build = ick.build("life/1")?;
        ensure!(
            build["status"] != "failed",
            "{build:#}{}",
            ick.log("life/1")?
        );
        Ok(ick.folder().join("at-the-gate").exists().then_some(()))
    })?;
    secrets_of_files(&ick, &mut needles)?;
    look_at_files(&ick, &mut heap)?;
    heap.run(&ick, &["build", "fails", "--wait", "--follow"], &[])?
        .exits(1)?;
    heap.run(&ick, &["build", "fetches", "--wait", "--follow"], &[])?
        .exits(1)?;

    // Crashes. What the daemons said of them is in their logs.
    for daemon in ["controller", "store", "idp", "worker"] {
        ick.kill(daemon)?;
        heap.run(&ick, &["status"], &[])?;
    }
    heap.run(&ick, &up, &variables)?.exits(0)?;
    fs::write(ick.folder().join("gate"), "")?;
    let build = eventually("the end of the build", || {
        let build = ick.build("life/1")?;
        Ok((build["status"] == "done").then_some(build))
    })?;
    ensure!(
        build["sources"][0]["url"] == format!("{folder}/repository"),
        "{build}"
    );
    for id in ["life/1", "fails/1", "fetches/1"] {
        heap.run(&ick, &["show-build", id, "--format", "json"], &[])?
            .exits(0)?;
        heap.run(&ick, &["show-log", id, "--raw"], &[])?.exits(0)?;
        heap.run(&ick, &["show-log", id], &[])?.exits(0)?;
    }
    let artifact = ick.folder().join("artifact.tar.zst");
    let artifact = artifact.display().to_string();
    heap.run(&ick, &["get-artifact", "life/all", "-o", &artifact], &[])?
        .exits(0)?;
    let tar = Command::new("zstd").args(["-dc", &artifact]).output()?;
    ensure!(tar.status.success() && tar.stdout.len() > 1000, "{tar:?}");
    heap.add("the artifact", tar.stdout);
    heap.run_elsewhere(&ick, &["logout", "--controller", &controller], &[])?
        .exits(0)?;
    secrets_of_files(&ick, &mut needles)?;
    look_at_files(&ick, &mut heap)?;
    heap.run(&ick, &["down"], &[])?.exits(0)?;
    look_at_files(&ick, &mut heap)?;
    heap.has_none_of(&needles)?;

    // A password in a git URL is in the definition, for that is where it was written, and nowhere else.
    let mut password = Needles::default();
    password.add("the password of a git URL", PASSWORD);
    let mut shown = Heap::default();
    for (what, bytes) in heap.0 {
        if what.starts_with("the output") || what.ends_with("/log") || what.ends_with(".log") {
            shown.add(what, bytes);
        }
    }
    shown.has_none_of(&password)?;

    // Processes of others run on this machine too, whose tokens are not ours: only what is known.
    let mut processes = Heap::default();
    let seen = watch.end();
    ensure!(
        seen.len() > 50,
        "only {} argument lists and environments",
        seen.len()
    );
    for one in seen {
        processes.add(String::from_utf8_lossy(&one).replace('\0', " "), one);
    }
    let shown = fs::read(ick.folder().join(SHOWN))?;
    ensure!(shown.len() > 1000, "the action saw nothing");
    processes.add("what an action saw of processes", shown);
    let mut known = Needles::default();
    secrets_of_processes(&ick, &mut known, &[own, &reader, &token])?;
    known.add("the password of a git URL", PASSWORD);
    processes.has_none_of(&known)
}

fn secrets_of_processes(ick: &Ick, known: &mut Needles, more: &[&str]) -> Result<()> {
    for one in more {
        known.add("a secret", one);
    }
    let client = serde_json::from_slice(&fs::read(ick.state().join("client.json"))?)?;
    known.add("the secret of up.json", &text(&client, "client_secret")?);
    let settings = fs::read_to_string(ick.state().join("worker-1/config.yaml"))?;
    let secret = settings
        .lines()
        .find_map(|line| line.strip_prefix("client_secret: "));
    known.add(
        "the secret of the worker",
        secret.context("no secret")?.trim_matches('"'),
    );
    Ok(())
}
