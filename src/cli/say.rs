//! Output of the command line itself. A closed, full or unread stream delays the process only briefly and never stops
//! it; output that cannot be written is lost.

use std::{
    io::{self, Write},
    sync::mpsc,
    thread,
    time::Duration,
};

/// The timeout for a line. An attached reader takes it at once.
const PATIENCE: Duration = Duration::from_secs(1);
/// The timeout for a command's result. A pager reads on only when its user scrolls.
const LONG_PATIENCE: Duration = Duration::from_secs(10);

/// Writes a line to stderr.
pub(crate) fn stderr(line: &str) {
    let text = format!("{line}\n");
    within(PATIENCE, move || put(&mut io::stderr(), &text));
}

/// Writes incidental information to stdout.
pub(crate) fn stdout(text: String) {
    within(PATIENCE, move || put(&mut io::stdout(), &text));
}

/// Writes a command's result to stdout.
pub(crate) fn result(text: String) {
    within(LONG_PATIENCE, move || put(&mut io::stdout(), &text));
}

fn put(stream: &mut impl Write, text: &str) {
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// Runs work that may block in its own thread and waits for it up to a timeout.
pub(super) fn within(patience: Duration, work: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let thread = thread::Builder::new().name("output".to_owned()).spawn(move || {
        work();
        let _ = done.send(());
    });
    if thread.is_ok() {
        let _ = wait.recv_timeout(patience);
    }
}
