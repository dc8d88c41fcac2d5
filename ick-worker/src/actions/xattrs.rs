//! Extended attributes of the files of system trees: which are kept, and how an archive has them.
//!
//! As GNU tar and others write them: a pax record of key `SCHILY.xattr.` and the attribute's name.

use rustix::fd::AsFd;
use rustix::fs::XattrFlags;
use rustix::io::Errno;
use std::io;

/// What the keys of the records begin with.
pub(super) const PREFIX: &str = "SCHILY.xattr.";

/// The most bytes that Linux takes for a list of names, or for a value.
const MOST: usize = 64 << 10;

/// The attributes of a file.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    /// Name and value of those that are kept, by name.
    pub(super) kept: Vec<(String, Vec<u8>)>,
    /// One that is left out.
    pub(super) left_out: Option<String>,
}

impl Attributes {
    /// Adds one. A user's own and the capabilities of a program belong to the file; others belong to the
    /// machine, as the labels of SELinux do.
    pub(super) fn add(
        &mut self,
        name: &[u8],
        value: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> io::Result<()> {
        match str::from_utf8(name) {
            Ok(name)
                if (name.starts_with("user.") || name == "security.capability")
                    && !name.contains(['=', '\0']) =>
            {
                self.kept.push((name.to_owned(), value()?));
            }
            _ => self.left_out = Some(String::from_utf8_lossy(name).into_owned()),
        }
        Ok(())
    }

    /// Reads those of a file that is open for reading.
    pub(super) fn of(file: impl AsFd) -> io::Result<Self> {
        let mut names = Vec::with_capacity(MOST);
        match rustix::fs::flistxattr(&file, rustix::buffer::spare_capacity(&mut names)) {
            // A file system without any.
            Err(Errno::OPNOTSUPP) => return Ok(Self::default()),
            other => other?,
        };
        let mut read = Self::default();
        for name in names
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
        {
            read.add(name, || {
                let mut value = Vec::with_capacity(MOST);
                rustix::fs::fgetxattr(&file, name, rustix::buffer::spare_capacity(&mut value))?;
                value.shrink_to_fit();
                Ok(value)
            })?;
        }
        read.kept.sort_unstable();
        Ok(read)
    }

    /// Keeps none.
    pub(super) fn leave_out(&mut self) {
        let first = self.kept.drain(..).next().map(|(name, _)| name);
        self.left_out = first.or(self.left_out.take());
    }

    /// Gives a file those that are kept.
    pub(super) fn give(&self, file: impl AsFd) -> io::Result<()> {
        for (name, value) in &self.kept {
            rustix::fs::fsetxattr(&file, name.as_str(), value, XattrFlags::empty())?;
        }
        Ok(())
    }
}
