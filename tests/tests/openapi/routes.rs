//! What is described exists, and what exists is described; scopes and methods are as described.

use crate::described::{Call, SERVICES, calls};
use crate::raw::Request;
use crate::world::World;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};

const METHODS: [&str; 7] = ["get", "post", "put", "delete", "patch", "options", "brew"];

/// A request for a call, about a name that fits and that nothing has.
fn request(call: &Call, token: Option<&str>) -> Request {
    let name = match call.path.split('/').nth(1) {
        Some("builds" | "logs") => "not/there/7",
        _ => "not/there",
    };
    let mut path = call.path_of(name);
    if call.path.starts_with("/work/") {
        path.push_str("?lease=none&offset=0");
    }
    let request = Request::new(&call.method, &path);
    match token {
        Some(token) => request.token(token),
        None => request,
    }
}

#[test]
fn described_calls_exist_and_need_their_scope() -> Result<()> {
    let world = World::new()?;
    let metrics = world.token_with(Some("uapi_metrics_get"))?;
    let builds = world.token_with(Some("uapi_builds_get"))?;
    let mut wrong = Vec::new();
    for call in calls()? {
        let mut is = |what: &str, token: Option<&str>, expected: &dyn Fn(u16, &str) -> bool| {
            let answer = world.send(call.service, &request(&call, token))?;
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            if !expected(answer.status, challenge) {
                let shown = call.shown();
                wrong.push(format!("{shown}, {what}: {} {challenge}", answer.status));
            }
            anyhow::Ok(())
        };
        let Some(scope) = call.scope() else {
            let known = |status: u16| call.responses().contains_key(&status.to_string());
            is("without a token", None, &|status, _| known(status))?;
            continue;
        };
        is("without a token", None, &|status, challenge| {
            status == 401 && challenge == "Bearer"
        })?;
        is(
            "with a broken token",
            Some("x.y.z"),
            &|status, challenge| status == 401 && challenge.contains("invalid_token"),
        )?;
        let other = if scope == "uapi_metrics_get" {
            &builds
        } else {
            &metrics
        };
        let named = format!("error=\"insufficient_scope\", scope=\"{scope}\"");
        is("without its scope", Some(other), &|status, challenge| {
            status == 403 && challenge.contains(&named)
        })?;
        let only = world.token_with(Some(scope))?;
        is("with its scope alone", Some(&only), &|status, _| {
            status != 403 && call.responses().contains_key(&status.to_string())
        })?;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn at_each_address_there_are_the_methods_that_are_described() -> Result<()> {
    let world = World::new()?;
    let calls = calls()?;
    let mut paths: BTreeMap<(&str, &str), Vec<&Call>> = BTreeMap::new();
    for call in &calls {
        let there = paths.entry((call.service, &call.path)).or_default();
        there.push(call);
    }
    let mut wrong = Vec::new();
    for ((service, path), there) in &paths {
        for method in METHODS {
            if there.iter().any(|call| call.method == method) {
                continue;
            }
            let mut other = request(there[0], Some(&world.token));
            other.method = method.to_ascii_uppercase();
            let answer = world.send(service, &other)?;
            let allowed: BTreeSet<String> = answer
                .header("allow")
                .unwrap_or_default()
                .split(',')
                .map(|one| one.trim().to_ascii_lowercase())
                .collect();
            // GET has HEAD with it, wherever that is described.
            let described = there.iter().map(|call| call.method.clone());
            let described: BTreeSet<String> = described.filter(|method| method != "head").collect();
            let allowed: BTreeSet<String> =
                allowed.into_iter().filter(|one| one != "head").collect();
            if answer.status != 405 || allowed != described {
                wrong.push(format!(
                    "{method} {path} of {service}: {} {allowed:?}",
                    answer.status
                ));
            }
        }
    }
    for service in SERVICES {
        let beyond = Request::new("GET", "/no/such/address").token(&world.token);
        assert_eq!(world.send(service, &beyond)?.status, 404, "{service}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn every_route_of_the_programs_is_described() -> Result<()> {
    // Of a route's several calls below one name (`+trigger` and the like) the router knows nothing: those
    // are what the test above asks for.
    let source = |folder: &str| -> Result<BTreeSet<String>> {
        let mut routes = BTreeSet::new();
        let folder = ick_tests::project_folder().join(folder);
        for entry in std::fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
            let text = std::fs::read_to_string(entry?.path())?;
            for piece in text.split(".route(").skip(1) {
                let path = piece.trim_start().split(['"', ',']).collect::<Vec<_>>();
                let path = if path[0].is_empty() { path[1] } else { path[0] };
                routes.insert(path.replace("JWKS", "/jwks.json"));
            }
        }
        Ok(routes)
    };
    for (service, folder) in [
        ("controller", "ick-controller/src/routes"),
        ("store", "ick-store/src/routes"),
        ("idp", "ick-idp/src/routes"),
    ] {
        let described: BTreeSet<String> = calls()?
            .iter()
            .filter(|call| call.service == service)
            .map(|call| match call.path.split_once("/{") {
                Some((before, _)) => format!("{before}/{{*"),
                None => call.path.clone(),
            })
            .collect();
        let routes: BTreeSet<String> = source(folder)?
            .into_iter()
            .map(|route| match route.split_once("/{*") {
                Some((before, _)) => format!("{before}/{{*"),
                None => route,
            })
            .chain(["/version", "/healthz", "/metrics"].map(str::to_owned))
            .collect();
        assert_eq!(routes, described, "{service}");
    }
    Ok(())
}
