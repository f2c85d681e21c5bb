//! The name of a group: text with variables, of Go's templates what process-exporter's configs use.

use super::{Identity, base, first};
use regex_lite::Captures;

/// Characters of a name: a process may rewrite its command line to megabytes, and a label is to be read.
const LONGEST: usize = 128;
/// A process may take its comm away and have no arguments.
const UNNAMED: &str = "(unnamed)";

/// A name, in parts.
#[derive(Debug)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, PartialEq)]
enum Part {
    Text(String),
    Comm,
    /// The last component of `argv[0]`; the comm where there is none.
    ExeBase,
    /// What a named group of the `cmdline` patterns matched; of several so named, the last.
    Match(String),
}

/// `{{.ExeBase}}`
impl Default for Template {
    fn default() -> Template {
        Template(vec![Part::ExeBase])
    }
}

impl Template {
    /// Text with `{{.Comm}}`, `{{.ExeBase}}`, `{{.Matches.NAME}}`; empty is the default. The error is a clause.
    pub(super) fn parse(text: &str) -> Result<Template, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let (variable, after) =
                after.split_once("}}").ok_or_else(|| format!("in the name {text:?}, {{{{ has no }}}}"))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::variable(variable.trim())?);
            rest = after;
        }
        if text.is_empty() {
            return Ok(Template::default());
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Template(parts))
    }

    /// Whether it takes the command line to fill it.
    pub(super) fn needs_arguments(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::ExeBase | Part::Match(_)))
    }

    /// The named groups that it wants.
    pub(super) fn matches(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| if let Part::Match(name) = part { Some(name.as_str()) } else { None })
    }

    /// The name for a process whose command line was captured so; the comm where it would be empty, and never empty.
    pub(super) fn fill<'a>(
        &self,
        process: &Identity,
        captures: impl Iterator<Item = Captures<'a>>,
    ) -> String {
        let captures: Vec<Captures> = captures.collect();
        let mut name = String::new();
        for part in &self.0 {
            let bytes = match part {
                Part::Text(text) => text.as_bytes(),
                Part::Comm => process.comm,
                Part::ExeBase => {
                    first(process.argv).map(base).filter(|base| !base.is_empty()).unwrap_or(process.comm)
                }
                Part::Match(group) => {
                    let found = captures.iter().rev().find_map(|captures| captures.name(group));
                    found.map_or(&[][..], |found| found.as_str().as_bytes())
                }
            };
            name.extend(String::from_utf8_lossy(bytes).chars().take(LONGEST));
        }
        if name.is_empty() {
            name = String::from_utf8_lossy(process.comm).into_owned();
        }
        if name.is_empty() {
            name = UNNAMED.to_owned();
        }
        name.chars().take(LONGEST).collect()
    }
}

impl Part {
    fn variable(text: &str) -> Result<Part, String> {
        match text {
            ".Comm" => return Ok(Part::Comm),
            ".ExeBase" => return Ok(Part::ExeBase),
            ".ExeFull" | ".Username" | ".PID" | ".StartTime" | ".Cgroups" | ".Cwd" | ".Matches" => {
                return Err(format!("the variable {{{{{text}}}}} is not supported: {KNOWN}"));
            }
            _ => {}
        }
        let group = text.strip_prefix(".Matches.").filter(|group| {
            !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        let group = group.ok_or_else(|| format!("no variable is called {{{{{text}}}}}: {KNOWN}"))?;
        Ok(Part::Match(group.to_owned()))
    }
}

const KNOWN: &str = "there are {{.Comm}}, {{.ExeBase}} and {{.Matches.NAME}}";
