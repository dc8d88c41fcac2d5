//! How latency and memory grow with what there is: builds in the history, builds in the queue, workers that
//! wait, followers of a log. The first line of each table is the baseline of the others.
//!
//! `cargo build --release --bins && cargo bench -p ick-tests --bench growth`

use anyhow::{Context, Result, ensure};
use ick_api::scope;
use ick_tests::{Ick, Raw, Sample, eventually};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

const DEFINITIONS: &str = "
projects:
  - {project: host, pipelines: [host]}
  - {project: waits, pipelines: [waits]}
  - {project: slow, pipelines: [slow]}
pipelines:
  - pipeline: host
    actions: [{shell: 'true', where: host}]
  - pipeline: waits
    actions: [{shell: 'true', network: true}]
  - pipeline: slow
    actions: [{shell: 'for i in {1..200}; do date +%s%N; sleep 0.05; done', where: host}]
";

/// How many of the queue are handed out to measure that.
const TAKEN: u64 = 500;

/// How often each thing is done.
const TIMES: usize = 60;

fn main() -> Result<()> {
    println!("medians [10 % – 90 %]");
    history()?;
    queue()?;
    waiting_workers()?;
    followers()
}

/// An Ick whose worker allows no network, so that builds which need it wait.
fn ick() -> Result<Ick> {
    let ick = Ick::new()?;
    let settings = ick.state().join("worker-1");
    ick.start()?;
    let config = std::fs::read_to_string(settings.join("config.yaml"))?;
    let config = config.replace("allow_network: true", "allow_network: false");
    std::fs::write(settings.join("config.yaml"), config)?;
    ick.down()?;
    ick.start()?;
    ick.apply(DEFINITIONS)?;
    Ok(ick)
}

fn history() -> Result<()> {
    let ick = ick()?;
    for _ in 0..10 {
        ick.run(&["build", "host", "--wait"])?.exits(0)?;
    }
    println!(
        "\nin the history   build --wait                   list-builds                    start"
    );
    for count in [1_000, 10_000, 100_000, 1_000_000] {
        ick.down()?;
        multiply(&ick, count)?;
        let begun = Instant::now();
        ick.start()?;
        let started = begun.elapsed();
        let wait = build(&ick)?;
        let list = Sample::take(TIMES, || {
            ick.run(&["list-builds", "host"])?.exits(0)?;
            Ok(())
        })?;
        println!(
            "{count:<16} {wait:<30} {list:<30} {started:.1?}   {}",
            memory(&ick)?
        );
    }
    Ok(())
}

/// Has as many ended builds as are wanted, by copies of those there are.
fn multiply(ick: &Ick, count: i64) -> Result<()> {
    let database = Connection::open(ick.state().join("controller/controller.sqlite"))?;
    let there: i64 = database.query_row("SELECT max(number) FROM builds", [], |row| row.get(0))?;
    let copies = "
        WITH RECURSIVE copy (n) AS (SELECT ?1 + 1 UNION ALL SELECT n + 1 FROM copy WHERE n < ?2)";
    database.execute_batch("BEGIN")?;
    database.execute(
        &format!(
            "INSERT INTO builds (project, number, status, needs, revision, request, state) {copies}
             SELECT project, n, status, needs, revision, request, state FROM copy, builds WHERE number = 1"
        ),
        [there, count],
    )?;
    database.execute(
        "INSERT INTO build_plans (build, plan)
         SELECT seq, (SELECT plan FROM build_plans ORDER BY build LIMIT 1) FROM builds WHERE number > ?1",
        [there],
    )?;
    database.execute("UPDATE project_numbers SET last = ?1", [count])?;
    database.execute_batch("COMMIT")?;
    Ok(())
}

fn queue() -> Result<()> {
    let ick = ick()?;
    let up = ick.up_file()?;
    let controller = address(&up["controller"]["url"])?;
    let token = token(&ick)?;
    println!(
        "\nin the queue     build --wait                   trigger, 4 at a time           next build handed out, p50 / p99"
    );
    let mut there = 0;
    for count in [1_000_u64, 10_000, 100_000] {
        let mut triggers = Vec::new();
        std::thread::scope(|scope| -> Result<()> {
            let clients: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| trigger(controller, &token, (count - there) / 4)))
                .collect();
            for client in clients {
                let sample = client
                    .join()
                    .map_err(|_| anyhow::anyhow!("a client failed"))?;
                triggers.extend(sample?);
            }
            Ok(())
        })?;
        there = count;
        let wait = build(&ick)?;
        let decisions = decisions(&ick, &format!("decides-{count}"))?;
        there -= TAKEN;
        println!(
            "{count:<16} {wait:<30} {:<30} {:.1?} / {:.1?}   {}",
            Sample::new(triggers),
            decisions.median(),
            decisions.at(99),
            memory(&ick)?
        );
    }
    Ok(())
}

fn trigger(controller: SocketAddr, token: &str, times: u64) -> Result<Vec<Duration>> {
    let mut raw = Raw::connect(controller)?;
    (0..times)
        .map(|_| {
            let begun = Instant::now();
            raw.send("POST", "/projects/waits/+trigger", token, b"{}")?;
            raw.answer()?;
            Ok(begun.elapsed())
        })
        .collect()
}

