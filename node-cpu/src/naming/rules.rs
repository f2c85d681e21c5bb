//! Parses process-exporter's `process_names` from YAML, and names processes by its items.
//!
//! The first item that matches names the process. All selectors of an item must match. A list of names matches if any
//! name does. `cmdline` matches if all of its patterns do.
//!
//! An item needs a selector, as in process-exporter (`cmdline: ['.+']` matches all that have a command line). An empty
//! list matches nothing, and an empty `cmdline` everything, also as in process-exporter. The difference is that an
//! unknown field or variable is an error with its line. process-exporter ignores it.
//!
//! Patterns have Go's syntax as far as the two libraries agree (no `\p`, no `\Q`). Both libraries take time linear in the
//! text. Patterns see the command line as text, in which bytes that are not UTF-8 become U+FFFD.

mod template;

use anyhow::{Context, Result, anyhow, ensure};
use regex_lite::{Regex, RegexBuilder};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use template::Template;

/// Size of a compiled pattern in bytes at most. Users' patterns take a few thousand.
const MAX_PATTERN_BYTES: usize = 1 << 20;
/// Number of bytes of a command line that patterns see. The longest of users' programs (Java) have some ten thousand.
const MAX_MATCHED_BYTES: usize = 32 << 10;
/// Size of a config in bytes at most. It is a thousand times what users write, and small enough for memory.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Part of a process that rules can match.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    /// Second field of `/proc/PID/stat`, without its parentheses.
    pub(crate) comm: &'a [u8],
    /// Text of `/proc/PID/cmdline`, whose arguments each end in NUL. Empty if there are none.
    pub(crate) argv: &'a [u8],
    /// PID of the parent.
    pub(crate) ppid: u32,
}

/// Items of `process_names`, in their order.
#[derive(Debug)]
pub struct Rules(Vec<Item>);

#[derive(Debug)]
struct Item {
    name: Template,
    selectors: Selectors,
}

#[derive(Debug)]
struct Selectors {
    comm: Option<Vec<String>>,
    exe: Option<Vec<String>>,
    cmdline: Option<Vec<Pattern>>,
    ppid: Option<u32>,
}

#[derive(Debug)]
struct Pattern(Regex);

/// Checks the text of a config as the exporter does. The error is one line that says what is wrong, and in which line.
pub fn check_rules(text: &str) -> Result<()> {
    ensure!(text.len() as u64 <= MAX_CONFIG_BYTES, "it is longer than {MAX_CONFIG_BYTES} bytes");
    Rules::parse(text).map(drop)
}

impl Rules {
    /// Reads the config at `path`. The error is one line that says what is wrong, and in which line.
    pub fn read(path: &Path) -> Result<Rules> {
        let mut text = Vec::new();
        File::open(path)?.take(MAX_CONFIG_BYTES + 1).read_to_end(&mut text)?;
        ensure!(text.len() as u64 <= MAX_CONFIG_BYTES, "it is longer than {MAX_CONFIG_BYTES} bytes");
        Rules::parse(str::from_utf8(&text).context("it is not UTF-8")?)
    }

    /// Parses the text of a config. The error is one line that says what is wrong, and in which line.
    pub(crate) fn parse(text: &str) -> Result<Rules> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, expecting = "a mapping with `process_names`")]
        struct Root {
            process_names: Vec<Item>,
        }
        let root: Root = serde_yaml::from_str(text).map_err(|error| anyhow!(one_line(&error)))?;
        Ok(Rules(root.process_names))
    }

    /// Returns `true` if there is no item. Such rules count as no rules.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns `true` if the name of a process depends on its command line. Reading that may take for ever.
    /// The first item whose other selectors match decides. It may need the command line for a selector or for its name.
    pub(crate) fn need_arguments(&self, comm: &[u8], ppid: u32) -> bool {
        let without_arguments = Identity { comm, argv: b"", ppid };
        let item = self.0.iter().find(|item| item.selectors.matches_without_arguments(&without_arguments));
        item.is_some_and(|item| {
            item.selectors.exe.is_some() || item.selectors.cmdline.is_some() || item.name.needs_arguments()
        })
    }

    /// Returns the name of the group that a process belongs to, never empty. `None` if no item matches.
    pub(crate) fn name(&self, process: &Identity) -> Option<String> {
        let command_line = join_arguments(process.argv);
        let item = self.0.iter().find(|item| item.selectors.matches(process, &command_line))?;
        let patterns = item.selectors.cmdline.iter().flatten();
        Some(item.name.fill(process, patterns.filter_map(|pattern| pattern.0.captures(&command_line))))
    }
}

