// The tiled matrix product: a workgroup of 256 computes 64 x 64 results, an invocation 4 x 4.
// The shader that includes this defines
//   fn load_a(row: u32, k: u32) -> f32      fn load_b(k: u32, column: u32) -> f32
//   fn store_c(row: u32, column: u32, value: f32)
// and is called with indices inside m, n and k only.

const GEMM_TILE = 64u;
const GEMM_STEP = 16u;

var<workgroup> gemm_a: array<f32, 1024>;
var<workgroup> gemm_b: array<f32, 1024>;

fn gemm_tile(tile: u32, lane: u32, m: u32, n: u32, k: u32) {
    let tiles_n = (n + GEMM_TILE - 1u) / GEMM_TILE;
    let first_row = (tile / tiles_n) * GEMM_TILE;
    let first_column = (tile % tiles_n) * GEMM_TILE;
    let ty = (lane / 16u) * 4u;
    let tx = (lane % 16u) * 4u;
    var acc0 = vec4<f32>(0.0);
    var acc1 = vec4<f32>(0.0);
    var acc2 = vec4<f32>(0.0);
    var acc3 = vec4<f32>(0.0);
    for (var k0 = 0u; k0 < k; k0 += GEMM_STEP) {
        for (var i = 0u; i < 4u; i++) {
            let at = lane + i * 256u;
            let a_row = first_row + at / GEMM_STEP;
            let a_k = k0 + at % GEMM_STEP;
            var a_value = 0.0;
            if a_row < m && a_k < k {
                a_value = load_a(a_row, a_k);
            }
            gemm_a[(at % GEMM_STEP) * GEMM_TILE + at / GEMM_STEP] = a_value;
            let b_k = k0 + at / GEMM_TILE;
            let b_column = first_column + at % GEMM_TILE;
            var b_value = 0.0;
            if b_k < k && b_column < n {
                b_value = load_b(b_k, b_column);
            }
            gemm_b[at] = b_value;
        }
        workgroupBarrier();
        for (var kk = 0u; kk < GEMM_STEP; kk++) {
            let a = kk * GEMM_TILE + ty;
            let b = kk * GEMM_TILE + tx;
            let row = vec4<f32>(gemm_b[b], gemm_b[b + 1u], gemm_b[b + 2u], gemm_b[b + 3u]);
            acc0 += gemm_a[a] * row;
            acc1 += gemm_a[a + 1u] * row;
            acc2 += gemm_a[a + 2u] * row;
            acc3 += gemm_a[a + 3u] * row;
        }
        workgroupBarrier();
    }
    gemm_store(first_row + ty, first_column + tx, m, n, acc0);
    gemm_store(first_row + ty + 1u, first_column + tx, m, n, acc1);
    gemm_store(first_row + ty + 2u, first_column + tx, m, n, acc2);
    gemm_store(first_row + ty + 3u, first_column + tx, m, n, acc3);
}

fn gemm_store(row: u32, column: u32, m: u32, n: u32, values: vec4<f32>) {
    if row >= m {
        return;
    }
    if column < n {
        store_c(row, column, values.x);
    }
    if column + 1u < n {
        store_c(row, column + 1u, values.y);
    }
    if column + 2u < n {
        store_c(row, column + 2u, values.z);
    }
    if column + 3u < n {
        store_c(row, column + 3u, values.w);
    }
}
