//! `network: true`: an outbound network for a container, by pasta or slirp4netns.
//!
//! The process that becomes bubblewrap makes user and network namespaces as the slot's user and waits
//! there; the helper, as the same user outside, gives the namespace its interface; then bubblewrap
//! starts inside, in a user namespace of its own below. The host's loopback cannot be reached.

use super::bubblewrap::Bubblewrap;
use super::namespace::{self, said};
use super::root;
use super::tools::Attach;
use crate::beneath;
use crate::engine::{CONTAINER_UID, cannot, cause};
use crate::supervise::fork::leave;
use ick_core::build::{Cause, CauseKind};
use rustix::fd::AsRawFd;
use rustix::fs::{Gid, OFlags, Uid};
use rustix::io::FdFlags;
use rustix::pipe::PipeFlags;
use rustix::process::{DumpableBehavior, Pid};
use rustix::thread::UnshareFlags;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A container's network to be.
pub(super) struct Network<'a> {
    pub(super) attach: &'a Attach,
    /// The user of a root worker's container; otherwise it is the worker's own.
    pub(super) host_id: Option<u32>,
}

/// The address at which the helper answers for the host's resolver.
pub(super) fn resolver(attach: &Attach) -> &'static str {
    match attach {
        Attach::Pasta(_) => "169.254.1.1",
        Attach::Slirp4netns(_) => "10.0.2.3",
    }
}

/// Where a container's resolv.conf has to be put so that it is found: the file itself, or where the
/// tree's link leads. None where nothing can be put, as what is bound from the tree is read-only, and where
/// an action could have put a link in the way.
pub(super) fn resolver_file(tree: Option<&Path>) -> Option<PathBuf> {
    let root = beneath::root(tree.unwrap_or(Path::new("/"))).ok()?;
    let file = Path::new("etc/resolv.conf");
    let there = beneath::open(&root, file, OFlags::PATH | OFlags::NOFOLLOW).ok()?;
    let place = match rustix::fs::readlinkat(&there, "", Vec::new()) {
        Ok(target) => without_dots(&Path::new("/etc").join(OsStr::from_bytes(target.as_bytes()))),
        Err(_) => Path::new("/").join(file),
    };
    let below = place.strip_prefix("/").ok()?;
    let top = below.iter().next()?.to_str()?;
    // Made for the container alone, but for what is Ick's own there.
    if top == "run" {
        let free = below.components().count() > 1 && !below.starts_with("run/ick");
        return free.then_some(place);
    }
    let plain = root::is_shown(tree, top) && root::is_plain_file(&root, below);
    plain.then_some(place)
}

fn without_dots(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut clean = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::ParentDir => {
                clean.pop();
            }
            Component::Normal(name) => clean.push(name),
            _ => {}
        }
    }
    clean
}

impl Network<'_> {
    /// Starts bubblewrap in namespaces that have a network.
    pub(super) fn start(&self, bubblewrap: Bubblewrap) -> Result<Pid, Cause> {
        namespace::start(
            "make a network for the container",
            || self.leave_the_host(),
            |pid| self.attach(pid),
            move || bubblewrap.become_it(),
        )
    }

    /// In the new process: makes the namespaces.
    fn leave_the_host(&self) -> io::Result<()> {
        rustix::process::setpgid(None, None)?;
        if let Some(id) = self.host_id {
            let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
            rustix::thread::set_thread_groups(&[])?;
            rustix::thread::set_thread_res_gid(gid, gid, gid)?;
            rustix::thread::set_thread_res_uid(uid, uid, uid)?;
            // The helper, which is the same user, opens this process's namespaces.
            rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?;
        }
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        leave(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)?;
        let map = |of: u32| format!("{CONTAINER_UID} {of} 1\n");
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", map(uid.as_raw()))?;
        fs::write("/proc/self/gid_map", map(gid.as_raw()))
    }

    fn attach(&self, pid: Pid) -> Result<(), Cause> {
        let pid = pid.as_raw_pid();
        let (mut command, name, ready) = match self.attach {
            Attach::Pasta(path) => {
                let mut command = Command::new(path);
                command.args(["--config-net", "--quiet", "--no-map-gw"]);
                command.args(["-t", "none", "-u", "none", "-T", "none", "-U", "none"]);
                command.args(["--dns-forward", resolver(self.attach)]);
                command.arg(pid.to_string());
                (command, "pasta", None)
            }
            Attach::Slirp4netns(path) => {
                let (ready, tell) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)
                    .map_err(|why| cannot("start slirp4netns", &why.into()))?;
                rustix::io::fcntl_setfd(&tell, FdFlags::empty())
                    .map_err(|why| cannot("start slirp4netns", &why.into()))?;
                let mut command = Command::new(path);
                command.args(["--configure", "--mtu=65520", "--disable-host-loopback"]);
                command.arg(format!("--ready-fd={}", tell.as_raw_fd()));
                command.arg(format!("--userns-path=/proc/{pid}/ns/user"));
                command.args([pid.to_string().as_str(), "tap0"]);
                (command, "slirp4netns", Some((ready, tell)))
            }
        };
        command
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(id) = self.host_id {
            command.uid(id).gid(id);
        }
        let starting = format!("start {name}");
        let mut child = command.spawn().map_err(|why| cannot(&starting, &why))?;
        let attached = match ready {
            // It goes into the background once the network is there.
            None => child.wait().map(|status| status.success()),
            Some((ready, tell)) => {
                drop(tell);
                said(&ready).map(|said| said == "1")
            }
        };
        if attached.map_err(|why| cannot(&starting, &why))? {
            return Ok(());
        }
        let _ = child.kill();
        let mut words = String::new();
        if let Some(mut errors) = child.stderr.take() {
            let _ = errors.read_to_string(&mut words);
        }
        let _ = child.wait();
        Err(cause(
            CauseKind::Internal,
            format!(
                "{name} could not make a network for the container: {}",
                words.trim()
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resolvers_place_by_table() -> io::Result<()> {
        let cases = [
            (None, Some("/etc/resolv.conf")),
            (Some("resolvconf/resolv.conf"), None),
            (
                Some("../run/systemd/resolve/stub-resolv.conf"),
                Some("/run/systemd/resolve/stub-resolv.conf"),
            ),
            (Some("/run/../run/./x"), Some("/run/x")),
            (Some("other"), Some("/etc/other")),
            (Some("/etc/link"), None),
            // What an action can write, or is Ick's own.
            (Some("/home/build/x"), None),
            (Some("/workspace/x"), None),
            (Some("/tmp/x"), None),
            (Some("/run"), None),
            (Some("/run/ick/script"), None),
            (Some("/"), None),
        ];
        for (link, expected) in cases {
            let tree = tempfile::tempdir()?;
            for folder in ["etc", "home/build", "workspace", "tmp", "run/ick"] {
                fs::create_dir_all(tree.path().join(folder))?;
            }
            for file in [
                "etc/other",
                "home/build/x",
                "workspace/x",
                "tmp/x",
                "run/ick/script",
            ] {
                fs::write(tree.path().join(file), "")?;
            }
            std::os::unix::fs::symlink("other", tree.path().join("etc/link"))?;
            let file = tree.path().join("etc/resolv.conf");
            match link {
                Some(link) => std::os::unix::fs::symlink(link, file)?,
                None => fs::write(file, "")?,
            }
            let place = resolver_file(Some(tree.path()));
            assert_eq!(place, expected.map(PathBuf::from), "{link:?}");
        }
        assert_eq!(resolver_file(Some(tempfile::tempdir()?.path())), None);
        Ok(())
    }
}
