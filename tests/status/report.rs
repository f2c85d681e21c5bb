//! Reports of `status -o json`, as scripts read them.
use serde_json::Value;
use test_cluster::Plugin;

/// One run.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) code: i32,
    pub(crate) stderr: String,
    checks: Vec<Value>,
}

/// Runs `status -o json` with more arguments.
pub(crate) fn status(plugin: &Plugin, more: &[&str]) -> Status {
    let done = plugin.run(["status", "-o", "json"].iter().chain(more).copied()).unwrap();
    let report: Value =
        serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"));
    assert_eq!((&report["apiVersion"], &report["kind"]), (&"interrogate/v1".into(), &"StatusReport".into()));
    Status { code: done.code, stderr: done.stderr, checks: report["checks"].as_array().unwrap().clone() }
}

impl Status {
    /// Returns the names of all checks, in their order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.checks.iter().map(|check| check["check"].as_str().unwrap()).collect()
    }

    /// Returns the names of the checks with this status.
    pub(crate) fn with_status(&self, status: &str) -> Vec<&str> {
        let those = self.checks.iter().filter(|check| check["status"] == status);
        those.map(|check| check["check"].as_str().unwrap()).collect()
    }

    /// Returns those names without `attributed` and `names`, which depend on the other load of this machine.
    pub(crate) fn with_status_except_attributed(&self, status: &str) -> Vec<&str> {
        self.with_status(status)
            .into_iter()
            .filter(|check| !["attributed", "names"].contains(check))
            .collect()
    }

    /// Returns the remedy of a check.
    pub(crate) fn remedy(&self, check: &str) -> &str {
        let found = self.checks.iter().find(|found| found["check"] == check);
        found.and_then(|found| found["remedy"].as_str()).unwrap_or_default()
    }

    /// Asserts a check's status, and texts of its message and its remedy. An empty remedy stands for none.
    #[track_caller]
    pub(crate) fn assert_check(&self, check: &str, status: &str, message: &str, remedy: &str) {
        let found = self.checks.iter().find(|found| found["check"] == check);
        let found = found.unwrap_or_else(|| panic!("no check {check}: {self:#?}"));
        let text = |field: &str| found[field].as_str().unwrap_or_default();
        assert!(found["status"] == status && text("message").contains(message), "{found:#}");
        assert!(
            text("remedy").contains(remedy) && (remedy.is_empty() == found["remedy"].is_null()),
            "{found:#}"
        );
    }
}
