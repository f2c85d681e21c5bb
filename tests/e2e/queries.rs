//! docs/design/queries.md: the requests of one `top`, and why each is sent. The requests are those of a run with `-v`
//! against a real Prometheus, the reasons are here; a request without a reason fails, and so does a reason without a
//! request. `UPDATE_EXPECT=1 tests/all e2e -- queries` writes the page again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use regex::Regex;
use test_history::{History, Series, Spec};

use crate::serve::{END_MS, an_hour, serve};
use crate::verbose::parse;
use crate::way_in::plugin;

const PAGE: &str = "docs/design/queries.md";
/// Length of the page, lines: two screens.
const LINES: usize = 100;

const INTRODUCTION: &str = "\
# Queries of one `top`

What `oc interrogate top -i 1h` sends to a Prometheus that has the exporter's series of 4 nodes: the requests that its `-v` shows,
without address and timeout, and the reason of each. `tests/e2e/queries.rs` writes this page from such a run, and fails if it differs.

The window is START to END. FIRST and LAST are the first and the last time in it at which the exporter's rules recorded a sample.
Requests of one step are sent together, at most four queries of series at once. A step begins when the results that it needs are
there. A query that would be too big for the server is split by time or by the values of a label.
";

/// One reason, and the requests that it is for.
struct Reason {
    /// Step that begins with it; empty if it goes on.
    step: &'static str,
    /// Requests, as the page writes them, match this.
    requests: &'static str,
    /// Pattern of requests whose results this one needs, so that it comes later; empty if there are none.
    needs: &'static str,
    why: &'static str,
}

/// In the order of the page.
const REASONS: [Reason; 9] = [
    Reason {
        step: "What the server can do",
        requests: "^GET status/buildinfo",
        needs: "",
        why: "\
              Its version tells whether a range includes its start, and whether a query may name its lookback. The request goes alone: a\n\
              refused token costs no more than this.",
    },
    Reason {
        step: "The cluster, and the samples that there are",
        requests: r"^count\(kube_node_info\)",
        needs: "^GET status/buildinfo",
        why: "\
              Number of nodes of the cluster. The report says so if fewer have series.",
    },
    Reason {
        step: "",
        requests: "^GET status/runtimeinfo",
        needs: "^GET status/buildinfo",
        why: "\
              Name of the replica that responds. Gaps in the series are its own, and a note names it.",
    },
    Reason {
        step: "",
        requests: r"^\{__name__=~",
        needs: "^GET status/buildinfo",
        why: "\
              Totals of all nodes, sample by sample. These few series tell whether the exporter covers the window, at which times it has\n\
              samples, and what the rows have to add up to.",
    },
    Reason {
        step: "",
        requests: "^GET label/instance/values",
        needs: r"^\{__name__=~",
        why: "\
              Names of the nodes, for which the server reads its index and no samples. If as many nodes were recorded at every step, none\n\
              has a gap. Otherwise the samples of each node are counted.",
    },
    Reason {
        step: "The rows",
        requests: r"^(sum|min|max)_over_time\(class_groupname:",
        needs: "^GET label/instance/values",
        why: "\
              Host and kernel groups. The rules record the sum of each group over the nodes: 1000 nodes have no more of these series than\n\
              4, and `max` is the maximum of the sum. The average is the sum of the samples divided by the number of steps. It is not\n\
              `avg_over_time`, which leaves out the steps at which a group was absent, so that averages would not add up.",
    },
    Reason {
        step: "",
        requests: r"^(sum|min|max)_over_time\(namedprocess_pod_cpu_rate\{class=~",
        needs: "^GET label/instance/values",
        why: "\
              Pods, on each node. The server computes the statistics: three values of a pod instead of its 240 samples.",
    },
    Reason {
        step: "",
        requests: r"^sum( by \(pod\) )?\(namedprocess_pod_cpu_rate",
        needs: "^GET label/instance/values",
        why: "\
              Sums over the nodes that no rule records: CPU of pods without a name, and of the exporter's own pods, which the report\n\
              excludes. The minimum and the maximum of a sum need its value at each step.",
    },
    Reason {
        step: "Pods that were on several nodes",
        requests: r"^sum by \(class, namespace, pod, instance\)",
        needs: r"^(sum|min|max)_over_time\(namedprocess_pod_cpu_rate\{class=~",
        why: "\
              A pod that moved has a series on each of its nodes, whose minima and maxima are not those of the pod. So its samples are\n\
              fetched and added up. Few pods keep their name when they move, and only these are fetched again.",
    },
];

/// One request of the trace.
#[derive(Debug)]
struct Request {
    /// Path below /api/v1.
    path: String,
    parameters: BTreeMap<String, String>,
    series: Option<usize>,
}

