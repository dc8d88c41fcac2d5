//! What an action in a container tries in vain, in the worker's own root and in a system tree.

use crate::build::{Build, long_time, runs, sleepers};
use crate::network::can_have_a_network;
use crate::ordinary_user::has_ids;
use crate::trees::populated;
use ick_core::build::CauseKind;
use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A build without a tree, and one with, where such can be made.
fn builds() -> Vec<Build> {
    let own = Build::new();
    let mut builds = vec![own];
    if has_ids() {
        builds.push(populated());
    }
    builds
}

/// A process of the worker's user, for the time of a test.
struct Bystander(Child);

impl Bystander {
    fn new() -> Self {
        let sleep = Command::new("sleep")
            .arg(long_time())
            .stdin(Stdio::null())
            .spawn();
        Self(sleep.unwrap())
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn no_process_outside_is_seen_or_signalled() {
    let bystander = Bystander::new();
    let pid = bystander.0.id();
    for build in builds() {
        let script = format!(
            "for pid in {pid} {own}; do\n\
             kill -9 $pid 2>/dev/null && echo signalled\n[ -e /proc/$pid ] && echo seen\ndone\n\
             # The shell itself would be among them.\n\
             trap '' TERM\nkill -TERM -1 || :\necho done",
            own = std::process::id()
        );
        let said = build.stdout(build.in_container(&script));
        assert_eq!(said, "done\n");
        assert!(runs(pid));
    }
}

#[test]
fn nothing_is_written_but_where_it_may() {
    for build in builds() {
        let script = r"
for at in / /* /etc/* /usr/* /usr/bin/bash /proc/sys/kernel/* /proc/sysrq-trigger /run/ick/script; do
    case $at in /workspace | /tmp | /dev | /proc) continue ;; esac
    if [ -d $at ] && [ ! -L $at ]; then at=$at/x; fi
    if : 2>/dev/null >>$at; then echo $at; fi
done
for at in /workspace /tmp /dev/shm /home/build; do : >$at/x; done
echo done
";
        assert_eq!(build.stdout(build.in_container(script)), "done\n");
    }
}

#[test]
fn neither_network_nor_sockets_of_the_host_are_reached() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    let name = format!("ick-test-{}-{port}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let build = Build::new();
    let script = format!(
        r#"
import socket
def reached(kind, address):
    one = socket.socket(kind)
    one.settimeout(5)
    try:
        one.connect(address)
        return True
    except OSError:
        return False
print(reached(socket.AF_UNIX, "\0{name}"), reached(socket.AF_INET, ("127.0.0.1", {port})))
"#
    );
    let mut request = build.python(&script);
    assert_eq!(
        build.stdout(request.clone()),
        "True True\n",
        "from the host"
    );
    request.place = ick_core::build::Place::Container;
    request.action_id = "inside".to_owned();
    assert_eq!(build.stdout(request.clone()), "False False\n");
    // Nor with a network, which leads out only.
    if can_have_a_network() {
        request.network = true;
        request.action_id = "with-network".to_owned();
        assert_eq!(build.stdout(request), "False False\n");
    }
}

#[test]
fn no_other_build_and_nothing_of_the_workers_is_read() {
    for build in builds() {
        let state = build.state().to_owned();
        let secret = state.join("secret");
        fs::write(&secret, "needle").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
        let other = build.engine.open_run(4, "other").unwrap();
        fs::write(other.workspace().join("secret"), "needle").unwrap();
        let script = format!(
            "for file in {0}/secret {0}/runs/4/other/workspace/secret /proc/1/root{0}/secret \
             /proc/self/root{0}/secret; do\ncat $file 2>/dev/null && echo read\ndone\n\
             cat /proc/1/environ 2>/dev/null\necho done",
            state.display()
        );
        assert_eq!(build.stdout(build.in_container(&script)), "done\n");
        build.engine.remove_run(other).unwrap();
    }
}

#[test]
fn no_setuid_file_gives_a_capability() {
    let show = "/shown/id -u; cap=$(/shown/grep ^CapEff /proc/self/status); echo ${cap##*:}";
    let expected = "1000\n0000000000000000\n";
    if rustix::process::geteuid().is_root() {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for program in ["id", "grep"] {
            let copy = place.path().join(program);
            fs::copy(Path::new("/usr/bin").join(program), &copy).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o4755)).unwrap();
        }
        let build = Build::with(|config| config.visible = vec![place.path().to_owned()]);
        let script = show.replace("/shown", &place.path().display().to_string());
        assert_eq!(build.stdout(build.in_container(&script)), expected);
    }
    if has_ids() {
        // The tree has such files of its root's.
        let build = populated();
        let script = show.replace("/shown", "/setuid");
        assert_eq!(build.stdout(build.in_container(&script)), expected);
    }
}

#[test]
fn nothing_stays_of_a_tree_s_processes() {
    if !has_ids() {
        return;
    }
    let build = populated();
    let time = long_time();
    let script = format!("sleep {time} & (sleep {time} &) ; echo done");
    assert_eq!(build.stdout(build.in_container(&script)), "done\n");
    assert!(sleepers(&time).is_empty());
}

#[test]
fn a_project_gets_no_more_than_the_worker_allows() {
    let build = Build::with(|config| {
        config.allows = ick_api::controller::Allows {
            host: false,
            chroot: false,
            network: false,
        };
    });
    let mut chroot = build.shell("true");
    chroot.place = ick_core::build::Place::Chroot;
    let mut network = build.in_container("true");
    network.network = true;
    for (request, setting) in [
        (build.shell("true"), "`allow_host: true`"),
        (build.python("1"), "`allow_host: true`"),
        (chroot, "`allow_chroot: true`"),
        (network, "`allow_network: true`"),
    ] {
        let (kind, why) = build.refusal(request);
        assert_eq!(kind, CauseKind::NotAllowed);
        assert!(why.contains(setting), "{why}");
    }
    assert_eq!(build.stdout(build.in_container("echo still")), "still\n");
}
