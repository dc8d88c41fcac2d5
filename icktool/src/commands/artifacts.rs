//! `icktool list-artifacts`, `put-artifact`, `delete-artifact`

use crate::error::{Error, Failure, Tried};
use crate::exit::Exit;
use crate::output::{Table, progress::Progress};
use crate::session::{Context, name};
use ick_api::store::Blobs;
use ick_client::Upload;
use ick_core::name::{BlobName, BuildId};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// List artifacts
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool list-artifacts
  icktool list-artifacts --prefix hello/
  icktool list-artifacts --build hello/3")]
pub struct ListArgs {
    /// Only those whose name begins so
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Those that this build made
    #[arg(long, value_name = "BUILD", conflicts_with = "prefix")]
    build: Option<String>,
}

/// Fetch an artifact
///
/// Its present content, or with --build what that build made. Whole and with the right digest, or not
/// at all: what was there before is replaced only then.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool get-artifact hello/greeting.tar.zst
  icktool get-artifact hello/greeting.tar.zst --build hello/3 -o old.tar.zst
  icktool get-artifact hello/greeting.tar.zst -o - | tar --zstd -t")]
pub struct GetArgs {
    /// The artifact's name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What this build made, or the latest build of this project
    #[arg(long, value_name = "BUILD | PROJECT")]
    pub build: Option<String>,
    /// Where to; `-` is standard output. In this folder, under the last part of the name, when left out
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Store a file as an artifact
///
/// Under a name that has a content already it becomes the present one; builds keep what they made.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool put-artifact rootfs.tar.zst trees/bookworm.tar.zst
  make dist | icktool put-artifact - releases/dist.tar")]
pub struct PutArgs {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The artifact's name
    #[arg(value_name = "NAME")]
    name: String,
}

/// Delete an artifact
///
/// The name. What builds made under it can still be fetched with --build.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  icktool delete-artifact releases/dist.tar")]
pub struct DeleteArgs {
    /// The artifact's name
    #[arg(value_name = "NAME")]
    name: String,
}

/// Lists them.
///
/// # Errors
/// Those of the call.
pub fn list(context: &Context, args: &ListArgs) -> Result<Exit, Failure> {
    let build: Option<BuildId> = args
        .build
        .as_deref()
        .map(|text| name(text, "a build"))
        .transpose()?;
    let session = context.connect()?;
    if let Some(id) = build {
        let build = session
            .controller
            .build(&id)
            .tried(|| format!("list the artifacts of {id}"))?;
        context
            .out
            .result(&serde_json::json!({"artifacts": build.artifacts}), |_| {
                let mut table = Table::new(&["ARTIFACT", "SIZE", "DIGEST"]);
                for artifact in &build.artifacts {
                    table.row(vec![
                        artifact.name.as_str().into(),
                        artifact.size.to_string().into(),
                        artifact.digest.to_string().into(),
                    ]);
                }
                table.render()
            })?;
        return Ok(Exit::Ok);
    }
    let blobs = session
        .store()?
        .list(args.prefix.as_deref(), None)
        .tried(|| format!("list the artifacts at {}", session.version.artifact_store))?;
    let blobs = Blobs { blobs };
    context.out.result(&blobs, |blobs| {
        let mut table = Table::new(&["ARTIFACT", "SIZE", "STORED", "DIGEST"]);
        for blob in &blobs.blobs {
            table.row(vec![
                blob.name.as_str().into(),
                blob.size.to_string().into(),
                super::verdict::ago(Some(blob.created)).into(),
                blob.digest.to_string().into(),
            ]);
        }
        table.render()
    })?;
    Ok(Exit::Ok)
}

/// Stores one.
///
/// # Errors
/// Those of the call, or when the file cannot be read.
pub fn put(context: &Context, args: &PutArgs) -> Result<Exit, Failure> {
    let blob: BlobName = name(&args.name, "an artifact")?;
    let failed = |source| Error::File {
        doing: "read",
        path: args.file.clone(),
        source,
    };
    let from_stdin = args.file == Path::new("-");
    let (mut content, length): (Box<dyn io::Read>, Option<u64>) = if from_stdin {
        (Box::new(io::stdin().lock()), None)
    } else {
        let file = File::open(&args.file).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()).into());
        }
        let length = metadata.is_file().then_some(metadata.len());
        (Box::new(file), length)
    };
    let session = context.connect()?;
    let store = session.store()?;
    let progress = Progress::new(&context.out, blob.as_str(), length);
    let upload = Upload {
        length,
        ..Upload::default()
    };
    let stored = store
        .put(&blob, &mut progress.read(&mut content), upload)
        .tried(|| format!("store {blob} at {}", store.url()))?;
    drop(progress);
    context.out.result(&stored, |stored| {
        format!("{} {} {}\n", stored.name, stored.size, stored.digest)
    })?;
    Ok(Exit::Ok)
}

/// Deletes one.
///
/// # Errors
/// Those of the call.
pub fn delete(context: &Context, args: &DeleteArgs) -> Result<Exit, Failure> {
    let blob: BlobName = name(&args.name, "an artifact")?;
    let session = context.connect()?;
    session
        .store()?
        .delete(&blob, None)
        .tried(|| format!("delete the artifact {blob}"))?;
    context.out.note(&format!("deleted the artifact {blob}"));
    Ok(Exit::Ok)
}
