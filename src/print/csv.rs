//! Rows as CSV. The columns are those of the contract with scripts, empty if they do not apply; then come the percentiles
//! and the column of the peak that were asked for.
use super::PageOptions;
use crate::report::{Cpuset, Report};
use std::io::{self, Write};

const NAMES: [&str; 5] = ["class", "namespace", "name", "node", "thread"];
const TYPE: &str = "workload_type";
const SET: &str = "cpuset";
const FIGURES: [&str; 3] = ["avg", "min", "max"];
const PEAK: &str = "at_peak";

/// Writes the header and the rows.
pub(super) fn write(report: &Report, options: PageOptions, out: &mut impl Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    if options.headers {
        let mut headers = NAMES.to_vec();
        if report.of_workloads {
            headers.insert(3, TYPE);
        }
        headers.extend(report.of_cpusets.then_some(SET));
        let percentiles = report.percentiles.iter().map(String::as_str);
        headers.extend(FIGURES.into_iter().chain(percentiles).chain(report.peak.map(|_| PEAK)));
        csv.write_record(headers)?;
    }
    for row in &report.rows {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut cells = vec![row.class.as_str().to_owned(), text(&row.namespace), row.name.clone()];
        cells.extend(report.of_workloads.then(|| text(&row.workload_type)));
        cells.extend([text(&row.node), text(&row.thread)]);
        let cpuset = row.cpuset.map_or("", Cpuset::as_str);
        cells.extend(report.of_cpusets.then(|| cpuset.to_owned()));
        cells.extend(row.figures().map(|figure| figure.to_string()));
        csv.write_record(cells)?;
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use crate::print::{Format, example::hostile, report, tests::options};

    #[test]
    fn names_round_trip_whatever_they_hold() {
        let mut page = Vec::new();
        report(&hostile(), options(Format::Csv), &mut page).unwrap();
        let mut csv = csv::Reader::from_reader(page.as_slice());
        assert_eq!(
            csv.headers().unwrap().iter().collect::<Vec<_>>().join(","),
            "class,namespace,name,node,thread,avg,min,max,p95"
        );
        let rows: Vec<Vec<String>> =
            csv.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        assert_eq!(
            rows[1],
            ["workload", "shop", "a \"b\",\n\u{1b}[1mc", "node-1", "", "0.5", "0.25", "0.75", "0.7"]
        );
        assert_eq!(rows[0], ["host", "", "crio", "", "crio-worker", "1.25", "0.5", "2", "1.9"]);
    }
}
