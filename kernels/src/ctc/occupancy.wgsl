// The probability of each state at each frame of a sequence, from the last frame to the first; a
// workgroup of 64 takes a sequence.

struct Parameters { sequences: u32 }

@group(0) @binding(0) var<storage, read> places: array<u32>;
@group(0) @binding(1) var<storage, read> states: array<u32>;
@group(0) @binding(2) var<storage, read> alpha: array<f32>;
@group(0) @binding(3) var<storage, read_write> occupied: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

@compute @workgroup_size(64)
fn occupancy(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let sequence = workgroup_index(group, groups);
    if sequence >= p.sequences {
        return;
    }
    let place = place_of(sequence);
    let end = place.first_cell + place.frames * place.states;
    let second = alpha[end - 1u];
    var first = NEVER;
    if place.states > 1u {
        first = alpha[end - 2u];
    }
    let largest = max(first, second);
    let sum = exp_(first - largest) + exp_(second - largest);
    for (var s = lane; s < place.states; s += 64u) {
        let cell = end - place.states + s;
        let share = exp_(alpha[cell] - largest) / sum;
        occupied[cell] = select(0.0, share, s + 2u >= place.states);
    }
    storageBarrier();
    for (var t = place.frames - 1u; t > 0u; t--) {
        let after = place.first_cell + t * place.states;
        let cell = after - place.states;
        for (var q = lane; q < place.states; q += 64u) {
            var total = 0.0;
            let last = min(q + 3u, place.states);
            for (var s = q; s < last; s++) {
                let skips = (states[4u * (place.first_state + s) + 2u] & SKIPS) != 0u;
                if s < q + 2u || skips {
                    total += occupied[after + s] * exp_(alpha[cell + q] - arrive(place, cell, s));
                }
            }
            occupied[cell + q] = total;
        }
        // The frame before reads what other lanes wrote.
        storageBarrier();
    }
}
