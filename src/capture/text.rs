//! Text of samples, as OpenMetrics: what promtool imports, and this tool reads.
use crate::openmetrics::Labels;
use crate::time::Timestamp;
use std::io::{self, Write};

/// Writes the samples of one series, a line each.
pub(super) fn write_series(
    metric: &str,
    labels: &Labels,
    samples: &[(Timestamp, f64)],
    out: &mut dyn Write,
) -> io::Result<()> {
    let head = head(metric, labels);
    for (at, value) in samples {
        writeln!(out, "{head} {value} {}", at.seconds())?;
    }
    Ok(())
}

/// Writes what ends a text that is whole.
pub(super) fn write_end(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"# EOF\n")
}

fn head(metric: &str, labels: &Labels) -> String {
    let mut head = format!("{metric}{{");
    for (name, value) in labels {
        if !head.ends_with('{') {
            head.push(',');
        }
        head.push_str(name);
        head.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => head.push_str("\\\\"),
                '"' => head.push_str("\\\""),
                '\n' => head.push_str("\\n"),
                other => head.push(other),
            }
        }
        head.push('"');
    }
    head.push('}');
    head
}

#[cfg(test)]
mod tests {
    use super::{write_end, write_series};
    use crate::openmetrics;
    use crate::time::Timestamp;

    #[test]
    fn what_is_written_is_read_again() {
        let labels = [("a", "q\"\\ \n\t}, é"), ("b", "")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        let (labels, samples) = (labels.into(), [(1_250, 0.1), (2_000, 1e-9), (3_001, 123_456_789.125)]);
        let samples = samples.map(|(at, value)| (Timestamp::from_millis(at), value));
        let mut text = Vec::new();
        write_series("m:x", &labels, &samples, &mut text).unwrap();
        write_end(&mut text).unwrap();
        let read = openmetrics::read(&text[..], |_, _| true).unwrap();
        assert!(read.is_whole);
        assert_eq!(
            (read.series[0].labels.clone(), read.series[0].samples.as_slice()),
            (labels, &samples[..])
        );
    }
}
