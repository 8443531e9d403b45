// o = (M * softmax(q k^T / sqrt(s))) v for TILE queries, with the online softmax.

// Below every score.
const LOWEST = -3.4e38;

// Eight numbers per row of the block, to be joined in order.
var<workgroup> parts: array<f32, 256>;

fn store_result(lane: u32, block: Block, r: u32, c: u32, values: vec4<f32>) {
    let position = block.first + lane / 8u * 4u + r;
    if position >= block.own.length {
        return;
    }
    let row = (block.own.start + position) * p.width + block.head * p.head_size;
    for (var e = 0u; e < 4u; e++) {
        let column = 32u * c + lane % 8u * 4u + e;
        if column < p.head_size {
            y[row + column] = values[e];
        }
    }
}

@compute @workgroup_size(64)
fn forward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = block_of(workgroup_index(group, groups));
    if block.first >= block.own.length {
        return;
    }
    let row = lane / 8u * 4u;
    let column = lane % 8u * 4u;
    var sums = array<vec4<f32>, SUMS>();
    var largest = vec4<f32>(LOWEST);
    // Of this invocation's own columns.
    var total = vec4<f32>(0.0);
    let end = reach(block.other, block.first + TILE - 1u);
    for (var first = 0u; first < end; first += TILE) {
        var scores = products(lane, block, Q, block.first, K, first);
        let keys = positions(first + column);
        for (var r = 0u; r < 4u; r++) {
            let valid = keys < vec4<u32>(reach(block.other, block.first + row + r));
            scores[r] = select(vec4<f32>(LOWEST), scores[r] * p.scale, valid);
            let s = scores[r];
            parts[(row + r) * 8u + lane % 8u] = max(max(s.x, s.y), max(s.z, s.w));
        }
        workgroupBarrier();
        for (var r = 0u; r < 4u; r++) {
            var highest = largest[r];
            for (var i = 0u; i < 8u; i++) {
                highest = max(highest, parts[(row + r) * 8u + i]);
            }
            let valid = keys < vec4<u32>(reach(block.other, block.first + row + r));
            let factor = exp_(largest[r] - highest);
            let e = select(vec4<f32>(0.0), exponentials(scores[r] - highest), valid);
            total[r] = total[r] * factor + (e.x + e.y + e.z + e.w);
            for (var c = 0u; c < CHUNKS; c++) {
                sums[4u * c + r] *= factor;
            }
            largest[r] = highest;
            let m = mask(block.own, block.head, block.first + row + r, first + column);
            put_weights(lane, r, e * m);
        }
        add_weighted(lane, block, V, first, &sums);
    }
    for (var r = 0u; r < 4u; r++) {
        parts[(row + r) * 8u + lane % 8u] = total[r];
    }
    workgroupBarrier();
    for (var r = 0u; r < 4u; r++) {
        var sum = 0.0;
        for (var i = 0u; i < 8u; i++) {
            sum += parts[(row + r) * 8u + i];
        }
        for (var c = 0u; c < CHUNKS; c++) {
            store_result(lane, block, r, c, sums[4u * c + r] / sum);
        }
        let position = block.first + row + r;
        if column == 0u && position < block.own.length {
            lse[(block.own.start + position) * p.heads + block.head] = largest[r] + ln_(sum);
        }
    }
}
