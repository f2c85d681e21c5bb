//! What `status` says, as scripts read it.
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
    /// The names of all checks, in their order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.checks.iter().map(|check| check["check"].as_str().unwrap()).collect()
    }

    /// The names of the checks that came out so.
    pub(crate) fn those(&self, status: &str) -> Vec<&str> {
        let those = self.checks.iter().filter(|check| check["status"] == status);
        those.map(|check| check["check"].as_str().unwrap()).collect()
    }

    /// The same without what is attributed, and whether pods have names, which depend on what else this machine does.
    pub(crate) fn those_but_attributed(&self, status: &str) -> Vec<&str> {
        self.those(status).into_iter().filter(|check| !["attributed", "names"].contains(check)).collect()
    }

    /// The remedy of a check.
    pub(crate) fn remedy(&self, check: &str) -> &str {
        let found = self.checks.iter().find(|found| found["check"] == check);
        found.and_then(|found| found["remedy"].as_str()).unwrap_or_default()
    }

    /// That a check came out so, with texts in its message and its remedy (empty: no remedy).
    #[track_caller]
    pub(crate) fn has(&self, check: &str, status: &str, message: &str, remedy: &str) {
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
