//! Groups of one's own: process-exporter's `process_names`, from YAML to a name for a process.
//!
//! The first item that matches names the process; all selectors of an item must match, of a list of names any, of the
//! `cmdline` patterns all. As in process-exporter, an item needs a selector (`cmdline: ['.+']` matches all that have
//! a command line), and a list that is there but empty matches nothing, or for `cmdline` everything. Unlike there, an
//! unknown key or variable is an error with its line, not silence.
//!
//! Patterns are Go's syntax as far as the two libraries agree (no `\p`, no `\Q`); both take time linear in the text.
//! They see the command line as text: what is not UTF-8 becomes U+FFFD.

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

/// Bytes that a compiled pattern may take: what people write takes a few thousand.
const PATTERN: usize = 1 << 20;
/// Bytes of a command line that patterns see: the longest of people's programs (Java) have some ten thousand.
const LOOKED_AT: usize = 32 << 10;
/// Bytes of a config: a thousand times what people write, and little enough to hold.
const TEXT: u64 = 1 << 20;

/// What rules can see of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    /// The second field of `/proc/PID/stat`, without its parentheses.
    pub(crate) comm: &'a [u8],
    /// `/proc/PID/cmdline`: arguments that each end in NUL; empty where there are none.
    pub(crate) argv: &'a [u8],
    /// The parent.
    pub(crate) ppid: u32,
}

/// The items of `process_names`, in their order.
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

/// Whether the exporter would take the text of a config. The error is one line that says what is wrong, and in which line.
pub fn check(text: &str) -> Result<()> {
    ensure!(text.len() as u64 <= TEXT, "it is longer than {TEXT} bytes");
    Rules::parse(text).map(drop)
}

impl Rules {
    /// Reads a config. The error is one line; that it cannot be read, or as of [`Rules::parse`].
    pub fn read(path: &Path) -> Result<Rules> {
        let mut text = Vec::new();
        File::open(path)?.take(TEXT + 1).read_to_end(&mut text)?;
        ensure!(text.len() as u64 <= TEXT, "it is longer than {TEXT} bytes");
        Rules::parse(str::from_utf8(&text).context("it is not UTF-8")?)
    }

    /// Reads the text of a config. The error is one line that says what is wrong, and in which line.
    pub(crate) fn parse(text: &str) -> Result<Rules> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, expecting = "a mapping with `process_names`")]
        struct Root {
            process_names: Vec<Item>,
        }
        let root: Root = serde_yaml::from_str(text).map_err(|error| anyhow!(line(&error)))?;
        Ok(Rules(root.process_names))
    }

    /// Whether there is no item: such a list is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it takes the command line to tell a process's name: whether an item that all its other selectors choose has a
    /// selector, or a name, that needs it. Reading it may take for ever.
    pub(crate) fn need_arguments(&self, comm: &[u8], ppid: u32) -> bool {
        let bare = Identity { comm, argv: b"", ppid };
        let chosen = self.0.iter().find(|item| item.selectors.match_without_arguments(&bare));
        chosen.is_some_and(|item| {
            item.selectors.exe.is_some() || item.selectors.cmdline.is_some() || item.name.needs_arguments()
        })
    }

    /// The name of the group that a process belongs to, never empty; none where no item matches.
    pub(crate) fn name(&self, process: &Identity) -> Option<String> {
        let joined = join(process.argv);
        let item = self.0.iter().find(|item| item.selectors.match_it(process, &joined))?;
        let patterns = item.selectors.cmdline.iter().flatten();
        Some(item.name.fill(process, patterns.filter_map(|pattern| pattern.0.captures(&joined))))
    }
}

impl Selectors {
    fn match_without_arguments(&self, process: &Identity) -> bool {
        self.ppid.is_none_or(|ppid| ppid == process.ppid)
            && self.comm.as_ref().is_none_or(|any| any.iter().any(|comm| comm.as_bytes() == process.comm))
    }

    fn match_it(&self, process: &Identity, joined: &str) -> bool {
        self.match_without_arguments(process)
            && self.exe.as_ref().is_none_or(|any| any.iter().any(|exe| is_exe(exe.as_bytes(), process.argv)))
            && self.cmdline.as_ref().is_none_or(|all| all.iter().all(|pattern| pattern.0.is_match(joined)))
    }
}

/// Whether the program was called so: in full where the entry has a `/`, by its last component otherwise.
fn is_exe(entry: &[u8], argv: &[u8]) -> bool {
    first(argv).is_some_and(|path| if entry.contains(&b'/') { path == entry } else { base(path) == entry })
}

/// `argv[0]`; none where there are no arguments.
fn first(argv: &[u8]) -> Option<&[u8]> {
    if argv.is_empty() { None } else { argv.split(|byte| *byte == 0).next() }
}

/// A path's last component; empty where it has none.
fn base(path: &[u8]) -> &[u8] {
    let mut parts = path.rsplit(|byte| *byte == b'/');
    parts.find(|part| !part.is_empty()).unwrap_or_default()
}

/// The arguments with spaces between them, as far as patterns look.
fn join(argv: &[u8]) -> String {
    String::from_utf8_lossy(argv.get(..LOOKED_AT).unwrap_or(argv)).trim_end_matches('\0').replace('\0', " ")
}

/// The library's error in one line; it leaves out where that is the beginning.
fn line(error: &serde_yaml::Error) -> String {
    let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    if text.contains(" at line ") { text } else { format!("{text} at line 1 column 1") }
}

// Each of these fails while the parser stands at its own place in the text, so that the error has the right line.

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Item, D::Error> {
        struct Whole;
        impl<'de> Visitor<'de> for Whole {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a name and its selectors")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Item, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Written {
                    name: Option<Template>,
                    comm: Option<Vec<String>>,
                    exe: Option<Vec<String>>,
                    cmdline: Option<Vec<Pattern>>,
                    ppid: Option<u32>,
                }
                let Written { name, comm, exe, cmdline, ppid } =
                    Written::deserialize(MapAccessDeserializer::new(map))?;
                if comm.is_none() && exe.is_none() && cmdline.is_none() && ppid.is_none() {
                    return Err(A::Error::custom("an item needs a selector: comm, exe, cmdline or ppid"));
                }
                let name = name.unwrap_or_default();
                let named: Vec<&str> = cmdline
                    .iter()
                    .flatten()
                    .flat_map(|pattern| pattern.0.capture_names().flatten())
                    .collect();
                if let Some(missing) = name.matches().find(|wanted| !named.contains(wanted)) {
                    return Err(A::Error::custom(format!(
                        "no cmdline pattern of this item has (?P<{missing}>...)"
                    )));
                }
                Ok(Item { name, selectors: Selectors { comm, exe, cmdline, ppid } })
            }
        }
        deserializer.deserialize_map(Whole)
    }
}

/// Reads a string and makes something of it, in its own place of the text.
fn from_text<'de, D, T>(deserializer: D, make: fn(&str) -> Result<T, String>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    struct Text<T>(fn(&str) -> Result<T, String>);
    impl<T> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            (self.0)(text).map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text(make))
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Template, D::Error> {
        from_text(deserializer, Template::parse)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pattern, D::Error> {
        from_text(deserializer, |text| {
            let pattern = RegexBuilder::new(text).size_limit(PATTERN).build();
            pattern.map(Pattern).map_err(|error| format!("bad pattern {text:?}: {error}"))
        })
    }
}

#[cfg(test)]
mod tests;
