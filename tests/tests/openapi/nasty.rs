//! The parts of requests, in all the forms that a client should not send, and some that it may.

use crate::described::Call;
use crate::random::Random;
use crate::raw::Request;
use crate::world::World;
use serde_json::Value;

/// The path, and whether it is still one of the call.
pub(crate) fn path(random: &mut Random, call: &Call) -> (Vec<u8>, bool) {
    let good = call.path_of(World::name_for(call)).into_bytes();
    if random.once_in(3) {
        return (good, true);
    }
    if call.parameters("path").is_empty() {
        if random.once_in(2) {
            return (good, true);
        }
        let more = random.one_of(&[
            "/", "//", "/..", "/+x", "%2e", "%00", "/a%ff", ";a=b", "/%2F",
        ]);
        return ([&good, more.as_bytes()].concat(), false);
    }
    let long = "x".repeat(random.below(70_000));
    let names = [
        "..",
        "a/..",
        "../../etc/passwd",
        "%2e%2e/%2e%2e",
        "a//b",
        "/a",
        "a/",
        "a%00b",
        "%00",
        "%ff%fe",
        "a%2Fb",
        "%2F",
        "a%20b",
        "+trigger",
        "a/+trigger/extra",
        "a/+builds",
        "a/+nothing",
        "1",
        "a/1",
        "a/0",
        "a/01",
        "a/18446744073709551616",
        "a/-1",
        "%E2%80%AE",
        "a\u{e9}",
        "%",
        "%zz",
        "a;b",
        "a:b",
        "\\",
        "~",
        ".",
        "...",
        "a'b\"c",
        "%3Cscript%3E",
        "{name}",
        "a/+cancel/+cancel",
        "a%0d%0aX:y",
        "-",
        "_",
        &long,
    ];
    let name = random.one_of(&names);
    // A suffix in the name, or an empty one, can make it another call.
    (call.path_of(name).into_bytes(), false)
}

pub(crate) fn query(random: &mut Random, call: &Call, root: &Value) -> Vec<u8> {
    let mut pairs: Vec<String> = Vec::new();
    for parameter in call.parameters("query") {
        let name = parameter["name"].as_str().unwrap_or_default();
        let required = parameter["required"] == true;
        if !(required && !random.once_in(10) || random.once_in(3)) {
            continue;
        }
        let value = match name {
            // Only what ends soon.
            "wait" => random
                .one_of(&[
                    "0s",
                    "1ms",
                    "2ms",
                    "x",
                    "",
                    "-1s",
                    "99999999999999999d",
                    "1h1h",
                ])
                .to_owned(),
            _ if random.once_in(2) => {
                let value = random.fitting(root, &parameter["schema"], 3);
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            }
            _ => random
                .one_of(&[
                    "-1",
                    "0",
                    "1",
                    "1000",
                    "1001",
                    "4294967296",
                    "18446744073709551616",
                    "1e3",
                    "",
                    "%00",
                    "%ff",
                    "true",
                    "TRUE",
                    "garbage",
                    "some/thing",
                    "../..",
                    "sha256:0",
                    "+",
                    "a%26b=c",
                ])
                .to_owned(),
        };
        for _ in 0..if random.once_in(12) { 2 } else { 1 } {
            pairs.push(format!("{name}={}", encoded(random, &value)));
        }
    }
    if random.once_in(12) {
        pairs.push(
            random
                .one_of(&["x", "=", "&&", "limit", "a=b=c", "%=%", "limit[]=1", "?"])
                .to_owned(),
        );
    }
    if pairs.is_empty() {
        return Vec::new();
    }
    format!("?{}", pairs.join("&")).into_bytes()
}

