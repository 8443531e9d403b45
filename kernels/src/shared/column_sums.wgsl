// into[c] = (into[c] +) sum of column c. A workgroup takes 16 columns with 16 lanes each; a lane
// adds every sixteenth row, and the lanes are joined in order.

struct Parameters { rows: u32, columns: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> matrix: array<f32>;
@group(0) @binding(1) var<storage, read_write> into: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

var<workgroup> lanes: array<f32, 256>;

@compute @workgroup_size(256)
fn column_sums(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let column = workgroup_index(group, groups) * 16u + lane % 16u;
    var sum = 0.0;
    if column < p.columns {
        for (var row = lane / 16u; row < p.rows; row += 16u) {
            sum += matrix[row * p.columns + column];
        }
    }
    lanes[lane] = sum;
    workgroupBarrier();
    if lane < 16u && column < p.columns {
        var total = 0.0;
        for (var l = lane; l < 256u; l += 16u) {
            total += lanes[l];
        }
        if p.accumulate == 1u {
            total += into[column];
        }
        into[column] = total;
    }
}
