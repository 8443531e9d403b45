// What the update kernels read besides their vectors. Each workgroup updates one block of 256.

// Per block: first element in the values, first element in the gradients and moments, bits of
// the learning-rate scale, bits of the weight decay.
@group(0) @binding(0) var<storage, read> table: array<vec4<u32>>;
// Whether a gradient was not finite, bits of the norm, bits of the clipping factor.
@group(0) @binding(1) var<storage, read> state: array<u32>;

fn may_update(block: u32, blocks: u32) -> bool {
    return block < blocks && state[0] == 0u;
}

fn clipping_factor() -> f32 {
    return bitcast<f32>(state[2]);
}