/// A text as it may stand in a query: what is escaped already is left so, the rest may be escaped or not.
fn encoded(random: &mut Random, text: &str) -> String {
    let text = &text[..text.floor_char_boundary(1 + random.below(2000))];
    let is_escaped = text.contains('%');
    let mut out = String::new();
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~/:+!*'(),;=&".contains(&byte);
        if plain || is_escaped && byte == b'%' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

pub(crate) fn headers(random: &mut Random, call: &Call) -> Vec<(String, Vec<u8>)> {
    let garbage = [
        "",
        "*",
        "\"",
        "\"x\"",
        "W/\"x\", *",
        "x",
        ",,,",
        "bytes=0-",
        "bytes=5-2",
        "bytes=-0",
        "bytes=0-18446744073709551616",
        "bytes=1-2,4-5",
        "items=1",
        "sha-256=:AAAA:",
        "sha-256=::",
        "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
        "application/x-ndjson",
        "text/html;q=0",
        "\u{e9}",
        "1",
        "key",
        "gzip",
        "bytes 0-1/2",
    ];
    let known = [
        "If-Match",
        "If-None-Match",
        "Range",
        "If-Range",
        "Idempotency-Key",
        "Accept",
        "Repr-Digest",
    ];
    let mut headers = Vec::new();
    for parameter in call.parameters("header") {
        if random.once_in(2) {
            let name = parameter["name"].as_str().unwrap_or_default();
            headers.push((name.to_owned(), random.one_of(&garbage).as_bytes().to_vec()));
        }
    }
    if random.once_in(5) {
        headers.push((
            random.one_of(&known).to_owned(),
            random.one_of(&garbage).as_bytes().to_vec(),
        ));
    }
    if random.once_in(20) {
        let long = "k".repeat(random.below(5000)).into_bytes();
        headers.push((random.one_of(&known).to_owned(), long));
    }
    headers
}

pub(crate) fn body(random: &mut Random, call: &Call, root: &Value, request: &mut Request) {
    let content = call.operation["requestBody"]["content"].as_object();
    let Some((kind, described)) = content.and_then(|content| content.iter().next()) else {
        if random.once_in(20) {
            request.body = random.bytes(200);
        }
        return;
    };
    let kinds = [
        kind,
        "text/plain",
        "",
        "application/json; charset=\"",
        "multipart/form-data",
    ];
    let said = if random.once_in(6) {
        random.one_of(&kinds)
    } else {
        kind
    };
    request
        .headers
        .push(("Content-Type".to_owned(), said.as_bytes().to_vec()));
    request.body = match kind.as_str() {
        "application/json" => json(random, call, root, &described["schema"]),
        "application/vnd.ick.log" => frames(random),
        "application/x-www-form-urlencoded" => form(random),
        _ => random.bytes(3000),
    };
}

fn json(random: &mut Random, call: &Call, root: &Value, schema: &Value) -> Vec<u8> {
    let broken = [
        "",
        "{",
        "[",
        "nul",
        "{}",
        "[]",
        "null",
        "1",
        "\"a\"",
        "{\"a\":1e999}",
        "{\"a\":-1e-999}",
        "{\"slots\":1e10}",
        "{\"a\":\"\\ud800\"}",
        "\u{feff}{}",
        "{\"a\":1,\"a\":2}",
        "{}{}",
        "{\"\":{}}",
        "{\"project\":\"a\",\"pipelines\":[\"b\"],\"parameters\":{\"x\":\"\\u0000\"}}",
        "{\"slots\":18446744073709551616}",
    ];
    match random.below(8) {
        0 => random.one_of(&broken).as_bytes().to_vec(),
        1 => {
            let (open, close) = if random.once_in(2) {
                ("[", "]")
            } else {
                ("{\"a\":", "}")
            };
            let depth = random.below(100_000);
            let end = if random.once_in(2) {
                close.repeat(depth)
            } else {
                String::new()
            };
            format!("{}1{end}", open.repeat(depth)).into_bytes()
        }
        2 => random.bytes(300),
        3 => random.value(4).to_string().into_bytes(),
        4 => World::body_for(call)
            .unwrap_or_default()
            .to_string()
            .into_bytes(),
        _ => random.fitting(root, schema, 6).to_string().into_bytes(),
    }
}

fn frames(random: &mut Random) -> Vec<u8> {
    let mut body = Vec::new();
    for _ in 0..random.below(4) {
        let bytes = random.bytes(50);
        body.push(if random.once_in(6) { 9 } else { 1 });
        body.extend(random.number().to_be_bytes());
        let length = if random.once_in(4) {
            u32::MAX
        } else {
            u32::try_from(bytes.len()).unwrap_or(0)
        };
        body.extend(length.to_be_bytes());
        body.extend(bytes);
    }
    if random.once_in(4) {
        body.truncate(random.below(body.len() + 1));
    }
    body
}

fn form(random: &mut Random) -> Vec<u8> {
    let pieces = [
        "grant_type=client_credentials",
        "grant_type=password",
        "client_id=x",
        "client_id=%ff",
        "client_secret=%00",
        "scope=a%20b",
        "scope=%22",
        "scope=",
        "=",
        "&",
        "client_id",
        "%",
    ];
    let some: Vec<&str> = (0..random.below(6))
        .map(|_| random.one_of(&pieces))
        .collect();
    some.join("&").into_bytes()
}
