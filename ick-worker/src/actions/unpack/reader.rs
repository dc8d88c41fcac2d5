//! Reading a tar archive: POSIX pax (IEEE 1003.1, `pax`, "ustar Interchange Format" and its extended
//! headers), and the GNU forms of long names and sparse files.
//!
//! The values of extended headers are bytes: one may have a line's end in it, which ends nothing.

use std::io::{self, Read};
use tar::{EntryType, GnuExtSparseHeader, GnuSparseHeader, Header};

const BLOCK: usize = 512;

/// The most bytes that the headers of one entry may take, names and attributes included: they are kept
/// in memory.
pub(super) const MOST_HEAD: usize = 1 << 20;

/// An archive that is read once from its beginning to its end.
#[derive(Debug)]
pub(super) struct Archive<R> {
    from: R,
    /// Bytes of the entry's content that are left.
    content: u64,
    /// Bytes that fill its last block.
    filling: u64,
}

/// What an archive says of an entry.
#[derive(Debug)]
pub(super) struct Entry {
    header: Header,
    pub(super) path: Vec<u8>,
    /// What it is a link to.
    pub(super) target: Vec<u8>,
    /// The records of its extended header: key and value.
    pub(super) records: Vec<(Vec<u8>, Vec<u8>)>,
    /// Bytes of the file when it is unpacked.
    pub(super) size: u64,
    /// Where in the file the content goes: offset and length. What is in none of them is zero.
    pub(super) extents: Vec<(u64, u64)>,
}

impl Entry {
    pub(super) fn kind(&self) -> EntryType {
        self.header.entry_type()
    }

    pub(super) fn mode(&self) -> io::Result<u32> {
        self.header.mode()
    }

    /// When it was changed, in seconds since 1970.
    pub(super) fn time(&self) -> io::Result<u64> {
        self.header.mtime()
    }

    pub(super) fn user(&self) -> io::Result<u64> {
        self.number("uid").unwrap_or_else(|| self.header.uid())
    }

    pub(super) fn group(&self) -> io::Result<u64> {
        self.number("gid").unwrap_or_else(|| self.header.gid())
    }

    fn record(&self, key: &str) -> Option<&[u8]> {
        let mut records = self.records.iter().rev();
        let found = records.find(|(found, _)| found == key.as_bytes());
        found.map(|(_, value)| value.as_slice())
    }

    fn number(&self, key: &str) -> Option<io::Result<u64>> {
        let text = str::from_utf8(self.record(key)?).ok();
        let number = text.and_then(|text| text.parse().ok());
        Some(number.ok_or_else(|| bad(format!("an extended header's {key} is no number"))))
    }
}

