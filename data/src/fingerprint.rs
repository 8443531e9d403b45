//! Fingerprints as they are written into files, and how they are made.

use limbeck_engine::Fingerprint;
use serde::{Deserialize, Deserializer, Serializer};
use sha2::{Digest, Sha256};

/// The first 8 bytes of the SHA-256 of a list of byte strings, each preceded by its length.
pub(crate) fn of_strings<'a>(strings: impl IntoIterator<Item = &'a [u8]>) -> Fingerprint {
    let mut hash = Sha256::new();
    for bytes in strings {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    let digest = hash.finalize();
    Fingerprint(
        digest
            .iter()
            .take(8)
            .fold(0, |value, &byte| (value << 8) | u64::from(byte)),
    )
}

/// Sixteen hexadecimal digits, since JSON numbers lose bits beyond 2^53 in many readers.
pub(crate) fn serialize<S: Serializer>(
    fingerprint: &Fingerprint,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:016x}", fingerprint.0))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Fingerprint, D::Error> {
    let digits = String::deserialize(deserializer)?;
    u64::from_str_radix(&digits, 16)
        .map(Fingerprint)
        .map_err(serde::de::Error::custom)
}
