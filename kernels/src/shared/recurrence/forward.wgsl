// A step of a recurrent operator: r = h W_hh for 64 units of four sequences, then the cell.
// The shader that includes this defines GATES and
//   fn cell(row: u32, sequence: u32, unit: u32, r: array<f32, GATES>)

struct Parameters { sequences: u32, hidden: u32, first: u32, before: u32, initial: u32 }

@group(0) @binding(0) var<storage, read> recurrent_weight: array<f32>;
@group(0) @binding(1) var<storage, read> initial_h: array<f32>;
// The initial state, or the bias behind the recurrent product.
@group(0) @binding(2) var<storage, read> extra: array<f32>;
@group(0) @binding(3) var<storage, read_write> gates: array<f32>;
@group(0) @binding(4) var<storage, read_write> beside: array<f32>;
@group(0) @binding(5) var<storage, read_write> h: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

// h of the step before: 64 units, of four sequences each.
var<workgroup> staged: array<vec4<f32>, 64>;

fn h_before(sequence: u32, unit: u32) -> f32 {
    if p.initial == 1u {
        return initial_h[sequence * p.hidden + unit];
    }
    return h[(p.before + sequence) * p.hidden + unit];
}

@compute @workgroup_size(64)
fn step(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = workgroup_index(group, groups);
    let tiles = (p.hidden + 63u) / 64u;
    let unit = number % tiles * 64u + lane;
    let first_sequence = number / tiles * 4u;
    var sums: array<vec4<f32>, GATES>;
    for (var k0 = 0u; k0 < p.hidden; k0 += 64u) {
        var four = vec4<f32>(0.0);
        for (var j = 0u; j < 4u; j++) {
            if k0 + lane < p.hidden && first_sequence + j < p.sequences {
                four[j] = h_before(first_sequence + j, k0 + lane);
            }
        }
        staged[lane] = four;
        workgroupBarrier();
        if unit < p.hidden {
            let end = min(64u, p.hidden - k0);
            for (var k = 0u; k < end; k++) {
                let at = (k0 + k) * GATES * p.hidden + unit;
                for (var gate = 0u; gate < GATES; gate++) {
                    sums[gate] += recurrent_weight[at + gate * p.hidden] * staged[k];
                }
            }
        }
        workgroupBarrier();
    }
    for (var j = 0u; j < 4u; j++) {
        let sequence = first_sequence + j;
        if unit < p.hidden && sequence < p.sequences {
            var r: array<f32, GATES>;
            for (var gate = 0u; gate < GATES; gate++) {
                r[gate] = sums[gate][j];
            }
            cell(p.first + sequence, sequence, unit, r);
        }
    }
}
