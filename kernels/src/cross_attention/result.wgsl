// What the forward pass writes.

@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

fn element(part: u32, row: u32, column: u32) -> f32 {
    return input(part, row, column);
}