/// From a worker's question to its answer with a build that is committed to it.
fn decisions(ick: &Ick, worker: &str) -> Result<Sample> {
    let controller = address(&ick.up_file()?["controller"]["url"])?;
    let token = &workers(ick, worker, 1, true)?[0].1;
    let mut raw = Raw::connect(controller)?;
    let mut all = Vec::new();
    for slot in 1..=TAKEN {
        let begun = Instant::now();
        raw.send("GET", &format!("/work?slot={slot}"), token, &[])?;
        let work: Value = serde_json::from_slice(&raw.answer()?)?;
        all.push(begun.elapsed());
        ensure!(work["lease"].is_string(), "{work}");
    }
    Ok(Sample::new(all))
}

fn waiting_workers() -> Result<()> {
    let ick = ick()?;
    let controller = address(&ick.up_file()?["controller"]["url"])?;
    let workers = workers(&ick, "idle", 1000, false)?;
    println!("\nwaiting workers  build --wait");
    for count in [10, 100, 1_000] {
        let mut connections = Vec::new();
        for (_, token) in &workers[..count] {
            let mut raw = Raw::connect(controller)?;
            raw.send("GET", "/work?wait=60s", token, &[])?;
            connections.push(raw.into_stream());
        }
        let wait = build(&ick)?;
        println!("{count:<16} {wait:<30} {}", memory(&ick)?);
        drop(connections);
    }
    Ok(())
}

/// Registered workers of no use to a build on the host, each with its token.
fn workers(ick: &Ick, name: &str, count: usize, network: bool) -> Result<Vec<(String, String)>> {
    let up = ick.up_file()?;
    let (idp, controller) = (
        address(&up["idp"]["url"])?,
        address(&up["controller"]["url"])?,
    );
    let admin = token(ick)?;
    let scope = scope::WORKER.join(" ");
    let (mut idp, mut controller) = (Raw::connect(idp)?, Raw::connect(controller)?);
    let field = |answer: Vec<u8>, name: &str| -> Result<String> {
        let answer: Value = serde_json::from_slice(&answer)?;
        Ok(answer[name].as_str().context("no such field")?.to_owned())
    };
    (0..count)
        .map(|n| {
            let name = format!("{name}-{n}");
            let client = json!({"client_id": name, "scope": scope});
            idp.send("POST", "/clients", &admin, client.to_string().as_bytes())?;
            let secret = field(idp.answer()?, "client_secret")?;
            let form =
                format!("grant_type=client_credentials&client_id={name}&client_secret={secret}");
            idp.send("POST", "/token", "", form.as_bytes())?;
            let token = field(idp.answer()?, "access_token")?;
            let said = json!({"slots": TAKEN,
                "allows": {"host": false, "chroot": false, "network": network}});
            controller.send("POST", "/workers", &token, said.to_string().as_bytes())?;
            controller.answer()?;
            Ok((name, token))
        })
        .collect()
}

fn followers() -> Result<()> {
    let ick = ick()?;
    let controller = address(&ick.up_file()?["controller"]["url"])?;
    let token = token(&ick)?;
    println!("\nfollowers        line written to line read");
    for count in [10, 100, 1_000] {
        let id = ick.trigger("slow")?;
        ick.log_with(&id, "\n")?;
        let others: Result<Vec<_>> = (1..count)
            .map(|_| {
                let mut raw = Raw::connect(controller)?;
                raw.send("GET", &format!("/logs/{id}?follow=true"), &token, &[])?;
                raw.head()?;
                Ok(raw.into_stream())
            })
            .collect();
        let others: Vec<_> = others?.into_iter().map(read_away).collect();
        let mut follower = ick
            .command(&["show-log", "--follow", "--raw", &id])?
            .stdout(Stdio::piped())
            .spawn()?;
        let connected = SystemTime::now();
        let mut all = Vec::new();
        for line in BufReader::new(follower.stdout.take().context("no stdout")?).lines() {
            let written = SystemTime::UNIX_EPOCH + Duration::from_nanos(line?.parse()?);
            // Those before were there already.
            if written > connected {
                all.push(written.elapsed()?);
            }
        }
        ensure!(
            follower.wait()?.success() && all.len() > 5,
            "only {} lines",
            all.len()
        );
        for other in others {
            ensure!(other.join().is_ok_and(|read| read > 0), "a follower failed");
        }
        println!("{count:<16} {:<30} {}", Sample::new(all), memory(&ick)?);
    }
    Ok(())
}

fn read_away(mut stream: TcpStream) -> std::thread::JoinHandle<usize> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        let mut all = 0;
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            all += count;
            // The last chunk of the answer.
            if buffer[..count].ends_with(b"0\r\n\r\n") {
                break;
            }
        }
        all
    })
}

fn build(ick: &Ick) -> Result<Sample> {
    Sample::take(TIMES, || {
        ick.run(&["build", "host", "--wait"])?.exits(0)?;
        Ok(())
    })
}

fn token(ick: &Ick) -> Result<String> {
    Ok(ick.run(&["token"])?.exits(0)?.stdout.trim().to_owned())
}

fn address(url: &Value) -> Result<SocketAddr> {
    let url = url.as_str().context("no URL")?;
    Ok(url.trim_start_matches("http://").parse()?)
}

/// What the controller holds once it is at rest, and held at most, in MB.
fn memory(ick: &Ick) -> Result<String> {
    let pid = ick.pid("controller")?;
    let field = |name: &str| -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()))?;
        let line = status.lines().find(|line| line.starts_with(name));
        let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        Ok(kb.context("no such line")? >> 10)
    };
    // Two equal readings.
    let mut last = 0;
    let now = eventually("the controller to be at rest", || {
        let now = field("VmRSS:")?;
        Ok((std::mem::replace(&mut last, now) == now).then_some(now))
    })?;
    Ok(format!(
        "controller {now} MB, at most {} MB",
        field("VmHWM:")?
    ))
}
