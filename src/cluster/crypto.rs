//! The cryptography of every TLS connection of the plugin, named in one place.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// All that Go's TLS takes in certificates and keys: RSA, Ed25519, and ECDSA on P-256, P-384 and P-521, with SHA-256,
/// SHA-384 and SHA-512.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
