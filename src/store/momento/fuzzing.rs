use super::item::Item;

/// Reads the item of an asset in a Momento cache.
///
/// # Panics
/// The asset does not survive encoding.
pub fn momento_item(bytes: &[u8]) -> bool {
    let Ok(item) = Item::read(bytes) else { return false };
    let Some(document) = item.asset() else { return true };
    let encoded = serde_json::to_vec(&document).expect("a document is JSON");
    assert_eq!(Item::read(&encoded).expect("an item"), Item::Asset(document.clone()));
    document.sound(usize::MAX).is_ok()
}
