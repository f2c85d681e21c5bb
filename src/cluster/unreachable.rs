//! Reasons why one way does not lead to Prometheus.

use super::api::Refusal;

/// Reason why a way does not lead to Prometheus.
pub(super) enum Unreachable {
    /// This way is missing. Another one may exist.
    Absent {
        /// Object or right that is missing.
        reason: String,
        /// Remedy for a user of this way alone.
        remedy: &'static str,
    },
    /// Failure of the API server, which each way needs.
    Failed(anyhow::Error),
}

impl Unreachable {
    /// Makes the reason of a refused request. `action` names what the client did, and with which object.
    pub(super) fn from_refusal(refusal: Refusal, action: &str, remedy: &'static str) -> Unreachable {
        match refusal {
            Refusal::NotFound => Unreachable::Absent { reason: format!("{action}: there is none"), remedy },
            Refusal::Forbidden(message) | Refusal::Invalid(message) => {
                Unreachable::Absent { reason: format!("{action}: {message}"), remedy }
            }
            Refusal::Failed(error) => Unreachable::Failed(error),
        }
    }
}