impl Selectors {
    fn matches_without_arguments(&self, process: &Identity) -> bool {
        self.ppid.is_none_or(|ppid| ppid == process.ppid)
            && self.comm.as_ref().is_none_or(|any| any.iter().any(|comm| comm.as_bytes() == process.comm))
    }

    fn matches(&self, process: &Identity, command_line: &str) -> bool {
        self.matches_without_arguments(process)
            && self.exe.as_ref().is_none_or(|any| any.iter().any(|exe| is_exe(exe.as_bytes(), process.argv)))
            && self
                .cmdline
                .as_ref()
                .is_none_or(|all| all.iter().all(|pattern| pattern.0.is_match(command_line)))
    }
}

/// Returns `true` if `argv[0]` is `entry`. Compares only the last component if `entry` has no `/`.
fn is_exe(entry: &[u8], argv: &[u8]) -> bool {
    first_argument(argv)
        .is_some_and(|path| if entry.contains(&b'/') { path == entry } else { base_name(path) == entry })
}

/// Returns `argv[0]`. `None` if there are no arguments.
fn first_argument(argv: &[u8]) -> Option<&[u8]> {
    if argv.is_empty() { None } else { argv.split(|byte| *byte == 0).next() }
}

/// Returns a path's last component, or nothing if it has none.
fn base_name(path: &[u8]) -> &[u8] {
    let mut parts = path.rsplit(|byte| *byte == b'/');
    parts.find(|part| !part.is_empty()).unwrap_or_default()
}

/// Joins the arguments with spaces, as far as patterns see them.
fn join_arguments(argv: &[u8]) -> String {
    String::from_utf8_lossy(argv.get(..MAX_MATCHED_BYTES).unwrap_or(argv))
        .trim_end_matches('\0')
        .replace('\0', " ")
}

/// Formats the library's error in one line, with the position that it omits if that is the beginning.
fn one_line(error: &serde_yaml::Error) -> String {
    let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    if text.contains(" at line ") { text } else { format!("{text} at line 1 column 1") }
}

// Each of these fails while the parser is at the item's own position in the text, so that the error has the right line.

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Item, D::Error> {
        struct ItemVisitor;
        impl<'de> Visitor<'de> for ItemVisitor {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a name and its selectors")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Item, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct ItemFields {
                    name: Option<Template>,
                    comm: Option<Vec<String>>,
                    exe: Option<Vec<String>>,
                    cmdline: Option<Vec<Pattern>>,
                    ppid: Option<u32>,
                }
                let ItemFields { name, comm, exe, cmdline, ppid } =
                    ItemFields::deserialize(MapAccessDeserializer::new(map))?;
                if comm.is_none() && exe.is_none() && cmdline.is_none() && ppid.is_none() {
                    return Err(A::Error::custom("an item needs a selector: comm, exe, cmdline or ppid"));
                }
                let name = name.unwrap_or_default();
                let captured: Vec<&str> = cmdline
                    .iter()
                    .flatten()
                    .flat_map(|pattern| pattern.0.capture_names().flatten())
                    .collect();
                if let Some(missing) = name.captures_needed().find(|wanted| !captured.contains(wanted)) {
                    return Err(A::Error::custom(format!(
                        "no cmdline pattern of this item has (?P<{missing}>...)"
                    )));
                }
                Ok(Item { name, selectors: Selectors { comm, exe, cmdline, ppid } })
            }
        }
        deserializer.deserialize_map(ItemVisitor)
    }
}

/// Reads a string and converts it with `convert`, at the string's own position in the text.
fn convert_string<'de, D, T>(deserializer: D, convert: fn(&str) -> Result<T, String>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    struct StringVisitor<T>(fn(&str) -> Result<T, String>);
    impl<T> Visitor<'_> for StringVisitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            (self.0)(text).map_err(E::custom)
        }
    }
    deserializer.deserialize_str(StringVisitor(convert))
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Template, D::Error> {
        convert_string(deserializer, Template::parse)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pattern, D::Error> {
        convert_string(deserializer, |text| {
            let pattern = RegexBuilder::new(text).size_limit(MAX_PATTERN_BYTES).build();
            pattern.map(Pattern).map_err(|error| format!("bad pattern {text:?}: {error}"))
        })
    }
}

#[cfg(test)]
mod tests;
