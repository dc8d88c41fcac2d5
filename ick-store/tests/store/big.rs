//! A large blob takes no more memory than a small one.

use crate::http::{Answer, request};
use crate::world::{World, digest_of, noise, path};
use sha2::{Digest, Sha256};
use std::io::{BufReader, Write};

const GIB: u64 = 1 << 30;
const MB: u64 = 1_000_000;

/// The most memory that the process has had, in bytes.
fn peak(world: &World) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

#[test]
fn a_gibibyte_goes_in_and_out_in_little_memory() {
    let world = World::new();
    world.put("small", noise(10_000, 1));
    assert_eq!(world.get("small").status, 200);
    let small = peak(&world);

    let piece = noise(1 << 20, 2);
    let pieces = GIB / piece.len() as u64;
    let mut hasher = Sha256::new();
    let ask = request("PUT", &path("large"))
        .token(&world.token)
        .header("Content-Length", &GIB.to_string());
    let mut stream = ask.begin(world.address());
    for _ in 0..pieces {
        stream.write_all(&piece).unwrap();
        hasher.update(&piece);
    }
    let answer = Answer::read(stream, false);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let digest = ick_core::digest::Digest::from_bytes(hasher.finalize().into()).to_string();
    assert_eq!(answer.json()["digest"], digest);
    let uploaded = peak(&world);

    let stream = request("GET", &path("large"))
        .token(&world.token)
        .begin(world.address());
    let mut reader = BufReader::new(stream);
    assert_eq!(Answer::read_head(&mut reader).status, 200);
    assert_eq!(digest_of(&mut reader), (digest.clone(), GIB));
    let downloaded = peak(&world);

    let text = format!("small {small}, uploaded {uploaded}, downloaded {downloaded}");
    assert!(uploaded < 64 * MB && downloaded < 64 * MB, "{text}");
    assert!(downloaded - small < 16 * MB, "{text}");

    assert_eq!(world.delete(&format!("large?version={digest}")).status, 200);
    assert_eq!(world.contents().len(), 1);
}
