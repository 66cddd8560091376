//! Everything that happened, in order, with the time of it.

use std::{
    fmt::{Arguments, Write},
    hash::{DefaultHasher, Hasher},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

pub struct Trace {
    started: Instant,
    text: Mutex<String>,
}

impl Trace {
    pub fn start() -> Self {
        Self { started: Instant::now(), text: Mutex::default() }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn say(&self, what: Arguments<'_>) {
        let time = self.started.elapsed().as_millis();
        writeln!(self.text.lock(), "{time:>6} ms  {what}").unwrap();
    }

    pub fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(self.text.lock().as_bytes());
        hasher.finish()
    }

    pub fn text(&self) -> String {
        self.text.lock().clone()
    }
}
