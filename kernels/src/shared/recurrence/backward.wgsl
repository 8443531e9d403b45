// A step of a recurrent operator on the way back: the gradient that comes through the recurrent
// product of the step after, dr W_hhᵀ, for 64 units of four sequences, then the cell.
// The shader that includes this defines GATES and
//   fn d_recurrent(row: u32, column: u32) -> f32
//   fn cell(row: u32, sequence: u32, unit: u32, dh: f32)

// `later` sequences have a step after this one; its first row is `after`.
struct Parameters {
    sequences: u32,
    hidden: u32,
    first: u32,
    before: u32,
    initial: u32,
    after: u32,
    later: u32,
    has_dy: u32,
}

@group(0) @binding(0) var<storage, read> recurrent_weight: array<f32>;
@group(0) @binding(1) var<storage, read> gates: array<f32>;
@group(0) @binding(2) var<storage, read> beside: array<f32>;
// Of the step before: the initial state, or all outputs.
@group(0) @binding(3) var<storage, read> earlier: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_gates: array<f32>;
// What does not come through the recurrent product.
@group(0) @binding(6) var<storage, read_write> dh: array<f32>;
// The gradient of the state, or of the recurrent product.
@group(0) @binding(7) var<storage, read_write> own: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

// Sixteen columns of W_hh for each of 64 units, and of dr for four sequences.
var<workgroup> staged_weight: array<f32, 1024>;
var<workgroup> staged_dr: array<vec4<f32>, 16>;

@compute @workgroup_size(64)
fn step(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = workgroup_index(group, groups);
    let tiles = (p.hidden + 63u) / 64u;
    let first_unit = number % tiles * 64u;
    let first_sequence = number / tiles * 4u;
    let columns = GATES * p.hidden;
    var sums = vec4<f32>(0.0);
    for (var k0 = 0u; k0 < columns; k0 += 16u) {
        let column = k0 + lane % 16u;
        for (var i = lane / 16u; i < 64u; i += 4u) {
            var weight = 0.0;
            if first_unit + i < p.hidden && column < columns {
                weight = recurrent_weight[(first_unit + i) * columns + column];
            }
            staged_weight[lane % 16u * 64u + i] = weight;
        }
        if lane < 16u {
            var four = vec4<f32>(0.0);
            for (var j = 0u; j < 4u; j++) {
                if first_sequence + j < p.later && column < columns {
                    four[j] = d_recurrent(p.after + first_sequence + j, column);
                }
            }
            staged_dr[lane] = four;
        }
        workgroupBarrier();
        for (var k = 0u; k < 16u; k++) {
            sums += staged_weight[k * 64u + lane] * staged_dr[k];
        }
        workgroupBarrier();
    }
    let unit = first_unit + lane;
    for (var j = 0u; j < 4u; j++) {
        let sequence = first_sequence + j;
        if unit < p.hidden && sequence < p.sequences {
            let row = p.first + sequence;
            var gradient = sums[j] + dh[sequence * p.hidden + unit];
            if p.has_dy == 1u {
                gradient += dy[row * p.hidden + unit];
            }
            cell(row, sequence, unit, gradient);
        }
    }
}
