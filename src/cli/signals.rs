use std::{io, process};

/// A future that is ready when the process receives TERM, INT, QUIT or HUP. A second TERM, INT or QUIT exits at once.
/// From now on USR1, USR2 and ALRM are ignored; PIPE always is.
///
/// # Errors
/// If the signal handlers cannot be installed.
#[cfg(unix)]
pub(crate) fn stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    for ignored in [SignalKind::user_defined1(), SignalKind::user_defined2(), SignalKind::alarm()] {
        // Once tokio has a handler, the signal no longer kills the process, even after the listener is dropped.
        drop(signal(ignored)?);
    }
    let mut hangup = signal(SignalKind::hangup())?;
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
    Ok(async move {
        let hung_up = tokio::select! {
            () = asked() => false,
            _ = hangup.recv() => true,
        };
        tokio::spawn(async move {
            // A supervisor may send HUP together with TERM, so HUP does not count as the first request.
            if hung_up {
                asked().await;
            }
            asked().await;
            process::exit(1);
        });
    })
}

/// The same for Ctrl-C.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub(crate) fn stop() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
        tokio::spawn(async {
            let _ = tokio::signal::ctrl_c().await;
            process::exit(1);
        });
    })
}
