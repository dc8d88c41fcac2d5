//! Packing and unpacking a tree of 50,000 files and 1 GB, beside GNU tar with zstd at the same level:
//! `cargo bench -p ick-worker --bench archives [-- ROUNDS [FILES]]`. Needs the Debian packages tar and
//! zstd, and 4 GB of disk.
//!
//! Each round does everything once, in turn, on the same file system. What is timed: `archive` as an
//! action, from the request to its end, into a folder for artifacts, where the file is synced, and so is
//! tar's; `populate_workspace` as an action, and `tar -x`, into an empty folder, where nothing is synced.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement that fails is a panic"
)]

use ick_core::build::Place;
use ick_worker::engine::{Engine, EngineConfig, Event, LOG_LIMIT, Program, Request, RunFolder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Files in a folder.
const FOLDER: usize = 20;

/// Bytes of all, with 50,000 files.
const MEAN: u64 = 20_000;

/// Numbers that look like chance, the same each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// Files like those of programs: text of words, some frequent, of sizes from nothing to 30 times the mean.
fn grow(folder: &Path, files: usize) -> u64 {
    let mut chance = Chance(0x1234_5678_9abc_def1);
    let words: Vec<Vec<u8>> = (0..4000)
        .map(|_| {
            let length = 2 + chance.next(9);
            (0..length)
                .map(|_| {
                    b"etaoinsrhldcumfpgwybvkxjqz_(){}; \n"
                        [usize::try_from(chance.next(34)).unwrap()]
                })
                .collect()
        })
        .collect();
    let mut text = Vec::new();
    while text.len() < 32 << 20 {
        let bound = 1 + chance.next(4000);
        let word = usize::try_from(chance.next(bound)).unwrap();
        text.extend_from_slice(&words[word]);
        text.push(b' ');
    }
    let mut total = 0;
    for number in 0..files {
        let place = folder.join(format!(
            "d{:02}/e{:04}",
            number / FOLDER / 50,
            number / FOLDER
        ));
        if number % FOLDER == 0 {
            fs::create_dir_all(&place).unwrap();
        }
        // A tenth of the files are ten times as big as the others.
        let size = match chance.next(20) {
            0 => chance.next(MEAN * 20),
            1 => chance.next(MEAN * 8),
            _ => chance.next(MEAN * 2 / 3),
        };
        let at = chance.next(text.len() as u64 - size);
        let (at, size) = (usize::try_from(at).unwrap(), usize::try_from(size).unwrap());
        fs::write(place.join(format!("f{number}.c")), &text[at..at + size]).unwrap();
        total += size as u64;
    }
    total
}

struct Bench {
    engine: Engine,
    details: Value,
    actions: usize,
}

impl Bench {
    /// Executes a built-in action.
    fn act(&mut self, run: &RunFolder, name: &str) -> Duration {
        self.actions += 1;
        let request = Request {
            build_id: "measured/1".parse().unwrap(),
            build_number: 1,
            project: "measured".parse().unwrap(),
            action_id: self.actions.to_string(),
            parameters: serde_json::Map::new(),
            program: Program::BuiltIn {
                name: name.to_owned(),
                step: json!({"artifact": "tree"}).as_object().cloned().unwrap(),
                details: self.details.clone(),
            },
            place: Place::Host,
            network: false,
            cache: None,
            env: BTreeMap::new(),
            timeout: None,
            log_left: LOG_LIMIT,
            store_token: None,
        };
        let begun = Instant::now();
        let mut running = match self.engine.start(run, request, || Ok(())) {
            Ok(running) => running,
            Err(why) => panic!("{}", why.detail),
        };
        loop {
            if let Event::Ended(outcome) = running.poll(Duration::from_secs(600)) {
                assert_eq!(outcome.cause, None);
                return begun.elapsed();
            }
        }
    }
}

/// Executes a line of shell in a folder.
fn shell(folder: &Path, line: &str) -> Duration {
    let begun = Instant::now();
    let ended = Command::new("sh")
        .args(["-ec", line])
        .current_dir(folder)
        .status()
        .unwrap();
    assert!(ended.success(), "{line}: are tar and zstd installed?");
    begun.elapsed()
}

/// Everything is on the disk: what comes next does not wait for what was before.
fn settle() {
    rustix::fs::sync();
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|text| text != "--bench");
    let mut number = |default| {
        arguments
            .next()
            .map_or(default, |text| text.parse().unwrap())
    };
    let (rounds, files): (usize, usize) = (number(5), number(50_000));
    let state = tempfile::tempdir().unwrap();
    let store = state.path().join("artifacts");
    let details = json!({
        "store": {"folder": store},
        "mirrors": state.path().join("mirrors"),
        "git": {},
    });
    let engine = Engine::new(EngineConfig::new(
        state.path().join("worker"),
        env!("CARGO_BIN_EXE_ick-worker").into(),
    ));
    let mut bench = Bench {
        engine,
        details,
        actions: 0,
    };
    let full = bench.engine.open_run(0, "full").unwrap();
    let bytes = grow(&full.workspace(), files);
    println!(
        "{files} files, {bytes} bytes; medians of {rounds} rounds, with the fastest and the slowest"
    );
    let place = state.path().join("tar");
    fs::create_dir_all(&place).unwrap();
    let workspace = full.workspace().display().to_string();
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for _ in 0..rounds {
        let mut note = |what, time| times.entry(what).or_default().push(time);
        settle();
        note("pack: archive", bench.act(&full, "archive"));
        for (what, program) in [
            ("pack: tar -I 'zstd -3'", "zstd -3"),
            ("pack: tar -I 'zstd -3 -T0'", "zstd -3 -T0"),
        ] {
            settle();
            let line = format!("tar -I '{program}' -C {workspace} -cf tree . && sync tree");
            note(what, shell(&place, &line));
        }
        let empty = bench.engine.open_run(1, "empty").unwrap();
        settle();
        note(
            "unpack: populate_workspace",
            bench.act(&empty, "populate_workspace"),
        );
        bench.engine.remove_run(empty).unwrap();
        fs::create_dir(place.join("out")).unwrap();
        settle();
        note(
            "unpack: tar -I zstd",
            shell(&place, "tar -I zstd -xf tree -C out"),
        );
        fs::remove_dir_all(place.join("out")).unwrap();
    }
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    println!(
        "archive {} bytes, tar {}",
        size(&store.join("tree")),
        size(&place.join("tree"))
    );
    for (what, mut times) in times {
        times.sort();
        println!(
            "{what:30} {:>6.2?} ({:.2?} to {:.2?})",
            times[times.len() / 2],
            times[0],
            times[times.len() - 1]
        );
    }
    bench.engine.remove_run(full).unwrap();
}
