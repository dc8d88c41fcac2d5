//! A real sshd on loopback, with a configuration, keys and a port of its own.

use ick_worker::actions::GitSettings;
use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Root's sshd wants a folder in /run, and an account that is not locked: in a mount namespace of its own
/// it has both.
const AS_ROOT: &str = "mount -t tmpfs tmpfs /run && mkdir /run/sshd && chmod 755 /run /run/sshd && \
                       mount --bind \"$1\" /etc/shadow && exec \"$2\" -i -e -f \"$3\"";

/// A server that one key may log in to, as the user who runs the test.
pub(crate) struct Sshd {
    folder: tempfile::TempDir,
    port: u16,
    ended: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Sshd {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// With more lines of configuration.
    pub(crate) fn with(lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for key in ["host", "client", "stranger"] {
            make_key(&at(key));
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        fs::copy(at("client.pub"), at("authorized")).unwrap();
        fs::write(at("shadow"), "root:*:20000:0:99999:7:::\n").unwrap();
        let host_key = fs::read_to_string(at("host.pub")).unwrap();
        fs::write(at("known"), format!("[127.0.0.1]:{port} {host_key}")).unwrap();
        let here = folder.path().display();
        let config = format!(
            "HostKey {here}/host\nAuthorizedKeysFile {here}/authorized\nStrictModes no\nUsePAM no\n\
             PidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             Subsystem sftp internal-sftp\n{lines}"
        );
        fs::write(at("config"), config).unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let accepting = {
            let (ended, folder) = (Arc::clone(&ended), folder.path().to_owned());
            std::thread::spawn(move || accept(&listener, &folder, &ended))
        };
        Self {
            folder,
            port,
            ended,
            accepting: Some(accepting),
        }
    }

    /// `user@host` as ssh knows it, and the port.
    pub(crate) fn place(&self) -> (String, u16) {
        let user = Command::new("id").arg("-un").output().unwrap();
        let user = String::from_utf8(user.stdout).unwrap();
        (format!("{}@127.0.0.1", user.trim()), self.port)
    }

    /// A target for rsync.
    pub(crate) fn target(&self, path: &Path) -> String {
        let (place, port) = self.place();
        format!("ssh://{place}:{port}{}", path.display())
    }

    /// How a worker is known to it, and it to the worker.
    pub(crate) fn settings(&self) -> GitSettings {
        GitSettings {
            allow_file: false,
            ssh_key: Some(self.file("client")),
            ssh_known_hosts: Some(self.file("known")),
        }
    }

    /// A file of its folder: `stranger` is a key that may not log in.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn make_key(path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .output()
        .expect("ssh-keygen is missing: install the Debian package openssh-client");
    assert!(made.status.success(), "{made:?}");
}

/// Has a process for each connection, as inetd does, until it is ended; ends these then.
fn accept(listener: &TcpListener, folder: &Path, ended: &AtomicBool) {
    let mut children: Vec<(Child, TcpStream)> = Vec::new();
    for stream in listener.incoming() {
        if ended.load(Ordering::SeqCst) {
            break;
        }
        let stream = stream.unwrap();
        let child = serve(&stream, folder);
        children.push((child, stream));
    }
    for (mut child, stream) in children {
        let _ = stream.shutdown(Shutdown::Both);
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn serve(stream: &TcpStream, folder: &Path) -> Child {
    let end = || OwnedFd::from(stream.try_clone().unwrap());
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    let sshd = sshd();
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("unshare");
        command
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-euc",
                AS_ROOT,
                "sh",
            ])
            .arg(folder.join("shadow"))
            .arg(sshd)
            .arg(folder.join("config"));
        command
    } else {
        let mut command = Command::new(&sshd);
        command
            .arg0(&sshd)
            .args(["-i", "-e", "-f"])
            .arg(folder.join("config"));
        command
    };
    command
        .stdin(Stdio::from(end()))
        .stdout(Stdio::from(end()))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|why| match why.kind() {
            ErrorKind::NotFound => {
                panic!("unshare is missing: install the Debian package util-linux")
            }
            _ => panic!("cannot start sshd: {why}"),
        })
}

/// sshd wants to be called by its whole path. Ordinary users do not have its folder in PATH.
fn sshd() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join("sshd"))
        .find(|file| file.is_file())
        .expect("sshd is missing: install the Debian package openssh-server")
}
