//! Rows as CSV: always the same columns, empty where they do not apply.
use crate::report::Report;
use std::io::{self, Write};

/// Writes the header and the rows.
pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["class", "namespace", "name", "node", "thread", "avg", "min", "max"])?;
    for row in &report.rows {
        let (namespace, node) =
            (row.namespace.as_deref().unwrap_or_default(), row.node.as_deref().unwrap_or_default());
        let [avg, min, max] = [row.stats.avg, row.stats.min, row.stats.max].map(|figure| figure.to_string());
        csv.write_record([row.class.as_str(), namespace, &row.name, node, "", &avg, &min, &max])?;
    }
    csv.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::print::{Format, report, table::tests::example};

    #[test]
    fn names_round_trip_whatever_they_hold() {
        let mut page = Vec::new();
        report(&example(), Format::Csv, &mut page).unwrap();
        let mut csv = csv::Reader::from_reader(page.as_slice());
        assert_eq!(
            csv.headers().unwrap().iter().collect::<Vec<_>>().join(","),
            "class,namespace,name,node,thread,avg,min,max"
        );
        let rows: Vec<Vec<String>> =
            csv.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        assert_eq!(
            rows[1],
            ["workload", "shop", "a \"b\",\n\u{1b}[1mc", "node-1", "", "0.5", "0.25", "0.75"]
        );
        assert_eq!(rows[0], ["host", "", "crio", "", "", "1.25", "0.5", "2"]);
    }
}
