// The tiled matrix product: a workgroup of 64 computes 64 x 64 results, an invocation 8 x 8, so
// that each number read from workgroup memory serves eight products.
// The shader that includes this defines
//   fn load_a(row: u32, k: u32) -> f32      fn load_b(k: u32, column: u32) -> f32
//   fn store_c(row: u32, column: u32, value: f32)
// and is called with indices inside m, n and k only.

const GEMM_TILE = 64u;
const GEMM_STEP = 16u;

// Per k of a step, sixteen groups of four rows of a, and of four columns of b.
var<workgroup> gemm_a: array<vec4<f32>, 256>;
var<workgroup> gemm_b: array<vec4<f32>, 256>;

fn gemm_tile(tile: u32, lane: u32, m: u32, n: u32, k: u32) {
    let tiles_n = (n + GEMM_TILE - 1u) / GEMM_TILE;
    let first_row = (tile / tiles_n) * GEMM_TILE;
    let first_column = (tile % tiles_n) * GEMM_TILE;
    let ty = (lane / 8u) * 8u;
    let tx = (lane % 8u) * 8u;
    var acc0l = vec4<f32>(0.0);
    var acc0r = vec4<f32>(0.0);
    var acc1l = vec4<f32>(0.0);
    var acc1r = vec4<f32>(0.0);
    var acc2l = vec4<f32>(0.0);
    var acc2r = vec4<f32>(0.0);
    var acc3l = vec4<f32>(0.0);
    var acc3r = vec4<f32>(0.0);
    var acc4l = vec4<f32>(0.0);
    var acc4r = vec4<f32>(0.0);
    var acc5l = vec4<f32>(0.0);
    var acc5r = vec4<f32>(0.0);
    var acc6l = vec4<f32>(0.0);
    var acc6r = vec4<f32>(0.0);
    var acc7l = vec4<f32>(0.0);
    var acc7r = vec4<f32>(0.0);
    for (var k0 = 0u; k0 < k; k0 += GEMM_STEP) {
        for (var i = 0u; i < 4u; i++) {
            gemm_stage(lane + i * 64u, first_row, first_column, k0, m, n, k);
        }
        workgroupBarrier();
        for (var kk = 0u; kk < GEMM_STEP; kk++) {
            let a0 = gemm_a[kk * 16u + ty / 4u];
            let a1 = gemm_a[kk * 16u + ty / 4u + 1u];
            let b0 = gemm_b[kk * 16u + tx / 4u];
            let b1 = gemm_b[kk * 16u + tx / 4u + 1u];
            acc0l += a0.x * b0;
            acc0r += a0.x * b1;
            acc1l += a0.y * b0;
            acc1r += a0.y * b1;
            acc2l += a0.z * b0;
            acc2r += a0.z * b1;
            acc3l += a0.w * b0;
            acc3r += a0.w * b1;
            acc4l += a1.x * b0;
            acc4r += a1.x * b1;
            acc5l += a1.y * b0;
            acc5r += a1.y * b1;
            acc6l += a1.z * b0;
            acc6r += a1.z * b1;
            acc7l += a1.w * b0;
            acc7r += a1.w * b1;
        }
        workgroupBarrier();
    }
    gemm_store(first_row + ty + 0u, first_column + tx, m, n, acc0l, acc0r);
    gemm_store(first_row + ty + 1u, first_column + tx, m, n, acc1l, acc1r);
    gemm_store(first_row + ty + 2u, first_column + tx, m, n, acc2l, acc2r);
    gemm_store(first_row + ty + 3u, first_column + tx, m, n, acc3l, acc3r);
    gemm_store(first_row + ty + 4u, first_column + tx, m, n, acc4l, acc4r);
    gemm_store(first_row + ty + 5u, first_column + tx, m, n, acc5l, acc5r);
    gemm_store(first_row + ty + 6u, first_column + tx, m, n, acc6l, acc6r);
    gemm_store(first_row + ty + 7u, first_column + tx, m, n, acc7l, acc7r);
}

// Copies four rows of a at one k, and four columns of b at one k, into workgroup memory; zeros
// stand for what is outside.
fn gemm_stage(at: u32, first_row: u32, first_column: u32, k0: u32, m: u32, n: u32, k: u32) {
    let a_k = k0 + at % GEMM_STEP;
    let a_row = first_row + at / GEMM_STEP * 4u;
    let b_k = k0 + at / 16u;
    let b_column = first_column + at % 16u * 4u;
    var a = vec4<f32>(0.0);
    var b = vec4<f32>(0.0);
    for (var j = 0u; j < 4u; j++) {
        if a_row + j < m && a_k < k {
            a[j] = load_a(a_row + j, a_k);
        }
        if b_k < k && b_column + j < n {
            b[j] = load_b(b_k, b_column + j);
        }
    }
    gemm_a[at % GEMM_STEP * 16u + at / GEMM_STEP] = a;
    gemm_b[at] = b;
}

fn gemm_store(row: u32, column: u32, m: u32, n: u32, left: vec4<f32>, right: vec4<f32>) {
    if row >= m {
        return;
    }
    for (var j = 0u; j < 4u; j++) {
        if column + j < n {
            store_c(row, column + j, left[j]);
        }
        if column + 4u + j < n {
            store_c(row, column + 4u + j, right[j]);
        }
    }
}
