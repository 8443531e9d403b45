//! An operator of your own, in one folder: the worked example of the book's tutorial "Write a new
//! operator in one folder". `cargo run --example new_operator`; `cargo test --example new_operator`
//! runs its case table.

mod softsign;

use limbeck::engine::{Device, Result, StoreBuilder, gradcheck};
use softsign::softsign;

fn main() -> Result<()> {
    let mut builder = StoreBuilder::new(1);
    let weight = builder.normal("weight", [2, 3], 1.0);
    let mut store = builder.build(&Device::reference())?;
    let report = gradcheck(
        &mut store,
        |s| s,
        |s, tape| softsign(tape, &tape.parameter(s, weight)),
    )?;
    println!("{report}");
    report.require()
}
