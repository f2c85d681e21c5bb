//! Names in the Rust code use the words of docs/design/glossary.md: none of a file, module, function, type, constant,
//! field or variant has a word that the page replaces, but those that it lists as exceptions.
use crate::tables::rows;
use crate::texts::root;
use crate::texts::shared::files;
use regex::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// A pattern that is compiled once for all files.
macro_rules! pattern {
    ($text:expr $(,)?) => {{
        static PATTERN: LazyLock<Regex> = LazyLock::new(|| Regex::new($text).unwrap());
        &*PATTERN
    }};
}

/// A name, and where it is declared.
#[derive(Debug)]
struct Name {
    /// Path of its file in the tree.
    file: String,
    is_function: bool,
    /// The name as the source has it.
    text: String,
}

/// Forbidden use of a word.
#[derive(Debug, Clone, Copy)]
enum Use {
    /// A part of a name.
    Part,
    /// A name by itself.
    Name,
    /// A name by itself, but of a function.
    Noun,
}

/// A row of the page: words that are replaced in some folders.
struct Rule {
    words: Vec<String>,
    used_as: Use,
    folders: Vec<String>,
}

impl Rule {
    /// Returns true if the rule replaces a word of the name.
    fn refuses(&self, name: &Name) -> bool {
        let whole = snake_case(&name.text);
        let has = |word: &String| match self.used_as {
            Use::Part => format!("_{whole}_").contains(&format!("_{word}_")),
            Use::Name => whole == *word,
            Use::Noun => whole == *word && !name.is_function,
        };
        let is_below = |folder: &String| name.file.starts_with(folder.as_str());
        (self.folders.is_empty() || self.folders.iter().any(is_below)) && self.words.iter().any(has)
    }
}

/// Returns a name's words in lower case, with `_` between them.
fn snake_case(name: &str) -> String {
    let (mut words, mut was_lower) = (String::new(), false);
    for character in name.trim_matches('_').chars() {
        if was_lower && character.is_uppercase() {
            words.push('_');
        }
        was_lower = !character.is_uppercase() && character != '_';
        words.extend(character.to_lowercase());
    }
    words
}

/// Returns the words in backticks.
fn quoted(cell: &str) -> Vec<String> {
    let words = pattern!("`([^`]+)`");
    words.captures_iter(cell).map(|found| found[1].to_owned()).collect()
}

fn rules(page: &str) -> Vec<Rule> {
    let table = rows(page, "| not | as | in | but |");
    let rule = |row: Vec<&str>| Rule {
        words: quoted(row[0]),
        used_as: match row[1] {
            "a part of a name" => Use::Part,
            "a name" => Use::Name,
            "a name, but of a function" => Use::Noun,
            other => panic!("{row:?}: {other} is no way to use a word"),
        },
        folders: quoted(row[2]),
    };
    table.into_iter().map(rule).collect()
}

/// Returns a source without its comments and its texts.
fn code(source: &str) -> String {
    let texts = pattern!(
        r###"(?s)//[^\n]*|/\*.*?\*/|r##".*?"##|r#".*?"#|\br"[^"]*"|"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\])'"###,
    );
    let attributes = pattern!(r"#!?\[[^\]]*\]");
    attributes.replace_all(&texts.replace_all(source, " "), " ").into_owned()
}

/// Returns the text up to the brace that closes the one before it.
fn block(code: &str) -> &str {
    let mut depth = 1;
    for (at, character) in code.char_indices() {
        depth += i32::from(character == '{') - i32::from(character == '}');
        if depth == 0 {
            return &code[..at];
        }
    }
    code
}

