// What the backward pass reads besides, and what it writes.

@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> d: array<f32>;
@group(0) @binding(6) var<storage, read_write> grad: array<f32>;

fn element(part: u32, row: u32, column: u32) -> f32 {
    if part == DY {
        return dy[row * p.width + column];
    }
    return qkv[row_of(part, row) + column];
}

fn gradient_row(part: u32, row: u32) -> u32 {
    return row_of(part, row);
}

// lse and D of a query; beyond the sequence the last one's, which nobody uses.
fn per_query(queries: Sequence, head: u32, position: u32) -> vec2<f32> {
    let row = queries.start + min(position, queries.length - 1u);
    return vec2<f32>(lse[row * p.heads + head], d[row * p.heads + head]);
}
