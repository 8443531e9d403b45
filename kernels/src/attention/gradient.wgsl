// What the two kernels of the backward pass share.

@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> d: array<f32>;
@group(0) @binding(6) var<storage, read_write> grad: array<f32>;

fn element(part: u32, row: u32, column: u32) -> f32 {
    if part == DY {
        return dy[row * p.width + column];
    }
    return qkv[(3u * row + part) * p.width + column];
}

// lse and D of a query; beyond the sequence the last one's, which nobody uses.
fn per_query(block: Block, position: u32) -> vec2<f32> {
    let row = block.start + min(position, block.length - 1u);
    return vec2<f32>(lse[row * p.heads + block.head], d[row * p.heads + block.head]);
}

// Writes or adds an invocation's sums to a part of the gradient.
fn store_gradient(
    lane: u32,
    block: Block,
    part: u32,
    sums: ptr<function, array<vec4<f32>, SUMS>>,
) {
    for (var r = 0u; r < 4u; r++) {
        let position = block.first + lane / 8u * 4u + r;
        let row = (3u * (block.start + position) + part) * p.width + block.head * p.head_size;
        for (var c = 0u; c < CHUNKS; c++) {
            let values = (*sums)[4u * c + r];
            for (var e = 0u; e < 4u; e++) {
                let column = 32u * c + lane % 8u * 4u + e;
                if position < block.length && column < p.head_size {
                    let before = select(0.0, grad[row + column], p.accumulate == 1u);
                    grad[row + column] = before + values[e];
                }
            }
        }
    }
}
