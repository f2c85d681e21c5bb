//! What `status` finds: checks in the order from the objects to the data, each with its remedy.
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and something ought to be done.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be looked at; the message says for want of what.
    Skipped,
}

impl Verdict {
    /// As it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed",
            Verdict::Skipped => "skipped",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Its name, for scripts.
    pub check: &'static str,
    /// How it came out.
    pub status: Verdict,
    /// What was found.
    pub message: String,
    /// What helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Check {
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Check {
        Check { check, status: Verdict::Ok, message: message.into(), remedy: None }
    }

    pub(super) fn warning(
        check: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Check {
        Check { check, status: Verdict::Warning, message: message.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn failed(
        check: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Check {
        Check { check, status: Verdict::Failed, message: message.into(), remedy: Some(remedy.into()) }
    }

    /// Failed by an error, whose line holds the remedy.
    pub(super) fn broken(check: &'static str, error: &anyhow::Error) -> Check {
        Check { check, status: Verdict::Failed, message: format!("{error:#}"), remedy: None }
    }

    pub(super) fn skipped(check: &'static str, message: impl Into<String>) -> Check {
        Check { check, status: Verdict::Skipped, message: message.into(), remedy: None }
    }
}

/// All checks that were made. As JSON one object with `apiVersion`, `kind` and `checks`.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// In their order.
    pub checks: Vec<Check>,
}

impl Report {
    /// The names of the checks that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = self.checks.iter().filter(|check| check.status == Verdict::Failed);
        failed.map(|check| check.check).collect()
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_struct("StatusReport", 3)?;
        object.serialize_field("apiVersion", "interrogate/v1")?;
        object.serialize_field("kind", "StatusReport")?;
        object.serialize_field("checks", &self.checks)?;
        object.end()
    }
}
