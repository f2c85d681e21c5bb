//! Error of a query without a result: its message, and the reasons that a caller can act on.
use std::fmt;

/// Limit that a query exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// Samples that the server reads, or bytes of its response.
    Size,
    /// Time that the query takes. A server that stalls looks the same.
    Time,
}

/// Error of a query without a result.
#[derive(Debug)]
pub struct Refusal {
    message: String,
    /// Limit that the query exceeded; set if smaller parts of the query may succeed.
    pub excess: Option<Excess>,
    /// True if the server may accept another token.
    pub token_refused: bool,
}

impl Refusal {
    /// Makes a refusal from its message: the server, its response, the remedy.
    pub(super) fn new(message: String, excess: Option<Excess>) -> Refusal {
        Refusal { message, excess, token_refused: false }
    }

    /// Makes the refusal of a token from its message.
    pub(super) fn with_token_refused(message: String) -> Refusal {
        Refusal { token_refused: true, ..Refusal::new(message, None) }
    }

    /// Changes the message.
    pub(super) fn map_message(self, change: impl FnOnce(&str) -> String) -> Refusal {
        Refusal { message: change(&self.message), ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// Returns the limit that a failed query exceeded; `None` if it failed for another reason.
pub fn excess(error: &anyhow::Error) -> Option<Excess> {
    error.downcast_ref::<Refusal>().and_then(|refusal| refusal.excess)
}

/// Returns true if the query failed because of its token.
pub fn is_token_refused(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.token_refused)
}