impl<R: Read> Archive<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            content: 0,
            filling: 0,
        }
    }

    /// Goes to the next entry, leaving out what is left of the last one; none after the archive's end.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        self.skip()?;
        let (mut path, mut target, mut records) = (None, None, None);
        let mut left = MOST_HEAD;
        loop {
            let mut header = Header::new_old();
            self.block(header.as_mut_bytes())?;
            if header.as_bytes().iter().all(|byte| *byte == 0) {
                if path.is_some() || target.is_some() || records.is_some() {
                    return Err(bad("it ends after the beginning of an entry"));
                }
                return Ok(None);
            }
            if header.cksum()? != sum(&header) {
                return Err(bad("the checksum of an entry's header is wrong"));
            }
            let size = header.entry_size()?;
            let once = |there: bool| {
                let twice = "an entry has two long names, or two extended headers";
                if there { Err(bad(twice)) } else { Ok(()) }
            };
            match header.entry_type() {
                EntryType::GNULongName => {
                    once(path.is_some())?;
                    path = Some(without_end(self.head(size, &mut left)?));
                }
                EntryType::GNULongLink => {
                    once(target.is_some())?;
                    target = Some(without_end(self.head(size, &mut left)?));
                }
                EntryType::XHeader => {
                    once(records.is_some())?;
                    records = Some(parsed(&self.head(size, &mut left)?)?);
                }
                // What it says of all entries is of no use here.
                EntryType::XGlobalHeader => {
                    self.head(size, &mut left)?;
                }
                _ => {
                    let entry = Entry {
                        path: Vec::new(),
                        target: Vec::new(),
                        records: records.unwrap_or_default(),
                        size,
                        extents: Vec::new(),
                        header,
                    };
                    return self.entry(entry, path, target, &mut left).map(Some);
                }
            }
        }
    }

    /// Completes an entry.
    fn entry(
        &mut self,
        mut entry: Entry,
        path: Option<Vec<u8>>,
        target: Option<Vec<u8>>,
        left: &mut usize,
    ) -> io::Result<Entry> {
        let of_record = |key| entry.record(key).map(<[u8]>::to_vec);
        let header = &entry.header;
        let (path, target) = (
            path.or_else(|| of_record("path"))
                .unwrap_or_else(|| header.path_bytes().into_owned()),
            target
                .or_else(|| of_record("linkpath"))
                .unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().into_owned()),
        );
        let content = entry.number("size").unwrap_or(Ok(entry.size))?;
        (entry.path, entry.target) = (path, target);
        (entry.size, entry.extents) = if entry.kind() == EntryType::GNUSparse {
            self.sparse(&entry.header, content, left)?
        } else {
            (content, vec![(0, content)])
        };
        self.content = content;
        self.filling = content.wrapping_neg() % BLOCK as u64;
        Ok(entry)
    }

    /// The size of a sparse file, and where its content goes.
    fn sparse(
        &mut self,
        header: &Header,
        content: u64,
        left: &mut usize,
    ) -> io::Result<(u64, Vec<(u64, u64)>)> {
        let gnu = header.as_gnu();
        let gnu = gnu.ok_or_else(|| bad("a sparse entry has no header of GNU's form"))?;
        let (size, mut extents) = (gnu.real_size()?, Vec::new());
        let mut at = 0;
        let mut add = |extent: &GnuSparseHeader| {
            if extent.is_empty() {
                return Ok(());
            }
            let (offset, length) = (extent.offset()?, extent.length()?);
            let end = offset.checked_add(length).filter(|end| *end <= size);
            match end.filter(|_| offset >= at) {
                Some(end) => at = end,
                None => return Err(bad("the parts of a sparse file are out of order")),
            }
            extents.push((offset, length));
            Ok(())
        };
        for extent in &gnu.sparse {
            add(extent)?;
        }
        let mut more = gnu.is_extended();
        while more {
            *left = left.checked_sub(BLOCK).ok_or_else(too_much)?;
            let mut extended = GnuExtSparseHeader::new();
            self.block(extended.as_mut_bytes())?;
            for extent in extended.sparse() {
                add(extent)?;
            }
            more = extended.is_extended();
        }
        // Each is at most the file's size, and they do not overlap.
        if extents.iter().map(|(_, length)| length).sum::<u64>() != content {
            return Err(bad(
                "the parts of a sparse file are not as long as its content",
            ));
        }
        Ok((size, extents))
    }

    /// Reads of the entry's content, at its end nothing.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.content).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        self.from.read_exact(&mut buffer[..most]).map_err(ended)?;
        self.content -= most as u64;
        Ok(most)
    }

    /// Leaves out what is left of the entry.
    fn skip(&mut self) -> io::Result<()> {
        let left = self.content.saturating_add(self.filling);
        let skipped = io::copy(&mut (&mut self.from).take(left), &mut io::sink())?;
        (self.content, self.filling) = (0, 0);
        if skipped == left {
            Ok(())
        } else {
            Err(ended(io::ErrorKind::UnexpectedEof.into()))
        }
    }

    fn block(&mut self, block: &mut [u8]) -> io::Result<()> {
        self.from.read_exact(block).map_err(ended)
    }

    /// Reads a content that describes the entry after it.
    fn head(&mut self, size: u64, left: &mut usize) -> io::Result<Vec<u8>> {
        let size = usize::try_from(size).ok();
        let (size, rest) = size
            .and_then(|size| Some((size, left.checked_sub(size.max(BLOCK))?)))
            .ok_or_else(too_much)?;
        *left = rest;
        let mut head = vec![0; size.next_multiple_of(BLOCK)];
        self.block(&mut head)?;
        head.truncate(size);
        Ok(head)
    }

    /// Reads what follows the end's mark: padding, and the end of the compressed form, which must be whole.
    pub(super) fn finish(self) -> io::Result<()> {
        io::copy(&mut self.from.take(MOST_HEAD as u64), &mut io::sink()).map(drop)
    }
}

/// The sum of a header's bytes, its checksum as spaces.
fn sum(header: &Header) -> u32 {
    let bytes = header.as_bytes();
    let others = bytes[..148].iter().chain(&bytes[156..]);
    others.map(|byte| u32::from(*byte)).sum::<u32>() + 8 * u32::from(b' ')
}

