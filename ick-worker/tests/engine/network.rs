//! `network: true`: outbound only.

use crate::build::Build;
use ick_core::build::CauseKind;
use rustix::fs::Access;
use std::net::{TcpListener, UdpSocket};

/// Whether this machine has a way out that a container could be given.
fn has_route() -> bool {
    // Connecting a datagram socket sends nothing; it only looks for a route.
    UdpSocket::bind("0.0.0.0:0").is_ok_and(|socket| socket.connect("192.0.2.1:9").is_ok())
}

/// Whether a container can be given a network here.
pub(crate) fn can_have_a_network() -> bool {
    let usable = Access::READ_OK | Access::WRITE_OK;
    has_route() && rustix::fs::access("/dev/net/tun", usable).is_ok()
}

#[test]
fn a_container_gets_an_interface_but_not_the_hosts_loopback() {
    if !has_route() {
        eprintln!("no network here: only the refusal can be tried");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let build = Build::new();
    if !can_have_a_network() {
        let mut request = build.in_container("true");
        request.network = true;
        assert_eq!(build.refusal(request).0, CauseKind::NotAllowed);
        return;
    }
    let script = format!(
        "tail -n +3 /proc/net/dev | grep -vc ' *lo:'; grep -c ^nameserver /etc/resolv.conf; \
         if 2>/dev/null : </dev/tcp/127.0.0.1/{port}; then echo reached; else echo none; fi; \
         id -u; awk '/^CapEff/ {{ print $2 }}' /proc/self/status; \
         if ip link set lo down 2>/dev/null; then echo changed; else echo fixed; fi"
    );
    let mut request = build.in_container(&script);
    request.network = true;
    let done = build.execute(request);
    assert_eq!(
        done.stdout(),
        "1\n1\nnone\n1000\n0000000000000000\nfixed\n",
        "{} {:?} (needs the Debian package passt or slirp4netns)",
        done.text(),
        done.outcome.cause
    );
}
