//! Golden files: whole texts that the program prints. `UPDATE_EXPECT=1 cargo test` renews them.
use std::path::Path;

/// Compares `text` with `file`, a path from the root of the repository. Fails if they differ, and if there is no such
/// file.
#[track_caller]
pub(crate) fn check(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        assert!(std::env::var_os("CI").is_none(), "CI compares golden files: unset UPDATE_EXPECT");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    } else {
        assert!(path.exists(), "{file} is missing: UPDATE_EXPECT=1 cargo test writes it");
    }
    expect_test::expect_file![path].assert_eq(text);
}

/// A golden file of messages: cases, and the line that the program prints for each.
pub(crate) struct Page(String);

impl Page {
    /// Begins a page that says what it shows.
    pub(crate) fn new(purpose: &str) -> Page {
        Page(format!("# {purpose}\n"))
    }

    /// Begins a part of the page.
    pub(crate) fn part(&mut self, title: &str) {
        self.0 += &format!("\n## {title}\n");
    }

    /// Adds a case. Fails if its message is no printable line.
    #[track_caller]
    pub(crate) fn add(&mut self, case: &str, message: &str) {
        assert!(!message.is_empty() && !message.contains(char::is_control), "{case}: {message:?}");
        self.0 += &format!("\n{case}\n    {message}\n");
    }

    /// Compares the page with a golden file.
    #[track_caller]
    pub(crate) fn check(&self, file: &str) {
        check(file, &self.0);
    }
}
