//! A budget as YAML: `kind: CpuBudget`. Unknown keys and values that do not fit are errors with their line.
use super::limit::{Limit, LimitKind};
use super::subject::{Each, Line, Pattern, Resource, Statistic, Subject, Sum};
use crate::report::{Class, Cpuset};
use anyhow::{Context, Result, anyhow, ensure};
use serde::de::{Deserializer, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::path::Path;
use std::{fmt, io};

/// Longest file, in bytes.
const LONGEST: usize = 65_536;

/// Limits under a name.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(try_from = "Text")]
pub struct Budget {
    /// Name.
    pub name: String,
    /// What it is about, a line.
    pub about: Option<String>,
    /// Where its figures are from.
    pub source: Option<String>,
    /// When they were read there.
    pub date: Option<String>,
    /// Lines, at least one.
    pub lines: Vec<Line>,
}

/// The same as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename = "budget")]
struct Text {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    about: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    date: Option<String>,
    lines: Vec<LineText>,
}

/// A line as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename = "line")]
struct LineText {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    resource: Resource,
    #[serde(default, rename = "of", deserialize_with = "words")]
    sum: Vec<String>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    each: Option<Each>,
    #[serde(default, deserialize_with = "words")]
    cpuset: Vec<String>,
    statistic: Statistic,
    limit: Limit,
}

/// Reads words: a list, or a text in which commas are between them.
fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    struct Words;

    impl<'de> Visitor<'de> for Words {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a word or a list of words")
        }

        fn visit_str<E>(self, text: &str) -> Result<Vec<String>, E> {
            Ok(text.split(',').map(|word| word.trim().to_owned()).collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut words = Vec::new();
            while let Some(word) = list.next_element()? {
                words.push(word);
            }
            Ok(words)
        }
    }
    from.deserialize_any(Words)
}

impl Budget {
    /// Returns true if a line depends on which CPUs are reserved, or on how many.
    pub fn needs_reserved(&self) -> bool {
        let needs = |line: &Line| {
            matches!(line.subject.sum, Sum::Cpuset(_)) || matches!(line.limit.kind, LimitKind::OfReserved(_))
        };
        self.lines.iter().any(needs)
    }

    /// Reads a file. Errors name it, and the line of what is wrong.
    pub fn read(path: &Path) -> Result<Budget> {
        let read = match path.to_str() {
            Some("-") => io::read_to_string(io::stdin()),
            _ => std::fs::read_to_string(path),
        };
        let text = read.with_context(|| format!("cannot read {}", path.display()))?;
        let budget = Budget::parse(&text);
        budget.with_context(|| {
            format!("{} is no budget, see `oc interrogate budget --print ran-du`", path.display())
        })
    }

    /// Parses a text. Errors name the line of what is wrong.
    pub fn parse(text: &str) -> Result<Budget> {
        ensure!(text.len() <= LONGEST, "it is longer than {LONGEST} bytes");
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        serde_yaml::from_str(text).map_err(|error| anyhow!("{}", error.to_string().replace('\n', " ")))
    }
}

impl TryFrom<Text> for Budget {
    type Error = anyhow::Error;

    fn try_from(text: Text) -> Result<Budget> {
        ensure!(text.api_version == "interrogate/v1", "apiVersion is not interrogate/v1");
        ensure!(text.kind == "CpuBudget", "kind is not CpuBudget");
        ensure!(!text.lines.is_empty(), "lines has none");
        let mut lines: Vec<Line> = Vec::new();
        for (index, line) in text.lines.into_iter().enumerate() {
            let which = line.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
            let line = Line::try_from(line)
                .map_err(|error| anyhow!("lines, number {}{which}: {error:#}", index + 1))?;
            let is_known = |known: &Line| known.name == line.name && known.statistic == line.statistic;
            ensure!(
                !lines.iter().any(is_known),
                "two lines are {} {}: give each a name",
                line.name,
                line.statistic.name()
            );
            lines.push(line);
        }
        let name = text.name.filter(|name| !name.is_empty()).unwrap_or_else(|| "budget".to_owned());
        Ok(Budget { name, about: text.about, source: text.source, date: text.date, lines })
    }
}

impl TryFrom<LineText> for Line {
    type Error = anyhow::Error;

    fn try_from(text: LineText) -> Result<Line> {
        let pattern = |text: Option<String>| text.as_deref().map(Pattern::parse).transpose();
        let sum = match (text.sum.as_slice(), &text.group, &text.namespace, text.each) {
            ([], Some(_), ..) | ([], _, _, Some(Each::Group)) => {
                Sum::Classes(vec![Class::Host, Class::Kernel])
            }
            ([], _, Some(_), _) | ([], _, _, Some(Each::Pod)) => {
                Sum::Classes(vec![Class::Infra, Class::Workload])
            }
            (words, ..) => sum(words)?,
        };
        let (group, namespace) = (pattern(text.group)?, pattern(text.namespace)?);
        let on: BTreeSet<Cpuset> = text.cpuset.iter().map(|word| cpuset(word)).collect::<Result<_>>()?;
        let on = on.into_iter().collect();
        let subject = Subject { resource: text.resource, sum, group, namespace, each: text.each, on };
        subject.check(&text.limit)?;
        let name = text.name.unwrap_or_else(|| subject.to_string());
        Ok(Line { name, subject, statistic: text.statistic, limit: text.limit })
    }
}

