use crate::ask::{ask, ask_token, bearer, token, url};
use crate::openmetrics::{self, Metrics};
use anyhow::{Context, Result, ensure};
use ick_tests::{Ick, eventually, project_folder};
use std::collections::{BTreeMap, BTreeSet};

const PROJECTS: &str = "
projects:
  - project: fine
    pipelines: [fine]
  - project: broken
    pipelines: [broken]
  - project: endless
    pipelines: [endless]
pipelines:
  - pipeline: fine
    actions:
      - shell: echo a line of log
        where: host
  - pipeline: broken
    actions:
      - shell: exit 3
        where: host
  - pipeline: endless
    actions:
      - shell: echo begun; sleep 1000
        where: host
";

fn scrape(ick: &Ick, server: &str, token: &str) -> Result<(String, Metrics)> {
    let answer = ask(&url(ick, server)?, "GET", "/metrics", &bearer(token), "")?;
    ensure!(answer.status == 200, "{answer:?}");
    let kind = answer.header("content-type").unwrap_or_default();
    ensure!(
        kind.starts_with("application/openmetrics-text; version=1.0.0"),
        "{kind}"
    );
    let metrics = openmetrics::parse(&answer.body)?;
    Ok((answer.body, metrics))
}

#[test]
fn the_figures_are_those_of_what_happened() -> Result<()> {
    let ick = Ick::up()?;
    ick.apply(PROJECTS)?;
    ick.run(&["build", "fine", "--wait"])?.exits(0)?;
    ick.run(&["build", "broken", "--wait"])?.exits(1)?;
    ick.run(&["build", "endless"])?.exits(0)?;
    ick.log_with("endless/1", "begun")?;
    let admin = token(&ick, &ick.up_file()?)?;
    let (_, now) = scrape(&ick, "controller", &admin)?;
    assert_eq!(now.value("ick_builds", &[("status", "building")]), 1.0);
    assert_eq!(now.value("ick_leases", &[]), 1.0);
    ick.run(&["cancel-build", "endless/1"])?.exits(0)?;
    ick.build_with_status("endless/1", "cancelled")?;
    ick.run(&["drain-worker", "worker-1"])?.exits(0)?;
    ick.run(&["build", "fine"])?.exits(0)?;

    let (text, controller) = scrape(&ick, "controller", &admin)?;
    let ended = |status, cause| {
        let labels = [("status", status), ("cause", cause)];
        controller.value("ick_builds_ended_total", &labels)
    };
    assert_eq!(ended("done", "none"), 1.0);
    assert_eq!(ended("failed", "exit"), 1.0);
    assert_eq!(ended("cancelled", "cancelled"), 1.0);
    let shell = [("action", "shell")];
    for (name, labels, value) in [
        ("ick_builds_triggered_total", &[][..], 4.0),
        ("ick_builds", &[("status", "triggered")], 1.0),
        ("ick_builds", &[("status", "building")], 0.0),
        ("ick_build_wait_seconds_count", &[], 3.0),
        ("ick_build_duration_seconds_count", &[], 3.0),
        ("ick_action_duration_seconds_count", &shell, 3.0),
        ("ick_leases", &[], 0.0),
        ("ick_leases_granted_total", &[], 3.0),
        ("ick_leases_expired_total", &[], 0.0),
        ("ick_workers", &[], 1.0),
        ("ick_workers_seen", &[], 1.0),
        ("ick_workers_drained", &[], 1.0),
        ("ick_worker_slots", &[], 2.0),
    ] {
        assert_eq!(
            controller.value(name, labels),
            value,
            "{name} {labels:?}\n{text}"
        );
    }
    assert_eq!(controller.sum("ick_builds_ended_total"), 3.0, "{text}");
    let requests = [
        ("method", "POST"),
        ("route", "/projects/{*name}"),
        ("status", "201"),
    ];
    assert_eq!(controller.value("ick_http_requests_total", &requests), 4.0);
    let appended = controller.value("ick_log_appended_bytes_total", &[]);
    let least = "a line of log\nbegun\n".len() as f64;
    ensure!((least..5000.0).contains(&appended), "{appended}");
    ensure!(
        controller.value("ick_log_appends_total", &[]) >= 2.0,
        "{text}"
    );
    // Nothing that a client chose is in a label.
    for word in ["fine", "broken", "endless", "worker-1"] {
        ensure!(!text.contains(word), "{word} is in\n{text}");
    }
    Ok(())
}

