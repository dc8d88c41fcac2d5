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
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

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
    let mut fresh = Fresh::new(folder).map_err(failed)?;
    let digest = copy(download, progress, fresh.file(), target)?;
    fresh.put(target).map_err(failed)?;
    Ok(digest)
}

/// A file that is not there yet: without a name, so that nothing of it stays behind however this
/// process ends; with a hidden one where the file system has no such files.
enum Fresh {
    Nameless { file: File, folder: PathBuf },
    Hidden(NamedTempFile),
}

/// The mode is what a program that just creates the file would give it.
const MODE: u32 = 0o666;

impl Fresh {
    fn new(folder: &Path) -> io::Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        match rustix::fs::open(folder, flags, Mode::from_raw_mode(MODE)) {
            Ok(file) => Ok(Self::Nameless {
                file: file.into(),
                folder: folder.to_path_buf(),
            }),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(Self::Hidden(
                tempfile::Builder::new()
                    .prefix(".icktool-")
                    .permissions(Permissions::from_mode(MODE))
                    .tempfile_in(folder)?,
            )),
            Err(error) => Err(error.into()),
        }
    }

    fn file(&mut self) -> &mut File {
        match self {
            Self::Nameless { file, .. } => file,
            Self::Hidden(file) => file.as_file_mut(),
        }
    }

    /// Makes it `target`, instead of what had that name.
    fn put(self, target: &Path) -> io::Result<()> {
        match self {
            Self::Hidden(file) => {
                file.as_file().sync_all()?;
                file.persist(target).map_err(|error| error.error)?;
            }
            Self::Nameless { file, folder } => {
                file.sync_all()?;
                // A link cannot take the place of a file: it gets a name for a moment first.
                let named = format!("/proc/self/fd/{}", file.as_raw_fd());
                let hidden =
                    tempfile::Builder::new()
                        .prefix(".icktool-")
                        .make_in(folder, |path| {
                            rustix::fs::linkat(CWD, &named, CWD, path, AtFlags::SYMLINK_FOLLOW)
                                .map_err(io::Error::from)
                        })?;
                hidden.persist(target).map_err(|error| error.error)?;
            }
        }
        Ok(())
    }
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
