// A number's place in the order of all numbers: equal for both zeros, largest for every NaN.
// Compilers of shaders may assume that no float is NaN; of integers they assume nothing.
fn order(value: f32) -> u32 {
    let bits = bitcast<u32>(value);
    let magnitude = bits & 0x7fffffffu;
    if magnitude > 0x7f800000u {
        return 0xffffffffu;
    }
    if magnitude == 0u {
        return 0x80000000u;
    }
    return select(~bits, bits | 0x80000000u, bits == magnitude);
}
