//! A reading as Prometheus's text exposition, version 0.0.4.

mod audience;
mod series;

use crate::cpu::Cpu;
use crate::place::Key;
use crate::reading::{Method, Reading};
use series::{Exposition, Series, Show};
use std::time::Duration;

pub(crate) use audience::Audience;

/// The exposition's `Content-Type`; without one, Prometheus 3 refuses it.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is to be remembered from one exposition to the next.
#[derive(Debug)]
pub(crate) struct Exposer {
    groups: Series<Key>,
    /// Expositions so far.
    number: u64,
}

/// What one exposition comes to.
#[derive(Debug)]
pub(crate) struct Exposed {
    pub(crate) text: String,
    /// Its number: 1 is the first.
    pub(crate) number: u64,
    /// The groups that are no longer shown.
    pub(crate) left: Vec<Key>,
}

/// What the exporter says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub(crate) method: Method,
    /// How long the pass took.
    pub(crate) pass: Duration,
    /// The CPU that the exporter has used since it started.
    pub(crate) cpu: Duration,
    /// Whether the config, and the files of TLS, as they are now could be read; none where there are none.
    pub(crate) config_is_good: Option<bool>,
    pub(crate) tls_is_good: Option<bool>,
}

impl Exposer {
    pub(crate) fn new() -> Exposer {
        Exposer { groups: Series::new(), number: 0 }
    }

    /// One exposition; every live scraper has got the one numbered `reached` or a later one.
    pub(crate) fn render(&mut self, reading: &Reading, own: Own, reached: u64) -> Exposed {
        self.number += 1;
        let now = Exposition { number: self.number, at: reading.at, reached };
        let mut left = Vec::new();
        let mut text = Text::default();
        let mut cpu = text.counter(
            "namedprocess_namegroup_cpu_seconds_total",
            "CPU of a group since the exporter started, what has exited included.",
        );
        for (key, used) in &reading.groups {
            let used = match self.groups.show(key, reading.alive.contains(key), &now) {
                Show::Zero => Cpu::default(),
                Show::Value => *used,
                Show::Gone => {
                    left.push(key.clone());
                    continue;
                }
            };
            let (class, group) = key;
            for (mode, us) in [("user", used.user_us), ("system", used.system_us)] {
                let labels = [("class", class.as_str()), ("groupname", group), ("mode", mode)];
                cpu.sample(&labels, &seconds(us));
            }
        }
        let mut busy = text.counter(
            "namedprocess_node_cpu_seconds_total",
            "Busy CPU of the node since the exporter started, by the kernel's ticks.",
        );
        for (mode, us) in &reading.busy {
            busy.sample(&[("mode", mode)], &seconds(*us));
        }
        let mut errors =
            text.counter("namedprocess_scrape_errors_total", "Files that could not be read, by reason.");
        for (reason, count) in &reading.errors {
            errors.sample(&[("reason", reason)], &count.to_string());
        }
        text.counter("namedprocess_exporter_passes_total", "Readings of the node that were exposed.")
            .sample(&[], &self.number.to_string());
        text.gauge("namedprocess_exporter_pass_seconds", "How long the reading for this scrape took.")
            .sample(&[], &seconds(micros(own.pass)));
        text.counter("process_cpu_seconds_total", "CPU of the exporter itself since it started.")
            .sample(&[], &seconds(micros(own.cpu)));
        text.gauge("namedprocess_exporter_method", "By what the node is counted; always 1.")
            .sample(&[("method", own.method.as_str())], "1");
        text.gauge("namedprocess_exporter_build_info", "The exporter's version; always 1.")
            .sample(&[("version", env!("CARGO_PKG_VERSION"))], "1");
        let reloads = [
            ("namedprocess_exporter_config_last_reload_successful", "the config", own.config_is_good),
            ("namedprocess_exporter_tls_last_reload_successful", "the certificates", own.tls_is_good),
        ];
        for (name, what, good) in reloads {
            if let Some(good) = good {
                let help = format!(
                    "Whether {what} could be read when last changed; 0: what was read before is in force."
                );
                text.gauge(name, &help).sample(&[], if good { "1" } else { "0" });
            }
        }
        Exposed { text: text.0, number: self.number, left }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds as seconds, exactly.
fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

#[derive(Default)]
struct Text(String);

/// One metric of the text, whose samples follow.
struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
}

impl Text {
    fn counter<'a>(&'a mut self, name: &'a str, help: &str) -> Family<'a> {
        self.family(name, "counter", help)
    }

    fn gauge<'a>(&'a mut self, name: &'a str, help: &str) -> Family<'a> {
        self.family(name, "gauge", help)
    }

    fn family<'a>(&'a mut self, name: &'a str, kind: &str, help: &str) -> Family<'a> {
        self.0.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { text: &mut self.0, name }
    }
}

impl Family<'_> {
    fn sample(&mut self, labels: &[(&str, &str)], value: &str) {
        self.text.push_str(self.name);
        let mut before = '{';
        for (name, value) in labels {
            self.text.push(before);
            self.text.push_str(name);
            self.text.push_str("=\"");
            self.text.extend(value.chars().flat_map(escaped));
            self.text.push('"');
            before = ',';
        }
        self.text.push_str(if labels.is_empty() { " " } else { "} " });
        self.text.push_str(value);
        self.text.push('\n');
    }
}

/// A character of a label's value; the format knows three escapes.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let (backslash, c) = match c {
        '\\' | '"' => (Some('\\'), c),
        '\n' => (Some('\\'), 'n'),
        _ => (None, c),
    };
    backslash.into_iter().chain([c])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Class;
    use std::time::Instant;

    #[test]
    fn an_exposition() {
        let odd = (Class::Host, "a\"b\\c\nd".to_owned());
        let reading = Reading {
            at: Instant::now(),
            groups: [(odd.clone(), Cpu { user_us: 1_500_000, system_us: 7 })].into(),
            alive: [odd].into(),
            busy: [("user", 2_000_001)].into(),
            errors: [("other", 3)].into(),
        };
        let own = Own {
            method: Method::Process,
            pass: Duration::from_micros(1234),
            cpu: Duration::from_millis(50),
            config_is_good: Some(false),
            tls_is_good: None,
        };
        let Exposed { text, number, left } = Exposer::new().render(&reading, own, 0);
        assert!(left.is_empty() && number == 1);
        let version = env!("CARGO_PKG_VERSION");
        let want = [
            r#"namedprocess_namegroup_cpu_seconds_total{class="host",groupname="a\"b\\c\nd",mode="user"} 1.500000"#,
            r#"namedprocess_namegroup_cpu_seconds_total{class="host",groupname="a\"b\\c\nd",mode="system"} 0.000007"#,
            r#"namedprocess_node_cpu_seconds_total{mode="user"} 2.000001"#,
            r#"namedprocess_scrape_errors_total{reason="other"} 3"#,
            "namedprocess_exporter_passes_total 1",
            "namedprocess_exporter_pass_seconds 0.001234",
            "process_cpu_seconds_total 0.050000",
            r#"namedprocess_exporter_method{method="process"} 1"#,
            &format!(r#"namedprocess_exporter_build_info{{version="{version}"}} 1"#),
            "namedprocess_exporter_config_last_reload_successful 0",
        ];
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(samples, want);
        assert_eq!(text.matches("# TYPE ").count(), 9);
        assert!(text.ends_with('\n'));
    }
}
