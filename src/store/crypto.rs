//! Chooses the cryptography provider of TLS, once for the process. In a build with several stores, their crates
//! bring more than one provider, and crates that leave the choice to the process refuse to choose.

use std::sync::Once;

use rustls::crypto::ring;

static CHOSEN: Once = Once::new();

/// Installs `ring`, unless a provider is installed already.
pub(super) fn choose() {
    // An error means that another thread has installed one, which is as good.
    CHOSEN.call_once(|| drop(ring::default_provider().install_default()));
}
