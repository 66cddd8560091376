//! What nodes log as an error. Nothing that a plan brings about is one, but a store that loses what it answered.

use std::{io, sync::Arc};

use parking_lot::Mutex;
use tracing::{Level, subscriber::DefaultGuard};

#[derive(Default)]
pub struct Complaints(Mutex<Vec<u8>>);

impl Complaints {
    /// Those of this thread, as long as the guard lives.
    pub fn listen() -> (Arc<Self>, DefaultGuard) {
        let complaints = Arc::<Self>::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::ERROR)
            .with_ansi(false)
            .without_time()
            .with_writer(Arc::clone(&complaints))
            .finish();
        (complaints, tracing::subscriber::set_default(subscriber))
    }

    /// Whether there are none, but those of a store that did lose writes.
    pub fn none(&self, lost_writes: bool) -> Result<(), String> {
        let said = self.0.lock();
        let said = String::from_utf8_lossy(&said);
        match said.lines().find(|line| !(lost_writes && line.contains("the store went back"))) {
            Some(_) => Err(said.into_owned()),
            None => Ok(()),
        }
    }
}

impl io::Write for &Complaints {
    fn write(&mut self, said: &[u8]) -> io::Result<usize> {
        self.0.lock().write(said)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
