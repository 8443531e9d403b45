// What the kernels of attention share. A workgroup of 64 serves TILE rows of one head of one
// sequence and goes through a sequence in tiles of as many rows: its own, or another that belongs
// to it. Of a tile of scores an invocation has 4 x 4: rows 4 ty to 4 ty + 3, columns 4 tx to
// 4 tx + 3 (ty = lane / 8, tx = lane % 8). Of a result it has the same four rows, and four columns
// in each of CHUNKS chunks of 32: CHUNKS is a constant that the host puts in front, at least
// head_size / 32.
//
// An operator says where things stand. It defines the bindings of its inputs, with `coordinates` of
// the queries among them; `own_offset` and `other_offset`, the first row of a sequence and of the
// one that it goes through; and `element`, a number of a part.

struct Parameters {
    sequences: u32,
    heads: u32,
    head_size: u32,
    width: u32,
    scale: f32,
    drop_below: u32,
    keep_scale: f32,
    key_0: u32,
    key_1: u32,
    step: u32,
    accumulate: u32,
    causal: u32,
}

@group(1) @binding(0) var<uniform> p: Parameters;

const TILE = 32u;
const SUMS = 4u * CHUNKS;
// The parts of the input, and the gradient of the result.
const Q = 0u;
const K = 1u;
const V = 2u;
const DY = 3u;

var<workgroup> stage: array<vec4<f32>, 288>;
// TILE rows of TILE weights, and one more so that columns do not share a bank.
var<workgroup> weights: array<f32, 1056>;

// The rows of a sequence.
struct Sequence {
    start: u32,
    length: u32,
}

// The rows of one workgroup; none if `first` is not below the length of its sequence.
struct Block {
    head: u32,
    // Position of the block's first row.
    first: u32,
    own: Sequence,
    // What it goes through.
    other: Sequence,
}

// Sequence s has the slots from own_offset(s) / TILE + s up to those of sequence s + 1: enough for
// its blocks, since every part of the sum is rounded down once and s adds one each time.
fn block_of(index: u32) -> Block {
    let slot = index / p.heads;
    var low = 0u;
    var high = p.sequences;
    while high - low > 1u {
        let middle = (low + high) / 2u;
        if own_offset(middle) / TILE + middle <= slot {
            low = middle;
        } else {
            high = middle;
        }
    }
    let start = own_offset(low);
    let first = (slot - start / TILE - low) * TILE;
    let own = Sequence(start, own_offset(low + 1u) - start);
    let other_start = other_offset(low);
    let other = Sequence(other_start, other_offset(low + 1u) - other_start);
    return Block(index % p.heads, first, own, other);
}

// Zero beyond the sequence and beyond the head.
fn load(rows: Sequence, head: u32, part: u32, position: u32, column: u32) -> f32 {
    if position >= rows.length || column >= p.head_size {
        return 0.0;
    }
    return element(part, rows.start + position, head * p.head_size + column);
}

fn load_rows(rows: Sequence, head: u32, part: u32, position: u32, column: u32) -> vec4<f32> {
    return vec4<f32>(
        load(rows, head, part, position, column),
        load(rows, head, part, position + 1u, column),
        load(rows, head, part, position + 2u, column),
        load(rows, head, part, position + 3u, column),
    );
}

fn load_columns(rows: Sequence, head: u32, part: u32, position: u32, column: u32) -> vec4<f32> {
    return vec4<f32>(
        load(rows, head, part, position, column),
        load(rows, head, part, position, column + 1u),
        load(rows, head, part, position, column + 2u),
        load(rows, head, part, position, column + 3u),
    );
}

// Inner products of the block's own rows of part a from position a_first and the other rows of part
// b from b_first.
fn products(lane: u32, block: Block, a: u32, a_first: u32, b: u32, b_first: u32)
    -> array<vec4<f32>, 4> {
    let ty = lane / 8u;
    let tx = lane % 8u;
    var result = array<vec4<f32>, 4>();
    for (var c = 0u; c < p.head_size; c += 16u) {
        for (var i = lane; i < 128u; i += 64u) {
            // Nine apart, so that sixteen columns do not fall on the same banks.
            let at = i % 16u * 9u + i / 16u;
            let row = i / 16u * 4u;
            stage[at] = load_rows(block.own, block.head, a, a_first + row, c + i % 16u);
            stage[144u + at] = load_rows(block.other, block.head, b, b_first + row, c + i % 16u);
        }
        workgroupBarrier();
        for (var k = 0u; k < 16u; k++) {
            let left = stage[k * 9u + ty];
            let right = stage[144u + k * 9u + tx];
            result[0] += left.x * right;
            result[1] += left.y * right;
            result[2] += left.z * right;
            result[3] += left.w * right;
        }
        workgroupBarrier();
    }
    return result;
}

// Leaves row r of an invocation's 4 x 4 weights for `add_weighted`.
fn put_weights(lane: u32, r: u32, values: vec4<f32>) {
    let at = (lane / 8u * 4u + r) * 33u + lane % 8u * 4u;
    weights[at] = values.x;
    weights[at + 1u] = values.y;
    weights[at + 2u] = values.z;
    weights[at + 3u] = values.w;
}

// sums += weights times the other rows of a part from position `first`. Begins and ends with a barrier.
fn add_weighted(
    lane: u32,
    block: Block,
    part: u32,
    first: u32,
    sums: ptr<function, array<vec4<f32>, SUMS>>,
) {
    const ROW = 8u * CHUNKS;
    let tx = lane % 8u;
    let own = lane / 8u * 4u * 33u;
    for (var i = 0u; i < TILE; i += 8u) {
        for (var j = lane; j < 8u * ROW; j += 64u) {
            stage[j] = load_columns(block.other, block.head, part, first + i + j / ROW, j % ROW * 4u);
        }
        workgroupBarrier();
        for (var k = 0u; k < 8u; k++) {
            let at = own + i + k;
            let w = vec4<f32>(weights[at], weights[at + 33u], weights[at + 66u], weights[at + 99u]);
            for (var c = 0u; c < CHUNKS; c++) {
                let row = stage[k * ROW + c * 8u + tx];
                (*sums)[4u * c] += w.x * row;
                (*sums)[4u * c + 1u] += w.y * row;
                (*sums)[4u * c + 2u] += w.z * row;
                (*sums)[4u * c + 3u] += w.w * row;
            }
        }
        workgroupBarrier();
    }
}

fn exponentials(x: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(exp_(x.x), exp_(x.y), exp_(x.z), exp_(x.w));
}

// Four positions from `first`.
fn positions(first: u32) -> vec4<u32> {
    return vec4<u32>(first, first + 1u, first + 2u, first + 3u);
}

// The first position beyond the keys that a query sees.
fn reach(keys: Sequence, query: u32) -> u32 {
    return select(keys.length, min(keys.length, query + 1u), p.causal == 1u);
}

// The first position of the queries that see a key.
fn earliest(key: u32) -> u32 {
    return select(0u, key, p.causal == 1u);
}

// The mask of one query, of this sequence, and the four keys from `key`, a multiple of four.
fn mask(queries: Sequence, head: u32, query: u32, key: u32) -> vec4<f32> {
    if p.drop_below == 0u {
        return vec4<f32>(p.keep_scale);
    }
    let sample = coordinates[2u * queries.start];
    let channel = (head << 18u) | (key / 4u);
    let words = philox(vec4<u32>(p.step, sample, query, channel), vec2<u32>(p.key_0, p.key_1));
    return select(vec4<f32>(p.keep_scale), vec4<f32>(0.0), words < vec4<u32>(p.drop_below));
}
