//! CPUs that the kernel's command line keeps free of the platform, as OpenShift's performance profiles write it.
//!
//! With I the isolated CPUs and those of OVS's DPDK: `rcu_nocbs=I`, `nohz_full=I` (with the realtime hint),
//! `isolcpus=managed_irq,I` (with `domain,` in front if they are not balanced), and the complement of I as
//! `systemd.cpu_affinity=`, a list, and `tuned.non_isolcpus=`, a mask. CPUs that are shared are in the complement.

use crate::cpu_list::CpuList;

/// Returns the isolated CPUs of those that are present. `None` if there are none, or no others: then there is one set.
pub fn isolated(text: &[u8], present: &CpuList) -> Option<CpuList> {
    let text = String::from_utf8_lossy(text);
    // The last of several of one name is in force, as in the kernel.
    let value = |name: &str| {
        let options = text.split_ascii_whitespace().filter_map(|option| option.split_once('='));
        options.filter(|(of, _)| *of == name).map(|(_, value)| value).next_back()
    };
    let list = |value: &str| CpuList::parse(value.trim_matches('"')).ok();
    let complement = |of: CpuList| present.without(&of);
    let candidates = [
        value("tuned.non_isolcpus").and_then(CpuList::parse_mask).map(complement),
        value("rcu_nocbs").and_then(list),
        value("nohz_full").and_then(list),
        value("isolcpus").and_then(|value| list(without_flags(value))),
        value("systemd.cpu_affinity").and_then(list).map(complement),
    ];
    // One that leaves no CPU on a side tells nothing.
    let mut sets = candidates.into_iter().flatten().map(|cpus| cpus.within(present));
    sets.find(|isolated| !isolated.is_empty() && !present.without(isolated).is_empty())
}

/// Returns the list behind the flags of `isolcpus`, which are words.
fn without_flags(value: &str) -> &str {
    let is_flag = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic());
    let mut rest = value;
    while let Some((part, tail)) = rest.split_once(',').filter(|(part, _)| is_flag(part)) {
        debug_assert!(!part.is_empty());
        rest = tail;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::isolated;
    use crate::cpu_list::CpuList;

    /// CPUs 0 to 103, of which 2-51,54-103 are isolated, as the node tuning operator writes it.
    const HEAD: &str = "BOOT_IMAGE=(hd0,gpt3)/vmlinuz root=UUID=1 rw skew_tick=1 tsc=reliable nmi_watchdog=0";

    fn isolated_cpus(options: &str, cpus: u32) -> Option<String> {
        let text = format!("{HEAD} {options}\n");
        isolated(text.as_bytes(), &(0..cpus).collect::<CpuList>()).map(|list| list.to_string())
    }

    #[test]
    fn performance_profiles_isolate_cpus() {
        const ISOLATED: &str = "2-51,54-103";
        let affinity = "systemd.cpu_affinity=0,1,52,53";
        let mask = "tuned.non_isolcpus=00300000,00000003";
        for (what, options) in [
            (
                "real-time",
                format!(
                    "rcu_nocbs={ISOLATED} {mask} {affinity} isolcpus=managed_irq,{ISOLATED} nohz_full={ISOLATED} nosoftlockup"
                ),
            ),
            (
                "no real-time",
                format!("rcu_nocbs={ISOLATED} {mask} {affinity} isolcpus=managed_irq,{ISOLATED}"),
            ),
            (
                "not balanced",
                format!("rcu_nocbs={ISOLATED} {affinity} isolcpus=domain,managed_irq,{ISOLATED}"),
            ),
            ("isolcpus alone", format!("isolcpus=domain,managed_irq,{ISOLATED}")),
            ("isolcpus without flags", format!("isolcpus={ISOLATED}")),
            ("nohz_full alone", format!("nohz_full={ISOLATED}")),
            ("affinity alone", affinity.to_owned()),
            ("mask alone", mask.to_owned()),
            (
                "one that isolates all tells nothing",
                format!("rcu_nocbs=0-103 isolcpus=managed_irq,{ISOLATED}"),
            ),
            ("the last counts", format!("rcu_nocbs=0-3 rcu_nocbs={ISOLATED}")),
            // The profile's isolated are 2-51, and OVS's DPDK has the others.
            ("ovsDpdk", format!("rcu_nocbs={ISOLATED} {mask} {affinity} irqaffinity=0-1,52-53")),
        ] {
            assert_eq!(isolated_cpus(&options, 104).as_deref(), Some(ISOLATED), "{what}");
        }
    }

    #[test]
    fn shared_cpus_are_among_the_others() {
        // 52 and 53 are shared: the profile alone tells them from the reserved ones.
        let options = "rcu_nocbs=2-51 tuned.non_isolcpus=00300000,00000003 systemd.cpu_affinity=0,1,52,53";
        assert_eq!(isolated_cpus(options, 54).as_deref(), Some("2-51"));
    }

    #[test]
    fn masks_above_64_cpus() {
        let options = "tuned.non_isolcpus=00000003,00000000,00000000,00000003";
        assert_eq!(isolated_cpus(options, 128).as_deref(), Some("2-95,98-127"));
    }

    #[test]
    fn a_node_of_one_set_has_none() {
        for options in [
            "",
            "quiet splash",
            "isolcpus=",
            "rcu_nocbs=200-300",
            "nohz_full=0-7",
            "tuned.non_isolcpus=zz",
            "isolcpus=managed_irq",
        ] {
            assert_eq!(isolated_cpus(options, 8), None, "{options}");
        }
    }
}
