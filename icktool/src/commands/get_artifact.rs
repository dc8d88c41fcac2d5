//! `icktool get-artifact`: whole and with the right digest, or not at all.

use super::artifacts::GetArgs;
use super::show_log::choose_build;
use crate::error::{Error, Failure, Tried};
use crate::exit::Exit;
use crate::output::progress::Progress;
use crate::session::{Context, Session, name};
use ick_client::Download;
use ick_core::digest::Digest;
use ick_core::name::BlobName;
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Does it.
///
/// # Errors
/// When there is no such artifact, it arrives damaged, or the file cannot be written.
pub fn run(context: &Context, args: &GetArgs) -> Result<Exit, Failure> {
    let blob: BlobName = name(&args.name, "an artifact")?;
    let session = context.connect()?;
    let version = match &args.build {
        Some(build) => Some(version_of(&session, build, &blob)?),
        None => None,
    };
    let store = session.store()?;
    let tried = || format!("fetch the artifact {blob} from {}", store.url());
    let download = store.get(&blob, version).tried(tried)?;
    let progress = Progress::new(&context.out, blob.as_str(), download.size());
    if args.output.as_deref() == Some(Path::new("-")) {
        let mut stdout = io::stdout().lock();
        copy(download, &progress, &mut stdout, Path::new("-")).tried(tried)?;
        return Ok(Exit::Ok);
    }
    let target = target(args.output.as_deref(), &blob);
    let fetched = match std::fs::metadata(&target) {
        // A device or a pipe is written to; it could not be replaced.
        Ok(found) if !found.is_file() => {
            let mut file =
                std::fs::File::options()
                    .write(true)
                    .open(&target)
                    .map_err(|source| Error::File {
                        doing: "write",
                        path: target.clone(),
                        source,
                    })?;
            copy(download, &progress, &mut file, &target)
        }
        _ => replace(download, &progress, &target),
    };
    let digest = fetched.tried(tried)?;
    drop(progress);
    let size = std::fs::metadata(&target)
        .map(|found| found.len())
        .unwrap_or_default();
    let shown = serde_json::json!({
        "name": blob, "digest": digest, "size": size, "file": target.display().to_string(),
    });
    context
        .out
        .result(&shown, |_| format!("{}\n", target.display()))?;
    Ok(Exit::Ok)
}

/// The digest of what a build made under a name.
fn version_of(session: &Session, build: &str, blob: &BlobName) -> Result<Digest, Failure> {
    let id = choose_build(Some(build), session)?;
    let build = session
        .controller
        .build(&id)
        .tried(|| format!("find out what {id} made"))?;
    match build
        .artifacts
        .iter()
        .rev()
        .find(|artifact| artifact.name == *blob)
    {
        Some(artifact) => Ok(artifact.digest),
        None => Err(Error::NotInBuild {
            build: id.to_string(),
            what: format!("artifact {blob}"),
            known: build
                .artifacts
                .iter()
                .map(|artifact| artifact.name.to_string())
                .collect(),
        }
        .into()),
    }
}

/// Where it goes. The last part of a name is never `.`, `..` or hidden: names are checked.
fn target(output: Option<&Path>, blob: &BlobName) -> PathBuf {
    let last = blob.as_str().rsplit('/').next().unwrap_or(blob.as_str());
    match output {
        None => PathBuf::from(last),
        Some(path) if path.is_dir() => path.join(last),
        Some(path) => path.to_path_buf(),
    }
}

fn replace(download: Download, progress: &Progress, target: &Path) -> Result<Digest, Error> {
    let failed = |source| Error::File {
        doing: "write",
        path: target.to_path_buf(),
        source,
    };
    let folder = match target.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // The mode is what a program that just creates the file would give it.
    let mut fresh = tempfile::Builder::new()
        .prefix(".icktool-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(failed)?;
    let digest = copy(download, progress, fresh.as_file_mut(), target)?;
    fresh.as_file().sync_all().map_err(failed)?;
    fresh.persist(target).map_err(|error| failed(error.error))?;
    Ok(digest)
}

fn copy(
    download: Download,
    progress: &Progress,
    to: &mut dyn Write,
    target: &Path,
) -> Result<Digest, Error> {
    let mut to = progress.write(to);
    let digest = download.copy_to(&mut to).map_err(|error| match error {
        ick_client::Error::Local { source, .. } if target == Path::new("-") => {
            Error::Output(source)
        }
        ick_client::Error::Local { source, .. } => Error::File {
            doing: "write",
            path: target.to_path_buf(),
            source,
        },
        other => other.into(),
    })?;
    to.flush().map_err(Error::Output)?;
    Ok(digest)
}
