//! The predecessor's questions to a Prometheus, and the least that any `top` must ask.

use std::io::BufRead;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use url::Url;

use crate::server::{END_MS, Server};

const END_S: i64 = END_MS / 1000;

impl Server {
    /// Runs the predecessor's way as a whole program, as the plugin is run.
    pub(crate) fn predecessor(&self) -> Result<()> {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/top/predecessor.py");
        let ran = Command::new("python3").args([program, &self.bare.url, &END_S.to_string()]).output();
        let output = ran.context("python3, in which the predecessor's way is written: install it")?;
        let (lines, error) = (output.stdout.lines().count(), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success() && lines > 1000, "predecessor.py: {lines} lines: {error}");
        Ok(())
    }

    /// Asks the predecessor's six queries, one after the other, and returns the bytes of all answers. Nothing is parsed.
    pub(crate) fn fetch_six(&self) -> Result<usize> {
        let mut bytes = 0;
        for series in
            ["namedprocess_namegroup_cpu_rate{groupname!~\"conmon\"}", "pod:container_cpu_usage:sum"]
        {
            for function in ["avg", "min", "max"] {
                let query = format!("{function}_over_time({series}[1h])");
                let parameters = [("query", query.as_str()), ("time", &END_S.to_string())];
                let url = Url::parse_with_params(&format!("{}/api/v1/query", self.bare.url), parameters)?;
                let answer = self.client.get(url).send()?.error_for_status()?.bytes()?;
                ensure!(answer.len() > 10_000, "{query} has no answer");
                bytes += answer.len();
            }
        }
        Ok(bytes)
    }
}

/// A question to the API: its path and parameters.
type Question = (&'static str, Vec<(&'static str, String)>);

/// The questions without which no `top` can answer, by what one pass over the samples yields.
#[derive(Clone, Copy)]
pub(crate) enum Least {
    /// Average, minimum and maximum of every group on every node.
    GroupsOfNodes,
    /// Average, minimum and maximum of every pod on every node.
    Pods,
}

impl Least {
    fn questions(self) -> Vec<Question> {
        let instant = |query: String| ("query", vec![("query", query), ("time", END_S.to_string())]);
        let each = |series: &str| {
            let query = |function| instant(format!("{function}_over_time({series}[3599999ms])"));
            ["sum", "min", "max"].map(query).into_iter().collect::<Vec<_>>()
        };
        match self {
            Least::GroupsOfNodes => each("namedprocess_namegroup_cpu_rate"),
            Least::Pods => each("namedprocess_pod_cpu_rate"),
        }
    }
}

impl Server {
    /// Asks all of these at once, and only fetches: no client can be faster on this server.
    pub(crate) fn least(&self, parts: &[Least]) -> Result<()> {
        let questions: Vec<Question> = parts.iter().flat_map(|part| part.questions()).collect();
        let ask = |(path, parameters): &Question| {
            let url = Url::parse_with_params(&format!("{}/api/v1/{path}", self.bare.url), parameters)?;
            Ok(self.client.get(url).send()?.error_for_status()?.bytes()?.len())
        };
        let lengths: Vec<Result<usize>> = std::thread::scope(|scope| {
            let asked: Vec<_> = questions.iter().map(|question| scope.spawn(move || ask(question))).collect();
            let joined = asked.into_iter().map(|thread| thread.join());
            joined.map(|result| result.unwrap_or_else(|_| Err(anyhow::anyhow!("a thread broke")))).collect()
        });
        for length in lengths {
            ensure!(length? > 1000, "one of the least questions has no answer");
        }
        Ok(())
    }
}
