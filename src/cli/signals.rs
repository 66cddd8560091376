use std::{io, process};

/// A future that is ready when the process is asked to stop: by TERM, INT, QUIT or HUP. Asked by one of the first three
/// a second time, it stops at once. USR1, USR2 and ALRM do nothing from now on; PIPE never did.
///
/// # Errors
/// When the signals cannot be listened for.
#[cfg(unix)]
pub(crate) fn stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    for ignored in [SignalKind::user_defined1(), SignalKind::user_defined2(), SignalKind::alarm()] {
        // Once it was listened for it does not kill, also when nobody listens any more.
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
            // A supervisor may send HUP along with its TERM: only those that mean it are counted.
            if hung_up {
                asked().await;
            }
            asked().await;
            process::exit(1);
        });
    })
}

/// As above, for Ctrl-C.
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
