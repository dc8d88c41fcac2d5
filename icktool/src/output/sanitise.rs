//! Makes text from elsewhere harmless to a terminal. A build's output is written by whoever wrote the
//! code being built; a terminal obeys what it prints. Colour (SGR, ECMA-48 8.3.117) goes through,
//! other well-formed control sequences are dropped, what is left of control characters is shown in
//! caret notation, a lone carriage return becomes a line end, and bytes that are no UTF-8 become
//! U+FFFD.

/// The longest control string that is waited for; a longer one is shown as text, so that one that
/// never ends cannot hide the rest of a log.
const LONGEST: usize = 4096;

const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();
const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// Plain text.
    Text,
    /// After a carriage return.
    LineFeed,
    /// After ESC.
    Introducer,
    /// Inside a control sequence: parameters, intermediates, final byte.
    Sequence,
    /// Inside an operating system command or another control string.
    Text7Bit,
    /// Inside a control string, after ESC.
    Terminator,
    /// Inside a character of so many more bytes.
    Character(u8),
}

/// A filter that bytes are pushed through, cut wherever they may be.
#[derive(Debug)]
pub struct Sanitiser {
    colour: bool,
    coloured: bool,
    expect: Expect,
    held: Vec<u8>,
}

impl Sanitiser {
    /// A filter that lets colour through, or drops it.
    pub fn new(colour: bool) -> Self {
        Self {
            colour,
            coloured: false,
            expect: Expect::Text,
            held: Vec::new(),
        }
    }

    /// Filters `bytes` and appends what is left to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len());
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.expect == Expect::Text {
                let plain = rest.iter().take_while(|b| is_plain(**b)).count();
                out.extend_from_slice(&rest[..plain]);
                rest = &rest[plain..];
            }
            if let Some((byte, after)) = rest.split_first() {
                self.step(*byte, out);
                rest = after;
            }
        }
    }

    /// What was held back at the end of the text.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match self.expect {
            Expect::Text => {}
            Expect::LineFeed => out.push(b'\n'),
            Expect::Character(_) => out.extend_from_slice(REPLACEMENT),
            _ => self.show_held(out),
        }
        self.held.clear();
        self.expect = Expect::Text;
    }

    /// Whether the text so far left a colour on.
    pub fn is_coloured(&self) -> bool {
        self.coloured
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.expect {
            Expect::Text => self.begin(byte, out),
            Expect::LineFeed => {
                out.push(b'\n');
                self.expect = Expect::Text;
                if byte != b'\n' {
                    self.begin(byte, out);
                }
            }
            Expect::Introducer => match byte {
                b'[' => self.hold(byte, Expect::Sequence, out),
                b']' | b'P' | b'X' | b'^' | b'_' => self.hold(byte, Expect::Text7Bit, out),
                _ => self.give_up(byte, out),
            },
            Expect::Sequence => match byte {
                0x20..=0x3f => self.hold(byte, Expect::Sequence, out),
                0x40..=0x7e => {
                    self.held.push(byte);
                    self.end_sequence(out);
                }
                _ => self.give_up(byte, out),
            },
            Expect::Text7Bit => match byte {
                BEL => self.drop_held(),
                ESC => self.hold(byte, Expect::Terminator, out),
                b'\n' => self.give_up(byte, out),
                _ => self.hold(byte, Expect::Text7Bit, out),
            },
            Expect::Terminator => match byte {
                b'\\' => self.drop_held(),
                _ => self.give_up(byte, out),
            },
            Expect::Character(more) => {
                if byte & 0xc0 == 0x80 {
                    self.held.push(byte);
                    if more > 1 {
                        self.expect = Expect::Character(more - 1);
                    } else {
                        self.end_character(out);
                    }
                } else {
                    out.extend_from_slice(REPLACEMENT);
                    self.drop_held();
                    self.begin(byte, out);
                }
            }
        }
    }

    fn begin(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            ESC => self.hold(byte, Expect::Introducer, out),
            b'\r' => self.expect = Expect::LineFeed,
            _ if is_plain(byte) => out.push(byte),
            0..=0x1f | 0x7f => show(byte, out),
            0xc2..=0xdf => self.hold(byte, Expect::Character(1), out),
            0xe0..=0xef => self.hold(byte, Expect::Character(2), out),
            0xf0..=0xf4 => self.hold(byte, Expect::Character(3), out),
            _ => out.extend_from_slice(REPLACEMENT),
        }
    }

    fn hold(&mut self, byte: u8, then: Expect, out: &mut Vec<u8>) {
        self.held.push(byte);
        self.expect = then;
        if self.held.len() > LONGEST {
            self.show_held(out);
        }
    }

    fn drop_held(&mut self) {
        self.held.clear();
        self.expect = Expect::Text;
    }

    /// Shows what turned out to be no control sequence, and goes on with `byte`.
    fn give_up(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.show_held(out);
        self.begin(byte, out);
    }

    fn show_held(&mut self, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        for chunk in held.utf8_chunks() {
            for c in chunk.valid().chars() {
                show_character(c, out);
            }
            if !chunk.invalid().is_empty() {
                out.extend_from_slice(REPLACEMENT);
            }
        }
        self.expect = Expect::Text;
    }

    fn end_sequence(&mut self, out: &mut Vec<u8>) {
        let parameters = self.held.get(2..self.held.len() - 1).unwrap_or_default();
        let is_colour = self.held.ends_with(b"m")
            && parameters
                .iter()
                .all(|b| matches!(b, b'0'..=b'9' | b';' | b':'));
        if is_colour && self.colour {
            self.coloured = !parameters.iter().all(|b| matches!(b, b'0' | b';'));
            out.extend_from_slice(&self.held);
        }
        self.drop_held();
    }

    fn end_character(&mut self, out: &mut Vec<u8>) {
        match std::str::from_utf8(&self.held) {
            Ok(text) => text.chars().for_each(|c| show_character(c, out)),
            Err(_) => out.extend_from_slice(REPLACEMENT),
        }
        self.drop_held();
    }
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\t' | 0x20..=0x7e)
}

