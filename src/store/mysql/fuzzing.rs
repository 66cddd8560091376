use std::collections::HashMap;

use mysql_async::Value;

use super::row::Cells;
use crate::{
    model::AssetName,
    store::{
        Result,
        optimistic::{Ending, Record},
    },
};

/// Reads the row of an asset or of a holder in MySQL. Each line of the bytes is a cell, in the text protocol's
/// format; the line `NULL` is NULL.
pub fn mysql_row(bytes: &[u8]) -> bool {
    let cells = bytes.split(|byte| *byte == b'\n').map(|cell| match cell {
        b"NULL" => Value::NULL,
        text => Value::Bytes(text.to_vec()),
    });
    let cells: Vec<_> = cells.collect();
    let is_holder = Cells(cells.clone().into_iter()).grant().is_ok();
    is_holder || asset(Cells(cells.into_iter())).is_ok()
}

fn asset(mut cells: Cells) -> Result<()> {
    let (counter, changes) = (cells.counter()?, cells.text("changes")?);
    let record =
        Record { counter, first: Vec::new(), holding: HashMap::new(), ending: Ending::default(), changes };
    record.state(&"sword".parse::<AssetName>().expect("a name"));
    cells.perhaps_number::<u64>("used_at").map(drop)
}
