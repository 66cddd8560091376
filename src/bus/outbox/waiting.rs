use std::collections::VecDeque;

use super::Envelope;

/// Maximum number of envelopes queued while a server is slow or unreachable: some seconds of a busy node, about
/// 4 MB of events, 16 of heartbeats. The oldest are dropped first, because a newer state makes up for older
/// ones.
pub(in crate::bus) const WAITING_ENVELOPES: usize = 16_384;

/// Maximum bytes of these envelopes. Heartbeats of many rooms whose players all have the longest names reach it first.
const WAITING_BYTES: usize = 64 * 1024 * 1024;

/// The envelopes that wait to be sent, oldest first.
#[derive(Default)]
pub(super) struct Waiting {
    envelopes: VecDeque<Envelope>,
    bytes: usize,
}

impl Waiting {
    /// Appends an envelope, and returns the number of the older ones that were dropped.
    pub(super) fn push(&mut self, envelope: Envelope) -> usize {
        self.bytes += envelope.text.len();
        self.envelopes.push_back(envelope);
        self.bound()
    }

    /// Returns envelopes to the front, to be sent first, and returns the number of the dropped ones.
    #[cfg(feature = "redis")]
    pub(super) fn put_back(&mut self, envelopes: Vec<Envelope>) -> usize {
        for envelope in envelopes.into_iter().rev() {
            self.bytes += envelope.text.len();
            self.envelopes.push_front(envelope);
        }
        self.bound()
    }

    /// Takes out up to `most` wanted envelopes. Usually all are wanted, and then no envelope is moved.
    pub(super) fn take(&mut self, wanted: impl Fn(&Envelope) -> bool, most: usize) -> Vec<Envelope> {
        let run = self.envelopes.iter().take(most).take_while(|envelope| wanted(envelope)).count();
        let mut taken: Vec<_> = self.envelopes.drain(..run).collect();
        if taken.len() < most {
            self.envelopes.retain(|envelope| {
                let due = taken.len() < most && wanted(envelope);
                if due {
                    taken.push(envelope.clone());
                }
                !due
            });
        }
        self.bytes -= taken.iter().map(|envelope| envelope.text.len()).sum::<usize>();
        taken
    }

    fn bound(&mut self) -> usize {
        let before = self.envelopes.len();
        while self.envelopes.len() > WAITING_ENVELOPES || self.bytes > WAITING_BYTES {
            let Some(oldest) = self.envelopes.pop_front() else { break };
            self.bytes -= oldest.text.len();
        }
        before - self.envelopes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(room: &str, bytes: usize) -> Envelope {
        Envelope { room: room.parse().unwrap(), slot: 0, text: vec![b' '; bytes] }
    }

    #[test]
    fn long_envelopes_are_dropped_by_their_bytes() {
        let (mut waiting, most) = (Waiting::default(), WAITING_BYTES / 4);
        assert_eq!(waiting.push(envelope("a", most)), 0);
        assert_eq!(waiting.push(envelope("b", 2 * most)), 0);
        assert_eq!(waiting.push(envelope("c", most)), 0, "exactly full");
        assert_eq!(waiting.push(envelope("d", most + 1)), 2);
        let rooms: Vec<_> = waiting.take(|_| true, 9).iter().map(|one| one.room.to_string()).collect();
        assert_eq!(rooms, ["c", "d"]);
        assert_eq!(waiting.bytes, 0);
    }
}
