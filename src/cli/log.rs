//! The log. Lines pass through a bounded queue to a writer thread, so that a full, closed or unread stderr blocks
//! nothing. Lost lines are counted.

use std::{
    io::{self, IsTerminal, Write},
    panic::{self, PanicHookInfo},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use anyhow::anyhow;
use asset_arbiter::server::Metrics;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{EnvFilter, fmt, reload};

use super::{Config, say, serve_args::LogFormat};

/// The maximum of queued lines, some MB. Further lines are dropped.
const QUEUE: usize = 8192;
/// The timeout for writing the last lines.
const LAST_LINES: Duration = Duration::from_millis(1500);

/// The running log. Dropping it writes the queued lines, if stderr accepts them in time.
pub(crate) struct Log {
    guard: Option<WorkerGuard>,
    level: Level,
    queue: ErrorCounter,
    unwritten: Arc<AtomicU64>,
}

/// Changes what is logged.
type Level = Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>;

impl Log {
    /// Starts the log on stderr. Panics are logged from now on.
    ///
    /// # Errors
    /// If a log is already running.
    pub(crate) fn start(config: &Config) -> anyhow::Result<Self> {
        let unwritten = Arc::new(AtomicU64::new(0));
        let stream = Lines { stream: io::stderr(), torn: false, unwritten: Arc::clone(&unwritten) };
        let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(QUEUE).thread_name("log");
        let (writer, guard) = builder.finish(stream);
        let queue = writer.error_counter();
        let subscriber = fmt()
            .with_env_filter(EnvFilter::try_new(&config.log_level)?)
            .with_writer(writer)
            .log_internal_errors(false)
            .with_ansi(io::stderr().is_terminal());
        let level = match config.log_format {
            LogFormat::Pretty => {
                let subscriber = subscriber.with_filter_reloading();
                let level = level_of(subscriber.reload_handle());
                subscriber.try_init().map(|()| level)
            }
            LogFormat::Json => {
                let subscriber = subscriber.json().flatten_event(true).with_filter_reloading();
                let level = level_of(subscriber.reload_handle());
                subscriber.try_init().map(|()| level)
            }
        }
        .map_err(|error| anyhow!("cannot start the log: {error}"))?;
        panic::set_hook(Box::new(panicked));
        config.loose_files.iter().for_each(|file| tracing::warn!("{file}"));
        Ok(Self { guard: Some(guard), level, queue, unwritten })
    }

    /// Logs by another `--log-level` from now on.
    ///
    /// # Errors
    /// The text is no level.
    pub(crate) fn set_level(&self, level: &str) -> Result<(), String> {
        let filter = EnvFilter::try_new(level).map_err(|error| error.to_string())?;
        (self.level)(filter).map_err(|error| error.to_string())
    }

    /// Exports the count of dropped lines to `metrics`.
    pub(crate) fn count_dropped(&self, metrics: &Metrics) {
        let (queue, unwritten) = (self.queue.clone(), Arc::clone(&self.unwritten));
        let read = move || queue.dropped_lines() as u64 + unwritten.load(Relaxed);
        metrics.count("asset_arbiter_log_lines_dropped_total", read);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Dropping the guard may wait for the reader of a pipe, and print a complaint on stdout.
        let guard = self.guard.take();
        say::within(LAST_LINES, move || drop(guard));
    }
}

fn level_of<S: 'static>(handle: reload::Handle<EnvFilter, S>) -> Level {
    Box::new(move |filter| handle.reload(filter))
}

/// Logs what the default panic hook prints.
fn panicked(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let why = info.payload_as_str().unwrap_or("no message");
    let current = thread::current();
    tracing::error!(place, thread = current.name().unwrap_or("unnamed"), "panicked: {why}");
}

/// Writes lines and counts the failed ones.
struct Lines<W> {
    stream: W,
    /// The last line was written only partially.
    torn: bool,
    unwritten: Arc<AtomicU64>,
}

impl<W: Write> Lines<W> {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.stream.write_all(b"\n")?;
            self.torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = &rest[written..];
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.line(line).is_err() {
            self.unwritten.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.stream.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepts a number of bytes, then none until it is given more space.
    struct Disk {
        space: usize,
        written: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.space);
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.space -= taken;
            self.written.extend(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_and_the_next_begins_anew() {
        let unwritten = Arc::new(AtomicU64::new(0));
        let stream = Disk { space: 6, written: Vec::new() };
        let mut lines = Lines { stream, torn: false, unwritten: Arc::clone(&unwritten) };
        for line in ["one\n", "two\n", "three\n"] {
            lines.write_all(line.as_bytes()).unwrap();
            lines.flush().unwrap();
        }
        assert_eq!(unwritten.load(Relaxed), 2);
        lines.stream.space = 100;
        lines.write_all(b"four\n").unwrap();
        assert_eq!(lines.stream.written, b"one\ntw\nfour\n");
        assert_eq!(unwritten.load(Relaxed), 2);
    }
}
