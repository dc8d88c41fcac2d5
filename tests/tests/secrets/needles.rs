//! The secrets that are looked for, in every form in which they could be written.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::HashMap;

/// How many bytes of a form are looked up at a time. Every form has at least so many.
const PREFIX: usize = 12;

/// Secrets, each in many forms, which are all looked for in one walk through a text.
#[derive(Default)]
pub(crate) struct Needles {
    /// By their first bytes: what the secret is, and the whole form.
    forms: HashMap<u128, Vec<(String, Vec<u8>)>>,
    /// Which last two bytes of a prefix there are at all.
    ends: HashMap<u16, ()>,
}

impl Needles {
    /// Adds a secret text; `what` says in a failure which it was.
    pub(crate) fn add(&mut self, what: &str, secret: &str) {
        let url: String = secret.bytes().map(percent).collect();
        let all: String = secret.bytes().map(|b| format!("%{b:02X}")).collect();
        self.form(what, "URL-encoded", url.into_bytes());
        self.form(what, "URL-encoded throughout", all.into_bytes());
        self.add_bytes(what, secret.as_bytes());
    }

    /// Adds secret bytes.
    pub(crate) fn add_bytes(&mut self, what: &str, secret: &[u8]) {
        self.form(what, "as it is", secret.to_vec());
        let hex: String = secret.iter().map(|b| format!("{b:02x}")).collect();
        self.form(what, "in upper-case hex", hex.to_uppercase().into_bytes());
        self.form(what, "in hex", hex.into_bytes());
        // In the middle of something else, base64 has one of three forms.
        for before in 0..3 {
            let padded = [&vec![0; before], secret].concat();
            for text in [
                STANDARD_NO_PAD.encode(&padded),
                URL_SAFE_NO_PAD.encode(&padded),
            ] {
                let from = (before * 8).div_ceil(6);
                let whole = padded.len() * 8 / 6;
                let inner = text.as_bytes()[from..whole].to_vec();
                self.form(what, "in base64", inner);
            }
        }
    }

    fn form(&mut self, what: &str, how: &str, form: Vec<u8>) {
        assert!(form.len() >= PREFIX, "{what} is too short to be looked for");
        let prefix = number(&form[..PREFIX]);
        self.ends.insert(end(prefix), ());
        let forms = self.forms.entry(prefix).or_default();
        if !forms.iter().any(|(_, known)| *known == form) {
            forms.push((format!("{what}, {how}"), form));
        }
    }

    /// Which secrets are in a text.
    pub(crate) fn found_in(&self, text: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let mut window = 0;
        for (at, byte) in text.iter().enumerate() {
            window = ((window << 8) | u128::from(*byte)) & MASK;
            if at + 1 < PREFIX || !self.ends.contains_key(&end(window)) {
                continue;
            }
            for (what, form) in self.forms.get(&window).into_iter().flatten() {
                if text[at + 1 - PREFIX..].starts_with(form) && !found.contains(what) {
                    found.push(what.clone());
                }
            }
        }
        found
    }
}

const MASK: u128 = (1 << (8 * PREFIX)) - 1;

fn number(prefix: &[u8]) -> u128 {
    prefix
        .iter()
        .fold(0, |all, byte| (all << 8) | u128::from(*byte))
}

fn end(window: u128) -> u16 {
    u16::try_from(window & 0xffff).unwrap_or_default()
}

fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[test]
fn every_form_is_found_and_nothing_else() {
    let secret = "correct/horse+battery=staple";
    let mut needles = Needles::default();
    needles.add("it", secret);
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    for text in [
        secret.to_owned(),
        format!("before {secret} after"),
        hex.to_uppercase(),
        hex,
        "correct%2Fhorse%2Bbattery%3Dstaple".to_owned(),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(format!("me:{secret}")),
        STANDARD_NO_PAD.encode(format!("m:{secret}")),
        STANDARD_NO_PAD.encode(format!("you:{secret} and more")),
    ] {
        assert_eq!(needles.found_in(text.as_bytes()).len(), 1, "{text}");
    }
    for text in ["", "correct/horse+battery", "orrect/horse+battery=staple"] {
        assert_eq!(needles.found_in(text.as_bytes()), [""; 0], "{text}");
    }
}