/// The records of an extended header: `LENGTH KEY=VALUE` and a line's end, which the length counts.
fn parsed(mut head: &[u8]) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut records = Vec::new();
    while !head.is_empty() {
        let record = || {
            let space = head.iter().position(|byte| *byte == b' ')?;
            let length: usize = str::from_utf8(&head[..space]).ok()?.parse().ok()?;
            let record = head.get(space + 1..length)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=')?;
            Some((
                record[..equals].to_vec(),
                record[equals + 1..].to_vec(),
                length,
            ))
        };
        let (key, value, length) = record().ok_or_else(|| bad("an extended header is damaged"))?;
        records.push((key, value));
        head = &head[length..];
    }
    Ok(records)
}

fn without_end(mut name: Vec<u8>) -> Vec<u8> {
    if name.last() == Some(&0) {
        name.pop();
    }
    name
}

fn bad(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

fn too_much() -> io::Error {
    bad("an entry's names and attributes take more than 1 MiB")
}

/// The error for a content that ends before the archive does.
fn ended(why: io::Error) -> io::Error {
    if why.kind() == io::ErrorKind::UnexpectedEof {
        bad("it ends without the mark of an archive's end")
    } else {
        why
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    /// A file with attributes, one with a long name, one that is sparse.
    fn archive() -> io::Result<Vec<u8>> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        header.set_size(3);
        header.set_mode(0o644);
        builder.append_pax_extensions([
            ("SCHILY.xattr.user.note", &b"a\n=9 b"[..]),
            ("uid", b"4294967296"),
        ])?;
        builder.append_data(&mut header, "f", &b"one"[..])?;
        builder.append_data(&mut header, "n".repeat(200), &b"two"[..])?;
        let mut sparse = Header::new_gnu();
        sparse.set_entry_type(EntryType::GNUSparse);
        sparse.set_size(3);
        if let Some(gnu) = sparse.as_gnu_mut() {
            gnu.name[0] = b's';
            gnu.set_real_size(1 << 40);
            gnu.sparse[0].set_offset(1 << 39);
            gnu.sparse[0].set_length(3);
        }
        sparse.set_cksum();
        builder.append(&sparse, &b"end"[..])?;
        builder.into_inner()
    }

    #[test]
    fn entries_are_read_as_they_are_written() -> Tested {
        let content = archive()?;
        let mut archive = Archive::new(&content[..]);
        let mut text = [0; 9];
        let mut next = || -> io::Result<_> {
            let Some(entry) = archive.next()? else {
                return Ok(None);
            };
            let count = archive.read(&mut text)?;
            Ok(Some((
                entry,
                String::from_utf8_lossy(&text[..count]).into_owned(),
            )))
        };
        let (file, text) = next()?.ok_or("no file")?;
        assert_eq!((&file.path[..], &text[..]), (&b"f"[..], "one"));
        assert_eq!((file.user()?, file.mode()?), (1 << 32, 0o644));
        let note = (b"SCHILY.xattr.user.note".to_vec(), b"a\n=9 b".to_vec());
        assert_eq!(file.records[0], note);
        let (long, text) = next()?.ok_or("no long name")?;
        assert_eq!((long.path.len(), text), (200, "two".to_owned()));
        let (sparse, text) = next()?.ok_or("no sparse file")?;
        assert_eq!((sparse.size, text), (1 << 40, "end".to_owned()));
        assert_eq!(sparse.extents, [(1 << 39, 3)]);
        assert!(next()?.is_none());
        Ok(())
    }

    proptest! {
        #[test]
        fn whatever_an_archive_says_is_an_entry_or_an_error(
            changes in prop::collection::vec((0..16_usize, 0..BLOCK, any::<u8>(), any::<bool>()), 1..6)
        ) {
            let mut content = archive()?;
            for (block, at, byte, checked) in changes {
                let Some(block) = content.get_mut(block * BLOCK..(block + 1) * BLOCK) else { continue };
                block[at] = byte;
                if checked {
                    let mut header = Header::new_old();
                    header.as_mut_bytes().copy_from_slice(block);
                    header.set_cksum();
                    block.copy_from_slice(header.as_bytes());
                }
            }
            let blocks = content.len() / BLOCK;
            let mut archive = Archive::new(&content[..]);
            let mut entries = 0;
            while let Ok(Some(entry)) = archive.next() {
                entries += 1;
                prop_assert!(entry.extents.iter().all(|(at, length)| at + length <= entry.size));
                let mut some = [0; 100];
                while archive.read(&mut some).is_ok_and(|count| count > 0) {}
            }
            prop_assert!(entries <= blocks);
        }
    }
}
