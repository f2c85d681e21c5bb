//! Decides whether to count CPU thread by thread too: yes, unless the user says no or there are many nodes.
use super::Console;
use super::nodes::Nodes;
use super::options::Options;
use crate::cluster::Server;

/// Largest number of nodes with threads by default. A node has 400 to 2000 names of threads, with two series each.
const MAX_NODES: usize = 200;

/// Decides, and returns a note if the user has not decided. `nodes` is the number of nodes that run the exporter, if
/// known.
fn decide(asked: Option<bool>, nodes: Option<usize>) -> (bool, Option<String>) {
    match (asked, nodes) {
        (Some(asked), _) => (asked, None),
        (None, Some(nodes)) if nodes > MAX_NODES => {
            let note = format!(
                "threads are left out, as there are {nodes} nodes, more than {MAX_NODES}: --threads=true counts them too"
            );
            (false, Some(note))
        }
        (None, None) => {
            let note = format!(
                "threads are counted, as it is not known how many nodes there are: above {MAX_NODES}, leave them out with --threads=false"
            );
            (true, Some(note))
        }
        (None, Some(_)) => (true, None),
    }
}

/// Decides, and prints why if the user has not decided. `nodes` are those that run the exporter, if they were
/// fetched.
pub(super) async fn should_count(
    server: &Server<'_>,
    nodes: Option<&Nodes>,
    options: &Options,
    console: &Console<'_>,
) -> bool {
    let count = match nodes {
        Some(nodes) => Some(nodes.len()),
        // No other step of this run needs the right to list nodes, so a refusal is no error.
        None if options.threads.is_none() => {
            let nodes = Nodes::fetch(server, &options.settings.node_selector).await;
            nodes.ok().map(|nodes| nodes.len())
        }
        None => None,
    };
    let (counted, note) = decide(options.threads, count);
    note.iter().for_each(|note| console.say("note", note));
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_nodes_have_no_threads_unless_asked_for() {
        for (asked, nodes, counted, says) in [
            (None, Some(200), true, false),
            (None, Some(201), false, true),
            (None, None, true, true),
            (Some(true), Some(201), true, false),
            (Some(false), Some(1), false, false),
        ] {
            let (found, note) = decide(asked, nodes);
            assert_eq!((found, note.is_some()), (counted, says), "{asked:?} {nodes:?}");
        }
    }
}
