//! What every process of this machine shows of itself while something is done: its arguments and its
//! environment, to whoever may read them.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Reads `/proc` in a loop until it is asked for what it saw.
pub(crate) struct Watch {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<HashSet<Vec<u8>>>,
}

impl Watch {
    pub(crate) fn start() -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&enough);
        let thread = std::thread::spawn(move || {
            let mut seen = HashSet::new();
            while !told.load(Ordering::Relaxed) {
                look(&mut seen);
            }
            seen
        });
        Self { enough, thread }
    }

    /// Every argument list and environment that there was.
    pub(crate) fn end(self) -> HashSet<Vec<u8>> {
        self.enough.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn look(seen: &mut HashSet<Vec<u8>>) {
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let folder = process.path();
        if let Ok(arguments) = fs::read(folder.join("cmdline")) {
            seen.insert(arguments);
        }
        // The name afterwards, as it is another one once a process has become another program.
        let environment = fs::read(folder.join("environ"));
        let name = fs::read(folder.join("comm"));
        if let (Ok(environment), Ok(name)) = (environment, name) {
            // icktool's own is what the person who calls it makes it: ICK_CLIENT_SECRET may be there.
            if name != b"icktool\n" {
                seen.insert(environment);
            }
        }
    }
}
