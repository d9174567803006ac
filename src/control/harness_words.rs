//! The harness of a repo in few words, for the console and the command line.
//!
//! Owns: the wording. The names in it are the repo's own text and are made safe where they are shown.

use fleet_receivers::folder::ReadinessWord;
use fleet_receivers::harness::{Harness, Names};

/// Names of one sort that are spelt out.
const SPELT: usize = 4;

/// What the repo brings along, in one line.
#[must_use]
pub fn harness_words(harness: &Harness) -> String {
    let sorts = [
        ("", &harness.instructions),
        ("MCP ", &harness.mcp_servers),
        ("skills ", &harness.skills),
        ("agents ", &harness.agents),
        ("commands ", &harness.commands),
        ("hooks ", &harness.hooks),
    ];
    let words: Vec<String> = sorts
        .into_iter()
        .filter(|(_, names)| names.count() > 0)
        .map(|(sort, names)| format!("{sort}{}", some(names)))
        .collect();
    match words.as_slice() {
        [] => "nothing".to_owned(),
        words => words.join(" · "),
    }
}

/// Whether the agent is there and logged in.
#[must_use]
pub fn login_words(login: ReadinessWord) -> &'static str {
    match login {
        ReadinessWord::Checking => "being asked",
        ReadinessWord::Ready => "yes",
        ReadinessWord::Missing => "the agent is not installed",
        ReadinessWord::Outdated => "not asked: the agent is too old",
        ReadinessWord::Unauthenticated => "no",
        ReadinessWord::Untrusted => "unknown",
    }
}

fn some(names: &Names) -> String {
    let shown: Vec<&str> = names.names.iter().take(SPELT).map(String::as_str).collect();
    match names.count() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str], more: u32) -> Names {
        Names {
            names: list.iter().map(|name| (*name).to_owned()).collect(),
            more,
        }
    }

    #[test]
    fn it_is_one_line_of_what_is_there() {
        let harness = Harness {
            instructions: names(&["CLAUDE.md"], 0),
            mcp_servers: names(&["db", "web"], 0),
            skills: names(&["a", "b", "c", "d", "e"], 3),
            ..Harness::default()
        };
        assert_eq!(
            harness_words(&harness),
            "CLAUDE.md · MCP db, web · skills a, b, c, d and 4 more"
        );
        assert_eq!(harness_words(&Harness::default()), "nothing");
    }
}
