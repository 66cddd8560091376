use ::mongodb::bson::RawDocument;

use super::bson::{id, named, read, whole};
use crate::store::AssetKey;

/// Reads the document of an asset in MongoDB.
///
/// # Panics
/// The asset does not survive encoding.
pub fn mongodb_document(bytes: &[u8]) -> bool {
    let Ok(found) = RawDocument::from_bytes(bytes) else { return false };
    let (Ok((document, expires_at, _)), Ok((asset, same))) = (read(found), named(found)) else { return false };
    assert_eq!(document, same);
    let key = AssetKey { room: "lobby".parse().expect("a name"), asset };
    let encoded = whole(&key.room, &id(&key), document.clone(), expires_at).expect("a document is BSON");
    let (again, expiry, _) = read(&encoded).expect("a document");
    assert_eq!((&again, expiry), (&document, expires_at.filter(|_| document.events.is_empty())));
    assert_eq!(named(&encoded).expect("a document"), (key.asset, document.clone()));
    document.sound(usize::MAX).is_ok()
}
