//! Ends of `compare` if its sides are not alike, or one of them is empty.

use anyhow::Result;
use test_history::{History, metric};

use super::{Site, compare, comparison, found, rows, window};
use crate::serve::serve;

/// A window of which nothing is kept is an error of one line, not a cluster of which all is gone.
#[test]
fn a_window_without_samples_is_one_line() -> Result<()> {
    let prometheus = serve("compare-empty", &Site::new(1).history(), &[])?;
    let (early, end) = (window(100), window(0));
    for operands in [[&early, &end], [&end, &early]] {
        let outcome = compare(&prometheus.url, operands.map(String::as_str), &["--fail-on", "any"])?;
        assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("nothing has samples in the window"), "{}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    }
    Ok(())
}

/// A cluster that grew from two nodes to three: averages per node, and said.
#[test]
fn a_node_more_is_no_finding() -> Result<()> {
    let mut history = Site::new(3).history();
    let small = Site { hours: 1, ..Site::new(2) }.history();
    let shift = super::HOUR_MS;
    // The hour before is that of the smaller site.
    let since = crate::serve::END_MS - shift;
    for series in &mut history.series {
        series.samples.retain(|(at, _)| *at > since);
    }
    for mut series in small.series {
        series.samples.iter_mut().for_each(|(at, _)| *at -= shift);
        match history
            .series
            .iter_mut()
            .find(|one| (one.metric, &one.labels) == (series.metric, &series.labels))
        {
            Some(one) => one.samples.splice(0..0, series.samples).for_each(drop),
            None => history.series.push(series),
        }
    }
    let prometheus = serve("compare-grown", &history, &[])?;
    let (a, b) = (window(1), window(0));
    let of = comparison(&prometheus.url, [&a, &b], &["--by", "class"])?;
    assert_eq!((&of["per_node"], &of["a"]["nodes"], &of["b"]["nodes"]), (&true.into(), &2.into(), &3.into()));
    assert!(of["notes"].to_string().contains("averages per node"), "{}", of["notes"]);
    let host = rows(&of)?.iter().find(|row| row["class"] == "host");
    assert!(host.is_some_and(|row| row["verdict"] == "same"), "{host:?}");
    let table = compare(&prometheus.url, [&a, &b], &["--by", "class"])?;
    assert!(table.stderr.contains("averages per node"), "{}", table.stderr);
    Ok(())
}

/// The exporter came between the windows: both are of the platform's series, whose figures compare.
#[test]
fn windows_of_two_sources_are_compared_by_the_one_that_both_have() -> Result<()> {
    let spec = test_history::Spec { duration_s: 2 * 3600, gaps: false, ..crate::serve::an_hour() };
    let mut history = History::generate(&spec);
    let since = crate::serve::END_MS - super::HOUR_MS;
    for series in history.series.iter_mut().filter(|series| !metric::OF_PLATFORM.contains(&series.metric)) {
        series.samples.retain(|(at, _)| *at > since);
    }
    history.series.retain(|series| !series.samples.is_empty());
    let prometheus = serve("compare-sources", &history, &[])?;
    let (a, b) = (window(1), window(0));
    let of = comparison(&prometheus.url, [&a, &b], &["--by", "class"])?;
    assert_eq!((&of["a"]["source"], &of["b"]["source"]), (&"platform".into(), &"platform".into()));
    assert!(
        of["b"]["notes"].to_string().contains("since the other side has no others"),
        "{}",
        of["b"]["notes"]
    );
    let forced = comparison(&prometheus.url, [&b, &b], &["--by", "class", "--source", "exporter"])?;
    assert_eq!((&forced["a"]["source"], found(&forced)?.len()), (&"exporter".into(), 0));
    Ok(())
}
