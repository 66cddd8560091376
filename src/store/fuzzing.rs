//! See [`crate::fuzzing`].

#[cfg(feature = "dynamodb")]
pub use super::dynamodb::fuzzing::dynamodb_item;
#[cfg(feature = "momento")]
pub use super::momento::fuzzing::momento_item;
#[cfg(feature = "mongodb")]
pub use super::mongodb::fuzzing::mongodb_document;
#[cfg(feature = "mysql")]
pub use super::mysql::fuzzing::mysql_row;
#[cfg(feature = "redis")]
pub use super::redis::fuzzing::redis_reply;
#[cfg(feature = "sqlite")]
pub use super::sqlite::fuzzing::sqlite_value;
