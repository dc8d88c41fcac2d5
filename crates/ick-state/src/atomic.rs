//! Files that are there whole or not at all.

use crate::Error;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// How the names of files begin that are not complete yet.
pub(crate) const PREFIX: &str = ".writing-";

/// Writes a file so that after a crash at any moment its path has the old content or the new one,
/// whole: temporary file in the same folder, fsync, rename, fsync of the folder. When it returns
/// `Ok` the new content is durable.
///
/// `mode` is the file's mode as given, whatever the umask.
///
/// # Errors
/// Those of the file system; nothing is left behind then.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let folder = parent(path);
    let mut file = tempfile::Builder::new()
        .prefix(PREFIX)
        .tempfile_in(folder)
        .map_err(|e| Error::io("create a file in", folder, &e))?;
    let failed = |e: &std::io::Error| Error::io("write", path, e);
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))
        .map_err(|e| failed(&e))?;
    file.write_all(bytes).map_err(|e| failed(&e))?;
    file.as_file().sync_all().map_err(|e| failed(&e))?;
    file.persist(path).map_err(|e| failed(&e.error))?;
    sync_folder(folder)
}

/// Removes a file, durably. That there is none is no error.
///
/// # Errors
/// Those of the file system.
pub fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::io("remove", path, &e)),
        Ok(()) => sync_folder(parent(path)),
    }
}

/// Makes what was created, renamed or removed in a folder durable.
///
/// # Errors
/// Those of the file system.
pub fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(|e| Error::io("sync the folder", folder, &e))
}

/// Removes the incomplete files that a killed process left in a folder. Only for a folder that no
/// other process writes to.
pub(crate) fn sweep(folder: &Path) -> Result<(), Error> {
    let failed = |e: &std::io::Error| Error::io("read the folder", folder, e);
    for entry in fs::read_dir(folder).map_err(|e| failed(&e))? {
        let entry = entry.map_err(|e| failed(&e))?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
        {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
