//! The ids that describe packed rows, for cases.

/// What [`limbeck_engine::Packed`] uploads, on the host.
pub struct PackedIds {
    /// First row of each sequence, and the number of rows: `[sequences + 1]`.
    pub offsets: Vec<u32>,
    /// (sample, position) of each row: `[rows, 2]`.
    pub coordinates: Vec<u32>,
    /// (sample, 0) of each sequence: `[sequences, 2]`.
    pub samples: Vec<u32>,
}

/// The ids of sequences of these lengths. The first sample is number 5, as in a later part of a
/// batch: sequence and sample must not be taken for each other.
pub fn packed_ids(lengths: &[usize]) -> PackedIds {
    let mut ids = PackedIds {
        offsets: vec![0],
        coordinates: Vec::new(),
        samples: Vec::new(),
    };
    for (sample, &length) in (5..).zip(lengths) {
        let rows = (0..length as u32).flat_map(|position| [sample, position]);
        ids.coordinates.extend(rows);
        ids.offsets.push(ids.coordinates.len() as u32 / 2);
        ids.samples.extend([sample, 0]);
    }
    ids
}
