//! A worker of another protocol version; ick-worker's own tests have the other side.

use anyhow::{Context, Result, ensure};
use ick_tests::{Ick, Outcome};
use serde_json::{Value, json};

#[test]
fn a_worker_of_another_protocol_version_is_refused_in_words() -> Result<()> {
    let ick = Ick::up()?;
    let made = ick
        .run(&["create-worker", "newer", "--format", "json"])?
        .exits(0)?
        .json()?;
    let url = made["controller"].as_str().context("no URL")?;
    let mut token = ick.command(&["token"])?;
    token.env("ICK_CLIENT_ID", "newer").env(
        "ICK_CLIENT_SECRET",
        made["client_secret"].as_str().context("no secret")?,
    );
    let token = Outcome::of(&mut token)?.exits(0)?.stdout;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    for (protocol, remedy) in [
        (2, "upgrade the controller, or install ick-worker"),
        (0, "upgrade ick-worker to"),
    ] {
        let body = json!({"protocol": protocol, "version": "9.9.9"});
        let mut answer = agent
            .post(format!("{url}/workers"))
            .header("authorization", format!("Bearer {}", token.trim()))
            .header("content-type", "application/json")
            .send(body.to_string())?;
        assert_eq!(answer.status().as_u16(), 422);
        let problem: Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        assert_eq!(problem["type"], "urn:ick:worker-protocol");
        let detail = problem["detail"].as_str().context("no detail")?;
        let versions = format!(
            "speaks version 1 of the worker protocol, and the worker (version \"9.9.9\") version {protocol}"
        );
        ensure!(detail.contains(&versions), "{detail}");
        ensure!(detail.contains(remedy), "{detail}");
        let log = std::fs::read_to_string(ick.state().join("controller/log"))?;
        let told = format!("the worker newer is not registered: {detail}");
        ensure!(log.contains(&told), "{told:?} is not in {log}");
    }
    ick.run(&["show-worker", "newer"])?.exits(4)?;
    Ok(())
}
