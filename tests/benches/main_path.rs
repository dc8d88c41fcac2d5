//! How long the main path takes, as medians with their spread, beside what the machine itself needs for
//! the like: `cargo build --release --bins && cargo bench -p ick-tests`.

use anyhow::{Context, Result, ensure};
use ick_api::controller::Trigger;
use ick_client::{Controller, Credentials, Idp, Store, TokenSource, Upload};
use ick_core::build::BuildStatus;
use ick_core::secret::Secret;
use ick_tests::{Ick, eventually};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

const DEFINITIONS: &str = "
projects:
  - {project: host, pipelines: [host]}
  - {project: container, pipelines: [container]}
  - {project: loud, pipelines: [loud]}
  - {project: slow, pipelines: [slow]}
  - {project: silent, pipelines: [silent]}
pipelines:
  - pipeline: slow
    actions: [{shell: 'for i in {1..40}; do date +%s%N; sleep 0.05; done', where: host}]
  - pipeline: silent
    actions: [{shell: 'echo; sleep 1000', where: host}]
  - pipeline: host
    actions: [{shell: 'true', where: host}]
  - pipeline: container
    actions: [{shell: 'true'}]
  - pipeline: loud
    actions: [{shell: 'head -c 300000000 /dev/zero | tr \"\\\\0\" x | fold -w 99', where: host}]
";

fn main() -> Result<()> {
    let ick = Ick::up()?;
    ick.apply(DEFINITIONS)?;
    let controller = controller(&ick)?;

    println!("medians [10 % – 90 %]; the baseline is of the same run on the same machine\n");
    let spawn = Sample::take(200, || {
        ensure!(
            Command::new("bash")
                .args(["-c", "true"])
                .status()?
                .success()
        );
        Ok(())
    })?;
    println!("baseline: bash -c true                     {spawn}");
    let sync = commit_sample(&ick)?;
    println!("baseline: write 4 kB and fdatasync         {sync}");

    let host = Sample::take(100, || wait(&ick, "host"))?;
    println!(
        "icktool build --wait, `true` on the host   {host}   {}",
        host.over(&spawn)
    );
    let container = Sample::take(100, || wait(&ick, "container"))?;
    println!(
        "icktool build --wait, in a container       {container}   {}",
        container.over(&host)
    );
    let more = container.median().saturating_sub(host.median());
    println!("  a container more than the host           {more:.1?}");

    println!(
        "builds a second, two slots                 {:.0}",
        builds_a_second(&controller)?
    );

    println!(
        "line written by an action to line followed {}",
        followed(&ick)?
    );
    println!(
        "cancel of a silent action to its end       {}",
        cancelled(&ick)?
    );

    let (write, loud) = loud(&ick)?;
    println!("baseline: 300 MB from a pipe to a file     {write}");
    println!(
        "300 MB log, trigger to last byte read      {loud}   {}",
        loud.over(&write)
    );

    artifacts(&ick)?;
    projects(&ick)?;
    memory(&ick)
}

/// Durations of one thing done several times, in ascending order.
struct Sample(Vec<Duration>);

impl Sample {
    fn take(times: usize, mut thing: impl FnMut() -> Result<()>) -> Result<Self> {
        thing()?;
        let mut all = Vec::with_capacity(times);
        for _ in 0..times {
            let start = Instant::now();
            thing()?;
            all.push(start.elapsed());
        }
        all.sort_unstable();
        Ok(Self(all))
    }

    fn at(&self, percent: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0
            .get(last * percent / 100)
            .copied()
            .unwrap_or_default()
    }

    fn median(&self) -> Duration {
        self.at(50)
    }

    fn over(&self, baseline: &Self) -> String {
        let ratio = self.median().as_secs_f64() / baseline.median().as_secs_f64();
        format!("{ratio:.2} × the baseline")
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.1?} [{:.1?} – {:.1?}]",
            self.median(),
            self.at(10),
            self.at(90)
        )
    }
}

fn controller(ick: &Ick) -> Result<Controller> {
    let up = ick.up_file()?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let credentials = Credentials {
        client_id: text(&up["client_id"]).parse()?,
        client_secret: Secret::new(text(&up["client_secret"])),
    };
    let idp = Idp::new(&text(&up["idp"]["url"]))?;
    Ok(Controller::new(&text(&up["controller"]["url"]))?
        .with_token(TokenSource::client(idp, credentials)))
}

fn store(ick: &Ick) -> Result<Store> {
    let up = ick.up_file()?;
    let token = ick.run(&["token"])?.exits(0)?.stdout.trim().to_owned();
    let url = up["store"]["url"].as_str().context("no store")?;
    Ok(Store::new(url)?.with_token(TokenSource::fixed(Secret::new(token))))
}

fn wait(ick: &Ick, project: &str) -> Result<()> {
    ick.run(&["build", project, "--wait"])?.exits(0)?;
    Ok(())
}

fn commit_sample(ick: &Ick) -> Result<Sample> {
    let mut file = std::fs::File::create(ick.folder().join("commits"))?;
    Sample::take(200, || {
        file.write_all(&[0; 4096])?;
        Ok(file.sync_data()?)
    })
}

