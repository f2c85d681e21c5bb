//! Trace of requests on stderr, for `-v`: each with its duration, series and bytes, as a curl command that repeats it. No
//! token and no header is in it.
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

static IS_ON: AtomicBool = AtomicBool::new(false);

/// Shows requests from now on.
pub fn enable() {
    IS_ON.store(true, Ordering::Relaxed);
}

/// Returns true if requests are shown.
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// Result of a request, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// HTTP status.
    pub status: Option<u16>,
    /// Number of series.
    pub series: Option<usize>,
    /// Length of the body.
    pub bytes: Option<usize>,
}

/// Request that has been sent.
#[derive(Debug)]
pub struct Traced {
    command: String,
    sent: Instant,
}

impl Traced {
    /// Notes a request that is about to be sent. `None` if requests are not shown; `command` is not called then.
    pub fn new(command: impl FnOnce() -> String) -> Option<Traced> {
        is_on().then(|| Traced { command: command(), sent: Instant::now() })
    }

    /// Shows the request and its result.
    pub fn show(&self, Outcome { status, series, bytes }: Outcome) {
        let mut line = format!("request: {:.3} s", self.sent.elapsed().as_secs_f64());
        // Writing to a String cannot fail.
        let _ = status.map(|status| write!(line, ", status {status}"));
        let _ = series.map(|number| write!(line, ", {number} series"));
        let _ = bytes.map(|number| write!(line, ", {number} bytes"));
        // Without stderr there is nobody to show it to.
        let _ = writeln!(io::stderr(), "{line}: {}", self.command);
    }
}

/// Writes the curl command of a request to a URL, with parameters in the URL or, as `POST`, in the body.
pub fn curl(url: &str, parameters: &[(&str, &str)], in_url: bool) -> String {
    let mut command = format!("curl -s{} {}", if in_url { "G" } else { "" }, quoted(url));
    for (name, value) in parameters {
        let _ = write!(command, " --data-urlencode {}", quoted(&format!("{name}={value}")));
    }
    command
}

/// Quotes a text for a shell, if it needs that.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=%@,+".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::{Traced, curl};

    #[test]
    fn a_command_can_be_pasted_into_a_shell() {
        let parameters = [("query", r#"sum by (a) (b{c="it's"}[1m])"#), ("time", "1.500")];
        assert_eq!(
            curl("http://localhost:9090/api/v1/query", &parameters, true),
            r#"curl -sG http://localhost:9090/api/v1/query --data-urlencode 'query=sum by (a) (b{c="it'\''s"}[1m])' --data-urlencode time=1.500"#
        );
        assert_eq!(curl("http://x/?a=b&c", &[], false), "curl -s 'http://x/?a=b&c'");
    }

    #[test]
    fn nothing_is_made_unless_it_is_on() {
        assert!(Traced::new(|| panic!("it is off")).is_none());
    }
}
