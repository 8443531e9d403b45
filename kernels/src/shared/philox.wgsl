// Philox 4x32-10; the twin of engine/src/philox.rs.

// The high and low words of a 32 x 32 bit product, from 16-bit halves.
fn multiply_wide(a: u32, b: u32) -> vec2<u32> {
    let al = a & 0xffffu;
    let ah = a >> 16u;
    let bl = b & 0xffffu;
    let bh = b >> 16u;
    let low = al * bl;
    let middle = ah * bl + (low >> 16u);
    let cross = al * bh + (middle & 0xffffu);
    return vec2<u32>(ah * bh + (middle >> 16u) + (cross >> 16u), a * b);
}

fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        let left = multiply_wide(0xD2511F53u, c.x);
        let right = multiply_wide(0xCD9E8D57u, c.z);
        c = vec4<u32>(right.x ^ c.y ^ k.x, right.y, left.x ^ c.w ^ k.y, left.y);
        k += vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}
