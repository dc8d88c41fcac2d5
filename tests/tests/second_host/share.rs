//! Two hosts share the load, and one of them is drained.

use crate::host::{Host, SECOND};
use crate::world::{FIRST_WORKER, SECOND_WORKER, join, listed, up};
use anyhow::{Context, Result, ensure};
use ick_tests::{Ick, eventually, with_own_network};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The state of a listening socket in /proc/net/tcp.
const LISTENING: &str = "0A";

/// Applies a project whose builds go on until their gates are opened.
fn apply_gated(ick: &Ick) -> Result<()> {
    ick.apply(&format!(
        "
projects:
  - project: gated
    pipelines: [gated]
pipelines:
  - pipeline: gated
    actions:
      - shell: |
          echo \"build $BUILD_NUMBER has started\"
          until [ -e {}/gate-$BUILD_NUMBER ]; do read -r -t 0.05 < <(:) || true; done
          echo through
        where: host
",
        ick.folder().display()
    ))?;
    Ok(())
}

fn open(ick: &Ick, build: &str) -> Result<()> {
    let (_, number) = build.rsplit_once('/').context("no number")?;
    Ok(std::fs::write(
        ick.folder().join(format!("gate-{number}")),
        "",
    )?)
}

/// The builds that are executed, by worker, once there are so many.
fn executed(ick: &Ick, builds: &[String], count: usize) -> Result<BTreeMap<String, String>> {
    eventually(&format!("{count} builds at a time"), || {
        let mut executed = BTreeMap::new();
        for id in builds {
            let build = ick.build(id)?;
            if build["status"] == "building" {
                let worker = build["worker"].as_str().context("no worker")?;
                executed.insert(worker.to_owned(), id.clone());
            }
        }
        Ok((executed.len() == count).then_some(executed))
    })
}

/// Every connection is from the second host to a server: nothing listens there.
fn check_it_only_calls(ick: &Ick, host: &Host) -> Result<()> {
    let up = ick.up_file()?;
    let mut servers = Vec::new();
    for server in ["controller", "store", "idp"] {
        let url = up[server]["url"].as_str().context("no URL")?;
        let (_, port) = url.rsplit_once(':').context("no port")?;
        servers.push(port.parse::<u16>()?);
    }
    let sockets = host.sockets()?;
    ensure!(!sockets.is_empty(), "the second host calls nobody");
    for (state, local, other) in &sockets {
        ensure!(state != LISTENING, "{sockets:?}");
        ensure!(servers.contains(other), "{sockets:?}, not {servers:?}");
        let second: Ipv4Addr = SECOND.parse()?;
        let at = SocketAddr::from((second, *local));
        let refused = TcpStream::connect_timeout(&at, Duration::from_secs(10));
        let kind = refused.map(drop).map_err(|why| why.kind());
        ensure!(
            kind == Err(std::io::ErrorKind::ConnectionRefused),
            "{at}: {kind:?}"
        );
    }
    Ok(())
}

#[test]
fn two_hosts_share_the_load_and_a_drained_one_gets_no_more() -> Result<()> {
    with_own_network(|| {
        let ick = Ick::new()?;
        let mut host = Host::new(ick.folder())?;
        up(&ick)?;
        join(&ick, &mut host)?;
        apply_gated(&ick)?;

        let mut builds = Vec::new();
        for _ in 0..4 {
            builds.push(ick.trigger("gated")?);
        }
        let both = executed(&ick, &builds, 2)?;
        let workers: Vec<&str> = both.keys().map(String::as_str).collect();
        assert_eq!(workers, [SECOND_WORKER, FIRST_WORKER]);
        let on_second = &both[SECOND_WORKER];
        ick.log_with(on_second, "has started")?;
        let shown = ick.run(&["show-build", on_second])?.exits(0)?.stdout;
        ensure!(shown.contains(SECOND_WORKER), "{shown}");
        for worker in [FIRST_WORKER, SECOND_WORKER] {
            ensure!(!listed(&ick, worker)?.contains("drained"));
        }
        host.worker()?;
        check_it_only_calls(&ick, &host)?;

        // What runs on a drained worker goes on to its normal end, and is its last.
        ick.run(&["drain-worker", SECOND_WORKER])?.exits(0)?;
        ensure!(listed(&ick, SECOND_WORKER)?.contains("drained"));
        ensure!(!listed(&ick, FIRST_WORKER)?.contains("drained"));
        builds.push(ick.trigger("gated")?);
        assert_eq!(ick.build(on_second)?["status"], "building");
        open(&ick, on_second)?;
        let ended = ick.build_with_status(on_second, "done")?;
        assert_eq!(ended["worker"], SECOND_WORKER);
        ensure!(ick.log(on_second)?.contains("through"));
        for id in builds.iter().filter(|id| *id != on_second) {
            open(&ick, id)?;
            let ended = ick.build_with_status(id, "done")?;
            assert_eq!(ended["worker"], FIRST_WORKER, "{id}");
        }

        ick.run(&["resume-worker", SECOND_WORKER])?.exits(0)?;
        ensure!(!listed(&ick, SECOND_WORKER)?.contains("drained"));
        let again = [ick.trigger("gated")?, ick.trigger("gated")?];
        executed(&ick, &again, 2)?;
        for id in &again {
            open(&ick, id)?;
            ick.build_with_status(id, "done")?;
        }
        Ok(())
    })
}
