// dq = dS k / sqrt(s) for TILE queries.

@compute @workgroup_size(64)
fn grad_query(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = block_of(workgroup_index(group, groups));
    if block.first >= block.own.length {
        return;
    }
    let query = block.first + lane / 8u * 4u;
    let column = lane % 8u * 4u;
    var dq = array<vec4<f32>, SUMS>();
    let end = reach(block.other, block.first + TILE - 1u);
    for (var first = 0u; first < end; first += TILE) {
        var scores = products(lane, block, Q, block.first, K, first);
        var upstream = products(lane, block, DY, block.first, V, first);
        let keys = positions(first + column);
        for (var r = 0u; r < 4u; r++) {
            let valid = keys < vec4<u32>(reach(block.other, query + r));
            let row = per_query(block.own, block.head, query + r);
            let e = exponentials(scores[r] * p.scale - row.x);
            let probabilities = select(vec4<f32>(0.0), e, valid);
            let dp = upstream[r] * mask(block.own, block.head, query + r, first + column);
            put_weights(lane, r, probabilities * (dp - row.y) * p.scale);
        }
        add_weighted(lane, block, K, first, &dq);
    }
    store_gradient(lane, block, Q, &dq);
}
