//! Exposition, shared by all requests that it serves.

use crate::serve::gzip;
use hyper::body::Bytes;
use std::sync::{Arc, OnceLock};

/// An exposition's text, compressed at most once.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Exposition {
    pub(in crate::serve) text: Bytes,
    /// Number of the exposition.
    pub(in crate::serve) number: u64,
    /// The text compressed, after the first request for that.
    packed: Arc<OnceLock<Bytes>>,
}

impl Exposition {
    pub(in crate::serve) fn new(text: Bytes, number: u64) -> Exposition {
        Exposition { text, number, packed: Arc::default() }
    }

    /// Returns the text compressed. The first call does that, on the thread of the passes. `None` if the program is
    /// about to end.
    pub(in crate::serve) async fn gzip(&self) -> Option<Bytes> {
        if let Some(packed) = self.packed.get() {
            return Some(packed.clone());
        }
        let Exposition { text, packed, .. } = self.clone();
        // Of several calls at once the first compresses, and the others find that done.
        let compress = move || packed.get_or_init(|| gzip::compress(&text).into()).clone();
        tokio::task::spawn_blocking(compress).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_compressed_once_and_only_on_request() {
        let exposition = Exposition::new(Bytes::from_static(b"text"), 1);
        let other = exposition.clone();
        assert!(exposition.packed.get().is_none());
        let (one, another) = tokio::join!(exposition.gzip(), other.gzip());
        let (one, another) = (one.unwrap(), another.unwrap());
        assert_eq!(one, gzip::compress(b"text"));
        assert!(std::ptr::eq(one.as_ptr(), another.as_ptr()), "it was compressed twice");
        assert!(std::ptr::eq(one.as_ptr(), exposition.gzip().await.unwrap().as_ptr()));
    }
}
