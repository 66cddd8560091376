use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;

use super::item::{Fields, Item, Row};
use crate::store::AssetKey;

/// An attribute in DynamoDB's JSON.
#[derive(Deserialize)]
enum Attribute {
    S(String),
    N(String),
    #[serde(rename = "BOOL")]
    Bool(bool),
}

impl From<Attribute> for AttributeValue {
    fn from(attribute: Attribute) -> Self {
        match attribute {
            Attribute::S(text) => Self::S(text),
            Attribute::N(number) => Self::N(number),
            Attribute::Bool(value) => Self::Bool(value),
        }
    }
}

/// Reads the item of an asset or of a holder in DynamoDB, from JSON.
///
/// # Panics
/// The asset does not survive encoding.
pub fn dynamodb_item(bytes: &[u8]) -> bool {
    let Ok(json) = serde_json::from_slice::<HashMap<String, Attribute>>(bytes) else { return false };
    let item: Item = json.into_iter().map(|(name, attribute)| (name, attribute.into())).collect();
    let is_holder = Fields(&item).grant().is_ok();
    let Ok(row) = Row::parse(&item) else { return is_holder };
    let key = AssetKey { room: "lobby".parse().expect("a name"), asset: "sword".parse().expect("a name") };
    let encoded = row.item(&key);
    assert_eq!(Row::parse(&encoded).expect("a row"), row);
    true
}
