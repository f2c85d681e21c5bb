//! A history as OpenMetrics text, for `promtool tsdb create-blocks-from openmetrics FILE DIR`.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use crate::{History, Series};

impl History {
    /// Writes all samples, those of one metric together. Values and times read back exactly: the shortest decimals that
    /// make the same number, and seconds whose fraction Prometheus multiplies by 1000 without rounding as long as it is
    /// one of eighths. Errors are the writer's.
    pub fn write_openmetrics(&self, mut out: impl Write) -> Result<()> {
        let mut metrics: BTreeMap<&str, Vec<&Series>> = BTreeMap::new();
        for series in &self.series {
            metrics.entry(series.metric).or_default().push(series);
        }
        for (metric, all) in metrics {
            writeln!(out, "# TYPE {metric} gauge")?;
            for series in all {
                let labels = labels(series);
                for (at_ms, value) in &series.samples {
                    let (s, ms) = (at_ms.div_euclid(1000), at_ms.rem_euclid(1000));
                    writeln!(out, "{metric}{{{labels}}} {value} {s}.{ms:03}")?;
                }
            }
        }
        writeln!(out, "# EOF")?;
        out.flush()
    }
}

fn labels(series: &Series) -> String {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<_> =
        series.labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    pairs.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_metrics_together_with_escaped_labels() {
        let series = |metric, value: &str, samples: &[(i64, f64)]| Series {
            metric,
            labels: vec![("a", "1".into()), ("b", value.into())],
            samples: samples.to_vec(),
        };
        let history = History {
            interval_s: 15,
            pod_interval_s: 30,
            series: vec![
                series("two", "x", &[(1_500, 0.1)]),
                series("one", "q\"\\\n", &[(1_000, 1.0), (16_125, -0.0025)]),
                series("two", "y", &[(1_500, 2.0)]),
            ],
        };
        let mut text = Vec::new();
        history.write_openmetrics(&mut text).unwrap();
        let expected = r##"# TYPE one gauge
one{a="1",b="q\"\\\n"} 1 1.000
one{a="1",b="q\"\\\n"} -0.0025 16.125
# TYPE two gauge
two{a="1",b="x"} 0.1 1.500
two{a="1",b="y"} 2 1.500
# EOF
"##;
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
