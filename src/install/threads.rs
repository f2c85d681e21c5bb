//! Whether CPU is counted thread by thread too: it is, unless asked for or not, where there are not too many nodes.
use super::Console;
use super::nodes::Nodes;
use super::options::Options;
use crate::cluster::Server;

/// Nodes up to which threads are counted unless asked not to. A node has some 400 to 2000 names of threads, each two series in
/// Prometheus.
const MAX_NODES: usize = 200;

/// Whether they are counted, and the note on it if nobody has asked. `nodes`: those that run the exporter, if they are known.
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

/// Whether they are counted; says why or why not, if nobody has asked. `nodes`: those that run the exporter, if they were listed.
pub(super) async fn should_count(
    server: &Server<'_>,
    nodes: Option<&Nodes>,
    options: &Options,
    console: &Console<'_>,
) -> bool {
    let count = match nodes {
        Some(nodes) => Some(nodes.len()),
        // Nothing else of this installation takes the right to list them.
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
