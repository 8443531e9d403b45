// A workgroup has rows of keys, and goes through the queries that see them.

fn own_offset(sequence: u32) -> u32 {
    return source_offsets[sequence];
}

fn other_offset(sequence: u32) -> u32 {
    return target_offsets[sequence];
}
