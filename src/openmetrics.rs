//! OpenMetrics text as `promtool tsdb dump-openmetrics` writes it, one line a sample: read as a stream, and only the samples
//! of metrics that are wanted are parsed.
//!
//! The dialect: label values are quoted as Go does; a value that is no number ends the series; the order of series is any.
//! A text without its last line, `# EOF`, was cut.
use crate::time::Timestamp;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::io::{self, BufRead};

/// Longest line, in bytes: labels of Kubernetes are far shorter.
const LONGEST: usize = 1 << 20;

/// Number of samples that are kept at most, 3 GiB: what holds more was made to.
const MOST: u64 = 200_000_000;

/// Labels of a series.
pub type Labels = BTreeMap<String, String>;

/// One series: its metric, its labels, and its samples by time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Metric.
    pub metric: String,
    /// Labels without the metric.
    pub labels: Labels,
    /// Times and values, in order. One that is no number is the end of the series.
    pub samples: Vec<(Timestamp, f64)>,
}

impl Series {
    /// Returns the value of a label; empty if it has none.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// Contents of a text.
#[derive(Debug, Default)]
pub struct Contents {
    /// Series of the metrics that are wanted.
    pub series: Vec<Series>,
    /// False if the text does not end with `# EOF`: it was cut.
    pub is_whole: bool,
    /// Number of lines of samples, of other metrics too.
    pub samples: u64,
}

/// Reads some series: `wanted` is asked with the metric alone first, and with the labels of those that it wants. Errors name the
/// line that is no sample.
pub fn read(input: impl BufRead, wanted: impl Fn(&str, Option<&Labels>) -> bool) -> Result<Contents> {
    read_at_most(MOST, input, wanted)
}

fn read_at_most(
    most: u64,
    mut input: impl BufRead,
    wanted: impl Fn(&str, Option<&Labels>) -> bool,
) -> Result<Contents> {
    let mut kept = 0;
    let mut contents = Contents::default();
    let mut index: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    // Series of the line before, by the line's beginning: samples of a series follow each other.
    let (mut before, mut current): (Vec<u8>, Option<usize>) = (Vec::new(), None);
    let (mut line, mut number) = (Vec::new(), 0u64);
    loop {
        let ended = match read_line(&mut input, &mut line) {
            Ok(Some(ended)) => ended,
            Ok(None) => break,
            // Of a gzip that was cut its beginning is good.
            Err(error) if is_end(&error) => {
                contents.is_whole = false;
                break;
            }
            Err(error) => return Err(error.context(format!("line {}", number + 1))),
        };
        number += 1;
        if line.is_empty() {
            continue;
        }
        if !ended && line != b"# EOF" {
            // What is left of a line tells neither its value nor its time.
            contents.is_whole = false;
            break;
        }
        if line.starts_with(b"#") {
            contents.is_whole = line == b"# EOF";
            continue;
        }
        contents.is_whole = false;
        contents.samples += 1;
        let place = || format!("line {number} is no sample of OpenMetrics");
        let (head, rest) = split_head(&line).with_context(place)?;
        if head != before {
            before.clear();
            before.extend_from_slice(head);
            current = match index.get(head) {
                Some(known) => Some(*known),
                None => series_of(head, &wanted).with_context(place)?.map(|series| {
                    contents.series.push(series);
                    index.insert(head.to_vec(), contents.series.len() - 1);
                    contents.series.len() - 1
                }),
            };
        }
        let Some(series) = current.and_then(|at| contents.series.get_mut(at)) else { continue };
        let (at, value) = sample(rest).with_context(place)?;
        series.samples.push((at, value));
        kept += 1;
        ensure!(
            kept <= most,
            "it holds more than {most} samples: ask for less than it has, such as promtool does with --min-time"
        );
    }
    for series in &mut contents.series {
        series.samples.sort_by_key(|(at, _)| *at);
        series.samples.dedup_by_key(|(at, _)| *at);
    }
    Ok(contents)
}

/// Returns true if a text begins as OpenMetrics does: with a comment or a sample.
pub fn begins(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
    let is_sample = || {
        split_head(line)
            .is_some_and(|(head, rest)| series_of(head, &|_, _| true).is_some() && sample(rest).is_some())
    };
    line.starts_with(b"#") || is_sample()
}

/// Reads a line without its end, and returns whether it had one. `None` at the end of the text. Errors if it is longer than
/// any.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<Option<bool>> {
    line.clear();
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok((!line.is_empty()).then_some(false));
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default());
        let used = end.map_or(buffer.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(Some(true));
        }
        if line.len() > LONGEST {
            bail!("it is longer than {LONGEST} bytes: this is no OpenMetrics text");
        }
    }
}

fn is_end(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

/// Splits a line into metric and labels, and what follows.
fn split_head(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let brace = line.iter().position(|byte| matches!(byte, b'{' | b' '))?;
    if line.get(brace) == Some(&b' ') {
        return line.split_at_checked(brace);
    }
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in line.iter().enumerate().skip(brace) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return line.split_at_checked(at + 1),
            _ => {}
        }
    }
    None
}

/// Makes the series of a line's beginning. `None` if its metric is not wanted.
fn series_of(head: &[u8], wanted: &impl Fn(&str, Option<&Labels>) -> bool) -> Option<Option<Series>> {
    let text = String::from_utf8_lossy(head);
    let (metric, labels) = text.split_once('{').map_or((&*text, None), |(metric, rest)| (metric, Some(rest)));
    // A name that is quoted among the labels has other letters than those of any metric here.
    let is_quoted = metric.is_empty() && labels.is_some_and(|labels| labels.starts_with('"'));
    if is_quoted {
        return Some(None);
    }
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    if metric.is_empty() || !metric.chars().all(is_letter) {
        return None;
    }
    if !wanted(metric, None) {
        return Some(None);
    }
    let labels = labels.map_or_else(|| Some(Labels::new()), |rest| parse_labels(rest.strip_suffix('}')?))?;
    if !wanted(metric, Some(&labels)) {
        return Some(None);
    }
    Some(Some(Series { metric: metric.to_owned(), labels, samples: Vec::new() }))
}

