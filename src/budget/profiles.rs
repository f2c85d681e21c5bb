//! Profiles: budgets that are built in, each a file of its own.
use super::file::Budget;
use anyhow::{Result, bail};

/// Budget that is built in.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Name.
    pub name: &'static str,
    /// File.
    pub text: &'static str,
}

/// All of them.
pub const PROFILES: [Profile; 4] = [
    Profile { name: "ran-du", text: include_str!("profiles/ran-du.yaml") },
    Profile { name: "ran-du-standard", text: include_str!("profiles/ran-du-standard.yaml") },
    Profile { name: "reserved-cpus", text: include_str!("profiles/reserved-cpus.yaml") },
    Profile { name: "system-reserved", text: include_str!("profiles/system-reserved.yaml") },
];

/// Finds a profile. The error names those that there are.
pub fn profile(name: &str) -> Result<Profile> {
    let Some(profile) = PROFILES.into_iter().find(|profile| profile.name == name) else {
        let names = PROFILES.map(|profile| profile.name).join(", ");
        bail!("no profile is called {name:?}: there are {names}, and files with -f");
    };
    Ok(profile)
}

impl Profile {
    /// Parses it. Errors are those of a file.
    pub fn budget(self) -> Result<Budget> {
        Budget::parse(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::{PROFILES, profile};

    #[test]
    fn each_profile_has_its_name_its_source_and_its_date() {
        for of in PROFILES {
            let budget = of.budget().unwrap();
            assert_eq!(budget.name, of.name);
            assert!(
                budget.about.is_some() && budget.source.is_some() && budget.date.is_some(),
                "{}",
                of.name
            );
        }
        assert!(profile("du").unwrap_err().to_string().contains("ran-du-standard"));
    }
}
