//! Which cryptography TLS is done with, said once for the process: in a build with several stores their crates bring more
//! than one, and those that leave the choice to the process would refuse to choose.

use std::sync::Once;

use rustls::crypto::ring;

static CHOSEN: Once = Once::new();

/// Chooses `ring`, unless the process has chosen already.
pub(super) fn choose() {
    // An error says that somebody was quicker, which is as good.
    CHOSEN.call_once(|| drop(ring::default_provider().install_default()));
}