#[test]
fn the_store_counts_bytes_and_the_identity_provider_tokens() -> Result<()> {
    let ick = Ick::up()?;
    let file = ick.folder().join("blob");
    std::fs::write(&file, vec![b'x'; 5000])?;
    let blob = file.display().to_string();
    for name in ["one", "another"] {
        ick.run(&["put-artifact", &blob, name])?.exits(0)?;
    }
    std::fs::write(&file, vec![b'y'; 700])?;
    ick.run(&["put-artifact", &blob, "third"])?.exits(0)?;
    ick.run(&["get-artifact", "one", "-o", &blob])?.exits(0)?;
    let admin = token(&ick, &ick.up_file()?)?;
    let (text, store) = scrape(&ick, "store", &admin)?;
    for (name, value) in [
        ("ick_blob_uploaded_bytes_total", 10_700.0),
        ("ick_blob_downloaded_bytes_total", 5000.0),
        // What has two names is kept once.
        ("ick_blob_contents", 2.0),
        ("ick_blob_bytes", 5700.0),
    ] {
        assert_eq!(store.value(name, &[]), value, "{name}\n{text}");
    }

    let refused = |metrics: &Metrics, reason| {
        metrics.value("ick_tokens_refused_total", &[("reason", reason)])
    };
    let (_, before) = scrape(&ick, "idp", &admin)?;
    let up = ick.up_file()?;
    let (id, secret) = (&up["client_id"], &up["client_secret"]);
    let good = format!(
        "client_id={}&client_secret={}",
        id.as_str().context("id")?,
        secret.as_str().context("secret")?
    );
    let form = "grant_type=client_credentials";
    assert_eq!(ask_token(&ick, &format!("{form}&{good}"))?.status, 200);
    assert_eq!(
        ask_token(&ick, &format!("{form}&client_id=a&client_secret=b"))?.status,
        401
    );
    assert_eq!(
        ask_token(&ick, &format!("{form}&{good}&scope=uapi_nothing"))?.status,
        400
    );
    assert_eq!(
        ask_token(&ick, &format!("grant_type=password&{good}"))?.status,
        400
    );
    assert_eq!(ask_token(&ick, &good)?.status, 400);
    let (text, after) = scrape(&ick, "idp", &admin)?;
    let issued = |metrics: &Metrics| metrics.value("ick_tokens_issued_total", &[]);
    ensure!(issued(&after) > issued(&before), "{text}");
    for reason in [
        "invalid_client",
        "invalid_scope",
        "unsupported_grant_type",
        "invalid_request",
    ] {
        assert_eq!(refused(&before, reason), 0.0, "{reason}");
        assert_eq!(refused(&after, reason), 1.0, "{reason}\n{text}");
    }
    Ok(())
}

