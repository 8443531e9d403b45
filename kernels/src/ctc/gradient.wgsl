// dz = (dz +) g (y - occupancy of the class's states); a workgroup of 64 takes a row.

struct Parameters { rows: u32, classes: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> shifts: array<f32>;
@group(0) @binding(2) var<storage, read> places: array<u32>;
@group(0) @binding(3) var<storage, read> states: array<u32>;
@group(0) @binding(4) var<storage, read> sequences: array<u32>;
@group(0) @binding(5) var<storage, read> occupied: array<f32>;
@group(0) @binding(6) var<storage, read> dloss: array<f32>;
@group(0) @binding(7) var<storage, read_write> dz: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn gradient(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = workgroup_index(group, groups);
    if row >= p.rows {
        return;
    }
    let place = place_of(sequences[row]);
    let g = dloss[sequences[row]];
    for (var c = lane; c < p.classes; c += 64u) {
        let i = row * p.classes + c;
        var value = g * exp_(z[i] - shifts[2u * row] - shifts[2u * row + 1u]);
        if p.accumulate == 1u {
            value += dz[i];
        }
        dz[i] = value;
    }
    // Below, a lane changes what another one wrote; no two change the same class.
    storageBarrier();
    let cell = place.first_cell + (row - place.first_row) * place.states;
    for (var s = lane; s < place.states; s += 64u) {
        let at = 4u * (place.first_state + s);
        if (states[at + 2u] & FIRST) != 0u {
            var total = 0.0;
            for (var next = s; next != NONE; next = states[4u * (place.first_state + next) + 3u]) {
                total += occupied[cell + next];
            }
            dz[row * p.classes + states[at]] -= g * total;
        }
    }
}
