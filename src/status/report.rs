//! The report of `status`: a result of each check, with its remedy.
use super::checks::CheckName;
use schemars::JsonSchema;
use serde::Serialize;

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// Nothing is wrong.
    Ok,
    /// Works, but needs attention.
    Warning,
    /// Does not work.
    Failed,
    /// Could not run; the message says why.
    Skipped,
}

impl CheckStatus {
    /// Returns its name in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            CheckStatus::Ok => "ok",
            CheckStatus::Warning => "warning",
            CheckStatus::Failed => "failed",
            CheckStatus::Skipped => "skipped",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Check {
    /// Name, as `status --help` lists it.
    #[schemars(with = "String")]
    pub check: CheckName,
    /// Result.
    pub status: CheckStatus,
    /// Finding, for a reader.
    pub message: String,
    /// Remedy. `None` if there is nothing to do, or if the message holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Check {
    pub(super) fn ok(check: CheckName, message: impl Into<String>) -> Check {
        Check { check, status: CheckStatus::Ok, message: message.into(), remedy: None }
    }

    pub(super) fn warning(check: CheckName, message: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check { check, status: CheckStatus::Warning, message: message.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn failed(check: CheckName, message: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check { check, status: CheckStatus::Failed, message: message.into(), remedy: Some(remedy.into()) }
    }

    /// Returns a failed check for an error, whose line holds the remedy.
    pub(super) fn error(check: CheckName, error: &anyhow::Error) -> Check {
        Check { check, status: CheckStatus::Failed, message: format!("{error:#}"), remedy: None }
    }

    pub(super) fn skipped(check: CheckName, message: impl Into<String>) -> Check {
        Check { check, status: CheckStatus::Skipped, message: message.into(), remedy: None }
    }
}

/// All checks of an installation, from its objects to its data.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "StatusReport", deny_unknown_fields)]
pub struct Report {
    /// Version of this form.
    #[serde(rename = "apiVersion")]
    #[schemars(extend("const" = "interrogate/v1"))]
    pub api_version: &'static str,
    /// Kind of this object.
    #[schemars(extend("const" = "StatusReport"))]
    pub kind: &'static str,
    /// Checks in the order in which they ran.
    pub checks: Vec<Check>,
}

impl Report {
    /// Makes a report of checks in their order.
    pub fn new(checks: Vec<Check>) -> Report {
        Report { api_version: "interrogate/v1", kind: "StatusReport", checks }
    }

    /// Returns the names of the checks that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = self.checks.iter().filter(|check| check.status == CheckStatus::Failed);
        failed.map(|check| check.check.as_str()).collect()
    }
}
