// alpha, less the largest of each frame, and the loss of a sequence; a workgroup of 64 takes a
// sequence and walks over its frames.

struct Parameters { sequences: u32, classes: u32, restricted: u32 }

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> shifts: array<f32>;
@group(0) @binding(2) var<storage, read> places: array<u32>;
@group(0) @binding(3) var<storage, read> states: array<u32>;
@group(0) @binding(4) var<storage, read> tokens: array<u32>;
@group(0) @binding(5) var<storage, read_write> alpha: array<f32>;
@group(0) @binding(6) var<storage, read_write> loss: array<f32>;
@group(1) @binding(0) var<uniform> p: Parameters;

// ln y of a state at a row, or never.
fn emission(row: u32, state: u32) -> f32 {
    if p.restricted == 1u {
        let token = states[4u * state + 1u];
        if token != NONE && token != tokens[row] {
            return NEVER;
        }
    }
    let class_ = states[4u * state];
    let ln_y = z[row * p.classes + class_] - shifts[2u * row] - shifts[2u * row + 1u];
    // Not a maximum, which may lose a NaN.
    return select(ln_y, NEVER, ln_y < NEVER);
}

@compute @workgroup_size(64)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let sequence = workgroup_index(group, groups);
    if sequence >= p.sequences {
        return;
    }
    let place = place_of(sequence);
    var ln_p = 0.0;
    for (var t = 0u; t < place.frames; t++) {
        let cell = place.first_cell + t * place.states;
        var largest = -3.4e38;
        for (var s = lane; s < place.states; s += 64u) {
            var value = select(NEVER, 0.0, s < 2u);
            if t > 0u {
                value = arrive(place, cell - place.states, s);
            }
            value += emission(place.first_row + t, place.first_state + s);
            alpha[cell + s] = value;
            largest = max(largest, value);
        }
        largest = reduce_max(lane, largest);
        for (var s = lane; s < place.states; s += 64u) {
            alpha[cell + s] -= largest;
        }
        ln_p += largest;
        // The next frame reads what other lanes wrote.
        storageBarrier();
    }
    if lane == 0u {
        let end = place.first_cell + place.frames * place.states;
        let second = alpha[end - 1u];
        var first = NEVER;
        if place.states > 1u {
            first = alpha[end - 2u];
        }
        let largest = max(first, second);
        loss[sequence] = -(ln_p + largest + ln_(exp_(first - largest) + exp_(second - largest)));
    }
}
