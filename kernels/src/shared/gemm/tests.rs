//! Products of small integers, whose results are exact.

use limbeck_engine::{InstructionSet, set_instruction_set};

use super::*;

/// Small integers, whose products and sums are exact.
fn integers(len: usize, range: usize) -> Vec<f32> {
    let middle = (range / 2) as f32;
    (0..len).map(|i| (i % range) as f32 - middle).collect()
}

fn transpose(matrix: &[f32], columns: usize) -> Vec<f32> {
    let rows = matrix.len() / columns.max(1);
    (0..matrix.len())
        .map(|i| matrix[i % rows * columns + i / rows])
        .collect()
}

/// `1 + a b` by three loops.
fn expected((m, k, n): (usize, usize, usize), a: &[f32], b: &[f32]) -> Vec<f32> {
    let mut c = vec![1.0; m * n];
    for i in 0..m {
        for l in 0..k {
            for j in 0..n {
                c[i * n + j] += a[i * k + l] * b[l * n + j];
            }
        }
    }
    c
}

#[test]
fn agrees_with_three_loops_in_every_layout_on_every_instruction_set() {
    let shapes = [
        (1, 1, 1),
        (3, 5, 2),
        (130, 7, 9),
        (20, 0, 4),
        (7, 13, 59),
        (17, 33, 40),
        // Sums cut into parts, and in several passes.
        (5, 1100, 3),
        (90, 1100, 100),
        (150, 2100, 17),
        // Every height of a tile's tail, and widths on both sides of a register.
        (43, 20, 31),
        (57, 300, 33),
        (300, 3, 16),
        // More of the right operand than is packed at once.
        (50, 1030, 1100),
    ];
    for (m, k, n) in shapes {
        let (a, b) = (integers(m * k, 7), integers(k * n, 5));
        let (at, bt) = (transpose(&a, k), transpose(&b, n));
        let expected = expected((m, k, n), &a, &b);
        let lefts = [Matrix::rows(&a, k), Matrix::transposed(&at, m)];
        let rights = [Matrix::rows(&b, n), Matrix::transposed(&bt, k)];
        for level in InstructionSet::ALL {
            set_instruction_set(level);
            for (layout, (a, b)) in lefts.iter().zip(rights).enumerate() {
                let mut c = vec![1.0; m * n];
                gemm((m, k, n), *a, b, true, &mut c);
                assert_eq!(c, expected, "{m} x {k} x {n}, layout {layout}, {level:?}");
                let mut c = vec![1.0; m * n];
                Reused::new(m, (k, n), b).times(m, *a, true, &mut c);
                assert_eq!(c, expected, "reused, {m} x {k} x {n}, {level:?}");
                let mut c = vec![7.0; m * n];
                product((m, k, n), 2.0, *a, b, false, &mut c, n);
                let twice: Vec<f32> = expected.iter().map(|c| 2.0 * (c - 1.0)).collect();
                assert_eq!(c, twice, "one thread, {m} x {k} x {n}, {level:?}");
            }
        }
    }
    set_instruction_set(InstructionSet::best());
}

#[test]
fn the_end_sees_each_row_once_and_complete() {
    let (m, k, n) = (200, 1030, 1100);
    let (a, b) = (vec![1.0; m * k], vec![1.0; k * n]);
    let mut c = vec![0.0; m * n];
    let (a, b) = (Matrix::rows(&a, k), Matrix::rows(&b, n));
    gemm_then((m, k, n), a, b, false, &mut c, |first, block| {
        for (i, row) in block.chunks_exact_mut(n).enumerate() {
            assert!(row.iter().all(|&c| c == k as f32));
            row.fill((first + i) as f32);
        }
    });
    assert!(c.iter().enumerate().all(|(i, &c)| c == (i / n) as f32));
}

#[test]
fn a_product_leaves_what_lies_between_its_rows() {
    let (a, b) = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 0.0, 1.0]);
    let (a, b) = (Matrix::rows(&a, 2), Matrix::rows(&b, 2));
    let mut c = [7.0; 5];
    product((2, 2, 2), 2.0, a, b, false, &mut c, 3);
    assert_eq!(c, [2.0, 4.0, 7.0, 6.0, 8.0]);
    product((2, 2, 2), 1.0, a, b, true, &mut c, 3);
    assert_eq!(c, [3.0, 6.0, 7.0, 9.0, 12.0]);
    product((2, 0, 2), 1.0, a, b, false, &mut c, 3);
    assert_eq!(c, [0.0, 0.0, 7.0, 0.0, 0.0]);
}

#[test]
#[should_panic(expected = "smaller than its shape")]
fn refuses_short_operands() {
    gemm(
        (2, 2, 2),
        Matrix::rows(&[0.0; 3], 2),
        Matrix::rows(&[0.0; 4], 2),
        false,
        &mut [0.0; 4],
    );
}

#[test]
fn a_left_operand_made_in_blocks_gives_the_whole_product() {
    for (m, k, n) in [
        (1, 1, 1),
        (50, 0, 3),
        (130, 7, 9),
        (300, 40, 33),
        (1300, 600, 5),
    ] {
        let (a, b) = (integers(m * k, 7), integers(k * n, 5));
        let mut expected = expected((m, k, n), &a, &b);
        expected.iter_mut().for_each(|c| *c -= 1.0);
        for level in InstructionSet::ALL {
            set_instruction_set(level);
            let mut c = vec![7.0; m * n];
            // Tasks of different heights, one of them empty.
            let (head, rest) = c.split_at_mut(0);
            let mut tasks = vec![(0, head)];
            tasks.extend(
                rest.chunks_mut(45 * n)
                    .enumerate()
                    .map(|(i, c)| (45 * i, c)),
            );
            gemm_made(
                (k, n),
                Matrix::rows(&b, n),
                &mut tasks,
                |(_, c)| c.len() / n,
                |(first, c), block| block.copy_from_slice(&a[first * k..][..c.len() / n * k]),
                |(_, c), product| c.copy_from_slice(product),
            );
            assert_eq!(c, expected, "{m} x {k} x {n}, {level:?}");
            let transposed = transpose(&a, k);
            let mut c = vec![7.0; m * n];
            gemm_made_transposed(0..k, (m, n), &b, &mut c, |rows, block| {
                block.copy_from_slice(&transposed[rows.start * m..rows.end * m]);
            });
            assert_eq!(c, expected, "transposed, {m} x {k} x {n}, {level:?}");
        }
    }
    set_instruction_set(InstructionSet::best());
}
