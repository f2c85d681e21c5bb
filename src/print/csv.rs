//! Rows as CSV: always the same columns, empty where they do not apply, then the percentiles asked for.
use super::Look;
use crate::report::Report;
use std::io::{self, Write};

const COLUMNS: [&str; 8] = ["class", "namespace", "name", "node", "thread", "avg", "min", "max"];

/// Writes the header and the rows.
pub(super) fn write(report: &Report, look: Look, out: &mut impl Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    if look.headers {
        csv.write_record(COLUMNS.into_iter().chain(report.percentiles.iter().map(String::as_str)))?;
    }
    for row in &report.rows {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let names = [
            row.class.as_str().to_owned(),
            text(&row.namespace),
            row.name.clone(),
            text(&row.node),
            text(&row.thread),
        ];
        let figures = [row.stats.avg, row.stats.min, row.stats.max];
        let percentiles = row.percentiles.iter().flat_map(|all| all.0.iter().map(|(_, value)| *value));
        csv.write_record(
            names.into_iter().chain(figures.into_iter().chain(percentiles).map(|figure| figure.to_string())),
        )?;
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use crate::print::{Format, example::hostile, report, tests::look};

    #[test]
    fn names_round_trip_whatever_they_hold() {
        let mut page = Vec::new();
        report(&hostile(), look(Format::Csv), &mut page).unwrap();
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
