// The largest product of a column over the edges into a target, and the first edge that has it.

struct Parameters { count: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read> sources: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> winners: array<u32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(256)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = workgroup_index(group, groups) * 256u + lane;
    if i >= p.count {
        return;
    }
    let row = i / p.columns;
    let column = i % p.columns;
    var largest = 0.0;
    var winner = 0xffffffffu;
    // Below the place of every number.
    var highest = 0u;
    for (var e = offsets[row]; e < offsets[row + 1u]; e++) {
        let product = weights[e] * x[sources[e] * p.columns + column];
        let place = order(product);
        if place > highest {
            highest = place;
            largest = product;
            winner = e;
        }
    }
    y[i] = largest;
    winners[i] = winner;
}
