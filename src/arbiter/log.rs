use std::collections::VecDeque;

use crate::model::Frame;

/// A room's recent frames, each with an offset: 1, 2, 3, ... A reader is a cursor: the offset of the last frame read.
/// Memory does not grow with the number of readers, and a slow reader does not block others.
#[derive(Debug)]
pub(super) struct RoomLog {
    frames: VecDeque<Frame>,
    capacity: usize,
    head: u64,
}

/// The cursor is before the oldest frame, or after the newest.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FellOff;

impl RoomLog {
    pub(super) fn new(capacity: usize) -> Self {
        Self { frames: VecDeque::new(), capacity, head: 0 }
    }

    /// The offset of the newest frame; 0 before the first.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Appends the frame that `encode` returns for the new offset.
    pub(super) fn append(&mut self, encode: impl FnOnce(u64) -> Frame) {
        self.head += 1;
        if self.frames.len() == self.capacity {
            self.frames.pop_front();
        }
        self.frames.push_back(encode(self.head));
    }

    /// The same, if `encode` returns a frame.
    pub(super) fn append_if(&mut self, encode: impl FnOnce(u64) -> Option<Frame>) {
        if let Some(frame) = encode(self.head + 1) {
            self.append(|_| frame);
        }
    }

    /// Invalidates every cursor, so that every reader gets a snapshot at the new head.
    pub(super) fn reset(&mut self) {
        self.frames.clear();
        self.head += 1;
    }

    /// Whether the log has every frame after `cursor`.
    pub(super) fn reaches(&self, cursor: u64) -> bool {
        let before_oldest = self.head - self.frames.len() as u64;
        (before_oldest..=self.head).contains(&cursor)
    }

    /// Appends at most `limit` frames after `cursor` and returns the new cursor.
    pub(super) fn read(&self, cursor: u64, limit: usize, out: &mut Vec<u8>) -> Result<u64, FellOff> {
        if !self.reaches(cursor) {
            return Err(FellOff);
        }
        let missing = (self.head - cursor) as usize;
        let start = self.frames.len() - missing;
        let count = missing.min(limit);
        for frame in self.frames.range(start..start + count) {
            out.extend_from_slice(frame.as_bytes());
        }
        Ok(cursor + count as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    fn log(capacity: usize, frames: u64) -> RoomLog {
        let mut log = RoomLog::new(capacity);
        for _ in 0..frames {
            log.append(|offset| Frame::of(&offset));
        }
        log
    }

    fn payloads(frames: &[u8]) -> Vec<&str> {
        model::payloads(frames).map(|payload| std::str::from_utf8(payload).unwrap()).collect()
    }

    #[test]
    fn a_cursor_gets_exactly_what_it_misses() {
        let log = log(4, 3);
        let mut frames = Vec::new();
        assert_eq!(log.read(1, 10, &mut frames), Ok(3));
        assert_eq!(payloads(&frames), ["2", "3"]);
        frames.clear();
        assert_eq!(log.read(0, 2, &mut frames), Ok(2), "never more than the limit");
        assert_eq!(payloads(&frames), ["1", "2"]);
        assert_eq!(log.read(3, 2, &mut Vec::new()), Ok(3));
    }

    #[test]
    fn a_cursor_before_the_oldest_frame_falls_off() {
        let log = log(4, 9);
        assert_eq!(log.read(4, 1, &mut Vec::new()), Err(FellOff));
        let mut frames = Vec::new();
        assert_eq!(log.read(5, 9, &mut frames), Ok(9));
        assert_eq!(payloads(&frames), ["6", "7", "8", "9"]);
        assert_eq!(log.read(10, 1, &mut frames), Err(FellOff), "an offset that never was");
    }

    #[test]
    fn a_reset_makes_every_cursor_fall_off() {
        let mut log = log(4, 2);
        log.reset();
        for cursor in 0..=2 {
            assert!(!log.reaches(cursor));
        }
        assert_eq!(log.head(), 3);
        assert!(log.reaches(3));
    }
}
