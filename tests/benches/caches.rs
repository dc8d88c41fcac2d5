//! What a cache gains and costs: zstd's library, a C project of some 60,000 lines, built through git and make in
//! a container, with and without one: `cargo build --release --bins && cargo bench -p ick-tests --bench caches`.
//!
//! The sources are those that the crate zstd-sys brings.

use anyhow::{Context, Result, ensure};
use ick_tests::{Ick, Outcome, Sample, need};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const MAKEFILE: &str = "\
SOURCES = $(wildcard common/*.c compress/*.c decompress/*.c dictBuilder/*.c)
OBJECTS = $(SOURCES:%.c=build/%.o)
CFLAGS = -O1 -DZSTD_DISABLE_ASM=1 -MMD

build/libzstd.a: $(OBJECTS)
\t$(AR) rcs $@ $(OBJECTS)
build/%.o: %.c
\t@mkdir -p $(@D)
\t$(CC) $(CFLAGS) -c -o $@ $<
-include $(OBJECTS:.o=.d)
";

/// What is changed, one after the other.
const CHANGED: [&str; 3] = [
    "compress/zstd_ldm.c",
    "dictBuilder/cover.c",
    "common/pool.c",
];

/// How many files the cache of which nothing is used has, and how big each is.
const FILES: usize = 20_000;
const SIZE: usize = 5_000;

const DEFINITIONS: &str = r#"
projects:
  - {project: without, pipelines: [source, compile]}
  - {project: with, pipelines: [source, compile], cache: [src/build]}
  - {project: nothing, pipelines: [source, fill]}
  - {project: many, pipelines: [source, fill], cache: [kept]}
pipelines:
  - pipeline: source
    actions: [{action: git, git_url: "URL"}]
  - pipeline: compile
    actions: [{shell: "make -C src -j2"}]
  - pipeline: fill
    actions:
      - shell: |
          [ "$ICK_PROJECT" = many ] && [ ! -e kept ] || exit 0
          mkdir kept && cd kept
          head -c $((FILES * SIZE)) /dev/urandom | split --bytes=SIZE --suffix-length=5 --numeric-suffixes
"#;

fn main() -> Result<()> {
    let ick = Ick::up()?;
    let source = Source::new(ick.folder())?;
    let definitions = DEFINITIONS
        .replace("URL", &source.url)
        .replace("FILES", &FILES.to_string())
        .replace("SIZE", &SIZE.to_string());
    ick.apply(&definitions)?;

    println!("\nmedians [10 % – 90 %]; the baseline is of the same run on the same machine\n");
    let make = || Outcome::of(Command::new("make").arg("-j2").current_dir(&source.clone))?.exits(0);
    let started = Instant::now();
    make()?;
    println!(
        "baseline: make of all                       {:.1?}",
        started.elapsed()
    );
    build(&ick, "with", None)?;
    let [mut own, mut without, mut with] = [const { Vec::new() }; 3];
    for file in CHANGED {
        source.change(file)?;
        own.push(time(make)?);
        without.push(time(|| build(&ick, "without", None))?);
        with.push(time(|| build(&ick, "with", None))?);
    }
    let [own, without, with] = [own, without, with].map(Sample::new);
    println!("baseline: make after a change of one file   {own}");
    println!(
        "the same in a build without a cache         {without}   {}",
        without.over(&own)
    );
    println!(
        "the same in a build with a cache            {with}   {}",
        with.over(&own)
    );
    let gain = without.median().as_secs_f64() / with.median().as_secs_f64();
    println!("  the cache makes it {gain:.1} times as fast");

    let nothing = Sample::take(10, || build(&ick, "nothing", None))?;
    println!("baseline: a build that does nothing         {nothing}");
    build(&ick, "many", None)?;
    let many = Sample::take(10, || build(&ick, "many", None))?;
    println!(
        "with {FILES} files, {} MB in its cache     {many}   {}",
        FILES * SIZE / 1_000_000,
        many.over(&nothing)
    );
    let mut copies = Vec::new();
    for number in 0..5 {
        let branch = format!("branch-{number}");
        source.git(&["push", "--quiet", "origin", &format!("HEAD:{branch}")])?;
        copies.push(time(|| build(&ick, "many", Some(&branch)))?);
    }
    let copies = Sample::new(copies);
    println!(
        "the same, copied for another ref            {copies}   {}",
        copies.over(&nothing)
    );
    Ok(())
}

/// The repository, and a clone in which it is worked on.
struct Source {
    url: String,
    clone: PathBuf,
}

impl Source {
    fn new(folder: &Path) -> Result<Self> {
        for (tool, package) in [
            ("git", "git"),
            ("make", "make"),
            ("gcc", "gcc"),
            ("bwrap", "bubblewrap"),
        ] {
            need(tool, package)?;
        }
        let source = Self {
            url: format!("file://{}", folder.join("zstd.git").display()),
            clone: folder.join("zstd"),
        };
        let mut copy = Command::new("cp");
        Outcome::of(copy.arg("--recursive").arg(zstd()?).arg(&source.clone))?.exits(0)?;
        std::fs::write(source.clone.join("Makefile"), MAKEFILE)?;
        std::fs::write(source.clone.join(".gitignore"), "build\n")?;
        source.git(&["init", "--quiet", "--initial-branch=main"])?;
        source.git(&[
            "init",
            "--quiet",
            "--bare",
            "--initial-branch=main",
            "../zstd.git",
        ])?;
        source.git(&["remote", "add", "origin", &source.url])?;
        source.commit()?;
        Ok(source)
    }

    fn git(&self, arguments: &[&str]) -> Result<()> {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=N", "-c", "user.email=e@example.org"]);
        Outcome::of(git.arg("-C").arg(&self.clone).args(arguments))?.exits(0)?;
        Ok(())
    }

    fn commit(&self) -> Result<()> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", "more"])?;
        self.git(&["push", "--quiet", "origin", "main"])
    }

    fn change(&self, file: &str) -> Result<()> {
        let path = self.clone.join(file);
        let text = std::fs::read_to_string(&path)?;
        std::fs::write(path, text + "/* changed */\n")?;
        self.commit()
    }
}

/// The folder of zstd's library among the sources of Ick's dependencies.
fn zstd() -> Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    let metadata = cargo.args(["metadata", "--format-version=1", "--locked", "--offline"]);
    let metadata = Outcome::of(metadata)?.exits(0)?.json()?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let package = packages.iter().find(|one| one["name"] == "zstd-sys");
    let manifest = package.and_then(|one| one["manifest_path"].as_str());
    let manifest = Path::new(manifest.context("zstd-sys is no dependency any more")?);
    let folder = manifest.with_file_name("zstd").join("lib");
    ensure!(folder.is_dir(), "{} is missing", folder.display());
    Ok(folder)
}

fn build(ick: &Ick, project: &str, git_ref: Option<&str>) -> Result<()> {
    let mut arguments = vec!["build", project, "--wait"];
    arguments.extend(git_ref.iter().flat_map(|git_ref| ["--ref", git_ref]));
    ick.run(&arguments)?.exits(0)?;
    Ok(())
}

fn time<T>(thing: impl FnOnce() -> Result<T>) -> Result<std::time::Duration> {
    let started = Instant::now();
    thing()?;
    Ok(started.elapsed())
}
