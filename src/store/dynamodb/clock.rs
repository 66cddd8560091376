//! The service's clock, which only the head of its HTTP answers shows, in whole seconds.

use std::sync::Arc;

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextRef,
    },
    error::BoxError,
    primitives::{DateTime, DateTimeFormat},
    types::ReturnConsumedCapacity,
};
use parking_lot::Mutex;

use super::{
    DynamoStore,
    client::Deadline,
    error::{DynamoError, Tried},
    item::{PK, PROBE, key},
};
use crate::{model::Millis, store::StoreTime};

/// The time that an answer says it was sent at.
#[derive(Debug, Clone, Default)]
struct AnswerDate(Arc<Mutex<Option<Millis>>>);

impl Intercept for AnswerDate {
    fn name(&self) -> &'static str {
        "AnswerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.0.lock() = context.response().headers().get("date").and_then(millis);
        Ok(())
    }
}

impl DynamoStore {
    /// Reads one small item for the sake of the answer's head. `None`: the head has no date.
    pub(super) async fn service_time(&self) -> Tried<Option<StoreTime>> {
        let date = AnswerDate::default();
        let answer = self.client.run(Deadline::new(), |sdk| {
            let request = sdk
                .get_item()
                .table_name(&self.url.table)
                .set_key(Some(key(PROBE, PROBE)))
                .projection_expression(PK)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .customize()
                .interceptor(date.clone());
            async { request.send().await.map_err(DynamoError::from) }
        });
        answer.await?;
        let second = *date.0.lock();
        Ok(second.map(|from| from..=from + 999))
    }
}

/// The Unix time of an HTTP date.
fn millis(date: &str) -> Option<Millis> {
    let date = DateTime::from_str(date, DateTimeFormat::HttpDate).ok()?;
    Millis::try_from(date.to_millis().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_and_anything_else_is_none() {
        assert_eq!(millis("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        for odd in
            ["", "yesterday", "784111777", "Thu, 01 Jan 1931 00:00:00 GMT", "Sun, 99 Nov 1994 08:49:37 GMT"]
        {
            assert_eq!(millis(odd), None, "{odd}");
        }
    }
}
