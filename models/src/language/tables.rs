//! The tables of word vectors as one update sees them: whole, or only the rows that it reads.

use limbeck_engine::{Error, ParameterId, ParameterStore, Result, Tape, Var};
use limbeck_kernels::{TokenRows, embedding};

/// A table on a tape.
#[derive(Clone, Debug)]
pub(super) struct Table {
    rows: Var,
    /// The ids of the rows, ascending; none for a whole table.
    ids: Option<Vec<u32>>,
}

impl Table {
    /// The table of a parameter. Of a row-sparse one these ids, and no others, may be looked up.
    pub(super) fn new(
        tape: &Tape,
        store: &ParameterStore,
        id: ParameterId,
        reads: &[&[u32]],
    ) -> Result<Self> {
        if !(tape.is_recording() && store.records()[id.index()].row_sparse) {
            return Ok(Table {
                rows: tape.parameter(store, id),
                ids: None,
            });
        }
        let mut ids = reads.concat();
        ids.sort_unstable();
        ids.dedup();
        Ok(Table {
            rows: tape.parameter_rows(store, id, &ids)?,
            ids: Some(ids),
        })
    }

    /// The rows of these ids.
    pub(super) fn look_up(&self, tape: &Tape, ids: &[u32]) -> Result<Var> {
        let size = self.rows.shape().rows();
        let places: Vec<u32> = match &self.ids {
            None => ids.to_vec(),
            // An id that was not announced lands outside the table, and is refused there.
            Some(known) => {
                let place = |id| known.binary_search(id).unwrap_or(size);
                ids.iter().map(|id| place(id) as u32).collect()
            }
        };
        let rows = TokenRows::new(tape.device(), &places, size)?;
        embedding(tape, &self.rows, &rows, None)
    }

    /// The whole table, if all of it is on the tape.
    pub(super) fn whole(&self) -> Result<&Var> {
        match &self.ids {
            None => Ok(&self.rows),
            Some(_) => Err(Error::Mismatch(
                "scores of all words need tables that are not row-sparse".into(),
            )),
        }
    }
}