fn show(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'^', byte ^ 0x40]);
}

fn show_character(c: char, out: &mut Vec<u8>) {
    match c {
        '\n' | '\t' => out.push(c as u8),
        '\0'..='\x1f' | '\x7f' => show(c as u8, out),
        // C1 control characters: some terminals obey them like ESC and a letter.
        '\u{80}'..='\u{9f}' => out.extend_from_slice(REPLACEMENT),
        _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// A text from elsewhere, harmless, as one line without colour: for tables and messages.
pub fn line(text: &str) -> String {
    block(text).replace(['\n', '\t'], " ")
}

/// A text from elsewhere, harmless, without colour; its lines stay.
pub fn block(text: &str) -> String {
    let mut filter = Sanitiser::new(false);
    let mut out = Vec::new();
    filter.push(text.as_bytes(), &mut out);
    filter.finish(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(text: &[u8], cut: usize) -> String {
        let mut filter = Sanitiser::new(true);
        let mut out = Vec::new();
        let (first, second) = text.split_at(cut.min(text.len()));
        filter.push(first, &mut out);
        filter.push(second, &mut out);
        filter.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn by_table_and_however_it_is_cut() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain\ttext\n", "plain\ttext\n"),
            ("Grüße, 世界 🎉\n".as_bytes(), "Grüße, 世界 🎉\n"),
            (b"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
            (b"\x1b[38:5:9mred\x1b[m", "\x1b[38:5:9mred\x1b[m"),
            (
                b"gcc\x1b[K: \x1b[01m\x1b[Kerror\x1b[m",
                "gcc: \x1b[01merror\x1b[m",
            ),
            (b"\x1b[2J\x1b[Hgone", "gone"),
            (b"\x1b[?1049hother screen", "other screen"),
            (b"\x1b[>4;1mnot colour", "not colour"),
            (b"\x1b]0;title\x07text", "text"),
            (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            (b"\x1bPq#0\x1b\\after", "after"),
            (b"\x1b]0;never ends\nnext", "^[]0;never ends\nnext"),
            (b"\x1bcreset", "^[creset"),
            (b"cut \x1b[3", "cut ^[[3"),
            (b"10%\r20%\r\nend\r", "10%\n20%\nend\n"),
            (
                b"bell\x07 back\x08 nul\0 del\x7f",
                "bell^G back^H nul^@ del^?",
            ),
            (b"\xff\xfe bad \xc3", "\u{FFFD}\u{FFFD} bad \u{FFFD}"),
            (b"\xe4\xb8x", "\u{FFFD}x"),
            (b"\xed\xa0\x80surrogate", "\u{FFFD}surrogate"),
            ("c1 \u{9b}2J".as_bytes(), "c1 \u{FFFD}2J"),
        ];
        for (text, expected) in cases {
            for cut in 0..=text.len() {
                assert_eq!(filtered(text, cut), *expected, "{text:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_control_string_without_end_hides_nothing() {
        let mut text = b"\x1b]0;".to_vec();
        text.resize(3 * LONGEST, b'x');
        let shown = filtered(&text, 0);
        assert_eq!(shown.len(), text.len() + 1);
        assert!(shown.starts_with("^[]0;xxx"));
    }

    #[test]
    fn no_escape_but_colour_ever_comes_out() {
        // Every pair and triple of the bytes that matter.
        let bytes = [
            ESC, b'[', b']', b'm', b'1', b'J', BEL, b'\\', b'\r', b'\n', 0x9b, 0xc2, b'?',
        ];
        for a in bytes {
            for b in bytes {
                for c in bytes {
                    for d in bytes {
                        let shown = filtered(&[a, b, c, d], 0);
                        let rest = shown.replace("\x1b[m", "").replace("\x1b[1m", "");
                        assert!(
                            !rest.contains(['\x1b', '\r', '\x07', '\u{9b}']),
                            "{shown:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_colour_left_on_is_known() {
        let mut filter = Sanitiser::new(true);
        let mut out = Vec::new();
        filter.push(b"\x1b[31mred", &mut out);
        assert!(filter.is_coloured());
        filter.push(b"\x1b[0m", &mut out);
        assert!(!filter.is_coloured());
        assert_eq!(line("a\nb\x1b[31mc\td"), "a bc d");
    }
}
