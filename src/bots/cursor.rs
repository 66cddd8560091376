use super::frame::Welcome;

/// A bot's position in its room's log, from which it resumes.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    epoch: String,
    offset: u64,
    /// True if a complete state was read. While parts are missing there is nothing to resume from.
    whole: bool,
}

impl Cursor {
    /// The query of the next connection; empty if there is nothing to resume from.
    pub(super) fn query(&self) -> String {
        if self.whole { format!("&epoch={}&offset={}", self.epoch, self.offset) } else { String::new() }
    }

    /// Processes a connection's welcome.
    pub(super) fn enter(&mut self, welcome: &Welcome<'_>) {
        // A state without assets may precede a snapshot in parts; only the next frame shows it.
        self.whole = welcome.recovered || !welcome.assets.is_empty();
        welcome.epoch.clone_into(&mut self.epoch);
        // A recovered connection continues at our offset; the missed frames follow.
        if !welcome.recovered {
            self.offset = welcome.offset;
        }
    }

    /// Processes a room frame. Returns true if it is the next one.
    pub(super) fn frame(&mut self, offset: u64) -> bool {
        let next = offset == self.offset.saturating_add(1);
        self.offset = offset;
        self.whole = true;
        next
    }

    /// Processes a snapshot or a part of one.
    pub(super) fn snapshot(&mut self, offset: u64, part: usize, parts: usize) {
        self.offset = offset;
        self.whole = part >= parts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bots::frame::State;

    fn welcome(recovered: bool, assets: usize) -> Welcome<'static> {
        let assets = vec![State { asset: "a", units: 1, remaining: 1, revision: 0, held: 0 }; assets];
        Welcome { epoch: "e1", offset: 7, recovered, ping_interval_ms: 0, token_ttl_ms: None, assets }
    }

    #[test]
    fn a_bot_resumes_after_the_last_frame_it_read() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.query(), "");
        cursor.enter(&welcome(false, 1));
        assert_eq!(cursor.query(), "&epoch=e1&offset=7");
        assert!(cursor.frame(8));
        assert!(!cursor.frame(10), "9 is missing");
        cursor.enter(&welcome(true, 0));
        assert_eq!(cursor.query(), "&epoch=e1&offset=10");
    }

    #[test]
    fn half_a_snapshot_is_nothing_to_resume_from() {
        let mut cursor = Cursor::default();
        cursor.enter(&welcome(false, 0));
        assert_eq!(cursor.query(), "", "parts may follow");
        cursor.snapshot(9, 1, 2);
        assert_eq!(cursor.query(), "");
        cursor.snapshot(9, 2, 2);
        assert_eq!(cursor.query(), "&epoch=e1&offset=9");
    }
}
