// Self-attention: queries, keys and values stand side by side, and a sequence goes through itself.

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read> coordinates: array<u32>;

fn own_offset(sequence: u32) -> u32 {
    return offsets[sequence];
}

fn other_offset(sequence: u32) -> u32 {
    return offsets[sequence];
}

// Where a row of q, k or v begins.
fn row_of(part: u32, row: u32) -> u32 {
    return (3u * row + part) * p.width;
}
