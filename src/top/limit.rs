//! `--limit`: only the first rows in the order asked for. What is cut off counts as left out, step by step, so what stays
//! is asked for again where the server had summed it up.
use super::answers::{Answers, Part};
use super::assemble::Entry;
use super::group_rows::group;
use super::series;
use crate::prometheus::Series;
use crate::query::Cost;
use crate::query::promql::{self, At};
use crate::query::{self, Querier};
use crate::report::{Class, Row, Steps};
use anyhow::Result;
use std::collections::BTreeSet;

/// Cuts sorted entries off after so many, and adds those to what was left out of their parts.
pub(super) async fn cut(
    server: &Querier<'_>,
    answers: &mut Answers,
    entries: &mut Vec<Entry>,
    limit: usize,
) -> Result<()> {
    if limit >= entries.len() {
        return Ok(());
    }
    entries.truncate(limit);
    let (pods, others): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| entry.pod);
    if let Some(part) = &mut answers.pods {
        part.left_out = Some(rest(server, part, &pods, false).await?);
    }
    if let Some(groups) = &mut answers.groups {
        let counted = answers.pods.is_none();
        groups.part.left_out = Some(rest(server, &groups.part, &others, counted).await?);
    }
    Ok(())
}

/// All classes of a part less the rows that stay.
async fn rest(server: &Querier<'_>, part: &Part, kept: &[&Entry], with_pods: bool) -> Result<Steps> {
    let points = query::points(part.grid);
    let classes = part.classes.iter().filter(|(class, _)| with_pods || **class != Class::Pod);
    let all = Steps::total(points, classes.map(|(_, steps)| steps));
    let mut shown = Steps::absent(points);
    let mut summed = Vec::new();
    for entry in kept {
        match &entry.steps {
            Some(steps) => shown.add_all(steps),
            None => summed.push(&entry.row),
        }
    }
    if !summed.is_empty() {
        let (selector, labels) = selector(&summed);
        let wanted: BTreeSet<Identity> = summed.iter().map(|row| identity(row)).collect();
        let query = |at: &At| promql::sum_by(labels, &at.of(&selector));
        server
            .each(&query, part.grid, Cost::of(summed.len(), summed.len()), |series| {
                if wanted.contains(&identity_of(series)) {
                    query::add_samples(&mut shown, part.grid, &series.samples);
                }
            })
            .await?;
    }
    Ok(all.less(&shown))
}

/// The series of some rows, and a few more: every combination of their labels. And the labels that tell them apart.
fn selector(rows: &[&Row]) -> (String, &'static str) {
    let of =
        |text: fn(&Row) -> Option<&str>| rows.iter().filter_map(|row| text(row)).collect::<BTreeSet<&str>>();
    let names = of(|row| Some(&row.name));
    let namespaces = of(|row| row.namespace.as_deref());
    if !namespaces.is_empty() {
        let matchers = [promql::any_of("namespace", namespaces), promql::any_of("pod", names)];
        return (promql::select(series::PODS, &matchers), "namespace, pod");
    }
    let nodes = of(|row| row.node.as_deref());
    if nodes.is_empty() {
        // Of all nodes together single series are recorded of groups alone.
        let named = promql::any_of("groupname", names);
        return (promql::select(series::GROUP_SUMS, &[named]), "class, groupname");
    }
    let matchers = [promql::any_of("instance", nodes), promql::any_of("groupname", names)];
    if rows.iter().any(|row| row.thread.is_some()) {
        return (promql::select(series::THREADS, &matchers), "instance, class, groupname, threadname");
    }
    (promql::select(series::GROUPS, &matchers), "instance, class, groupname")
}

/// What tells a row's series from others.
type Identity = [String; 4];

fn identity(row: &Row) -> Identity {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    match &row.namespace {
        Some(namespace) => [namespace.clone(), row.name.clone(), String::new(), String::new()],
        None => [text(&row.node), row.class.as_str().to_owned(), row.name.clone(), text(&row.thread)],
    }
}

/// The same of a series that was asked for.
fn identity_of(series: &Series<'_>) -> Identity {
    let label = |name: &str| series.label(name).to_owned();
    if series.find("pod").is_some() {
        return [label("namespace"), label("pod"), String::new(), String::new()];
    }
    let (class, name) = group(series);
    [label("instance"), class.as_str().to_owned(), name, label("threadname")]
}
