//! Scene: what a picture shows, of a report, a budget or a comparison.
use crate::budget::BudgetReport;
use crate::compare::{Comparison, SideReport};
use crate::print::printable;
use crate::print::stack::{self, Layer};
use crate::print::table::cores;
use crate::report::{Report, Window};

/// Number of layers at most; smaller rows are one together.
const LAYERS: usize = 40;

/// What a picture shows.
#[derive(Debug)]
pub(in crate::print) struct Scene {
    pub heading: String,
    /// The window, and what it is of.
    pub when: String,
    pub provenance: String,
    pub layers: Vec<Layer>,
    /// Busy time: its parts, and its average and maximum. `None` if it is no part of the picture.
    pub busy: Option<(Vec<f64>, [f64; 2])>,
    /// Time of the right edge, Unix seconds, and the length, seconds.
    pub end: f64,
    pub length: f64,
    /// Middle of the highest step, Unix seconds, and its cores.
    pub peak: Option<(f64, f64)>,
    /// Limit, cores, and what it is of.
    pub limit: Option<(f64, String)>,
    /// Cores that the axis has room for in any case.
    pub at_least: f64,
    /// Reason why there are no layers.
    pub why_empty: String,
}

impl Scene {
    /// Shows the rows of a report.
    pub(in crate::print) fn of_report(report: &Report) -> [Scene; 1] {
        let layers = stack::of_rows(report, LAYERS);
        let busy = report.busy.map(|busy| {
            let busy_trend = report.total_trends.as_ref().map_or_else(Vec::new, |trends| trends.busy.clone());
            (busy_trend, [busy.avg, busy.max])
        });
        let of_busy =
            report.busy.map_or_else(String::new, |busy| format!(", busy {} on average", cores(busy.avg)));
        let parts = layers.iter().map(|layer| layer.edges.len()).max().unwrap_or_default().max(1);
        let step = report.total_trends.as_ref().map(|trends| trends.step_seconds * parts as f64);
        [Scene {
            heading: format!("CPU in cores{of_busy}"),
            when: when(&report.window),
            provenance: provenance(report.source.nodes, report.source.kind.as_str()),
            layers,
            busy,
            end: seconds(report.window.end),
            length: step.unwrap_or(report.window.interval_seconds),
            // A step ends with its time.
            peak: report.peak.map(|peak| (seconds(peak.time) - report.window.step_seconds / 2.0, peak.cores)),
            limit: None,
            at_least: 0.0,
            why_empty: printable(report.notes.last().map_or("no rows", String::as_str)),
        }]
    }

    /// Shows what the line of a budget's worst moment was made of on its node, and its limit.
    pub(in crate::print) fn of_budget(report: &BudgetReport) -> [Scene; 1] {
        let window = &report.window;
        let trend = report.trend.as_ref();
        let layers = trend.map_or_else(Vec::new, |trend| stack::of_parts(&trend.layers));
        let parts = layers.iter().map(|layer| layer.edges.len()).max().unwrap_or_default().max(1);
        let on = trend.map_or_else(String::new, |trend| format!(": {} on {}", trend.line, trend.node));
        let moment = report.worst_moment.as_ref().filter(|_| trend.is_some());
        [Scene {
            heading: printable(&format!("{}{on}, {}", report.budget, report.verdict.as_str())),
            when: when(window),
            provenance: provenance(report.source.nodes, report.source.kind.as_str()),
            layers,
            busy: None,
            end: seconds(window.end),
            length: trend.map_or(window.interval_seconds, |trend| trend.step_seconds * parts as f64),
            peak: moment.map(|moment| (seconds(moment.time) - window.step_seconds / 2.0, moment.cores)),
            limit: trend.map(|trend| (trend.limit, format!("limit of {}", trend.statistic))),
            at_least: 0.0,
            why_empty: "no line has samples of CPU, parts and a limit that is known".to_owned(),
        }]
    }

    /// Shows the trends of two windows on the same scale, one below the other.
    pub(in crate::print) fn of_comparison(of: &Comparison) -> [Scene; 2] {
        let sides = [("A", &of.a, &of.trends.a), ("B", &of.b, &of.trends.b)];
        let piles = sides.map(|(.., trends)| stack::of_parts(trends));
        let tops = piles.iter().filter_map(|layers| layers.last()).flat_map(|layer| &layer.edges);
        let at_least = tops.flatten().map(|(_, upper)| *upper).fold(0.0, f64::max);
        let scene = |(name, side, _): (&str, &SideReport, _), layers: Vec<Layer>| Scene {
            heading: printable(&format!("{name}: {}", side.asked)),
            when: when(&side.window),
            provenance: provenance(side.nodes, &side.source),
            layers,
            busy: None,
            end: seconds(side.window.end),
            length: side.window.interval_seconds,
            peak: None,
            limit: None,
            at_least,
            why_empty: "no rows".to_owned(),
        };
        let [a, b] = sides;
        let [of_a, of_b] = piles;
        [scene(a, of_a), scene(b, of_b)]
    }
}

fn seconds(at: jiff::Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// Tells the window.
fn when(window: &Window) -> String {
    let show = |at: jiff::Timestamp, format: &str| at.strftime(format).to_string();
    let day = |at: jiff::Timestamp| show(at, "%Y-%m-%d");
    let end = if day(window.start) == day(window.end) { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    format!("{} to {} UTC", show(window.start, "%Y-%m-%d %H:%M:%S"), show(window.end, end))
}

/// Tells the nodes and the source.
fn provenance(nodes: usize, source: &str) -> String {
    let nodes = match nodes {
        1 => "1 node".to_owned(),
        nodes => format!("{nodes} nodes"),
    };
    printable(&format!("{nodes}, source {source}"))
}
