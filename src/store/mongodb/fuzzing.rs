//! See [`crate::fuzzing`].

use ::mongodb::bson::RawDocument;

use super::bson::{id, named, read, whole};
use crate::model::RoomName;

/// Reads the document of an asset in MongoDB.
///
/// # Panics
/// The asset does not survive encoding.
pub fn mongodb_document(bytes: &[u8]) -> bool {
    let Ok(found) = RawDocument::from_bytes(bytes) else { return false };
    let (Ok((document, expires_at)), Ok((asset, same))) = (read(found), named(found)) else { return false };
    assert_eq!(document, same);
    let room: RoomName = "lobby".parse().expect("a name");
    let encoded = whole(&room, &id(&room, &asset), document.clone(), expires_at).expect("a document is BSON");
    assert_eq!(read(&encoded).expect("a document"), (document.clone(), expires_at));
    assert_eq!(named(&encoded).expect("a document"), (asset, document.clone()));
    document.sound(usize::MAX).is_ok()
}
