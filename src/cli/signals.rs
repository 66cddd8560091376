use std::{io, process};

/// The signals of this process. From now on none but TERM, INT and QUIT ends it.
pub(crate) struct Signals<S> {
    /// Ready when the process is asked to stop: TERM, INT or QUIT. A second one exits at once.
    pub(crate) stop: S,
    /// HUP asks to read again what may have changed.
    pub(crate) hangups: Hangups,
}

/// Handles TERM, INT, QUIT and HUP. USR1, USR2 and ALRM are ignored; PIPE always is.
///
/// # Errors
/// If the signal handlers cannot be installed.
#[cfg(unix)]
pub(crate) fn signals() -> io::Result<Signals<impl Future<Output = ()>>> {
    use tokio::signal::unix::{SignalKind, signal};
    for ignored in [SignalKind::user_defined1(), SignalKind::user_defined2(), SignalKind::alarm()] {
        // Once tokio has a handler, the signal no longer kills the process, even after the listener is dropped.
        drop(signal(ignored)?);
    }
    let hangups = Hangups(signal(SignalKind::hangup())?);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut asked = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
        }
    };
    let stop = async move {
        asked().await;
        tokio::spawn(async move {
            asked().await;
            process::exit(1);
        });
    };
    Ok(Signals { stop, hangups })
}

/// The same for Ctrl-C. There are no hangups.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub(crate) fn signals() -> io::Result<Signals<impl Future<Output = ()>>> {
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
        tokio::spawn(async {
            let _ = tokio::signal::ctrl_c().await;
            process::exit(1);
        });
    };
    Ok(Signals { stop, hangups: Hangups })
}

/// The HUPs that the process receives.
#[cfg(unix)]
pub(crate) struct Hangups(tokio::signal::unix::Signal);

/// None.
#[cfg(not(unix))]
pub(crate) struct Hangups;

impl Hangups {
    /// Ready when one came since the last call.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if self.0.recv().await.is_some() {
            return;
        }
        std::future::pending().await
    }
}
