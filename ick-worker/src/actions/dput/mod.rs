//! `dput`: uploads Debian packages with dput.
//!
//! What is in the workspace is hostile: the `.changes` file is read here first, and it and the files that
//! it names, plain files beside it, are copied into a folder of the worker's, where dput finds nothing
//! else. dput checks signatures and checksums; its hosts, the keys that count, and ssh's key are the worker's.

mod changes;
mod explain;

use super::tool::{self, Errors, Failed};
use super::{Task, bad, failed, globs, ssh};
use crate::beneath;
use crate::engine::cannot;
use crate::places::tools::in_path;
use changes::Changes;
use ick_core::build::Cause;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, OFlags};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where dpkg-buildpackage leaves its results for a checkout in `src`.
const USUAL: &str = "*.changes";

/// The largest `.changes` file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Executes the action.
pub(super) fn execute(task: &Task<'_>) -> Result<(), Cause> {
    let host = host(task.fields.required("dput_host")?)?;
    let glob = task.fields.text("changes")?.unwrap_or(USUAL);
    let root =
        beneath::root(&task.order.workspace).map_err(|why| cannot("open the workspace", &why))?;
    let found = globs::find(&root, "changes", glob)?;
    if found.is_empty() {
        return Err(failed(format!(
            "nothing in the workspace matches {glob}; which action makes the .changes file?"
        )));
    }
    let stage = tempfile::Builder::new()
        .prefix("dput")
        .tempdir_in(task.folder.join("tmp"))
        .map_err(|why| cannot("make a folder for dput", &why))?;
    // All of them are looked at before the first is uploaded.
    let uploads = found.iter().enumerate().map(|(number, path)| {
        let folder = stage.path().join(number.to_string());
        Upload::copied(&root, path, &folder)
    });
    let uploads = uploads.collect::<Result<Vec<_>, _>>()?;
    let dput = Dput::new(task, stage.path())?;
    let mut done: Vec<&str> = Vec::new();
    for upload in &uploads {
        dput.upload(host, upload).map_err(|mut why| {
            if !done.is_empty() {
                why.detail = format!("{}\n{} had been uploaded", why.detail, done.join(", "));
            }
            why
        })?;
        println!("uploaded {} to {host}", upload.shown);
        done.push(&upload.shown);
    }
    Ok(())
}

/// A host's name, which dput could take for neither an option nor a file.
fn host(name: &str) -> Result<&str, Cause> {
    if name.starts_with('-') || name.contains('/') || name.ends_with(".changes") {
        return Err(bad(format!(
            "dput_host {name:?} is no name of a host in dput's configuration"
        )));
    }
    Ok(name)
}

/// A `.changes` file and what belongs to it, out of the workspace's reach.
struct Upload {
    /// Its path in the workspace.
    shown: String,
    /// The copy.
    file: PathBuf,
    signed: bool,
}

impl Upload {
    fn copied(root: &OwnedFd, path: &Path, folder: &Path) -> Result<Self, Cause> {
        let shown = path.display().to_string();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name
            .filter(|name| changes::is_name(name) && name.ends_with(".changes"))
            .ok_or_else(|| {
                failed(format!(
                    "{shown} cannot be uploaded: a .changes file has a name like hello_1.0-1_amd64.changes"
                ))
            })?;
        let mut text = Vec::new();
        plain(root, path, &shown)?
            .take(LARGEST + 1)
            .read_to_end(&mut text)
            .map_err(|why| failed(format!("cannot read {shown}: {why}")))?;
        if text.len() as u64 > LARGEST {
            return Err(failed(format!("{shown} is larger than {LARGEST} bytes")));
        }
        let changes = Changes::parse(&text).map_err(|why| failed(format!("{shown} {why}")))?;
        let copying = |why: io::Error| cannot(&format!("copy {shown} and its files"), &why);
        fs::create_dir(folder).map_err(copying)?;
        let file = folder.join(name);
        fs::write(&file, &text).map_err(copying)?;
        shareable(&file).map_err(copying)?;
        for name in &changes.files {
            let there = path.with_file_name(name);
            let mut from = plain(
                root,
                &there,
                &format!("{}, which {shown} names,", there.display()),
            )?;
            let to = folder.join(name);
            let copied = File::create(&to).and_then(|mut to| io::copy(&mut from, &mut to));
            copied.and_then(|_| shareable(&to)).map_err(copying)?;
        }
        Ok(Self {
            shown,
            file,
            signed: changes.signed,
        })
    }
}

