use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::{BotsError, NodeUrl};

/// How the bots verify the servers. It trusts the certificates of this system, or those in the file that
/// `SSL_CERT_FILE` names. They are read only if a server speaks TLS.
pub(super) fn tls(nodes: &[NodeUrl]) -> Result<Arc<ClientConfig>, BotsError> {
    let unusable = |why: &dyn ToString| BotsError::Certificates(why.to_string());
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?;
    let builder = if nodes.iter().any(NodeUrl::is_tls) {
        builder.with_native_roots().map_err(|error| unusable(&error))?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}
