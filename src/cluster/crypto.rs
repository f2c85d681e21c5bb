//! Cryptography of every TLS connection of the plugin.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// Returns the provider. It supports all that Go's TLS does in certificates and keys: RSA, Ed25519, and ECDSA on P-256,
/// P-384 and P-521, with SHA-256, SHA-384 and SHA-512.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
