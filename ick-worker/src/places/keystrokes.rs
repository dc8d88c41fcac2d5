//! What keeps the processes of a container from typing at the terminal that they share with a person: a
//! filter of system calls (seccomp(2), bpf(4)) that refuses the two requests with which they could
//! (ioctl_tty(2): TIOCSTI, and TIOCLINUX on a console).

const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;

const LOAD_WORD: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_GREATER_OR_EQUAL: u16 = 0x35;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const REFUSE: u32 = 0x0005_0000;
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// Where the words of a system call are (`struct seccomp_data`).
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const SECOND_ARGUMENT: u32 = 24;

/// System calls from here on are those of another calling convention (x32).
const FOREIGN: u32 = 0x4000_0000;

/// The filter as bubblewrap takes it; none where this architecture's numbers are not known here.
pub(super) fn filter() -> Option<Vec<u8>> {
    let (architecture, ioctl) = match std::env::consts::ARCH {
        "x86_64" => (0xc000_003e, 16),
        "aarch64" => (0xc000_00b7, 29),
        _ => return None,
    };
    // Each with how many are skipped if so, and if not.
    let program = [
        (LOAD_WORD, 0, 0, ARCHITECTURE),
        (JUMP_IF_EQUAL, 0, 8, architecture),
        (LOAD_WORD, 0, 0, NUMBER),
        (JUMP_IF_GREATER_OR_EQUAL, 6, 0, FOREIGN),
        (JUMP_IF_EQUAL, 0, 3, ioctl),
        (LOAD_WORD, 0, 0, SECOND_ARGUMENT),
        (JUMP_IF_EQUAL, 2, 0, TIOCSTI),
        (JUMP_IF_EQUAL, 1, 0, TIOCLINUX),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE | EPERM),
        (RETURN, 0, 0, REFUSE | ENOSYS),
    ];
    let bytes = program
        .iter()
        .flat_map(|(code, so, not, operand): &(u16, u8, u8, u32)| {
            let [low, high] = code.to_ne_bytes();
            let [a, b, c, d] = operand.to_ne_bytes();
            [low, high, *so, *not, a, b, c, d]
        });
    Some(bytes.collect())
}
