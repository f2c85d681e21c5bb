//! A process that is born after the first pass, on the model's machine: the start of many tests.

use super::model::{Step, World};
use super::*;

/// Units `x` and `y` of the model, and a container. Processes begin as `sh`, their further threads as `worker-1`.
pub(super) const X: usize = 0;
pub(super) const Y: usize = 1;
pub(super) const POD: usize = 4;

/// A process that is born after the first pass.
pub(super) struct Born {
    pub(super) world: World,
    pub(super) node: Node,
    pub(super) pid: u32,
}

impl Born {
    pub(super) fn new(threads: bool) -> Born {
        let mut world = World::new();
        world.apply(&Step::Make(Y));
        world.write();
        let node = world.open(threads);
        let pid = world.fork(0, Y, 1);
        Born { world, node, pid }
    }

    pub(super) fn pass(&mut self) -> Snapshot {
        self.world.write();
        self.node.pass().unwrap()
    }

    /// Returns the CPU of each of these thread names in the group `y`.
    pub(super) fn threads<const N: usize>(&mut self, names: [&str; N]) -> [u64; N] {
        let snapshot = self.pass();
        names.map(|name| {
            snapshot.threads.get(&(Class::Host, "y".into(), name.into())).map_or(0, |cpu| cpu.total_us())
        })
    }
}
