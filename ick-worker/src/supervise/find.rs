//! Finding the supervisor of an action whose worker was another process.

use rustix::process::Pid;
use std::fs;
use std::path::Path;

/// The supervisor of an action: the process whose command ends with `supervise` and the folder, and
/// which leads its session. Not one in a container, which can have any command.
pub(crate) fn supervisor(folder: &Path) -> Option<Pid> {
    let own = fs::read_link("/proc/self/ns/pid").ok()?;
    let ending = [b"supervise\0", folder.as_os_str().as_encoded_bytes(), b"\0"].concat();
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        if !command.ends_with(&ending) {
            return None;
        }
        if fs::read_link(entry.path().join("ns/pid")).ok()? != own {
            return None;
        }
        let pid = Pid::from_raw(pid)?;
        let session = rustix::process::getsid(Some(pid)).ok()?;
        (session == pid).then_some(pid)
    })
}
