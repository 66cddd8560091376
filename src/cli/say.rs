//! What the command line itself writes. A stream that is closed, full or not read keeps nobody waiting for long and
//! ends nothing: what cannot be written is lost.

use std::{
    io::{self, Write},
    sync::mpsc,
    thread,
    time::Duration,
};

/// How long a line may take: a reader that is there takes it at once.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long what a command was asked for may take: a pager reads on when its user does.
const LONG_PATIENCE: Duration = Duration::from_secs(10);

/// Writes a line to stderr.
pub(crate) fn stderr(line: &str) {
    let text = format!("{line}\n");
    within(PATIENCE, move || put(&mut io::stderr(), &text));
}

/// Writes what the process has to tell beside its work to stdout.
pub(crate) fn stdout(text: String) {
    within(PATIENCE, move || put(&mut io::stdout(), &text));
}

/// Writes what a command is there for to stdout.
pub(crate) fn result(text: String) {
    within(LONG_PATIENCE, move || put(&mut io::stdout(), &text));
}

fn put(stream: &mut impl Write, text: &str) {
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// Does something that may block in a thread of its own, and waits so long for it at most.
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
