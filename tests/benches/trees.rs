//! How long a build waits until its first action in a kept system tree is executed, beside one in the
//! worker's own root: `cargo build --release --bins && cargo bench -p ick-tests --bench trees`.

use anyhow::{Context, Result};
use ick_tests::{Ick, Sample};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DEFINITIONS: &str = r#"
projects:
  - {project: tree, pipelines: [tree]}
  - {project: in-tree, pipelines: [in-tree]}
  - {project: in-own-root, pipelines: [in-own-root]}
pipelines:
  - pipeline: tree
    actions:
      - where: host
        shell: |
          mkdir -p usr/bin etc; ln -s usr/bin bin; ln -s usr/lib lib; ln -s usr/lib64 lib64
          path=$(readlink -f "$(command -v bash)")
          cp "$path" usr/bin/bash
          ldd "$path" | grep -o '/[^ ]*' | while read -r file; do
            case $file in /usr/*) to=.$file ;; *) to=./usr$file ;; esac
            mkdir -p "${to%/*}"
            cp -n "$file" "$to"
          done
      - {action: archive, artifact: tree}
  - pipeline: in-tree
    actions:
      - {action: populate_systree, artifact: tree}
      - shell: echo $EPOCHREALTIME
  - pipeline: in-own-root
    actions:
      - shell: echo $EPOCHREALTIME
"#;

fn main() -> Result<()> {
    let ick = Ick::up()?;
    ick.apply(DEFINITIONS)?.exits(0)?;
    ick.run(&["build", "tree", "--wait"])?.exits(0)?;
    println!(
        "\nmedians [10 % – 90 %], from before icktool is started to the action's first line\n"
    );
    // The first one unpacks the tree.
    begun(&ick, "in-tree")?;
    let own = sample(&ick, "in-own-root")?;
    println!("first action, in a container           {own}");
    let tree = sample(&ick, "in-tree")?;
    println!(
        "first container action, in a kept tree {tree}   {}",
        tree.over(&own)
    );
    Ok(())
}

fn sample(ick: &Ick, project: &str) -> Result<Sample> {
    let mut times = Vec::new();
    for _ in 0..50 {
        times.push(begun(ick, project)?);
    }
    Ok(Sample::new(times))
}

/// How long it takes from the request to the action's first line, by this machine's clock.
fn begun(ick: &Ick, project: &str) -> Result<Duration> {
    let request = SystemTime::now().duration_since(UNIX_EPOCH)?;
    ick.run(&["build", project, "--wait"])?.exits(0)?;
    let line = ick.log(project)?;
    let (seconds, micros) = line.trim().split_once('.').context("no time")?;
    let begun = Duration::new(seconds.parse()?, 0) + Duration::from_micros(micros.parse()?);
    Ok(begun.saturating_sub(request))
}
