//! Pictures of reports that are written by hand.
use crate::golden::check;
use crate::print::example::{at_peak, classes, groups, nothing};
use crate::print::tests::options;
use crate::print::{Format, report as write};
use crate::report::{Class, Report, Row, TotalTrends};
use roxmltree::{Document, Node};

/// Parts of a day's picture.
const PARTS: usize = 240;
/// The plot: its width, and its height.
const PLOT: (f64, f64) = (454.0, 248.0);

pub(super) fn page(report: &Report, format: Format) -> String {
    let mut page = Vec::new();
    write(report, options(format), &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

/// A report of so many rows that go up and down, two of which are absent for a while.
fn moving(rows: usize, name: &dyn Fn(usize) -> String) -> Report {
    moving_in(PARTS, rows, name)
}

/// The same of so many parts.
pub(super) fn moving_in(parts: usize, rows: usize, name: &dyn Fn(usize) -> String) -> Report {
    let mut report = groups();
    let template = report.rows[0].clone();
    let mean = |row: usize, part: usize| {
        let part = part * PARTS / parts;
        let is_absent = row < 2 && (60..70).contains(&part) || (100..110).contains(&part);
        let cores = 0.3 + 0.25 * ((part * (row + 3)) as f64 / 20.0).sin() + row as f64 / 50.0;
        if is_absent { f64::NAN } else { cores }
    };
    report.rows = (0..rows)
        .map(|row| {
            let trend: Vec<f64> = (0..parts).map(|part| mean(row, part)).collect();
            let sum: f64 = trend.iter().filter(|cores| cores.is_finite()).sum();
            let mut of = Row { class: Class::Host, name: name(row), trend, ..template.clone() };
            (of.stats.avg, of.stats.max) = (sum / parts as f64, 0.55 + row as f64 / 50.0);
            of
        })
        .collect();
    let busy = |part: usize| report.rows.iter().map(|row| row.trend[part]).sum::<f64>();
    report.total_trends = Some(TotalTrends {
        step_seconds: 3600.0 / parts as f64,
        busy: (0..parts).map(busy).collect(),
        classes: Vec::new(),
    });
    report
}

/// Areas of the layers, in units of the picture.
fn areas(text: &str) -> Vec<f64> {
    let document = Document::parse(text).unwrap();
    let is_layer = |node: &Node<'_, '_>| {
        node.has_tag_name("path") && node.attribute("class").is_some_and(|class| class.starts_with("layer"))
    };
    document.descendants().filter(is_layer).map(|node| area(node.attribute("d").unwrap())).collect()
}

/// Area of a path of horizontal and vertical lines: what is left of each vertical one, upwards.
fn area(path: &str) -> f64 {
    let mut area = 0.0;
    for part in path.split('Z').filter(|part| !part.is_empty()) {
        let start = part.find(['h', 'v']).unwrap_or(part.len());
        let first: f64 = part[1..start].split(' ').next().unwrap().parse().unwrap();
        let (mut x, mut height, mut rest) = (first, 0.0, &part[start..]);
        while let Some(command) = rest.chars().next() {
            let end = rest[1..].find(['h', 'v']).map_or(rest.len(), |at| at + 1);
            let by: f64 = rest[1..end].parse().unwrap();
            if command == 'h' {
                x += by;
            } else {
                area += x * by;
                height += by;
            }
            rest = &rest[end..];
        }
        // Z goes back to where it began.
        area -= first * height;
    }
    area
}

#[test]
fn areas_are_the_averages() {
    for rows in [1, 7, 40] {
        let report = moving(rows, &|row| format!("row-{row}"));
        let text = page(&report, Format::Svg);
        let areas = areas(&text);
        assert_eq!(areas.len(), rows);
        let document = Document::parse(&text).unwrap();
        let labels = document
            .descendants()
            .filter(|node| node.attribute("text-anchor") == Some("end") && node.attribute("x") == Some("47"));
        let highest: f64 = labels.filter_map(|node| node.text()?.trim().parse().ok()).fold(0.0, f64::max);
        let mut averages: Vec<f64> = report.rows.iter().map(|row| row.stats.avg).collect();
        averages.sort_by(|a, b| b.total_cmp(a));
        for (area, avg) in areas.iter().zip(&averages) {
            let found = area / (PLOT.0 * PLOT.1) * highest;
            assert!((found - avg).abs() <= 0.01 * avg, "{rows} rows: {found} of {avg}");
        }
    }
}

#[test]
fn a_picture_is_small_and_well_formed_whatever_its_names() {
    let hostile = |row: usize| format!("<b>&\"'\u{1b}[1m\u{0}\u{fffe}]]>漢字-{row}{}", "x".repeat(200));
    for rows in [1, 7, 40, 90] {
        let report = moving(rows, &hostile);
        let text = page(&report, Format::Svg);
        assert!(text.len() <= 300_000, "{rows} rows are {} bytes", text.len());
        let document = Document::parse(&text).unwrap();
        assert!(!document.descendants().any(|node| node.has_tag_name("b") || node.has_tag_name("script")));
        assert!(
            !text.contains("://") || text.matches("://").count() == 1,
            "nothing but the namespace is an address"
        );
        let legend =
            document.descendants().filter(|node| node.has_tag_name("rect") && node.has_attribute("x"));
        assert_eq!(legend.count(), rows.min(40));
        let html = page(&report, Format::Html);
        assert!(html.contains("<svg ") && !html.contains("<b>") && !html.contains('\u{1b}'), "{html}");
    }
}

/// A note is shown if there are no rows, whatever it names.
#[test]
fn a_picture_of_nothing_is_well_formed() {
    let mut report = nothing();
    report.notes.push("no series of <node>&\u{1b}[2J\u{ffff}".to_owned());
    let text = page(&report, Format::Svg);
    let document = Document::parse(&text).unwrap();
    let said =
        document.descendants().filter_map(|node| node.text()).find(|text| text.contains("no series of"));
    assert_eq!(said.unwrap().trim(), "no series of <node>&\\u{1b}[2J\\u{ffff}");
}

/// What is below 0 has no area, but its figure; the areas above are where they would be without it.
#[test]
fn a_layer_below_zero_is_in_the_legend_alone() {
    let mut report = moving(3, &|row| format!("row-{row}"));
    report.rows[0].trend.fill(-0.5);
    (report.rows[0].stats.avg, report.rows[0].stats.max) = (-0.5, 0.25);
    let text = page(&report, Format::Svg);
    let areas = areas(&text);
    assert!(areas.len() == 3 && areas[2].abs() < 1e-6, "{areas:?}");
    assert!(areas[0] > 0.0 && areas[1] > 0.0 && text.contains("-0.500"), "{text}");
}

/// No two labels are in one place, and none is outside of the picture.
#[test]
fn labels_do_not_overlap() {
    for rows in [0, 1, 7, 40] {
        let mut report = moving(rows, &|row| format!("a-name-that-is-long-{row}-{}", "y".repeat(200)));
        report.peak = at_peak().peak;
        let text = page(&report, Format::Svg);
        let document = Document::parse(&text).unwrap();
        let size = document.root_element().attribute("viewBox").unwrap();
        let [_, _, width, height] =
            size.split(' ').map(|side| side.parse::<f64>().unwrap()).collect::<Vec<_>>()[..]
        else {
            panic!("{size}")
        };
        let mut boxes = Vec::new();
        for node in document.descendants().filter(|node| node.has_tag_name("text")) {
            let number = |name: &str| node.attribute(name).map(|text| text.parse::<f64>().unwrap());
            let content: String =
                node.children().filter(|child| child.is_text()).filter_map(|child| child.text()).collect();
            let font = 14.0;
            // As wide as letters of the usual fonts are.
            let long = content.trim().chars().count() as f64 * font * 0.55;
            let (x, y) = (number("x").unwrap(), number("y").unwrap());
            let left = match node.attribute("text-anchor") {
                Some("end") => x - long,
                Some("middle") => x - long / 2.0,
                _ => x,
            };
            let of = (left, left + long, y - 0.8 * font, y + 0.1 * font, content);
            assert!(
                of.0 >= 0.0 && of.1 <= width && of.2 >= 0.0 && of.3 <= height,
                "{rows} rows: {of:?} of {size}"
            );
            for other in &boxes {
                let (a, b): (&(f64, f64, f64, f64, String), _) = (other, &of);
                let apart = a.1 <= b.0 || b.1 <= a.0 || a.3 <= b.2 || b.3 <= a.2;
                assert!(apart, "{rows} rows: {a:?} and {b:?}");
            }
            boxes.push(of);
        }
    }
}

#[test]
fn pictures() {
    let mut report = classes();
    report.peak = at_peak().peak;
    for (row, trend) in report.rows.iter_mut().zip([[1.0, 2.0, f64::NAN, 1.5], [0.5, 0.25, f64::NAN, 0.5]]) {
        row.trend = trend.to_vec();
    }
    report.total_trends =
        Some(TotalTrends { step_seconds: 900.0, busy: vec![1.75, 2.5, f64::NAN, 2.25], classes: Vec::new() });
    check("tests/golden/report/classes.svg", &page(&report, Format::Svg));
    check("tests/golden/report/classes.html", &page(&report, Format::Html));
    check("tests/golden/report/nothing.svg", &page(&nothing(), Format::Svg));
}
