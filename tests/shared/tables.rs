//! Tables of the documents, for tests that hold to them.

/// Returns the rows of the table that begins with this header, each as its cells. Fails if there is no such table.
pub(crate) fn rows<'a>(page: &'a str, header: &str) -> Vec<Vec<&'a str>> {
    let (_, table) = page.split_once(header).unwrap_or_else(|| panic!("no table {header}"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    // A row begins and ends with a bar; a cell may be empty.
    rows.map(|row| {
        row.trim_start_matches('|').trim_end().trim_end_matches('|').split('|').map(str::trim).collect()
    })
    .collect()
}
