// l_r = -ln p_r, and of each row the largest corrected score and the logarithm of the sum. A
// workgroup a row.

@group(0) @binding(4) var<storage, read_write> shifts: array<f32>;
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(64)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Workgroups beyond the rows walk along the last one, for barriers, and write nothing.
    let number = workgroup_index(group, groups);
    let row = min(number, p.rows - 1u);
    var largest = own(row);
    for (var j = lane; j < p.samples; j += 64u) {
        if counts(row, j) {
            largest = max(largest, sampled(row, j));
        }
    }
    largest = reduce_max(lane, largest);
    var sum = 0.0;
    for (var j = lane; j < p.samples; j += 64u) {
        if counts(row, j) {
            sum += exp_(sampled(row, j) - largest);
        }
    }
    let ln_sum = ln_(reduce_sum(lane, sum) + exp_(own(row) - largest));
    if lane == 0u && number < p.rows {
        shifts[2u * row] = largest;
        shifts[2u * row + 1u] = ln_sum;
        loss[row] = ln_sum - (own(row) - largest);
    }
}
