//! Pictures as a browser shows them: a headless Chromium renders the golden pages of `tests/golden`, in light and in dark,
//! on a phone and on paper. By its own layout no label is over another one, and each is legible; and what it draws is what
//! the golden pictures show.
#![allow(clippy::indexing_slicing, reason = "a panic is how tests fail, helpers included")]

mod browser;
mod pixels;

use anyhow::{Context, Result, ensure};
use browser::{Browser, View};
use pixels::Pixels;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Views of a page. Paper is A4 less the margins, 717 by 1045.
const VIEWS: [View; 4] = [
    View { name: "light", width: 800, media: "screen", scheme: "light" },
    View { name: "dark", width: 800, media: "screen", scheme: "dark" },
    View { name: "phone", width: 360, media: "screen", scheme: "light" },
    View { name: "paper", width: 717, media: "print", scheme: "light" },
];

/// Pages of `tests/golden/pictures` of which there are golden pictures, and others by their path.
const DRAWN: [&str; 5] = ["rows-1", "rows-7", "rows-40", "names", "nothing"];
const OTHERS: [&str; 7] = [
    "tests/golden/pictures/gaps.html",
    "tests/golden/pictures/one-sample.html",
    "tests/golden/budget/report.html",
    "tests/golden/compare/comparison.html",
    // Of 24 hours.
    "docs/gallery/rows.svg",
    "docs/gallery/budget.svg",
    "docs/gallery/compare.svg",
];

/// Height of a page of that paper, CSS pixels.
const PAGE: f64 = 1045.0;
/// Least size of letters, CSS pixels: on a screen, and on a phone and on paper, which are looked at from nearer by.
const LEGIBLE: [f64; 2] = [12.0, 9.0];
/// Least contrast of letters with what is behind them: what WCAG 2 asks for.
const CONTRAST: f64 = 4.5;
/// Tolerance between a picture and its golden one, of 255: of all pixels on average, and of those of the worst tile.
/// Without the line of the busy time the worst tile is 20 to 25, without one layer of seven 54 and more, and with a light
/// picture instead of a dark one the mean is over 140; other hinting and smoothing of letters came to 0.
const MEAN: f64 = 1.0;
const WORST: f64 = 16.0;
/// Height of the page below the picture that a golden picture shows, CSS pixels.
const BELOW: f64 = 60.0;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A golden page.
fn page(name: &str) -> PathBuf {
    root().join(format!("tests/golden/pictures/{name}.html"))
}

/// Starts a browser. `None`, which it says, on a machine without one; in CI that is an error.
fn browser(test: &str) -> Result<Option<Browser>> {
    match Browser::start()? {
        Ok(browser) => Ok(Some(browser)),
        Err(why) => {
            ensure!(std::env::var_os("CI").is_none(), "{test} must run in CI: {why}");
            writeln!(std::io::stderr(), "SKIPPED: {test}: {why}")?;
            Ok(None)
        }
    }
}

/// What the browser says of a page's picture.
fn layout(browser: &mut Browser) -> Result<Value> {
    browser.evaluate(include_str!("labels.js"))
}

/// Returns left, top, right and bottom, CSS pixels.
fn sides(of: &Value) -> Result<[f64; 4]> {
    let sides: Vec<f64> = of.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    sides.try_into().ok().with_context(|| format!("no box: {of}"))
}

