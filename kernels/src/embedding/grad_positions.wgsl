// dpositions[position] = (dpositions[position] +) the sum over the texts of their row there. A
// workgroup takes 16 columns of one position with 16 lanes each; a lane adds every sixteenth
// text, and the lanes are joined in order.

struct Parameters { positions: u32, columns: u32, tiles: u32, texts: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read_write> dpositions: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

var<workgroup> lanes: array<f32, 256>;

@compute @workgroup_size(256)
fn grad_positions(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = workgroup_index(group, groups);
    let position = index / p.tiles;
    let column = (index % p.tiles) * 16u + lane % 16u;
    var sum = 0.0;
    if column < p.columns && position < p.positions {
        for (var text = lane / 16u; text < p.texts; text += 16u) {
            let at = offsets[text] + position;
            if at < offsets[text + 1u] {
                sum += dy[at * p.columns + column];
            }
        }
    }
    lanes[lane] = sum;
    workgroupBarrier();
    if lane < 16u && column < p.columns && position < p.positions {
        let into = position * p.columns + column;
        var total = 0.0;
        for (var l = lane; l < 256u; l += 16u) {
            total += lanes[l];
        }
        if p.accumulate == 1u {
            total += dpositions[into];
        }
        dpositions[into] = total;
    }
}
