//! The environment that a client lends to receivers it starts.
//!
//! Owns: the choice of names: what an agent of any mode may have, and what fleet.toml adds. The receiver's deployment chooses
//! again, for its own mode alone.

use std::collections::BTreeMap;

use fleet_receivers::Mode;
use fleet_receivers::child::ChildEnv;

/// What of an environment goes along with a command. What is not UTF-8 stays.
pub(super) fn pick(
    vars: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    named: &[String],
) -> Vec<(String, String)> {
    let vars: Vec<(String, String)> = vars
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let mut picked = BTreeMap::new();
    for mode in Mode::ALL {
        let env = ChildEnv::pick(mode, named, vars.iter().cloned());
        picked.extend(
            env.iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
    }
    picked.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::pick;

    #[test]
    fn only_listed_and_named_variables_go_along() {
        let vars = [
            ("HOME", "/h"),
            ("LC_ALL", "C"),
            ("ANTHROPIC_API_KEY", "k"),
            ("FLEET_TURN", "a/b"),
            ("SECRET_OF_OTHERS", "s"),
            ("MINE", "m"),
        ];
        let vars = vars.map(|(name, value)| (name.into(), value.into()));
        let picked = pick(vars.into_iter(), &["MINE".to_owned()]);
        let names: Vec<&str> = picked.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["ANTHROPIC_API_KEY", "HOME", "LC_ALL", "MINE", "PATH"]
        );
    }
}
