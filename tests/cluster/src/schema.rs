//! Schemas in docs/schema, which every report that the plugin prints as JSON or YAML must fit.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};
use jsonschema::Validator;
use serde::Deserialize as _;
use serde_json::Value;

/// Commands that print a report, and its kind, which names the file of the schema.
const REPORTS: [(&str, &str); 4] = [
    ("top", "CpuReport"),
    ("status", "StatusReport"),
    ("budget", "CpuBudgetReport"),
    ("compare", "CpuComparison"),
];
/// Kind of what `budget --suggest` prints.
const SUGGESTION: &str = "CpuReservation";
/// Number of misfits that an error names.
const NAMED: usize = 5;

/// Checks a report against the schema of its kind. Errors name the first places that do not fit.
pub fn check_report(kind: &str, report: &Value) -> Result<()> {
    let validator = validator(kind)?;
    let misfits = validator.iter_errors(report).map(|error| format!("at {}: {error}", error.instance_path()));
    let misfits: Vec<String> = misfits.take(NAMED).collect();
    ensure!(misfits.is_empty(), "no {kind} by docs/schema/{kind}.json: {}", misfits.join("; "));
    Ok(())
}

/// Checks what a run with these arguments printed on stdout, if it is reports in JSON or YAML.
pub(crate) fn check_output(arguments: &[OsString], stdout: &str) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let command = arguments.iter().find(|argument| !argument.starts_with('-'));
    let kind = REPORTS.iter().find(|(name, _)| command == Some(name)).map(|(_, kind)| *kind);
    let kind = if arguments.contains(&"--suggest") { Some(SUGGESTION) } else { kind };
    let is_other = arguments.iter().any(|argument| ["-h", "--help", "--schema"].contains(argument));
    let Some(kind) = kind.filter(|_| !is_other && !stdout.is_empty()) else { return Ok(()) };
    let reports = match format(&arguments) {
        Some("json") => {
            serde_json::Deserializer::from_str(stdout).into_iter().collect::<Result<Vec<_>, _>>()?
        }
        Some("yaml") => {
            serde_yaml::Deserializer::from_str(stdout).map(Value::deserialize).collect::<Result<_, _>>()?
        }
        _ => return Ok(()),
    };
    ensure!(!reports.is_empty(), "no report in {stdout:?}");
    reports.iter().try_for_each(|report| check_report(kind, report))
}

/// Returns the format that arguments choose, if they do.
fn format<'a>(arguments: &[&'a str]) -> Option<&'a str> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if ["-o", "--output"].contains(argument) {
            return rest.next().copied();
        }
        let joined = ["--output=", "-o=", "-o"].iter().find_map(|flag| argument.strip_prefix(flag));
        if joined.is_some() {
            return joined;
        }
    }
    None
}

/// Returns the validator of a kind. Errors if there is no such kind, or its schema is none.
fn validator(kind: &str) -> Result<&'static Validator> {
    static ALL: OnceLock<Result<BTreeMap<&str, Validator>, String>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let kinds = REPORTS.iter().map(|(_, kind)| *kind).chain([SUGGESTION]);
        let all = kinds.map(|kind| anyhow::Ok((kind, read(kind)?)));
        all.collect::<Result<_>>().map_err(|error| format!("{error:#}"))
    });
    all.as_ref().map_err(|error| anyhow!("{error}"))?.get(kind).with_context(|| format!("no kind {kind}"))
}

fn read(kind: &str) -> Result<Validator> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/schema/{kind}.json"));
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let schema: Value = serde_json::from_str(&text).with_context(|| format!("parsing {}", file.display()))?;
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&schema).map_err(|error| anyhow!("{} is no schema: {error}", file.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how tests fail")]
mod tests {
    use super::{Value, check_output, check_report, format};
    use serde_json::json;

    const REPORT: &str = include_str!("../../golden/report/groups.json");
    const YAML: &str = include_str!("../../golden/report/groups.yaml");

    fn misfit(place: &str, value: Value) -> String {
        let mut report: Value = serde_json::from_str(REPORT).unwrap();
        let (parent, field) = place.rsplit_once('/').unwrap();
        report.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(field.to_owned(), value);
        check_report("CpuReport", &report).unwrap_err().to_string()
    }

    #[test]
    fn a_report_that_differs_from_the_schema_is_an_error_that_names_the_place() {
        check_report("CpuReport", &serde_json::from_str(REPORT).unwrap()).unwrap();
        for (place, value) in [
            ("/apiVersion", json!("interrogate/v2")),
            ("/kind", json!("StatusReport")),
            ("/window/start", json!("yesterday")),
            ("/window/end", json!(null)),
            ("/rows/0/avg", json!("0.5")),
            ("/source/kind", json!("elsewhere")),
        ] {
            let error = misfit(place, value);
            assert!(error.contains(&format!("at {place}: ")), "{place}: {error}");
        }
        let error = misfit("/rows/0/colour", json!("red"));
        assert!(error.contains("at /rows/0: ") && error.contains("colour"), "{error}");
        let error = check_report("CpuReport", &json!({})).unwrap_err().to_string();
        assert!(error.contains("required"), "{error}");
        assert!(check_report("StatusReport", &serde_json::from_str(REPORT).unwrap()).is_err());
        assert!(check_report("Other", &json!({})).is_err());
    }

    #[test]
    fn output_is_checked_if_it_is_a_report_in_json_or_yaml() {
        let check = |arguments: &str, stdout: &str| {
            let arguments: Vec<_> = arguments.split_whitespace().map(Into::into).collect();
            check_output(&arguments, stdout)
        };
        for (arguments, stdout) in [
            ("top -o json", REPORT),
            ("top -o json --watch", &format!("{REPORT}{REPORT}")),
            ("-v top --output=yaml", YAML),
            ("top -oyaml", &format!("{YAML}---\n{YAML}")),
            ("top -o json", ""),
            ("top", "CLASS"),
            ("top -o csv", "class"),
            ("top -o json --schema", "{}"),
            ("top --help -o json", "Usage"),
            ("version -o json", "{}"),
        ] {
            check(arguments, stdout).unwrap_or_else(|error| panic!("{arguments}: {error:#}"));
        }
        for (arguments, stdout) in [
            ("top -o json", "{}"),
            ("top -o json", "\n"),
            ("top -o json", "CLASS"),
            ("top -o json --watch", &format!("{REPORT}{{}}")),
            ("-v top --output=yaml", "a: 1"),
            ("top -oyaml", &format!("{YAML}---\na: 1")),
            ("status -o=json", REPORT),
        ] {
            assert!(check(arguments, stdout).is_err(), "{arguments}: {stdout}");
        }
    }

    #[test]
    fn the_format_is_the_one_that_is_asked_for() {
        for (arguments, expected) in [
            (&["top", "-o", "json"][..], Some("json")),
            (&["top", "--output", "yaml"], Some("yaml")),
            (&["top", "-o=csv"], Some("csv")),
            (&["top", "-ojson"], Some("json")),
            (&["top"], None),
            (&["top", "-o"], None),
        ] {
            assert_eq!(format(arguments), expected, "{arguments:?}");
        }
    }
}
