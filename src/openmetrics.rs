//! OpenMetrics text as `promtool tsdb dump-openmetrics` writes it, one line a sample: read as a stream, and only the samples
//! of metrics that are wanted are parsed.
//!
//! The dialect: label values are quoted as Go does; a value that is no number ends the series; the order of series is any.
//! A text without its last line, `# EOF`, was cut.
use crate::time::Timestamp;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::io::{self, BufRead};

/// Mark of the order of bytes, which editors put in front of a text.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Longest line, in bytes: labels of Kubernetes are far shorter.
const LONGEST: usize = 1 << 20;

/// Number of samples that are kept at most, 3 GiB: what holds more was made to.
const MOST: u64 = 200_000_000;

/// Latest time, seconds: the year 5138. In milliseconds it is 1973.
const LATEST: f64 = 1e11;
/// Number of series that are kept at most, 1.5 GB.
const MOST_SERIES: usize = 1_000_000;

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

/// Reads some series. `wanted` gets a metric alone first, and if it wants that, the labels too. Errors name the line that is no
/// sample.
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
            // Of a gzip that was cut or damaged its beginning is good.
            Err(error) if contents.samples > 0 && error.is::<io::Error>() => {
                contents.is_whole = false;
                break;
            }
            Err(error) => return Err(error.context(format!("line {}", number + 1))),
        };
        number += 1;
        if number == 1 && line.starts_with(MARK) {
            line.drain(..MARK.len());
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.is_empty() {
            continue;
        }
        if !ended && line != b"# EOF" {
            // What is left of a line tells neither its value nor its time.
            contents.is_whole = false;
            break;
        }
        if line == b"# EOF" {
            contents.is_whole = true;
            break;
        }
        if line.starts_with(b"#") {
            continue;
        }
        contents.is_whole = false;
        contents.samples += 1;
        let place =
            || format!("line {number} is no sample of OpenMetrics, so the file is another or damaged");
        let (head, rest) = split_head(&line).with_context(place)?;
        if head != before {
            before.clear();
            before.extend_from_slice(head);
            current = match index.get(head) {
                Some(known) => Some(*known),
                None => series_of(head, sample(rest).is_some(), &wanted).with_context(place)?.map(|series| {
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
            kept <= most && contents.series.len() <= MOST_SERIES,
            "it holds more than {most} samples or {MOST_SERIES} series: ask for less than it has, such as promtool does with --min-time"
        );
    }
    for series in &mut contents.series {
        series.samples.sort_by_key(|(at, _)| *at);
        series.samples.dedup_by_key(|(at, _)| *at);
    }
    Ok(contents)
}

/// Returns true if a text begins as OpenMetrics does: with a sample, after comments or none.
pub fn begins(head: &[u8]) -> bool {
    let head = head.strip_prefix(MARK).unwrap_or(head);
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let is_other = |line: &&[u8]| !line.is_empty() && (!line.starts_with(b"#") || *line == b"# EOF");
    let Some(line) = lines.find(is_other) else { return false };
    let is_sample = || split_head(line).is_some_and(|(_, rest)| sample(rest).is_some());
    line == b"# EOF" || is_sample()
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

/// Makes the series of a line's beginning; `has_sample` tells whether value and time follow. The inner is `None` if its metric is
/// not wanted.
fn series_of(
    head: &[u8],
    has_sample: bool,
    wanted: &impl Fn(&str, Option<&Labels>) -> bool,
) -> Option<Option<Series>> {
    let text = String::from_utf8_lossy(head);
    let (metric, labels) = text.split_once('{').map_or((&*text, None), |(metric, rest)| (metric, Some(rest)));
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    if metric.is_empty() || !metric.chars().all(is_letter) {
        // Such a metric is not ours, but may be somebody's: newer names have any letter, quoted or not.
        return has_sample.then_some(None);
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

/// Parses value and time. `None` if the time is none of seconds: those of milliseconds are thousands of years ahead.
fn sample(rest: &[u8]) -> Option<(Timestamp, f64)> {
    let mut fields = std::str::from_utf8(rest).ok()?.split_ascii_whitespace();
    let value: f64 = fields.next()?.parse().ok()?;
    let seconds: f64 = fields.next()?.parse().ok()?;
    (seconds.abs() < LATEST).then(|| (Timestamp::from_seconds(seconds), value))
}

#[cfg(test)]
mod tests;
