//! How long an action takes from being asked for to having ended, and how long 300 MB of output take:
//! `cargo bench -p ick-worker`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement that fails is a panic"
)]

use ick_api::controller::Allows;
use ick_core::build::Place;
use ick_worker::engine::{
    Engine, EngineConfig, Event, LOG_LIMIT, Program, Request, RunFolder, Running,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn request(action_id: usize, place: Place, script: &str) -> Request {
    Request {
        build_id: "measured/1".parse().unwrap(),
        build_number: 1,
        project: "measured".parse().unwrap(),
        action_id: action_id.to_string(),
        parameters: serde_json::Map::new(),
        program: Program::Shell(script.to_owned()),
        place,
        network: false,
        env: BTreeMap::new(),
        timeout: None,
        log_left: LOG_LIMIT,
        cache: None,
        store_token: None,
    }
}

fn until_end(mut running: Running) -> u64 {
    loop {
        if let Event::Ended(outcome) = running.poll(Duration::from_secs(60)) {
            assert_eq!(outcome.cause, None);
            return outcome.log_length;
        }
    }
}

fn start(engine: &Engine, run: &RunFolder, request: Request) -> Running {
    match engine.start(run, request, || Ok(())) {
        Ok(running) => running,
        Err(why) => panic!("{}", why.detail),
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() {
    let state = tempfile::tempdir().unwrap();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_ick-worker"));
    let mut config = EngineConfig::new(state.path().to_owned(), program);
    config.allows = Allows::default();
    let engine = Engine::new(config);
    let run = engine.open_run(0, "measured").unwrap();
    let mut next = 0;
    for (name, place) in [("host", Place::Host), ("container", Place::Container)] {
        let times = (0..100).map(|_| {
            next += 1;
            let begun = Instant::now();
            until_end(start(&engine, &run, request(next, place, "true")));
            begun.elapsed()
        });
        println!("{name}: `true` in {:?} (median)", median(times.collect()));
    }
    let times = (0..5).map(|_| {
        next += 1;
        let asked = request(next, Place::Host, "head -c 300000000 /dev/zero");
        let begun = Instant::now();
        let length = until_end(start(&engine, &run, asked));
        assert_eq!(length, 300_000_000);
        begun.elapsed()
    });
    println!("300 MB of output in {:?} (median)", median(times.collect()));
    engine.remove_run(run).unwrap();
}
