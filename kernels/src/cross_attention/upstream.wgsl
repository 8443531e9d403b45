// What the backward pass reads besides, and what it writes.

@group(0) @binding(5) var<storage, read> dy: array<f32>;
// lse and D of every row and head, side by side.
@group(0) @binding(6) var<storage, read> lse_and_d: array<f32>;
@group(0) @binding(7) var<storage, read_write> grad: array<f32>;

fn element(part: u32, row: u32, column: u32) -> f32 {
    if part == DY {
        return dy[row * p.width + column];
    }
    return input(part, row, column);
}

fn gradient_row(part: u32, row: u32) -> u32 {
    return row_of(part, row);
}

// lse and D of a query; beyond the sequence the last one's, which nobody uses.
fn per_query(rows: Sequence, head: u32, position: u32) -> vec2<f32> {
    let row = rows.start + min(position, rows.length - 1u);
    let at = 2u * (row * p.heads + head);
    return vec2<f32>(lse_and_d[at], lse_and_d[at + 1u]);
}
