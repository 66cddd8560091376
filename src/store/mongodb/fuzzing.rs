use ::mongodb::bson::RawDocument;

use super::bson::{id, named, read, whole};
use crate::store::AssetKey;

/// Reads the document of an asset in MongoDB.
///
/// # Panics
/// The asset does not survive encoding.
pub fn mongodb_document(bytes: &[u8]) -> bool {
    let Ok(found) = RawDocument::from_bytes(bytes) else { return false };
    let (Ok((document, expires_at)), Ok((asset, same))) = (read(found), named(found)) else { return false };
    assert_eq!(document, same);
    let key = AssetKey { room: "lobby".parse().expect("a name"), asset };
    let encoded = whole(&key.room, &id(&key), document.clone(), expires_at).expect("a document is BSON");
    assert_eq!(read(&encoded).expect("a document"), (document.clone(), expires_at));
    assert_eq!(named(&encoded).expect("a document"), (key.asset, document.clone()));
    document.sound(usize::MAX).is_ok()
}