fn parse_labels(mut rest: &str) -> Option<Labels> {
    let mut labels = Labels::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = unquote(after)?;
        labels.insert(name.trim().to_owned(), value);
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
    Some(labels)
}

/// Reads a value up to its closing quote, with Go's escapes. Returns it, and what follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => {
                let (_, escape) = chars.next()?;
                let mut code = |digits: usize| {
                    let hex: String = (0..digits).filter_map(|_| chars.next().map(|(_, c)| c)).collect();
                    u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == digits)
                };
                let c = match escape {
                    'a' => '\u{7}',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'v' => '\u{b}',
                    'x' => char::from_u32(code(2)?)?,
                    'u' => char::from_u32(code(4)?)?,
                    'U' => char::from_u32(code(8)?)?,
                    other => other,
                };
                value.push(c);
            }
            _ => value.push(c),
        }
    }
    None
}

/// Parses value and time.
fn sample(rest: &[u8]) -> Option<(Timestamp, f64)> {
    let mut fields = std::str::from_utf8(rest).ok()?.split_ascii_whitespace();
    let value: f64 = fields.next()?.parse().ok()?;
    let seconds: f64 = fields.next()?.parse().ok()?;
    seconds.is_finite().then(|| (Timestamp::from_seconds(seconds), value))
}

#[cfg(test)]
mod tests {
    use super::{Contents, read};

    fn contents(text: &str) -> Contents {
        read(text.as_bytes(), |metric, _| metric != "other").unwrap()
    }

    #[test]
    fn series_come_in_any_order_and_end_at_what_is_no_number() {
        let text = "# TYPE m gauge\nm{a=\"1\"} 0.5 10.000\nother{x=\"}\"} 1 10\nm{a=\"2\"} 7 10\nm{a=\"1\"} NaN 25.125\n\
                    m{a=\"1\"} 1e-3 40.25\nn 3 1\nsum{} 4 2\n{\"a.b\",c=\"d\"} 1 1\n# EOF\n";
        let of = contents(text);
        assert!(of.is_whole);
        assert_eq!(of.samples, 8);
        let all: Vec<_> = of
            .series
            .iter()
            .map(|series| {
                let samples = series.samples.iter().filter(|(_, value)| !value.is_nan());
                let samples = samples.map(|(at, value)| (at.as_seconds(), *value));
                (series.metric.as_str(), series.label("a"), samples.collect::<Vec<_>>())
            })
            .collect();
        let expected = [
            ("m", "1", vec![(10.0, 0.5), (40.25, 0.001)]),
            ("m", "2", vec![(10.0, 7.0)]),
            ("n", "", vec![(1.0, 3.0)]),
            ("sum", "", vec![(2.0, 4.0)]),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_series_is_asked_for_by_its_labels_too() {
        let text = "m{a=\"1\"} 1 1\nm{a=\"2\"} 1 1\n# EOF\n";
        let is_two = |labels: &super::Labels| labels["a"] == "2";
        let of = read(text.as_bytes(), |_, labels| labels.is_none_or(is_two)).unwrap();
        assert_eq!(of.series.iter().map(|series| series.label("a")).collect::<Vec<_>>(), ["2"]);
        assert_eq!(of.samples, 2);
    }

    #[test]
    fn no_more_is_held_than_a_machine_has() {
        let text = "m 1 1\nm 1 2\nother 1 1\n# EOF\n";
        let of = |most| super::read_at_most(most, text.as_bytes(), |metric, _| metric == "m");
        assert!(of(2).is_ok());
        assert!(of(1).unwrap_err().to_string().contains("more than 1 samples"));
    }

    #[test]
    fn labels_are_quoted_as_go_does() {
        let of = contents("m{a=\"q\\\"\\\\ \\n\\t\\x01\\u00e9\",b=\"},{ é\"} 1 2\n");
        assert_eq!(of.series[0].label("a"), "q\"\\ \n\t\u{1}é");
        assert_eq!(of.series[0].label("b"), "},{ é");
        assert!(!of.is_whole, "it has no end");
    }

    #[test]
    fn what_is_no_sample_is_named_by_its_line() {
        for text in [
            "m{a=\"1\"} x 1\n",
            "m 1\n# EOF\nm{a=\"1\n",
            "m{a=1} 2 3\n",
            "{} 1 1\n",
            "m\n",
            "a b\u{7f}\n",
            "<html>\n",
            "m-n 1 1\n",
            "m 1 inf\n",
        ] {
            let error = format!("{:#}", read(text.as_bytes(), |_, _| true).unwrap_err());
            assert!(
                error.starts_with("line ") && error.contains("no sample of OpenMetrics"),
                "{text}: {error}"
            );
        }
        assert!(read("\n\n# EOF".as_bytes(), |_, _| true).unwrap().is_whole);
        let torn = read("m 1 10\nm 1 2".as_bytes(), |_, _| true).unwrap();
        assert_eq!((torn.is_whole, torn.series[0].samples.len()), (false, 1));
        let long = vec![b'x'; super::LONGEST + 70_000];
        assert!(format!("{:#}", read(&long[..], |_, _| true).unwrap_err()).contains("longer than"));
    }
}
