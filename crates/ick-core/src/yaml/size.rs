//! Sizes in bytes as people write them: `512KiB`, `1GiB`, `2GB`, `1000`.

/// A text that is not a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a size is written like 512KiB, 64MiB, 1GiB or a number of bytes")]
pub struct SizeError;

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads a size: a whole number and a unit of powers of 1000 (`kB`, `MB`, …) or 1024 (`KiB`, `MiB`, …).
///
/// # Errors
/// When the text has another form, or the size does not fit 64 bits.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let count: u64 = count.parse().map_err(|_| SizeError)?;
    UNITS
        .iter()
        .find(|(name, _)| *name == unit.trim_start())
        .and_then(|(_, size)| count.checked_mul(*size))
        .ok_or(SizeError)
}

/// Writes a size in the form that [`parse_size`] reads: in the largest unit of powers of 1024 that gives
/// a whole number.
pub fn format_size(size: u64) -> String {
    let binary = UNITS.iter().rev().filter(|(name, _)| name.ends_with("iB"));
    let (mut unit, mut length) = ("", 1);
    for (name, bytes) in binary {
        if size >= *bytes && size.is_multiple_of(*bytes) {
            (unit, length) = (name, *bytes);
            break;
        }
    }
    format!("{}{unit}", size / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_by_table() {
        for (text, size) in [
            ("0", Ok(0)),
            ("1000", Ok(1000)),
            ("1GiB", Ok(1 << 30)),
            ("64 MiB", Ok(64 << 20)),
            ("2GB", Ok(2_000_000_000)),
            ("", Err(SizeError)),
            ("GiB", Err(SizeError)),
            ("-1", Err(SizeError)),
            ("1.5GiB", Err(SizeError)),
            ("99999999TiB", Err(SizeError)),
        ] {
            assert_eq!(parse_size(text), size, "{text:?}");
        }
    }
    #[test]
    fn sizes_are_written_as_they_are_read() {
        for text in ["0", "1000", "1KiB", "1536KiB", "64MiB", "1GiB", "1024TiB"] {
            assert_eq!(parse_size(text).map(format_size).as_deref(), Ok(text));
        }
    }
}
