//! The check of the logs in a state folder: every chunk is read and its checksum compared.
//!
//! A chunk that was being written when the machine stopped, or is being written now, is no damage: it
//! is the last one, it was acknowledged to nobody, and it is cut off when the log is opened next.

use super::format::{CHUNK_HEADER, Chunk, FILE_HEADER};
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

/// What a check of logs has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many logs were read.
    pub logs: u64,
    /// What is damaged, one line each.
    pub damage: Vec<String>,
}

/// Reads every log in a folder. Changes nothing, and may be done while the controller is running.
///
/// # Errors
/// When the folder cannot be read.
pub fn check(folder: &Path) -> io::Result<Checked> {
    let mut checked = Checked::default();
    match walk(folder, &mut checked) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(checked),
        result => result.map(|()| checked),
    }
}

fn walk(folder: &Path, checked: &mut Checked) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            walk(&path, checked)?;
        } else if path.extension().is_some_and(|extension| extension == "log") {
            match wrong(&path) {
                // Deleted in the meantime.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => checked.damage.push(format!(
                    "the log {} cannot be read: {error}",
                    path.display()
                )),
                Ok(Some(wrong)) => checked
                    .damage
                    .push(format!("the log {}: {wrong}", path.display())),
                Ok(None) => {}
            }
            checked.logs += 1;
        }
    }
    Ok(())
}

/// What is wrong with a log, if anything is.
fn wrong(path: &Path) -> io::Result<Option<String>> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut file = BufReader::with_capacity(256 << 10, file);
    let mut header = [0; FILE_HEADER.len()];
    if len < header.len() as u64 {
        return Ok(None);
    }
    file.read_exact(&mut header)?;
    if header != FILE_HEADER {
        return Ok(Some("it is no log of a known version".to_owned()));
    }
    let mut at = header.len() as u64;
    let mut contents = Vec::new();
    while len - at >= CHUNK_HEADER as u64 {
        let mut head = [0; CHUNK_HEADER];
        file.read_exact(&mut head)?;
        let Some((chunk, crc)) = Chunk::decode(&head) else {
            // A tail of zeros is what a file system may leave of an append at a power loss.
            let zeros = head.iter().all(|byte| *byte == 0) && only_zeros(&mut file)?;
            return Ok((!zeros).then(|| format!("what is at byte {at} is no chunk")));
        };
        let next = at + CHUNK_HEADER as u64 + u64::from(chunk.len);
        if next > len {
            return Ok(None);
        }
        contents.resize(chunk.len as usize, 0);
        file.read_exact(&mut contents)?;
        if !chunk.is_sound(&contents, crc) {
            let last = next == len;
            return Ok((!last).then(|| format!("the chunk at byte {at} has another checksum")));
        }
        at = next;
    }
    Ok(None)
}

fn only_zeros(file: &mut impl Read) -> io::Result<bool> {
    let mut piece = [0; 4096];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(true),
            read if piece[..read].iter().any(|byte| *byte != 0) => return Ok(false),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Logs;
    use super::*;
    use ick_core::name::BuildId;
    use ick_core::time::Timestamp;
    use ick_http::{Hints, Shutdown};

    #[test]
    fn a_cut_end_is_no_damage_and_a_changed_byte_is() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs::open(folder.path(), Hints::new(Shutdown::new())).unwrap();
        let build: BuildId = "a/b/1".parse().unwrap();
        for line in ["one", "two", "three"] {
            logs.say(&build, 1, "1", line, Timestamp::from_millis(7))
                .unwrap();
        }
        drop(logs);
        let path = super::super::opened::path_of(folder.path(), &build);
        let whole = fs::read(&path).unwrap();
        let damage = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            let checked = check(folder.path()).unwrap();
            assert_eq!(checked.logs, 1);
            checked.damage.len()
        };
        for len in 0..=whole.len() {
            assert_eq!(damage(&whole[..len]), 0, "{len}");
        }
        let zeros = [whole.as_slice(), &[0; 300]].concat();
        assert_eq!(damage(&zeros), 0);
        let garbage = [whole.as_slice(), &[7; 300]].concat();
        assert_eq!(damage(&garbage), 1);
        let mut changed = whole.clone();
        changed[FILE_HEADER.len() + CHUNK_HEADER + 1] ^= 1;
        assert_eq!(damage(&changed), 1);
        changed = whole.clone();
        changed[3] ^= 1;
        assert_eq!(damage(&changed), 1);
    }

    #[test]
    fn no_folder_has_no_logs() {
        let checked = check(Path::new("/nonexistent/logs")).unwrap();
        assert_eq!(checked, Checked::default());
    }
}