/// The mode that files have in an archive, so that dput need not set it there.
fn shareable(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

/// Opens a plain file beneath the workspace; `what` is its subject in a sentence.
fn plain(root: impl AsFd, path: &Path, what: &str) -> Result<File, Cause> {
    // Not to wait for ever, should it be a FIFO.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    match beneath::kind(&root, path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            return Err(failed(format!("{what} is not in the workspace")));
        }
        Ok(FileType::RegularFile) => {}
        Ok(_) => return Err(failed(format!("{what} is no plain file"))),
        Err(why) => return Err(failed(format!("{what} cannot be read: {why}"))),
    }
    let file = beneath::open(root, path, flags)
        .map_err(|why| failed(format!("{what} cannot be read: {why}")))?;
    Ok(File::from(file))
}

/// dput with what it needs of the worker, and nothing of the build.
struct Dput<'a> {
    task: &'a Task<'a>,
    /// Where ssh and scp have the worker's key, before all other folders of PATH.
    path: OsString,
    /// GnuPG's folder, when the keyring is one of the worker's configuration.
    gnupg: Option<PathBuf>,
}

impl<'a> Dput<'a> {
    fn new(task: &'a Task<'a>, stage: &Path) -> Result<Self, Cause> {
        let making = |why: io::Error| cannot("make a folder for dput", &why);
        let own = std::env::var_os("PATH").unwrap_or_default();
        let programs = stage.join("bin");
        fs::create_dir(&programs).map_err(making)?;
        let options = ssh::options(&task.details.git);
        for name in ["ssh", "scp"] {
            let Some(real) = in_path(&own.to_string_lossy(), name) else {
                continue;
            };
            let mut words = vec![real.to_string_lossy().into_owned()];
            words.extend(options.iter().cloned());
            let script = format!("#!/bin/sh\nexec {} \"$@\"\n", ssh::for_shell(&words));
            let file = programs.join(name);
            fs::write(&file, script).map_err(making)?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).map_err(making)?;
        }
        let mut path = programs.into_os_string();
        path.push(":");
        path.push(own);
        let keyring = task.details.dput.keyring.as_deref();
        let gnupg = keyring.map(|keyring| gnupg(keyring, stage)).transpose()?;
        Ok(Self { task, path, gnupg })
    }

    fn upload(&self, host: &str, upload: &Upload) -> Result<(), Cause> {
        let settings = &self.task.details.dput;
        let mut command = Command::new("dput");
        if let Some(config) = &settings.config {
            command.arg("--config").arg(config);
        }
        command
            .args(["--", host])
            .arg(&upload.file)
            .current_dir("/")
            .env_clear()
            .env("PATH", &self.path)
            .env("LC_ALL", "C.UTF-8")
            .env("PYTHONUNBUFFERED", "1");
        if let Some(home) = &settings.home {
            command.env("HOME", home);
        }
        if let Some(gnupg) = &self.gnupg {
            command.env("GNUPGHOME", gnupg);
        }
        tool::call(&mut command, "dput", "dput", Errors::Both).map_err(|why| match why {
            Failed::Cause(cause) => cause,
            Failed::Said(said) => explain::cause(&said, host, upload, settings),
        })
    }
}

/// Makes a folder for GnuPG in which the keyring's keys, and no others, are trusted.
fn gnupg(keyring: &Path, stage: &Path) -> Result<PathBuf, Cause> {
    let folder = stage.join("gnupg");
    let making = |why: io::Error| cannot("make a folder for GnuPG", &why);
    fs::create_dir(&folder).map_err(making)?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).map_err(making)?;
    let wrong = |why: &str| {
        failed(format!(
            "cannot use {}, the `dput_keyring` of the worker's configuration: {why}; \
             `gpg --export KEY… > FILE` writes one",
            keyring.display()
        ))
    };
    let keys = fs::read(keyring).map_err(|why| wrong(&why.to_string()))?;
    if keys.starts_with(b"-----BEGIN") {
        return Err(wrong("it is in ASCII armour"));
    }
    fs::write(folder.join("pubring.gpg"), keys).map_err(making)?;
    let listed = Command::new("gpg")
        .args(["--batch", "--quiet", "--with-colons", "--list-keys"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GNUPGHOME", &folder)
        .output()
        .map_err(|why| match why.kind() {
            io::ErrorKind::NotFound => tool::missing("gpg", "gnupg"),
            _ => cannot("call gpg", &why),
        })?;
    let listed = String::from_utf8_lossy(&listed.stdout);
    let trusted: String = listed
        .lines()
        .filter_map(|line| line.strip_prefix("fpr:")?.split(':').nth(8))
        .map(|fingerprint| format!("trusted-key {fingerprint}\n"))
        .collect();
    if trusted.is_empty() {
        return Err(wrong("there is no key in it"));
    }
    fs::write(folder.join("gpg.conf"), trusted).map_err(making)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_neither_an_option_nor_a_file() {
        for good in ["local", "ftp-master", "my archive", "ppa:me"] {
            assert_eq!(host(good), Ok(good));
        }
        for bad in ["-c", "--config=x", "/x.changes", "x.changes", "a/b"] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }
}
