use aws_sdk_dynamodb::{
    operation::{
        batch_get_item::BatchGetItemOutput, batch_write_item::BatchWriteItemOutput,
        delete_item::DeleteItemOutput, get_item::GetItemOutput, put_item::PutItemOutput, query::QueryOutput,
        transact_write_items::TransactWriteItemsOutput, update_item::UpdateItemOutput,
    },
    types::ConsumedCapacity,
};
use metrics::{Counter, counter};

/// The capacity units consumed by the table's requests, as reported by the service. Refused requests cost
/// capacity, too, but the service does not report how much.
pub(super) struct Capacity {
    read: Counter,
    write: Counter,
}

impl Capacity {
    pub(super) fn new() -> Self {
        let units = |kind| counter!("asset_arbiter_dynamodb_capacity_units_total", "kind" => kind);
        Self { read: units("read"), write: units("write") }
    }

    pub(super) fn count<T: Metered>(&self, answer: &T) {
        let counter = if T::WRITES { &self.write } else { &self.read };
        // Consistent reads and writes cost whole units.
        counter.increment(answer.units().ceil() as u64);
    }
}

/// An answer that reports its cost.
pub(super) trait Metered {
    /// Whether the request is a write.
    const WRITES: bool;

    fn units(&self) -> f64;
}

fn sum<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) -> f64 {
    consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum()
}

macro_rules! metered {
    ($($answer:ty: $writes:literal),*) => {
        $(impl Metered for $answer {
            const WRITES: bool = $writes;

            fn units(&self) -> f64 {
                sum(self.consumed_capacity())
            }
        })*
    };
}

metered!(
    BatchGetItemOutput: false,
    BatchWriteItemOutput: true,
    DeleteItemOutput: true,
    GetItemOutput: false,
    PutItemOutput: true,
    QueryOutput: false,
    TransactWriteItemsOutput: true,
    UpdateItemOutput: true
);
