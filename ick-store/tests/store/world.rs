//! A store with everything around it: its state folder, and two issuers of tokens.

use crate::http::{Answer, Request, request};
use ick_core::name::ClientId;
use ick_core::time::Timestamp;
use ick_token::{Claims, Keyring, Rotation, Scopes};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

pub(crate) const ALL: &str =
    "uapi_blobs_get uapi_blobs_id_get uapi_blobs_id_put uapi_blobs_id_delete uapi_metrics_get";

/// An issuer of tokens whose keys are at `/jwks.json`, like the identity provider or the controller.
pub(crate) struct Signer {
    url: String,
    keys: Keyring,
}

impl Signer {
    fn new(folder: &Path, file: &str) -> Self {
        ick_token::install_crypto_provider();
        let rotation = Rotation {
            key_lifetime: Duration::from_secs(86_400),
            refresh: Duration::from_secs(3600),
            token_lifetime: Duration::from_secs(300),
        };
        let keys = Keyring::open(folder.join(file), rotation, now()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let jwks = keys.jwks().to_string();
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::from("-");
                while !line.trim().is_empty() {
                    line.clear();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 {
                        break;
                    }
                }
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\
                     Content-Length: {}\r\n\r\n{jwks}",
                    jwks.len()
                );
            }
        });
        Self { url, keys }
    }

    pub(crate) fn token(&self, scope: &str) -> String {
        self.token_for("ick", scope)
    }

    pub(crate) fn token_for(&self, audience: &str, scope: &str) -> String {
        let client: ClientId = "tester".parse().unwrap();
        let scope: Scopes = scope.parse().unwrap();
        let lifetime = Duration::from_secs(300);
        let claims = Claims::new(&self.url, audience, &client, &scope, lifetime, now()).unwrap();
        self.keys.sign(&claims, now()).unwrap().reveal().to_owned()
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
}

pub(crate) struct World {
    folder: TempDir,
    pub(crate) idp: Signer,
    pub(crate) controller: Signer,
    store: Option<Process>,
    /// A token with every scope on blobs.
    pub(crate) token: String,
}

struct Process {
    child: Child,
    address: SocketAddr,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self::stopped();
        world.start();
        world
    }

    pub(crate) fn stopped() -> Self {
        let folder = TempDir::new().unwrap();
        let idp = Signer::new(folder.path(), "idp-keys");
        let controller = Signer::new(folder.path(), "controller-keys");
        let world = Self {
            token: idp.token(ALL),
            folder,
            idp,
            controller,
            store: None,
        };
        fs::create_dir(world.state()).unwrap();
        let config = format!(
            "auth_url: {}\ncontroller: {}\n",
            world.idp.url, world.controller.url
        );
        fs::write(world.state().join("config.yaml"), config).unwrap();
        world
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Adds lines to the configuration.
    pub(crate) fn configure(&self, lines: &str) {
        let file = self.state().join("config.yaml");
        let config = fs::read_to_string(&file).unwrap();
        fs::write(file, config + lines).unwrap();
    }

    pub(crate) fn start(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ick-store"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--state"])
            .arg(self.state());
        self.start_as(command);
    }

    pub(crate) fn start_as(&mut self, mut command: Command) {
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (said, listening) = mpsc::channel();
        std::thread::spawn(move || {
            while let Some(Ok(line)) = lines.next() {
                match line.strip_prefix("listening on http://") {
                    Some(address) => drop(said.send(address.to_owned())),
                    None => eprintln!("store: {line}"),
                }
            }
        });
        let address = listening.recv_timeout(Duration::from_secs(30)).unwrap();
        self.store = Some(Process {
            child,
            address: address.parse().unwrap(),
        });
        // It serves before it has its issuers' keys; until then it answers 503.
        for signer in [&self.idp, &self.controller] {
            let token = signer.token("uapi_blobs_get");
            wait_until("tokens are judged", || {
                let ask = request("GET", "/blobs").token(&token);
                ask.send(self.address()).status != 503
            });
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.store = None;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.store.as_ref().unwrap().address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.store.as_ref().unwrap().child.id()
    }

    pub(crate) fn send(&self, request: Request) -> Answer {
        request.token(&self.token).send(self.address())
    }

    pub(crate) fn put(&self, name: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(request("PUT", &path(name)).body(body))
    }

    pub(crate) fn get(&self, name: &str) -> Answer {
        self.send(request("GET", &path(name)))
    }

    pub(crate) fn version(&self, name: &str, content: &[u8]) -> Answer {
        self.get(&format!("{name}?version={}", digest(content)))
    }

    pub(crate) fn delete(&self, name: &str) -> Answer {
        self.send(request("DELETE", &path(name)))
    }

    pub(crate) fn list(&self, query: &str) -> Answer {
        self.send(request("GET", &format!("/blobs{query}")))
    }

    /// Runs another command of the program on the state folder.
    pub(crate) fn run(&self, command: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ick-store"))
            .args([command, "--state"])
            .arg(self.state())
            .output()
            .unwrap()
    }

    /// Everything in the state folder agrees, no temporary file is left, and every content on disk has
    /// a name.
    pub(crate) fn expect_sound(&self) {
        let checked = self.run("check");
        let text = String::from_utf8(checked.stdout).unwrap();
        assert_eq!(checked.status.code(), Some(0), "{text}");
        let contents: usize = text
            .strip_prefix("sound: ")
            .and_then(|rest| rest.split_once(' '))
            .and_then(|(count, _)| count.parse().ok())
            .unwrap();
        assert_eq!(self.contents().len(), contents, "{text}");
        assert_eq!(self.temporary(), Vec::<String>::new());
    }

    /// The names of the files in `blobs/tmp`.
    pub(crate) fn temporary(&self) -> Vec<String> {
        files(&self.state().join("blobs/tmp"))
    }

    /// The names of the contents on disk.
    pub(crate) fn contents(&self) -> BTreeSet<String> {
        let all = self.state().join("blobs/sha256");
        files(&all)
            .iter()
            .flat_map(|two| files(&all.join(two)))
            .collect()
    }

    pub(crate) fn content_path(&self, content: &[u8]) -> PathBuf {
        let digest = digest(content);
        let hex = digest.strip_prefix("sha256:").unwrap();
        self.state().join("blobs/sha256").join(&hex[..2]).join(hex)
    }
}

fn files(folder: &Path) -> Vec<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

pub(crate) fn path(name: &str) -> String {
    format!("/blobs/{name}")
}

pub(crate) fn digest(content: &[u8]) -> String {
    let digest = ick_core::digest::Digest::from_bytes(Sha256::digest(content).into());
    digest.to_string()
}

/// Bytes that do not repeat soon.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        bytes.extend((state >> 11).to_le_bytes().iter().take(6));
    }
    bytes.truncate(len);
    bytes
}

pub(crate) fn wait_until(what: &str, fact: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !fact() {
        assert!(Instant::now() < deadline, "it did not come about: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Reads an answer's body, which is too large to keep, and gives its digest and size.
pub(crate) fn digest_of(reader: &mut impl Read) -> (String, u64) {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        let n = reader.read(&mut piece).unwrap();
        if n == 0 {
            break;
        }
        hasher.update(&piece[..n]);
        size += n as u64;
    }
    let digest = ick_core::digest::Digest::from_bytes(hasher.finalize().into());
    (digest.to_string(), size)
}
