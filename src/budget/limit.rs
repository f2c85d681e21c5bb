//! Limits: cores, bytes, or a share of what a node reserves or a pod requests.
use anyhow::{Context, Result, bail, ensure};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::fmt;

/// Limit of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// As it was given.
    pub text: String,
    /// What it comes to.
    pub kind: LimitKind,
}

/// Kind of a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LimitKind {
    /// A number without a unit: cores of CPU, bytes of memory.
    Plain(f64),
    /// Cores.
    Cores(f64),
    /// Bytes.
    Bytes(f64),
    /// Share of the node's reserved CPUs.
    OfReserved(f64),
    /// Share of the CPUs that the kubelet keeps from pods: capacity less allocatable.
    OfSystemReserved(f64),
    /// Share of the pod's request: of CPU that workload partitioning manages, else of CPU; or of memory.
    OfRequest(f64),
    /// Share of the pod's request of CPU that workload partitioning manages.
    OfManagementRequest(f64),
}

const FORMS: &str = "give such as 250m, 1.5, 16 GB, 80% of reserved, 80% of system reserved, 120% of request or 120% of management request";

/// Suffixes of bytes.
const BYTES: [(&str, f64); 8] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
];

impl Limit {
    /// Parses a limit. Errors if it has none of the forms, or is below zero.
    pub fn parse(text: &str) -> Result<Limit> {
        let kind = parse(text.trim()).with_context(|| format!("{text:?} is no limit: {FORMS}"))?;
        Ok(Limit { text: text.trim().to_owned(), kind })
    }
}

fn parse(text: &str) -> Result<LimitKind> {
    if let Some((percent, of)) = text.split_once('%') {
        let share = number(percent.trim())? / 100.0;
        return match of.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["of", "reserved"] => Ok(LimitKind::OfReserved(share)),
            ["of", "system", "reserved"] => Ok(LimitKind::OfSystemReserved(share)),
            ["of", "request"] => Ok(LimitKind::OfRequest(share)),
            ["of", "management", "request"] => Ok(LimitKind::OfManagementRequest(share)),
            _ => bail!("a percentage is of something"),
        };
    }
    if let Some(millicores) = text.strip_suffix('m') {
        return Ok(LimitKind::Cores(number(millicores)? / 1000.0));
    }
    let bare = text.strip_suffix('B').unwrap_or(text);
    for (suffix, factor) in BYTES {
        if let Some(digits) = bare.strip_suffix(suffix) {
            let bytes = number(digits.trim())? * factor;
            ensure!(bytes.is_finite(), "no number");
            return Ok(LimitKind::Bytes(bytes));
        }
    }
    Ok(LimitKind::Plain(number(text)?))
}

fn number(text: &str) -> Result<f64> {
    ensure!(text.starts_with(|c: char| c.is_ascii_digit()), "no number");
    let number = text.parse::<f64>()?;
    ensure!(number.is_finite(), "no number");
    Ok(number)
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Limit, D::Error> {
        from.deserialize_any(OfYaml)
    }
}

/// Reads a limit from a text or a number, as YAML has either.
struct OfYaml;

impl Visitor<'_> for OfYaml {
    type Value = Limit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a limit: {FORMS}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Limit, E> {
        Limit::parse(text).map_err(|error| E::custom(format!("{:#}", error)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Limit, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Limit, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Limit, E> {
        self.visit_str(&number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::{Limit, LimitKind};

    #[test]
    fn limits_have_units() {
        for (text, kind) in [
            ("250m", LimitKind::Cores(0.25)),
            ("1.5", LimitKind::Plain(1.5)),
            ("16 GB", LimitKind::Bytes(16e9)),
            ("12Gi", LimitKind::Bytes(12.0 * 1_073_741_824.0)),
            ("80% of reserved", LimitKind::OfReserved(0.8)),
            ("120 % of  request", LimitKind::OfRequest(1.2)),
            ("120% of management request", LimitKind::OfManagementRequest(1.2)),
        ] {
            assert_eq!(Limit::parse(text).unwrap().kind, kind, "{text}");
        }
        for bad in ["", "m", "-1", "1 core", "NaN", "inf", "80%", "80% of it", "1e999", "+1", "1e308 T"] {
            assert!(Limit::parse(bad).is_err(), "{bad}");
        }
    }
}