fn sum(words: &[String]) -> Result<Sum> {
    const WORDS: &str = "give platform, busy, reserved, isolated, unattributed, or classes: host, kernel, infra, workload, pod";
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => return Err(anyhow!("a line needs of: {WORDS}")),
        ["platform"] => return Ok(Sum::Platform),
        ["busy"] => return Ok(Sum::Busy),
        ["reserved"] => return Ok(Sum::Cpuset(Cpuset::Reserved)),
        ["isolated"] => return Ok(Sum::Cpuset(Cpuset::Isolated)),
        ["unattributed"] => return Ok(Sum::Unattributed),
        _ => {}
    }
    let class = |word: &&str| match *word {
        "host" => Ok(Class::Host),
        "kernel" => Ok(Class::Kernel),
        "infra" => Ok(Class::Infra),
        "workload" => Ok(Class::Workload),
        "pod" => Ok(Class::Pod),
        other => Err(anyhow!("{other:?} is no class: {WORDS}")),
    };
    let classes: BTreeSet<Class> = words.iter().map(class).collect::<Result<_>>()?;
    Ok(Sum::Classes(classes.into_iter().collect()))
}

fn cpuset(word: &str) -> Result<Cpuset> {
    match word {
        "reserved" => Ok(Cpuset::Reserved),
        "isolated" => Ok(Cpuset::Isolated),
        "any" => Ok(Cpuset::Any),
        other => Err(anyhow!("{other:?} is no cpuset: give reserved, isolated or any, or some of them")),
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    fn budget(line: &str) -> Result<Budget, String> {
        let text = format!("apiVersion: interrogate/v1\nkind: CpuBudget\nlines:\n- {line}\n");
        Budget::parse(&text).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_line_without_a_name_is_named_by_what_it_says() {
        for (line, name) in [
            ("{of: platform, statistic: avg, limit: 3}", "platform"),
            ("{of: [kernel, host], statistic: p99, limit: 250m}", "host + kernel"),
            ("{of: 'host, kernel', statistic: max, limit: 0.5}", "host + kernel"),
            ("{group: crio.*, statistic: max, limit: 1}", "host + kernel crio.*"),
            ("{of: infra, each: pod, statistic: avg, limit: 120% of request}", "each infra pod"),
            ("{resource: memory, of: infra, statistic: max, limit: 12 GB}", "memory of infra"),
            ("{of: isolated, statistic: max, limit: 12}", "busy of the isolated CPUs"),
            ("{of: host, cpuset: 'any, isolated', statistic: max, limit: 1}", "host on isolated or any CPUs"),
        ] {
            assert_eq!(budget(line).unwrap().lines[0].name, name);
        }
    }

    #[test]
    fn an_error_has_its_line() {
        for (line, part) in [
            ("{of: platform, statistic: avg, limit: 3, unit: m}", "unknown field `unit`"),
            ("{of: platform, statistic: avg, limit: three}", "is no limit"),
            ("{of: platform, statistic: mean, limit: 3}", "is no statistic"),
            ("{of: hosts, statistic: avg, limit: 3}", "\"hosts\" is no class"),
            ("{statistic: avg, limit: 3}", "a line needs of"),
            ("{of: infra, group: x, statistic: avg, limit: 3}", "group needs of: host"),
            ("{of: host, namespace: x, statistic: avg, limit: 3}", "namespace needs of: infra"),
            ("{of: host, group: '(', statistic: avg, limit: 3}", "regex"),
            ("{of: host, group: 'a&&b', statistic: avg, limit: 3}", "Prometheus knows"),
            ("{of: host, group: 'x{1,2000}', statistic: avg, limit: 3}", "Prometheus knows"),
            ("{of: {a: 1}, statistic: avg, limit: 3}", "a word or a list of words"),
            ("{of: platform, statistic: avg, limit: 120% of request}", "needs each: pod"),
            ("{of: platform, statistic: avg, limit: 16 GB}", "no number of bytes"),
            ("{resource: memory, of: kernel, statistic: avg, limit: 16 GB}", "memory is known of"),
            ("{of: platform, cpuset: any, statistic: avg, limit: 3}", "cpuset needs of: host"),
            ("{of: infra, each: pod, cpuset: any, statistic: avg, limit: 3}", "leave out each"),
            ("{of: host, cpuset: shared, statistic: avg, limit: 3}", "\"shared\" is no cpuset"),
            ("{resource: disk, of: host, statistic: avg, limit: 16 GB}", "unknown variant `disk`"),
        ] {
            let error = budget(line).unwrap_err();
            let place = error.contains("line 4") || error.contains("lines, number 1");
            assert!(error.contains(part) && place, "{line}: {error}");
        }
        for text in [
            "",
            "[]",
            "a: [",
            "kind: CpuBudget\nlines: []",
            "apiVersion: interrogate/v2\nkind: CpuBudget\nlines: []",
        ] {
            assert!(Budget::parse(text).is_err(), "{text}");
        }
        let twice = "{of: host, statistic: avg, limit: 3}\n- {of: host, statistic: avg, limit: 4}";
        assert!(budget(twice).unwrap_err().contains("two lines are host avg"));
        let third = "{of: host, statistic: avg, limit: 3}\n- {of: host, statistic: max, limit: 4}\n- {of: host, statistic: avrg, limit: 4}";
        assert!(budget(third).unwrap_err().contains("line 6"), "{}", budget(third).unwrap_err());
    }
}
