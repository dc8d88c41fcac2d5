//! CRC-32 as in IEEE 802.3 and zlib, sixteen bytes at a time ("slicing"): a log of 300 MB must not wait
//! for it.

const SLICES: usize = 16;

static TABLES: [[u32; 256]; SLICES] = tables();

const fn tables() -> [[u32; 256]; SLICES] {
    let mut tables = [[0; 256]; SLICES];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut slice = 1;
    while slice < SLICES {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[slice - 1][byte];
            tables[slice][byte] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            byte += 1;
        }
        slice += 1;
    }
    tables
}

/// The checksum of bytes that are given part by part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crc(u32);

impl Crc {
    pub(super) const fn new() -> Self {
        Self(!0)
    }

    #[must_use]
    pub(super) fn and(self, bytes: &[u8]) -> Self {
        let mut crc = self.0;
        let (blocks, rest) = bytes.as_chunks::<SLICES>();
        for block in blocks {
            let mut block = *block;
            for (byte, of_crc) in block.iter_mut().zip(crc.to_le_bytes()) {
                *byte ^= of_crc;
            }
            crc = 0;
            for (place, byte) in block.iter().enumerate() {
                crc ^= TABLES[SLICES - 1 - place][usize::from(*byte)];
            }
        }
        for byte in rest {
            crc = (crc >> 8) ^ TABLES[0][usize::from((crc as u8) ^ byte)];
        }
        Self(crc)
    }

    pub(super) const fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard_whole_and_in_parts() {
        assert_eq!(Crc::new().and(b"123456789").value(), 0xCBF4_3926);
        let long: Vec<u8> = (0..1000_u32).map(|n| (n * 7 % 251) as u8).collect();
        let whole = Crc::new().and(&long).value();
        for cut in [0, 1, 15, 16, 17, 999] {
            let parts = Crc::new().and(&long[..cut]).and(&long[cut..]).value();
            assert_eq!(parts, whole, "{cut}");
        }
    }
}
