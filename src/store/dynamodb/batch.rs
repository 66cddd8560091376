//! Writes that need no condition, many in one request.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, ReturnConsumedCapacity, WriteRequest};
use tokio::time::sleep;

use super::{
    client::{Client, Deadline, pause},
    error::{DynamoError, Kind, Tried},
    item::Item,
};

/// Maximum number of items in one `BatchWriteItem`.
const ITEMS: usize = 25;

/// Writes one batch after the other. Repeating it changes nothing.
pub(super) async fn write(client: &Client, table: &str, requests: Vec<WriteRequest>) -> Tried<()> {
    for requests in requests.chunks(ITEMS) {
        let mut left = HashMap::from([(table.to_owned(), requests.to_vec())]);
        let (mut tried, deadline) = (0, Deadline::new());
        while !left.is_empty() {
            if tried > 0 {
                sleep(pause(tried)).await;
            }
            if deadline.is_over() {
                return Err(DynamoError::new(Kind::Busy, "the service is too busy to write all of it"));
            }
            let answer = client.run(deadline, |sdk| {
                let request = sdk
                    .batch_write_item()
                    .set_request_items(Some(left.clone()))
                    .return_consumed_capacity(ReturnConsumedCapacity::Total);
                async { request.send().await.map_err(DynamoError::from) }
            });
            left = answer.await?.unprocessed_items.unwrap_or_default();
            left.retain(|_, requests| !requests.is_empty());
            tried += 1;
        }
    }
    Ok(())
}

/// Deletes items with these keys.
pub(super) fn deletions(keys: Vec<Item>) -> Tried<Vec<WriteRequest>> {
    let one = |key| {
        let delete = DeleteRequest::builder().set_key(Some(key)).build();
        delete.map(|delete| WriteRequest::builder().delete_request(delete).build())
    };
    Ok(keys.into_iter().map(one).collect::<Result<_, _>>()?)
}

/// Writes items, also over others of the same key.
pub(super) fn puts(items: impl IntoIterator<Item = Item>) -> Tried<Vec<WriteRequest>> {
    let one = |item| {
        let put = PutRequest::builder().set_item(Some(item)).build();
        put.map(|put| WriteRequest::builder().put_request(put).build())
    };
    Ok(items.into_iter().map(one).collect::<Result<_, _>>()?)
}
