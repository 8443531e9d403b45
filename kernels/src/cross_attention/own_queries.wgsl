// A workgroup has rows of queries, and goes through their keys.

fn own_offset(sequence: u32) -> u32 {
    return target_offsets[sequence];
}

fn other_offset(sequence: u32) -> u32 {
    return source_offsets[sequence];
}
