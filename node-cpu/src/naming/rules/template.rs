//! Templates of groups' names: text with those variables of Go's templates that process-exporter's configs use.

use super::{Identity, base_name, first_argument};
use regex_lite::Captures;

/// Number of characters of a name at most. A process may rewrite its command line to megabytes, and people read labels.
const MAX_NAME_CHARS: usize = 128;
/// Name of a process without comm and arguments. A process may remove its comm.
const UNNAMED: &str = "(unnamed)";

/// Template of a name, in parts.
#[derive(Debug)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, PartialEq)]
enum Part {
    Text(String),
    Comm,
    /// Last component of `argv[0]`, or the comm if there is none.
    ExeBase,
    /// Text that a named group of the `cmdline` patterns matched. If several have that name, the last one counts.
    Match(String),
}

/// Defaults to `{{.ExeBase}}`.
impl Default for Template {
    fn default() -> Template {
        Template(vec![Part::ExeBase])
    }
}

impl Template {
    /// Parses text with `{{.Comm}}`, `{{.ExeBase}}`, `{{.Matches.NAME}}`. Empty text is the default. The error is a clause.
    pub(super) fn parse(text: &str) -> Result<Template, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let (variable, after) =
                after.split_once("}}").ok_or_else(|| format!("in the name {text:?}, {{{{ has no }}}}"))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::parse_variable(variable.trim())?);
            rest = after;
        }
        if text.is_empty() {
            return Ok(Template::default());
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Template(parts))
    }

    /// Returns `true` if filling the template needs the command line.
    pub(super) fn needs_arguments(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::ExeBase | Part::Match(_)))
    }

    /// Returns the named groups of the patterns that the template needs.
    pub(super) fn captures_needed(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| if let Part::Match(name) = part { Some(name.as_str()) } else { None })
    }

    /// Fills the template for `process`, whose command line has `captures`. Falls back to the comm, and is never empty.
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
                Part::ExeBase => first_argument(process.argv)
                    .map(base_name)
                    .filter(|base| !base.is_empty())
                    .unwrap_or(process.comm),
                Part::Match(group) => {
                    let found = captures.iter().rev().find_map(|captures| captures.name(group));
                    found.map_or(&[][..], |found| found.as_str().as_bytes())
                }
            };
            name.extend(String::from_utf8_lossy(bytes).chars().take(MAX_NAME_CHARS));
        }
        if name.is_empty() {
            name = String::from_utf8_lossy(process.comm).into_owned();
        }
        if name.is_empty() {
            name = UNNAMED.to_owned();
        }
        name.chars().take(MAX_NAME_CHARS).collect()
    }
}

impl Part {
    fn parse_variable(text: &str) -> Result<Part, String> {
        match text {
            ".Comm" => return Ok(Part::Comm),
            ".ExeBase" => return Ok(Part::ExeBase),
            ".ExeFull" | ".Username" | ".PID" | ".StartTime" | ".Cgroups" | ".Cwd" | ".Matches" => {
                return Err(format!("the variable {{{{{text}}}}} is not supported: {VARIABLES}"));
            }
            _ => {}
        }
        let group = text.strip_prefix(".Matches.").filter(|group| {
            !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        let group = group.ok_or_else(|| format!("no variable is called {{{{{text}}}}}: {VARIABLES}"))?;
        Ok(Part::Match(group.to_owned()))
    }
}

/// Clause of errors that lists the variables.
const VARIABLES: &str = "there are {{.Comm}}, {{.ExeBase}} and {{.Matches.NAME}}";