/// A label over another one, outside of the picture, too small or too faint turns this red, such as a name that is cut
/// by its number of letters instead of by their width.
#[test]
fn labels_are_apart_and_legible() -> Result<()> {
    let Some(mut browser) = browser("labels_are_apart_and_legible")? else { return Ok(()) };
    let mut wrong = Vec::new();
    let pages: Vec<PathBuf> =
        DRAWN.map(page).into_iter().chain(OTHERS.map(|path| root().join(path))).collect();
    for (page, view) in pages.iter().flat_map(|page| VIEWS.iter().map(move |view| (page, view))) {
        browser.open(page, view)?;
        let layout = layout(&mut browser)?;
        let at = format!("{}, {}", page.display(), view.name);
        ensure!(layout["loaded"] == serde_json::json!([]), "{at}: loads {}", layout["loaded"]);
        ensure!(
            layout["width"].as_f64().context("no width")? <= f64::from(view.width),
            "{at}: wider than the window"
        );
        let [left, top, right, bottom] = sides(&layout["picture"])?;
        ensure!(
            view.media != "print" || bottom - top <= PAGE,
            "{at}: a page has no room for it: {top} to {bottom}"
        );
        let labels = layout["labels"].as_array().context("no labels")?;
        ensure!(labels.len() > 5, "{at}: only {} labels", labels.len());
        let mut boxes: Vec<(&Value, [f64; 4])> = Vec::new();
        for label in labels {
            let mut inner = sides(&label["box"])?;
            // A line's box has room above capitals and below the line, where no ink is.
            let room = 0.15 * (inner[3] - inner[1]);
            (inner[1], inner[3]) = (inner[1] + room, inner[3] - room);
            let inside = inner[0] >= left && inner[1] >= top && inner[2] <= right && inner[3] <= bottom;
            if !inside {
                wrong.push(format!("{at}: outside of {left} {top} {right} {bottom}: {label}"));
            }
            let number = |name: &str| label[name].as_f64().with_context(|| format!("no {name}: {label}"));
            let least = LEGIBLE[usize::from(view.name != "light" && view.name != "dark")];
            if number("size")? < least || number("contrast")? < CONTRAST {
                wrong.push(format!("{at}: not legible: {label}"));
            }
            let is_over = |other: &&(&Value, [f64; 4])| {
                let [l, t, r, b] = other.1;
                inner[0] < r && l < inner[2] && inner[1] < b && t < inner[3]
            };
            if let Some((other, _)) = boxes.iter().find(is_over) {
                wrong.push(format!("{at}: one over the other: {label} {other}"));
            }
            boxes.push((label, inner));
        }
    }
    ensure!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

/// A picture that is as wide as the paper, and so longer than a page, turns this red.
#[test]
fn paper_has_the_picture_on_one_page() -> Result<()> {
    let Some(mut browser) = browser("paper_has_the_picture_on_one_page")? else { return Ok(()) };
    browser.open(&page("rows-40"), &VIEWS[0])?;
    browser.evaluate("document.querySelector('pre').remove()")?;
    let pdf = browser.print()?;
    let pages = String::from_utf8_lossy(&pdf).matches("/Type /Page\n").count();
    ensure!(pages == 1, "{pages} pages");
    Ok(())
}

/// Another colour, a layer that is not drawn, or a dark picture that is light turns this red. Renderers differ in the
/// edges of letters, so what is compared is the mean of a few pixels, within a tolerance.
#[test]
fn a_browser_draws_the_golden_pictures() -> Result<()> {
    let Some(mut browser) = browser("a_browser_draws_the_golden_pictures")? else { return Ok(()) };
    let renew = std::env::var_os("UPDATE_EXPECT").is_some();
    ensure!(!renew || std::env::var_os("CI").is_none(), "CI compares golden files: unset UPDATE_EXPECT");
    let mut wrong = Vec::new();
    for (name, view) in DRAWN.iter().flat_map(|name| VIEWS.iter().map(move |view| (name, view))) {
        browser.open(&page(name), view)?;
        let bottom = sides(&layout(&mut browser)?["picture"])?[3];
        let drawn = browser.draw(f64::from(view.width), (bottom + BELOW).floor())?;
        let found = Pixels::read(&drawn)?.reduced(if view.name == "phone" { 2 } else { 4 });
        let View { name: look, .. } = view;
        let path = root().join(format!("tests/golden/pictures/{name}.{look}.png"));
        if renew {
            fs::write(&path, found.write()?)?;
            continue;
        }
        let at = path.display();
        let is =
            fs::read(&path).with_context(|| format!("{at}: UPDATE_EXPECT=1 tests/all pictures makes it"))?;
        let apart = found.distance(&Pixels::read(&is)?).with_context(|| format!("{at}"))?;
        if apart.mean > MEAN || apart.worst > WORST {
            let other = std::env::temp_dir().join(path.file_name().context("no name")?);
            fs::write(&other, found.write()?)?;
            wrong.push(format!("{at} is {apart:?} from what is drawn now: see {}", other.display()));
        }
    }
    ensure!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

/// Golden pictures of the same shape are further apart than is tolerated: dark from light, and other names from each other.
#[test]
fn what_differs_is_not_tolerated() -> Result<()> {
    let golden =
        |name: &str| Pixels::read(&fs::read(root().join(format!("tests/golden/pictures/{name}.png")))?);
    let light = golden("rows-7.light")?;
    let same = light.distance(&golden("rows-7.light")?)?;
    ensure!(same.mean == 0.0 && same.worst == 0.0, "{same:?}");
    for other in ["rows-7.dark", "names.light"] {
        let apart = light.distance(&golden(other)?)?;
        ensure!(apart.mean > MEAN && apart.worst > WORST, "{other}: {apart:?}");
    }
    ensure!(light.distance(&golden("rows-1.light")?).is_err(), "sizes differ");
    Ok(())
}