/// Returns the names that a source declares.
fn names(file: &str, source: &str) -> Vec<Name> {
    let items = pattern!(
        r"\b(fn|struct|enum|trait|type|union|mod|const|static|macro_rules!)\s+(?:mut\s+)?([A-Za-z_]\w*)",
    );
    let bodies = pattern!(r"\b(?:struct|union)\s+\w[^;{(]*\{");
    let enums = pattern!(r"\benum\s+\w[^;{(]*\{");
    let fields = pattern!(r"(?m)(?:^|[,{])\s*(?:pub(?:\([^)]*\))?\s+)?([a-z_]\w*)\s*:(?:[^:]|$)");
    let variants = pattern!(r"(?:^|,)\s*([A-Z]\w*)");
    let inner = pattern!(r"(?s)\{[^{}]*\}|\([^()]*\)");
    let code = code(source);
    let name =
        |is_function: bool, text: &str| Name { file: file.to_owned(), is_function, text: text.to_owned() };
    let stem = Path::new(file).file_stem().unwrap().to_string_lossy();
    let mut names = vec![name(false, &stem)];
    names.extend(items.captures_iter(&code).map(|found| name(&found[1] == "fn", &found[2])));
    for found in bodies.find_iter(&code).chain(enums.find_iter(&code)) {
        let body = block(&code[found.end()..]);
        names.extend(fields.captures_iter(body).map(|field| name(false, &field[1])));
    }
    for found in enums.find_iter(&code) {
        let mut body = block(&code[found.end()..]).to_owned();
        while inner.is_match(&body) {
            body = inner.replace_all(&body, "").into_owned();
        }
        names.extend(variants.captures_iter(&body).map(|variant| name(false, &variant[1])));
    }
    names
}

/// Turned red by, for example, a function `ask` or a field `silent`.
#[test]
fn no_name_has_a_word_that_the_glossary_replaces() {
    let page = fs::read_to_string(root().join("docs/design/glossary.md")).unwrap();
    let rules = rules(&page);
    let exceptions: BTreeSet<String> =
        rows(&page, "| exception | reason |").iter().flat_map(|row| quoted(row[0])).collect();
    let sources = files(root()).into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let (mut seen, mut excused, mut refused) = (0, BTreeSet::new(), Vec::new());
    for path in sources {
        let file = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        for name in names(&file, &fs::read_to_string(&path).unwrap()) {
            seen += 1;
            if let Some(rule) = rules.iter().find(|rule| rule.refuses(&name)) {
                if exceptions.contains(&name.text) {
                    excused.insert(name.text);
                } else {
                    refused.push(format!("{}: {} (of {:?})", name.file, name.text, rule.words));
                }
            }
        }
    }
    assert!(seen > 5000, "only {seen} names found: the patterns have gone blind");
    assert!(refused.is_empty(), "docs/design/glossary.md has other words:\n{}", refused.join("\n"));
    assert_eq!(excused, exceptions, "exceptions that nothing needs any more");
}

#[test]
fn every_kind_of_name_is_seen() {
    let source = r##"
        mod rooms;
        const FLOOR: &str = "fn text() { struct Text }"; // fn comment() {}
        pub(crate) struct Door<'a> { #[serde(rename = "x")] pub handle: &'a str, lock: fn(u8) -> u8 }
        enum Way { In(u8), Out { step: u8 }, Around }
        fn enter() { let quote = '"'; }
        fn leave() {}
    "##;
    let found: Vec<_> = names("src/house.rs", source).into_iter().map(|name| name.text).collect();
    let expected = [
        "house", "rooms", "FLOOR", "Door", "Way", "enter", "leave", "handle", "lock", "step", "In", "Out",
        "Around",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_rule_is_of_a_part_or_of_the_whole_and_of_its_folders() {
    let page = "| not | as | in | but |\n|---|---|---|---|\n| `put` | a name | | `add` |\n\
                | `ask` | a part of a name | | `query` |\n| `read` | a name, but of a function | `src/a` | `reader` |\n";
    let rules = rules(page);
    for (file, is_function, text, expected) in [
        ("src/b.rs", true, "put", true),
        ("src/b.rs", true, "input", false),
        ("src/b.rs", true, "put_back", false),
        ("src/b.rs", true, "who_may_ask_twice", true),
        ("src/b.rs", false, "ToAsk", true),
        ("src/b.rs", true, "task", false),
        ("src/a/b.rs", true, "read", false),
        ("src/a/b.rs", false, "Read", true),
        ("src/b.rs", false, "Read", false),
    ] {
        let name = Name { file: file.to_owned(), is_function, text: text.to_owned() };
        assert_eq!(rules.iter().any(|rule| rule.refuses(&name)), expected, "{name:?}");
    }
}
