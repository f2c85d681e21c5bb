//! Trend of the line of the worst moment on its node, for a picture: its parts over the window.
use super::moment::Moment;
use super::report::NodeTrend;
use super::totals::Totals;

/// Number of parts of the window at most.
const PARTS: usize = 240;

/// Makes the trend of a moment's line on its node. `None` if the line has no parts that are sums of classes.
pub(super) fn of_moment(moment: &Moment<'_>, limit: f64, totals: &Totals) -> Option<NodeTrend> {
    let subject = &moment.line.subject;
    let parts = totals.parts(&subject.sum, &moment.node);
    let (_, length) = crate::report::parts(totals.grid.points(), PARTS)?;
    // What used nothing at all is no layer.
    let is_used = |trend: &Vec<f64>| trend.iter().any(|cores| cores.abs() > 0.0);
    let layers = parts.iter().map(|(name, steps)| ((*name).to_owned(), steps.trend(PARTS)));
    (subject.is_whole() && !parts.is_empty()).then(|| NodeTrend {
        node: moment.node.clone(),
        line: moment.line.name.clone(),
        statistic: moment.line.statistic.name().to_owned(),
        limit,
        step_seconds: (totals.grid.step * length as u32).as_secs_f64(),
        layers: layers.filter(|(_, trend)| is_used(trend)).collect(),
    })
}
