//! A question that was not answered: why, in one line, and whether it would be in smaller pieces.
use std::fmt;

/// What a question was too big in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// Samples that the server reads, or bytes that it answers.
    Size,
    /// Time that it takes. A server that stalls looks the same.
    Time,
}

/// The error of a question that was not answered.
#[derive(Debug)]
pub struct Refusal {
    words: String,
    /// Set where pieces of the question may be answered.
    pub excess: Option<Excess>,
    /// Whether another token may be taken.
    pub of_token: bool,
}

impl Refusal {
    /// In these words: what was asked, what came back, the remedy.
    pub(super) fn new(words: String, excess: Option<Excess>) -> Refusal {
        Refusal { words, excess, of_token: false }
    }

    /// The same, of the token.
    pub(super) fn of_token(words: String) -> Refusal {
        Refusal { of_token: true, ..Refusal::new(words, None) }
    }

    /// With its words changed.
    pub(super) fn map(self, change: impl FnOnce(&str) -> String) -> Refusal {
        Refusal { words: change(&self.words), ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Refusal {}

/// What a question was too big in, if that is why it failed.
pub fn excess(error: &anyhow::Error) -> Option<Excess> {
    error.downcast_ref::<Refusal>().and_then(|refusal| refusal.excess)
}

/// Whether it was the token that was refused.
pub fn is_of_token(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.of_token)
}