/// Four clients trigger over HTTP; counted from the first trigger to the last end.
fn builds_a_second(controller: &Controller) -> Result<f64> {
    const CLIENTS: usize = 4;
    const EACH: usize = 250;
    let project = "host".parse()?;
    let start = Instant::now();
    let last = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| -> Result<_> {
                    let mut last = None;
                    for _ in 0..EACH {
                        last = Some(
                            controller
                                .trigger(&project, &Trigger::default(), None)?
                                .build,
                        );
                    }
                    last.context("no build")
                })
            })
            .collect();
        let builds: Result<Vec<_>> = clients
            .into_iter()
            .map(|client| {
                client
                    .join()
                    .unwrap_or_else(|_| Err(anyhow::anyhow!("a client failed")))
            })
            .collect();
        builds
    })?;
    for build in last {
        eventually("every build to end", || {
            let build = controller.build(&build.build_id)?;
            ensure!(build.status != BuildStatus::Failed, "{build:?}");
            Ok((build.status == BuildStatus::Done).then_some(()))
        })?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a thousand builds")]
    Ok((CLIENTS * EACH) as f64 / start.elapsed().as_secs_f64())
}

/// Each line is the time at which it was written.
fn followed(ick: &Ick) -> Result<Sample> {
    let mut follower = ick
        .command(&["build", "slow"])
        .and_then(|mut trigger| Ok(String::from_utf8(trigger.output()?.stdout)?))
        .and_then(|id| {
            let mut follow = ick.command(&["show-log", "--follow", "--raw", id.trim()])?;
            Ok(follow.stdout(Stdio::piped()).spawn()?)
        })?;
    let mut all = Vec::new();
    for line in BufReader::new(follower.stdout.take().context("no stdout")?).lines() {
        let written = SystemTime::UNIX_EPOCH + Duration::from_nanos(line?.parse()?);
        all.push(written.elapsed()?);
    }
    follower.wait()?;
    // The first lines may have been there before the follower was.
    all.drain(..all.len().min(5));
    all.sort_unstable();
    Ok(Sample(all))
}

fn cancelled(ick: &Ick) -> Result<Sample> {
    let mut all = Vec::new();
    for _ in 0..10 {
        let id = ick.trigger("silent")?;
        ick.log_with(&id, "\n")?;
        let start = Instant::now();
        ick.run(&["cancel-build", &id])?.exits(0)?;
        ick.run(&["show-log", "--follow", &id])?;
        all.push(start.elapsed());
    }
    all.sort_unstable();
    Ok(Sample(all))
}

fn loud(ick: &Ick) -> Result<(Sample, Sample)> {
    let script = "head -c 300000000 /dev/zero | tr '\\0' x | fold -w 99 > out";
    let baseline = Sample::take(3, || {
        let done = Command::new("bash")
            .current_dir(ick.folder())
            .args(["-c", script])
            .status()?;
        ensure!(done.success());
        Ok(())
    })?;
    let expected = std::fs::metadata(ick.folder().join("out"))?.len();
    let loud = Sample::take(3, || {
        let mut command = ick.command(&["build", "loud"])?;
        let id = String::from_utf8(command.output()?.stdout)?;
        let mut follower = ick
            .command(&["show-log", "--follow", "--raw", id.trim()])?
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdout = follower.stdout.take().context("no stdout")?;
        let read = std::io::copy(&mut stdout, &mut std::io::sink())?;
        ensure!(
            follower.wait()?.success() && read == expected,
            "{read} bytes"
        );
        Ok(())
    })?;
    Ok((baseline, loud))
}

fn artifacts(ick: &Ick) -> Result<()> {
    const SIZE: usize = 512 << 20;
    let store = store(ick)?;
    let content = vec![7; SIZE];
    let mut count = 0_u8;
    let write = Sample::take(5, || {
        // A new file each time, as the store keeps every content too.
        count += 1;
        let mut file = std::fs::File::create(ick.folder().join(format!("blob-{count}")))?;
        file.write_all(&content)?;
        Ok(file.sync_all()?)
    })?;
    let name = "bench/blob".parse()?;
    let upload = Upload {
        length: Some(SIZE as u64),
        ..Upload::default()
    };
    let put = Sample::take(5, || {
        // Another content each time, so that each is written.
        count += 1;
        let mut content: &[u8] = &content;
        let mut first: &[u8] = &[count];
        let mut both = std::io::Read::chain(&mut first, &mut content);
        let mut limited = std::io::Read::take(&mut both, SIZE as u64);
        store.put(&name, &mut limited, upload)?;
        Ok(())
    })?;
    let get = Sample::take(5, || {
        store.get(&name, None)?.copy_to(&mut std::io::sink())?;
        Ok(())
    })?;
    println!("baseline: write and sync 512 MB            {write}");
    println!(
        "artifact of 512 MB, up                     {put}   {}",
        put.over(&write)
    );
    println!(
        "artifact of 512 MB, down                   {get}   {}",
        get.over(&write)
    );
    Ok(())
}

fn projects(ick: &Ick) -> Result<()> {
    let mut text =
        "pipelines:\n  - {pipeline: p, actions: [{shell: 'true', where: host}]}\nprojects:\n"
            .to_owned();
    for n in 0..1000 {
        text.push_str(&format!("  - {{project: many/p{n}x, pipelines: [p]}}\n"));
    }
    let start = Instant::now();
    ick.apply(&text)?;
    println!(
        "make-it-so of 1,000 projects               {:.1?}",
        start.elapsed()
    );
    Ok(())
}

fn memory(ick: &Ick) -> Result<()> {
    println!("\nmemory        resident      peak");
    for process in ["controller", "store", "idp", "worker"] {
        let pid = ick.pid(process)?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()))?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
                .unwrap_or_default()
                / 1024
        };
        println!(
            "{process:<12} {:>6} MB {:>6} MB",
            field("VmRSS:"),
            field("VmHWM:")
        );
    }
    Ok(())
}