impl Request {
    /// Reads a line of the trace.
    fn of_line(line: &str) -> Result<Request> {
        let (series, _, command) = parse(line)?;
        // The shell takes its quotes off.
        let words = Command::new("sh").args(["-c", &format!("printf '%s\\n' {command}")]).output()?;
        let words = String::from_utf8(words.stdout)?;
        let words: Vec<&str> = words.lines().collect();
        let url = words.iter().find(|word| word.starts_with("http")).context("no address")?;
        let (_, path) = url.split_once("/api/v1/").context("no path")?;
        let parameters =
            words.iter().filter_map(|word| word.split_once('=')).filter(|(name, _)| *name != "timeout");
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Request { path: path.to_owned(), parameters, series })
    }

    /// Writes it with words for its times.
    fn show(&self, words: &BTreeMap<String, &str>) -> Result<String> {
        let of = |name: &str| self.parameters.get(name).with_context(|| format!("{self:?} has no {name}"));
        let at = |name: &str| {
            let time = of(name)?;
            words.get(time).copied().with_context(|| format!("{self:?}: nothing is known to be at {time}"))
        };
        let series = self.series.map(|series| format!("{series} series")).unwrap_or_default();
        Ok(match self.path.as_str() {
            "query" => format!("{}  # at {}: {series}", of("query")?, at("time")?),
            "query_range" => format!(
                "{}  # every {} s from {} to {}, looking back {}: {series}",
                of("query")?,
                of("step")?,
                at("start")?,
                at("end")?,
                of("lookback_delta")?
            ),
            path if path.starts_with("label/") => {
                format!("GET {path}?match[]={}  # {} to {}", of("match[]")?, at("start")?, at("end")?)
            }
            path => {
                ensure!(self.parameters.is_empty(), "{self:?}: the page has no form for its parameters");
                format!("GET {path}")
            }
        })
    }
}

/// Returns the words for the times of the window, and of the samples in it, by their text in requests.
fn times(requests: &[Request]) -> Result<BTreeMap<String, &'static str>> {
    let end = END_MS / 1000;
    let mut words = BTreeMap::new();
    for request in requests.iter().filter(|request| request.path == "query_range") {
        for (name, word) in [("start", "FIRST"), ("end", "LAST")] {
            words.insert(request.parameters.get(name).context("no time")?.clone(), word);
        }
    }
    ensure!(words.len() == 2, "not all requests are of the same samples: {words:?}");
    words.extend([(format!("{}.000", end - 3600), "START"), (format!("{end}.000"), "END")]);
    Ok(words)
}

/// Writes the page: every request below its reason. `requests` are in the order of their responses.
fn page(requests: &[String]) -> Result<String> {
    let mut page = INTRODUCTION.to_owned();
    let mut with_reason = vec![0; requests.len()];
    let mut step = 0;
    for reason in &REASONS {
        let [pattern, needed] = [reason.requests, reason.needs].map(Regex::new);
        let (pattern, needed) = (pattern?, needed?);
        let its: Vec<usize> = (0..requests.len()).filter(|at| pattern.is_match(&requests[*at])).collect();
        let Some(first) = its.first() else { bail!("no request is for: {}", reason.why) };
        let needs = |request: &String| !reason.needs.is_empty() && needed.is_match(request);
        let late = requests.iter().skip(*first).find(|request| needs(request));
        ensure!(late.is_none(), "{} came before {late:?}", requests[*first]);
        its.iter().for_each(|at| with_reason[*at] += 1);
        if !reason.step.is_empty() {
            step += 1;
            write!(page, "\n## {step}. {}\n", reason.step)?;
        }
        let mut lines: Vec<&str> = its.iter().map(|at| requests[*at].as_str()).collect();
        lines.sort_unstable();
        let language = if lines[0].starts_with("GET ") { "text" } else { "promql" };
        write!(page, "\n{}\n\n```{language}\n{}\n```\n", reason.why, lines.join("\n"))?;
    }
    let odd = requests.iter().zip(&with_reason).find(|(_, reasons)| **reasons != 1);
    ensure!(odd.is_none(), "not exactly one reason: {odd:?}");
    Ok(page)
}

#[test]
fn every_request_of_a_top_is_on_the_page_with_its_reason() -> Result<()> {
    let spec = Spec { nodes: 4, gaps: false, movers: 12, threads: 0, ..an_hour() };
    let mut history = History::generate(&spec);
    history.series.extend((0..spec.nodes).map(|node| Series {
        metric: "kube_node_info",
        labels: vec![("node", format!("node-{node:03}"))],
        samples: vec![(END_MS, 1.0)],
    }));
    let prometheus = serve("queries", &history, &[])?;
    let end = (END_MS / 1000).to_string();
    let arguments = ["top", "-i", "1h", "-T", &end, "-v", "--prometheus", &prometheus.url];
    let outcome = plugin().run(arguments)?;
    ensure!(outcome.code == 0, "{}", outcome.stderr);
    let lines = outcome.stderr.lines().filter_map(|line| line.strip_prefix("request: "));
    let requests: Vec<Request> = lines.map(Request::of_line).collect::<Result<_>>()?;
    let words = times(&requests)?;
    let requests: Vec<String> = requests.iter().map(|request| request.show(&words)).collect::<Result<_>>()?;
    let page = page(&requests)?;
    ensure!(page.lines().count() <= LINES, "more than two screens:\n{page}");
    expect_test::expect_file![Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)].assert_eq(&page);

    // The reasons fit no other requests.
    for (change, said) in [
        (&requests[1..], "no request is for: "),
        (&[&requests[..], &["up  # at END: 1 series".to_owned()]].concat(), "not exactly one reason: "),
        (&requests.iter().rev().cloned().collect::<Vec<_>>(), " came before "),
    ] {
        let error = self::page(change).err().context("these requests have a page")?.to_string();
        ensure!(error.contains(said), "{error}");
    }
    Ok(())
}
