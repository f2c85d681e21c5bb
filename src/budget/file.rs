//! A budget as YAML: `kind: CpuBudget`. Unknown keys and values that do not fit are errors with their line.
use super::limit::Limit;
use super::subject::{Each, Line, Of, Pattern, Resource, Statistic, Subject};
use crate::report::Class;
use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;

/// Limits under a name.
#[derive(Clone, Debug, Deserialize)]
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
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
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
    lines: Vec<Line>,
}

/// A line as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineText {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    resource: Resource,
    #[serde(default)]
    of: Option<OneOrMore>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    each: Option<Each>,
    statistic: String,
    limit: Limit,
}

/// A word, or a list of words.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Budget {
    /// Returns true if a line needs to know which CPUs are reserved.
    pub fn needs_cpu_list(&self) -> bool {
        self.lines.iter().any(|line| line.subject.of == Of::Reserved)
    }

    /// Reads a file. Errors name it, and the line of what is wrong.
    pub fn read(path: &Path) -> Result<Budget> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let budget = Budget::parse(&text);
        budget.with_context(|| {
            format!("{} is no budget, see `oc interrogate budget --print ran-du`", path.display())
        })
    }

    /// Parses a text. Errors name the line of what is wrong.
    pub fn parse(text: &str) -> Result<Budget> {
        serde_yaml::from_str(text).map_err(|error| anyhow!("{}", error.to_string().replace('\n', " ")))
    }
}

impl TryFrom<Text> for Budget {
    type Error = anyhow::Error;

    fn try_from(text: Text) -> Result<Budget> {
        ensure!(text.api_version == "interrogate/v1", "apiVersion is not interrogate/v1");
        ensure!(text.kind == "CpuBudget", "kind is not CpuBudget");
        ensure!(!text.lines.is_empty(), "lines has none");
        let mut names = BTreeSet::new();
        for line in &text.lines {
            ensure!(names.insert(&line.name), "two lines have the name {:?}: give each its own", line.name);
        }
        let name = text.name.filter(|name| !name.is_empty()).unwrap_or_else(|| "budget".to_owned());
        Ok(Budget { name, about: text.about, source: text.source, date: text.date, lines: text.lines })
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Line, D::Error> {
        let text = LineText::deserialize(from)?;
        Line::try_from(text).map_err(|error| serde::de::Error::custom(format!("{error:#}")))
    }
}

impl TryFrom<LineText> for Line {
    type Error = anyhow::Error;

    fn try_from(text: LineText) -> Result<Line> {
        let pattern = |text: Option<String>| text.as_deref().map(Pattern::parse).transpose();
        let words = match text.of {
            None => Vec::new(),
            Some(OneOrMore::One(word)) => word.split(',').map(|word| word.trim().to_owned()).collect(),
            Some(OneOrMore::More(words)) => words,
        };
        let of = match (words.as_slice(), &text.group, &text.namespace, text.each) {
            ([], Some(_), ..) | ([], _, _, Some(Each::Group)) => {
                Of::Classes(vec![Class::Host, Class::Kernel])
            }
            ([], _, Some(_), _) | ([], _, _, Some(Each::Pod)) => {
                Of::Classes(vec![Class::Infra, Class::Workload])
            }
            _ => sum(&words)?,
        };
        let (group, namespace) = (pattern(text.group)?, pattern(text.namespace)?);
        let subject = Subject { resource: text.resource, of, group, namespace, each: text.each };
        subject.check(&text.limit)?;
        let statistic = Statistic::parse(&text.statistic)?;
        let name = text.name.unwrap_or_else(|| format!("{subject} {}", statistic.name()));
        Ok(Line { name, subject, statistic, limit: text.limit })
    }
}

fn sum(words: &[String]) -> Result<Of> {
    const WORDS: &str =
        "give platform, busy, reserved, unattributed, or classes: host, kernel, infra, workload, pod";
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => return Err(anyhow!("a line needs of: {WORDS}")),
        ["platform"] => return Ok(Of::Platform),
        ["busy"] => return Ok(Of::Busy),
        ["reserved"] => return Ok(Of::Reserved),
        ["unattributed"] => return Ok(Of::Unattributed),
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
    Ok(Of::Classes(classes.into_iter().collect()))
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
            ("{of: platform, statistic: avg, limit: 3}", "platform avg"),
            ("{of: [kernel, host], statistic: p99, limit: 250m}", "host + kernel p99"),
            ("{of: 'host, kernel', statistic: max, limit: 0.5}", "host + kernel max"),
            ("{group: crio.*, statistic: max, limit: 1}", "host + kernel crio.* max"),
            ("{of: infra, each: pod, statistic: avg, limit: 120% of request}", "each infra pod avg"),
            ("{resource: memory, of: infra, statistic: max, limit: 12 GB}", "memory of infra max"),
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
            ("{of: platform, statistic: avg, limit: 120% of request}", "needs each: pod"),
            ("{of: platform, statistic: avg, limit: 16 GB}", "no number of bytes"),
            ("{resource: memory, of: kernel, statistic: avg, limit: 16 GB}", "memory is known of"),
            ("{resource: disk, of: host, statistic: avg, limit: 16 GB}", "unknown variant `disk`"),
        ] {
            let error = budget(line).unwrap_err();
            assert!(error.contains(part) && error.contains("line 4"), "{line}: {error}");
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
        assert!(budget(twice).unwrap_err().contains("two lines have the name"));
    }
}
