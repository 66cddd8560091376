//! What nodes log as an error. Nothing that a plan brings about is one: the store never loses what it answered.

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

    /// Whether there are none.
    pub fn none(&self) -> Result<(), String> {
        let said = self.0.lock();
        if said.is_empty() { Ok(()) } else { Err(String::from_utf8_lossy(&said).into_owned()) }
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
