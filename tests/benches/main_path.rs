//! How long the main path takes, as medians with their spread, beside what the machine itself needs for
//! the like: `cargo build --release --bins && cargo bench -p ick-tests`.

use anyhow::{Context, Result, ensure};
use ick_api::controller::Trigger;
use ick_client::{Controller, Credentials, Idp, TokenSource};
use ick_core::build::BuildStatus;
use ick_core::secret::Secret;
use ick_tests::{Ick, Raw, Sample, eventually, need};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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
    memory(&ick, "memory, idle")?;
    ick.apply(DEFINITIONS)?;
    let controller = controller(&ick)?;

    println!("\nmedians [10 % – 90 %]; the baseline is of the same run on the same machine\n");
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
    println!();
    memory(&ick, "memory")
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
    Ok(Sample::new(all))
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
    Ok(Sample::new(all))
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

/// The same bytes by the same client to nginx, whose file is synced as the store syncs its own, and to the
/// store, which takes a digest besides.
fn artifacts(ick: &Ick) -> Result<()> {
    const SIZE: usize = 512 << 20;
    let up = ick.up_file()?;
    let store = address(&up["store"]["url"])?;
    let token = ick.run(&["token"])?.exits(0)?.stdout.trim().to_owned();
    let nginx = Nginx::start(&ick.folder().join("nginx"))?;
    let mut content = vec![7; SIZE];
    let mut other = 0;
    // Another content each time, as the store keeps equal ones once.
    let mut put = |address, token: &str, path: &str| -> Result<()> {
        other += 1;
        content[0] = other;
        let mut raw = Raw::connect(address)?;
        raw.send("PUT", path, token, &content)?;
        raw.drain().map(|_| ())
    };
    let mut puts = (Vec::new(), Vec::new());
    let mut gets = (Vec::new(), Vec::new());
    for round in 0..6 {
        let begun = Instant::now();
        put(nginx.address, "", "/blob")?;
        std::fs::File::open(nginx.folder.join("blob"))?.sync_all()?;
        let theirs = begun.elapsed();
        let begun = Instant::now();
        put(store, &token, "/blobs/bench/blob")?;
        if round > 0 {
            puts.0.push(theirs);
            puts.1.push(begun.elapsed());
        }
        for (address, token, path, gets) in [
            (nginx.address, "", "/blob", &mut gets.0),
            (store, &token, "/blobs/bench/blob", &mut gets.1),
        ] {
            let begun = Instant::now();
            let mut raw = Raw::connect(address)?;
            raw.send("GET", path, token, &[])?;
            ensure!(raw.drain()? == SIZE as u64);
            if round > 0 {
                gets.push(begun.elapsed());
            }
        }
    }
    for (what, (theirs, ours)) in [("up", puts), ("down", gets)] {
        let (theirs, ours) = (Sample::new(theirs), Sample::new(ours));
        println!("baseline: nginx, 512 MB {what:<4}               {theirs}");
        println!(
            "artifact of 512 MB, {what:<4}                   {ours}   {}",
            ours.over(&theirs)
        );
    }
    Ok(())
}

fn address(url: &serde_json::Value) -> Result<SocketAddr> {
    let url = url.as_str().context("no URL")?;
    Ok(url.trim_start_matches("http://").parse()?)
}

/// nginx with WebDAV, one worker, on loopback.
struct Nginx {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Nginx {
    fn start(folder: &Path) -> Result<Self> {
        need("nginx", "nginx-light")?;
        std::fs::create_dir(folder)?;
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let here = folder.display();
        std::fs::write(
            folder.join("nginx.conf"),
            format!(
                "daemon off; user root; worker_processes 1; pid {here}/pid; error_log {here}/error.log;
                 events {{ worker_connections 64; }}
                 http {{
                     access_log off; sendfile on; client_max_body_size 0;
                     client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;
                     fastcgi_temp_path {here}/fastcgi; uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;
                     server {{ listen {free}; root {here}; dav_methods PUT; }}
                 }}"
            ),
        )?;
        let child = Command::new("nginx")
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(folder.join("nginx.conf"))
            .stderr(Stdio::null())
            .spawn()?;
        let nginx = Self {
            child,
            address: free,
            folder: folder.to_owned(),
        };
        eventually("nginx to listen", || {
            Ok(Raw::connect(free).is_ok().then_some(()))
        })?;
        Ok(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its worker when it is asked to end, not when it is killed.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
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

fn memory(ick: &Ick, when: &str) -> Result<()> {
    println!("{when:<12} resident      peak");
    let mut all = 0;
    for process in ["controller", "store", "idp", "worker"] {
        let pid = ick.pid(process)?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()))?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
                .unwrap_or_default()
        };
        let (resident, peak) = (field("VmRSS:"), field("VmHWM:"));
        all += resident;
        println!(
            "{process:<12} {:>6} MB {:>6} MB",
            resident / 1024,
            peak / 1024
        );
    }
    println!("together     {:>6} MB", all / 1024);
    Ok(())
}
