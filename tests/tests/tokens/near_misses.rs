//! Tokens that are almost good, each refused by each server.

use crate::forge::{Signer, World, encode, now, with};
use anyhow::{Result, ensure};
use aws_lc_rs::hmac;
use serde_json::{Value, json};
use std::net::TcpListener;

/// The order of the group of Ed25519 (RFC 8032, section 5.1), little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[test]
fn no_other_algorithm_is_accepted() -> Result<()> {
    let world = World::up()?;
    let signer = world.signer("idp")?;
    let claims = world.claims()?;
    let good = signer.token(&claims);
    world.accept("the good one", &good)?;
    let payload = encode(claims.to_string());
    for name in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "eddsa",
        "Ed25519",
        "EdDSA\u{0}",
    ] {
        let header = with(&signer.header(), "alg", json!(name));
        world.refuse(name, &signer.sign(&header, &claims))?;
        world.refuse(name, &format!("{}.{payload}.", encode(header.to_string())))?;
    }
    for alg in [Value::Null, json!(1), json!(["EdDSA"])] {
        let header = with(&signer.header(), "alg", alg);
        world.refuse("no alg", &signer.sign(&header, &claims))?;
    }
    let twice = format!(
        r#"{{"alg":"none","typ":"at+jwt","kid":"{}","alg":"EdDSA"}}"#,
        signer.kid
    );
    world.refuse("alg twice", &signer.sign_texts(&twice, &claims.to_string()))?;
    // The public key is known to everyone: as a secret of HMAC it is none.
    let (jwk, pem, x) = (
        signer.jwk().to_string(),
        signer.pem(),
        encode(signer.public()),
    );
    for secret in [
        signer.public(),
        jwk.as_bytes(),
        pem.as_bytes(),
        x.as_bytes(),
        b"",
    ] {
        for (alg, algorithm) in [
            ("HS256", hmac::HMAC_SHA256),
            ("HS384", hmac::HMAC_SHA384),
            ("HS512", hmac::HMAC_SHA512),
        ] {
            let header = with(&signer.header(), "alg", json!(alg)).to_string();
            let message = format!("{}.{payload}", encode(header));
            let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
            world.refuse(alg, &format!("{message}.{}", encode(tag)))?;
        }
    }
    for alg in ["ES256", "RS256", "PS512"] {
        let header = with(&signer.header(), "alg", json!(alg));
        world.refuse(alg, &signer.sign(&header, &claims))?;
    }
    world.accept("the good one, after all that", &good)
}

#[test]
fn no_other_key_is_accepted() -> Result<()> {
    let world = World::up()?;
    let signer = world.signer("idp")?;
    let claims = world.claims()?;
    let shelf = TcpListener::bind("127.0.0.1:0")?;
    shelf.set_nonblocking(true)?;
    let elsewhere = format!("http://{}/jwks.json", shelf.local_addr()?);
    let own_name = Signer::new("mine")?;
    let same_name = Signer::new(&signer.kid)?;
    for other in [&same_name, &own_name] {
        world.refuse("another key", &other.token(&claims))?;
        for (field, value) in [
            ("jwk", other.jwk()),
            ("jku", json!(elsewhere)),
            ("x5u", json!(elsewhere)),
            ("x5c", json!([encode(other.public())])),
        ] {
            let header = with(&other.header(), field, value);
            world.refuse(field, &other.sign(&header, &claims))?;
            world.refuse(
                field,
                &other.sign(&with(&header, "kid", Value::Null), &claims),
            )?;
        }
    }
    ensure!(
        shelf.accept().is_err(),
        "a server asked where the token said"
    );
    for kid in [
        Value::Null,
        json!(""),
        json!(1),
        json!([signer.kid]),
        json!("../../../../dev/null"),
        json!("/etc/passwd"),
        json!("' OR '1'='1"),
        json!("\u{0}"),
        json!("x".repeat(4000)),
        json!(signer.kid.to_lowercase()),
        json!(format!("{} ", signer.kid)),
    ] {
        let header = with(&signer.header(), "kid", kid.clone());
        world.refuse(&format!("kid {kid}"), &signer.sign(&header, &claims))?;
    }
    world.accept("the good one, after all that", &signer.token(&claims))
}

