// Attention from target to source: queries are rows of the one, keys and values, side by side, rows
// of the other.

@group(0) @binding(0) var<storage, read> queries: array<f32>;
@group(0) @binding(1) var<storage, read> keys_values: array<f32>;
@group(0) @binding(2) var<storage, read> target_offsets: array<u32>;
@group(0) @binding(3) var<storage, read> coordinates: array<u32>;
@group(0) @binding(4) var<storage, read> source_offsets: array<u32>;

// Where a row of q, k or v begins.
fn row_of(part: u32, row: u32) -> u32 {
    if part == Q {
        return row * p.width;
    }
    return (2u * row + part - K) * p.width;
}

fn input(part: u32, row: u32, column: u32) -> f32 {
    if part == Q {
        return queries[row_of(part, row) + column];
    }
    return keys_values[row_of(part, row) + column];
}
