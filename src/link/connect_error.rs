use std::{error::Error, io, iter::successors};

use rustls::{Error as TlsError, InvalidMessage};

use super::texts::{self, Author, Meaning};

/// Why a server is unreachable, if an operator can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectError {
    /// The server's certificate is not trusted, or names another host. Lasts until the configuration changes.
    Certificate,
    /// The host's name is not found, which may be temporary.
    UnknownHost,
    /// The server answers a TLS handshake with something else. Lasts until the configuration changes.
    NoTls,
}

/// The advice for [`ConnectError::Certificate`], for drivers that trust the certificates of this system.
pub(crate) const TRUST: &str = "name the host as its certificate does, or what to trust in SSL_CERT_FILE";

/// The advice for [`ConnectError::UnknownHost`].
pub(crate) const FIND_HOST: &str = "is the host in the URL right? waiting until it is found";

impl ConnectError {
    /// Looks for the reason in an error and its sources.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        chain(error).find_map(|error| match error.downcast_ref::<TlsError>() {
            Some(error) => Self::of_tls(error),
            None => Self::of_io(error.downcast_ref()?),
        })
    }

    fn of_tls(error: &TlsError) -> Option<Self> {
        match error {
            TlsError::InvalidCertificate(_)
            | TlsError::InvalidCertRevocationList(_)
            | TlsError::NoCertificatesPresented => Some(Self::Certificate),
            TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => Some(Self::NoTls),
            _ => None,
        }
    }

    fn of_io(error: &io::Error) -> Option<Self> {
        let unknown = texts::meaning(Author::Std, &error.to_string()) == Some(Meaning::UnknownHost);
        unknown.then_some(Self::UnknownHost)
    }
}

/// An error and its sources. An I/O error's own `source` would skip the error that it wraps.
pub(crate) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
        None => error.source(),
    })
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("a library's own")]
    struct Wrapped(#[source] io::Error);

    #[test]
    fn the_reason_is_found_at_any_depth() {
        let expired = || TlsError::InvalidCertificate(CertificateError::Expired);
        let plain = TlsError::InvalidMessage(InvalidMessage::InvalidContentType);
        for (error, reason) in [
            (io::Error::other(expired()), Some(ConnectError::Certificate)),
            (io::Error::other(Wrapped(io::Error::other(expired()))), Some(ConnectError::Certificate)),
            (io::Error::new(io::ErrorKind::InvalidData, plain), Some(ConnectError::NoTls)),
            (io::Error::other(TlsError::DecryptError), None),
            (io::Error::other("a certificate is only spoken of"), None),
            (io::ErrorKind::ConnectionRefused.into(), None),
        ] {
            assert_eq!(ConnectError::of(&error), reason, "{error}");
            assert_eq!(ConnectError::of(&Wrapped(error)), reason);
        }
    }

    #[tokio::test]
    async fn a_host_that_is_not_found_is_told_from_a_port_that_is_closed() {
        let unknown = tokio::net::TcpStream::connect(("no-such-host.invalid", 1)).await.unwrap_err();
        assert_eq!(ConnectError::of(&unknown), Some(ConnectError::UnknownHost), "{unknown}");
        let closed = tokio::net::TcpStream::connect(("127.0.0.1", 1)).await.unwrap_err();
        assert_eq!(ConnectError::of(&closed), None, "{closed}");
    }
}
