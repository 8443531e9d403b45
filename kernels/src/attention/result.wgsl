// What the forward pass writes.

@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;

fn element(part: u32, row: u32, column: u32) -> f32 {
    return qkv[row_of(part, row) + column];
}
