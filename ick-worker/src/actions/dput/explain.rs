//! What went wrong with an upload, in words that say what to do.

use super::super::{failed, ssh, tool};
use super::Upload;
use crate::actions::DputSettings;
use crate::engine::cause as of_kind;
use ick_core::build::{Cause, CauseKind};

/// The cause, by what dput and the programs that it calls said.
pub(super) fn cause(said: &str, host: &str, upload: &Upload, settings: &DputSettings) -> Cause {
    let has = |text: &str| said.contains(text);
    let shown = &upload.shown;
    if let Some(tool) = missing(said) {
        return tool;
    }
    if has("No space left on device") || has("Disk quota exceeded") {
        let detail = format!("cannot upload {shown} to {host}: no space is left; make room for it");
        return of_kind(CauseKind::DiskFull, detail);
    }
    let config = match &settings.config {
        Some(file) => file.display().to_string(),
        None => "/etc/dput.cf, or the file `dput_config` of the worker's configuration".to_owned(),
    };
    let keyring = match &settings.keyring {
        Some(file) => file.display().to_string(),
        None => "the keyring of the worker's user, or the file `dput_keyring` of the worker's configuration"
            .to_owned(),
    };
    let (why, advice) = if has(&format!("No host {host} found in config")) {
        (
            Some("dput knows no host of this name".to_owned()),
            Some(format!("add a section [{host}] to {config}")),
        )
    } else if has("GPGME: No data") {
        let what = if upload.signed { "its .dsc" } else { "it" };
        (
            Some(format!("{what} is not signed")),
            Some(format!(
                "sign it with debsign, or set allow_unsigned_uploads = 1 for {host} in {config}"
            )),
        )
    } else if has("BadSignatures") && has("No public key") {
        (None, Some(format!("add the key to {keyring}")))
    } else if has("BadSignatures") && has("Bad signature") {
        (
            None,
            Some("it was changed after it was signed: sign it again".to_owned()),
        )
    } else if has("Checksum doesn't match") {
        let advice = "it was changed after the .changes file was made: make that anew, and sign it";
        (None, Some(advice.to_owned()))
    } else if has("for distribution") && has("not allowed") {
        (
            None,
            Some(format!("`allowed_distributions` for {host} is in {config}")),
        )
    } else if has("/usr/bin/install") && has("Permission denied") {
        let advice = "the worker's user has to be allowed to write to the folder `incoming`";
        (None, Some(advice.to_owned()))
    } else if has("/usr/bin/install")
        && (has("No such file or directory") || has("is not a directory"))
    {
        (
            None,
            Some(format!(
                "make the folder, or correct `incoming` for {host} in {config}"
            )),
        )
    } else {
        (None, ssh::advice(said).map(str::to_owned))
    };
    let why = why.unwrap_or_else(|| short(said, upload));
    let advice = advice
        .map(|advice| format!("; {advice}"))
        .unwrap_or_default();
    failed(format!("cannot upload {shown} to {host}: {why}{advice}"))
}

/// A program that dput could not start.
fn missing(said: &str) -> Option<Cause> {
    if said.contains("GPGME: Invalid crypto engine") {
        return Some(tool::missing("gpg", "gnupg"));
    }
    let (_, rest) = said.split_once("FileNotFoundError: [Errno 2] No such file or directory: '")?;
    match rest.split('\'').next()? {
        "scp" | "ssh" => Some(ssh::missing()),
        "rsync" => Some(tool::missing("rsync", "rsync")),
        _ => None,
    }
}

/// What was said without Python's way there and the folder of the copies.
fn short(said: &str, upload: &Upload) -> String {
    let folder = upload.file.with_file_name("").display().to_string();
    let lines = said.lines().filter(|line| {
        !line.starts_with([' ', '$']) && !line.starts_with("Traceback ") && !line.is_empty()
    });
    let lines = lines.map(|line| match line.split_once("Exception: ") {
        Some((_, why)) => why.replace(&folder, ""),
        None => line.replace(&folder, ""),
    });
    let lines: Vec<_> = lines.collect();
    lines.join("\n")
}