#[test]
fn what_a_token_says_must_be_right() -> Result<()> {
    let world = World::up()?;
    let signer = world.signer("idp")?;
    let claims = world.claims()?;
    let now = now()?;
    let say = |field: &str, value: Value| signer.token(&with(&claims, field, value));
    // Within the leeway of 30 s, and beyond it. The test itself may take some seconds.
    world.accept("just ended", &say("exp", json!(now - 10)))?;
    world.accept("soon issued", &say("iat", json!(now + 25)))?;
    world.accept("soon good", &say("nbf", json!(now + 25)))?;
    let refused = [
        (
            "exp",
            vec![
                json!(now - 31),
                json!(0),
                json!(-1),
                json!("9999999999"),
                json!(1e300),
                json!(null),
            ],
        ),
        (
            "iat",
            vec![json!(now + 120), json!(u64::MAX), json!("0"), json!(null)],
        ),
        ("nbf", vec![json!(now + 120), json!(u64::MAX), json!("0")]),
        (
            "aud",
            vec![
                json!("other"),
                json!(null),
                json!(""),
                json!("Ick"),
                json!("ick "),
                json!(["ick"]),
                json!(["other", "ick"]),
                json!({"ick": 1}),
            ],
        ),
        (
            "iss",
            vec![
                json!("http://idp.example"),
                json!(null),
                json!(""),
                json!([world.idp]),
                json!(format!("{}/", world.idp)),
                json!(world.idp.to_uppercase()),
                json!(world.controller),
                json!(world.store),
            ],
        ),
        (
            "sub",
            vec![json!(null), json!(""), json!("../x"), json!("+x"), json!(7)],
        ),
        ("client_id", vec![json!(null), json!("a b")]),
        ("jti", vec![json!(null), json!(1)]),
        (
            "scope",
            vec![json!("\""), json!(["uapi_projects_get"]), json!("a\nb")],
        ),
    ];
    for (field, values) in refused {
        for value in values {
            world.refuse(&format!("{field} {value}"), &say(field, value))?;
        }
    }
    let text = claims.to_string();
    let twice = text.replacen('{', "{\"aud\":\"other\",", 1);
    world.refuse(
        "aud twice",
        &signer.sign_texts(&signer.header().to_string(), &twice),
    )?;
    for payload in [
        "",
        "{}",
        "[]",
        "null",
        "\"x\"",
        &format!("{text} x"),
        &text[..text.len() - 1],
    ] {
        world.refuse(
            payload,
            &signer.sign_texts(&signer.header().to_string(), payload),
        )?;
    }
    let head =
        |field: &str, value: Value| signer.sign(&with(&signer.header(), field, value), &claims);
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        world.accept(typ, &head("typ", json!(typ)))?;
    }
    for typ in [
        json!(null),
        json!("JWT"),
        json!(""),
        json!("at+jwt;x"),
        json!("id+jwt"),
        json!(["at+jwt"]),
    ] {
        world.refuse(&format!("typ {typ}"), &head("typ", typ))?;
    }
    for crit in [json!([]), json!(["exp"]), json!(["b64"]), json!("exp")] {
        world.refuse(&format!("crit {crit}"), &head("crit", crit))?;
    }
    Ok(())
}

#[test]
fn a_token_is_accepted_in_one_spelling_only() -> Result<()> {
    let world = World::up()?;
    let signer = world.signer("idp")?;
    let claims = world.claims()?;
    let good = signer.token(&claims);
    let (message, written) = good.rsplit_once('.').unwrap_or_default();
    let signature = signer.signature(message);
    for quarter in 1..4 {
        world.refuse("cut", &good[..good.len() * quarter / 4])?;
    }
    world.refuse("cut by one", &good[..good.len() - 1])?;
    let (header, payload) = message.split_once('.').unwrap_or_default();
    for text in [
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!(".{payload}.{written}"),
        format!("{header}..{written}"),
        format!("{payload}.{header}.{written}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{written}"),
        format!("{header}.{good}"),
        format!("{header}.{payload}.{payload}.{written}"),
        format!("{header}.{payload}.{written}.{payload}.{written}"),
        format!("{header} .{payload}.{written}"),
        format!("{header}.{payload}. {written}"),
        format!("{header}.{payload}.{written}=="),
        format!("{header}.{payload}.{written}A"),
        format!("{message}.{}", encode([0; 64])),
        format!("{message}.{}", encode([0; 0])),
        format!("{message}.{}", encode(&signature[..63])),
        format!(
            "{message}.{}",
            encode([signature.clone(), vec![0]].concat())
        ),
        json!({"protected": header, "payload": payload, "signature": written}).to_string(),
        "..".to_owned(),
        "x".repeat(20_000),
        format!("{message}.{}", "A".repeat(20_000)),
    ] {
        world.refuse(&text.chars().take(60).collect::<String>(), &text)?;
    }
    // The last character has four bits that mean nothing.
    let (last, rest) = (
        written.as_bytes()[written.len() - 1],
        &written[..written.len() - 1],
    );
    for other in (b'A'..=b'z').filter(|c| c.is_ascii_alphabetic() && *c != last) {
        world.refuse(
            "other last bits",
            &format!("{message}.{rest}{}", char::from(other)),
        )?;
    }
    // S + L signs the same in the arithmetic, and is refused (RFC 8032, section 5.1.7).
    let mut malleable = signature.clone();
    let mut carry = 0;
    for (byte, order) in malleable[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = u8::try_from(sum & 0xff)?;
        carry = sum >> 8;
    }
    world.refuse("S + L", &format!("{message}.{}", encode(malleable)))?;
    // A signature is for its own header and claims.
    let other = signer.token(&with(&claims, "sub", json!("somebody-else")));
    let other = other.rsplit('.').next().unwrap_or_default();
    world.refuse("another's signature", &format!("{message}.{other}"))?;
    world.accept("the good one, after all that", &good)
}
