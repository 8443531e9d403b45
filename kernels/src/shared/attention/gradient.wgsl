// What the two kernels of the backward pass share. An operator defines besides: `per_query`, lse and
// D of a query; the binding of `grad`; and `gradient_row`, where a row of a part begins in it.

// Writes or adds an invocation's sums to a part of the gradient.
fn store_gradient(
    lane: u32,
    block: Block,
    part: u32,
    sums: ptr<function, array<vec4<f32>, SUMS>>,
) {
    for (var r = 0u; r < 4u; r++) {
        let position = block.first + lane / 8u * 4u + r;
        let row = gradient_row(part, block.own.start + position) + block.head * p.head_size;
        for (var c = 0u; c < CHUNKS; c++) {
            let values = (*sums)[4u * c + r];
            for (var e = 0u; e < 4u; e++) {
                let column = 32u * c + lane % 8u * 4u + e;
                if position < block.own.length && column < p.head_size {
                    let before = select(0.0, grad[row + column], p.accumulate == 1u);
                    grad[row + column] = before + values[e];
                }
            }
        }
    }
}