#[test]
fn what_is_served_is_what_is_documented() -> Result<()> {
    let ick = Ick::up()?;
    ick.apply(PROJECTS)?;
    ick.run(&["build", "fine", "--wait"])?.exits(0)?;
    let admin = token(&ick, &ick.up_file()?)?;
    let document = std::fs::read_to_string(project_folder().join("docs/metrics.md"))?;
    let common = documented(&document, "All three")?;
    for (server, heading) in [
        ("controller", "Controller"),
        ("store", "Store"),
        ("idp", "Identity provider"),
    ] {
        // The first scrape has not been counted when it is answered.
        scrape(&ick, server, &admin)?;
        let (text, served) = scrape(&ick, server, &admin)?;
        let mut expected = documented(&document, heading)?;
        expected.extend(common.clone());
        let served: BTreeMap<_, _> = served
            .0
            .iter()
            .map(|(name, family)| {
                let name = match family.kind.as_str() {
                    "counter" => format!("{name}_total"),
                    "info" => format!("{name}_info"),
                    _ => name.clone(),
                };
                let labels = family.labels().into_iter().map(str::to_owned).collect();
                (name, (family.kind.clone(), labels))
            })
            .collect();
        assert_eq!(served, expected, "{server}\n{text}");
        // They come from this process, now.
        let value = |name: &str| openmetrics::parse(&text).map(|all| all.value(name, &[]));
        let pid = ick.pid(server)?.as_raw_nonzero();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            number.with_context(|| format!("no {name} in {status}"))
        };
        let resident = value("process_resident_memory_bytes")? / (field("VmRSS:")? * 1024.0);
        ensure!((0.5..2.0).contains(&resident), "{resident}");
        ensure!(value("process_threads")? >= 3.0, "{text}");
        ensure!(value("process_open_fds")? >= 5.0, "{text}");
        ensure!(
            value("process_max_fds")? >= value("process_open_fds")?,
            "{text}"
        );
        ensure!(
            value("process_cpu_seconds_total")? < value("ick_uptime_seconds")? * 64.0 + 1.0,
            "{text}"
        );
        let (free, size) = (
            value("ick_state_free_bytes")?,
            value("ick_state_size_bytes")?,
        );
        ensure!(free > 0.0 && free <= size, "{text}");
        ensure!(
            value("ick_state_commits_total")? <= value("ick_state_writes_total")?,
            "{text}"
        );
        let timed = value("ick_state_commit_duration_seconds_count")?;
        ensure!(timed >= 1.0 || server == "store", "{text}");
    }
    Ok(())
}

#[test]
fn metrics_need_their_scope() -> Result<()> {
    let ick = Ick::up()?;
    let args = [
        "create-client",
        "other",
        "--scope",
        "uapi_builds_get",
        "--format",
        "json",
    ];
    let client = ick.run(&args)?.exits(0)?.json()?;
    let other = token(&ick, &client)?;
    for server in ["controller", "store", "idp"] {
        let url = url(&ick, server)?;
        // The servers may not have looked up the issuer's keys yet.
        let refused = eventually("a judged token", || {
            let answer = ask(&url, "GET", "/metrics", &bearer(&other), "")?;
            Ok((answer.status != 503).then_some(answer))
        })?;
        assert_eq!(refused.status, 403, "{refused:?}");
        let named = refused.header("www-authenticate").unwrap_or_default();
        ensure!(named.contains("scope=\"uapi_metrics_get\""), "{named}");
        assert_eq!(ask(&url, "GET", "/metrics", "", "")?.status, 401);
    }
    Ok(())
}

/// The metrics in the table under a heading: type and labels by name.
fn documented(
    document: &str,
    heading: &str,
) -> Result<BTreeMap<String, (String, BTreeSet<String>)>> {
    let (_, section) = document
        .split_once(&format!("\n## {heading}\n"))
        .with_context(|| format!("no section {heading}"))?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with('|'));
    let mut table = BTreeMap::new();
    for line in lines.skip(2) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, meaning] = cells[..] else {
            anyhow::bail!("{line}");
        };
        ensure!(!meaning.is_empty(), "{line}");
        let labels = labels.split(", ").filter(|label| !label.is_empty());
        let labels = labels
            .map(|label| label.trim_matches('`').to_owned())
            .collect();
        let name = name.trim_matches('`').to_owned();
        let before = table.insert(name, (kind.to_owned(), labels));
        ensure!(before.is_none(), "{line} is there twice");
    }
    Ok(table)
}
