//! What is kept between builds because it makes them quicker, and what is removed of it when there is
//! too little room: first what was not used for longest.

use ick_state::room::Bytes;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

/// One thing that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is, for the log.
    pub what: String,
    /// Where it is.
    pub path: PathBuf,
    /// How many bytes it takes on disk.
    pub size: u64,
    /// When it was used last.
    pub used: SystemTime,
}

/// Things of one kind that are kept.
pub trait Kept {
    /// What there is, in any order.
    fn items(&self) -> Vec<Item>;

    /// Removes one, unless it is in use or not there any more. Whether it did.
    ///
    /// # Errors
    /// Those of the file system.
    fn evict(&self, item: &Item) -> io::Result<bool>;
}

/// How many bytes things of these kinds take on disk.
pub fn size(kinds: &[&dyn Kept]) -> u64 {
    let items = kinds.iter().flat_map(|kind| kind.items());
    items.map(|item| item.size).sum()
}

/// Removes things of these kinds, the one that was used last the longest time ago first, until `enough`
/// is true for the bytes that were freed.
pub fn evict(kinds: &[&dyn Kept], mut enough: impl FnMut(u64) -> bool) {
    let mut freed: u64 = 0;
    if enough(freed) {
        return;
    }
    let mut items: Vec<(&dyn Kept, Item)> = Vec::new();
    for kind in kinds {
        items.extend(kind.items().into_iter().map(|item| (*kind, item)));
    }
    items.sort_by_key(|(_, item)| item.used);
    for (kind, item) in items {
        match kind.evict(&item) {
            Ok(true) => {
                tracing::info!("removed {}, which took {}", item.what, Bytes(item.size));
                freed = freed.saturating_add(item.size);
            }
            Ok(false) => {}
            Err(why) => tracing::warn!("cannot remove {}: {why}", item.what),
        }
        if enough(freed) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::time::Duration;

    /// Three things, of which one may be in use.
    struct Three {
        in_use: &'static str,
        evicted: RefCell<Vec<String>>,
    }

    impl Kept for Three {
        fn items(&self) -> Vec<Item> {
            let item = |what: &str, age: u64| Item {
                what: what.to_owned(),
                path: PathBuf::from(what),
                size: 10,
                used: SystemTime::UNIX_EPOCH + Duration::from_secs(1000 - age),
            };
            vec![item("new", 1), item("old", 3), item("older", 4)]
        }

        fn evict(&self, item: &Item) -> io::Result<bool> {
            let may = item.what != self.in_use;
            if may {
                self.evicted.borrow_mut().push(item.what.clone());
            }
            Ok(may)
        }
    }

    #[test]
    fn oldest_first_and_no_more_than_needed() {
        for (in_use, wanted, expected) in [
            ("", 0, &[][..]),
            ("", 1, &["older"]),
            ("", 20, &["older", "old"]),
            ("older", 20, &["old", "new"]),
            ("", 1000, &["older", "old", "new"]),
        ] {
            let kind = Three {
                in_use,
                evicted: RefCell::default(),
            };
            assert_eq!(size(&[&kind]), 30);
            evict(&[&kind], |freed| freed >= wanted);
            assert_eq!(*kind.evicted.borrow(), expected, "{in_use} {wanted}");
        }
    }
}
