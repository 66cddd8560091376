use super::envelope::SenderId;

/// Parses an envelope of the bus.
///
/// # Panics
/// The message does not survive encoding.
pub fn envelope(bytes: &[u8]) -> bool {
    let (sender, receiver) = (SenderId::random(), SenderId::random());
    let Ok(Some(message)) = receiver.read(bytes) else { return false };
    // A message that only just fits may not fit with another sender.
    if let Some(encoded) = sender.write(&message) {
        assert_eq!(receiver.read(&encoded), Ok(Some(message)));
    }
    true
}
