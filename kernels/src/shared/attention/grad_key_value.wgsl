// dv = (M * P)^T do and dk = dS^T q / sqrt(s) for TILE keys. Rows of the tiles are keys here,
// columns queries.

@compute @workgroup_size(64)
fn grad_key_value(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = block_of(workgroup_index(group, groups));
    if block.first >= block.own.length {
        return;
    }
    let key = block.first + lane / 8u * 4u;
    let column = lane % 8u * 4u;
    var dk = array<vec4<f32>, SUMS>();
    var dv = array<vec4<f32>, SUMS>();
    for (var first = earliest(block.first); first < block.other.length; first += TILE) {
        var scores = products(lane, block, K, block.first, Q, first);
        var upstream = products(lane, block, V, block.first, DY, first);
        let queries = positions(first + column);
        let inside = queries < vec4<u32>(block.other.length);
        // Per query: lse, D, and the mask of this invocation's four keys.
        var row_lse = vec4<f32>();
        var row_d = vec4<f32>();
        var masks = mat4x4<f32>();
        for (var c = 0u; c < 4u; c++) {
            let query = per_query(block.other, block.head, first + column + c);
            row_lse[c] = query.x;
            row_d[c] = query.y;
            masks[c] = mask(block.other, block.head, first + column + c, key);
        }
        masks = transpose(masks);
        for (var r = 0u; r < 4u; r++) {
            let e = exponentials(scores[r] * p.scale - row_lse);
            let valid = inside & (queries >= vec4<u32>(earliest(key + r)));
            let probabilities = select(vec4<f32>(0.0), e, valid);
            put_weights(lane, r, probabilities * masks[r]);
            scores[r] = probabilities * (upstream[r] * masks[r] - row_d) * p.scale;
        }
        add_weighted(lane, block, DY, first, &dv);
        for (var r = 0u; r < 4u; r++) {
            put_weights(lane, r, scores[r]);
        }
        add_weighted(lane, block, Q, first, &dk);
    }
    store_gradient(lane, block, K, &dk);
    store_gradient(lane, block, V, &dv);
}
