//! Which tokens of a text stand near which, and how often.

use std::collections::HashMap;

use crate::error::{DataError, Result};

/// A text by its distinct tokens, the nodes: where each of them stands.
pub(super) struct Places {
    /// The distinct tokens in order of first appearance.
    pub(super) nodes: Vec<u32>,
    /// The node at each position.
    numbers: Vec<u32>,
    /// The positions of node `i` are the entries `offsets[i]..offsets[i + 1]`, rising.
    offsets: Vec<usize>,
    positions: Vec<usize>,
}

impl Places {
    pub(super) fn of(tokens: &[u32]) -> Result<Self> {
        if u32::try_from(tokens.len()).is_err() {
            let expected = "a text of fewer than 2^32 tokens";
            return Err(DataError::option("tokens", expected, tokens.len()));
        }
        let mut nodes = Vec::new();
        let mut known: HashMap<u32, u32> = HashMap::new();
        let mut number = |&token| {
            *known.entry(token).or_insert_with(|| {
                nodes.push(token);
                nodes.len() as u32 - 1
            })
        };
        let numbers: Vec<u32> = tokens.iter().map(&mut number).collect();
        let mut offsets = vec![0; nodes.len() + 1];
        for &number in &numbers {
            offsets[number as usize + 1] += 1;
        }
        for node in 0..nodes.len() {
            offsets[node + 1] += offsets[node];
        }
        let mut next = offsets.clone();
        let mut positions = vec![0; tokens.len()];
        for (position, &number) in numbers.iter().enumerate() {
            positions[next[number as usize]] = position;
            next[number as usize] += 1;
        }
        Ok(Self {
            nodes,
            numbers,
            offsets,
            positions,
        })
    }

    /// Calls `found` for every node with its neighbours, itself included, by rising number: each
    /// with the number of pairs of positions, one of either, that are at most `reach` apart. A
    /// position is in reach of itself.
    pub(super) fn each_row(
        &self,
        reach: usize,
        mut found: impl FnMut(usize, &[(u32, u64)]) -> Result<()>,
    ) -> Result<()> {
        let mut counts = vec![0u64; self.nodes.len()];
        let (mut touched, mut row) = (Vec::new(), Vec::new());
        for (node, ends) in self.offsets.windows(2).enumerate() {
            self.count(&self.positions[ends[0]..ends[1]], reach, |other, pairs| {
                let count = &mut counts[other as usize];
                if *count == 0 {
                    touched.push(other);
                }
                *count += pairs;
            });
            touched.sort_unstable();
            row.clear();
            row.extend(
                touched
                    .drain(..)
                    .map(|other| (other, std::mem::take(&mut counts[other as usize]))),
            );
            found(node, &row)?;
        }
        Ok(())
    }

    /// Visits each position within reach of `places` once, and says of how many of them: the time
    /// is that of the stretches covered, however often a token is repeated in them.
    fn count(&self, places: &[usize], reach: usize, mut add: impl FnMut(u32, u64)) {
        // The places within reach of the position visited are `first..past`.
        let (mut first, mut past, mut visited) = (0, 0, 0);
        for &place in places {
            let start = visited.max(place.saturating_sub(reach));
            let end = self.numbers.len();
            let end = end.min(place.saturating_add(reach).saturating_add(1));
            for position in start..end {
                while past < places.len() && places[past] <= position.saturating_add(reach) {
                    past += 1;
                }
                while places[first].saturating_add(reach) < position {
                    first += 1;
                }
                add(self.numbers[position], (past - first) as u64);
            }
            visited = end;
        }
    }
}
