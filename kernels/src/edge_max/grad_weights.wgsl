// dw_e = (dw_e +) Σ x dy over the columns that the edge won; a workgroup of 64 takes an edge.

struct Parameters { edges: u32, columns: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> sources: array<u32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read> winners: array<u32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dweights: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn grad_weights(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let edge = workgroup_index(group, groups);
    if edge >= p.edges {
        return;
    }
    let row = sources[edge] * p.columns;
    let into = targets[edge] * p.columns;
    var sum = 0.0;
    for (var c = lane; c < p.columns; c += 64u) {
        if winners[into + c] == edge {
            sum += x[row + c] * dy[into + c];
        }
    }
    sum = reduce_sum(lane, sum);
    if lane == 0u {
        if p.accumulate == 1u {
            sum += dweights[edge];
        }
        dweights[edge] = sum;
    }
}
