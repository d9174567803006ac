//! What people answered with "always".
//!
//! Owns: what of the CLI's suggestions is taken, and for how long it holds: the context, as long as the receiver lives. Nothing
//! is written into the repo's or the user's settings, which is what the CLI itself would do with some suggestions. Requests of
//! later processes are answered here: the CLI's own rules do not match again the compound commands it suggests them for.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use fleet_a2a::ContextId;
use serde_json::Value;

/// Contexts whose grants are kept; of the one that was granted longest ago the person is asked again.
const MAX_CONTEXTS: usize = 256;
/// The only mode a suggestion may switch to: it allows edits below the repo. Wider ones must stand in fleet.toml.
const EDITS_MODE: &str = "acceptEdits";

/// What was granted to one context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Grants {
    /// Tool and content, as the CLI suggests them.
    rules: BTreeSet<(String, Option<String>)>,
    directories: BTreeSet<String>,
    accept_edits: bool,
}

/// Grants by context.
#[derive(Debug, Default)]
pub(super) struct AllGrants(Mutex<VecDeque<(ContextId, Grants)>>);

impl AllGrants {
    pub(super) fn of(&self, context: &ContextId) -> Grants {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .find(|(one, _)| one == context)
            .map(|(_, grants)| grants.clone())
            .unwrap_or_default()
    }

    /// Keeps what these updates grant.
    pub(super) fn add(&self, context: &ContextId, updates: &[Value]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut grants = match all.iter().position(|(one, _)| one == context) {
            Some(at) => all.remove(at).map(|(_, grants)| grants).unwrap_or_default(),
            None => Grants::default(),
        };
        grants.take(updates);
        all.push_back((context.clone(), grants));
        if all.len() > MAX_CONTEXTS {
            all.pop_front();
        }
    }
}

impl Grants {
    pub(super) fn accepts_edits(&self) -> bool {
        self.accept_edits
    }

    /// Whether everything that the CLI would have granted for this request was granted already.
    pub(super) fn cover(&self, suggestions: &[Value]) -> bool {
        let updates = updates(suggestions);
        !updates.is_empty()
            && updates.iter().all(|update| match update["type"].as_str() {
                Some("addRules") => all_of(&rules(update), &self.rules),
                Some("addDirectories") => all_of(&directories(update), &self.directories),
                Some("setMode") => self.accept_edits,
                Some(_) | None => false,
            })
    }

    fn take(&mut self, updates: &[Value]) {
        for update in updates {
            match update["type"].as_str() {
                Some("addRules") => self.rules.extend(rules(update)),
                Some("addDirectories") => self.directories.extend(directories(update)),
                Some("setMode") => self.accept_edits |= update["mode"] == EDITS_MODE,
                Some(_) | None => {}
            }
        }
    }
}

/// What is granted by an answer of "always", of all that the CLI suggests: rules and the directories they need if it names a
/// rule, else the mode that accepts edits. It holds for the session; nothing is written to settings files.
pub(super) fn updates(suggestions: &[Value]) -> Vec<Value> {
    let is = |suggestion: &Value, kind: &str| suggestion["type"] == kind;
    let has_rule = suggestions
        .iter()
        .any(|suggestion| is(suggestion, "addRules"));
    suggestions
        .iter()
        .filter(|suggestion| {
            if has_rule {
                (is(suggestion, "addRules") && suggestion["behavior"] == "allow")
                    || is(suggestion, "addDirectories")
            } else {
                is(suggestion, "addDirectories")
                    || (is(suggestion, "setMode") && suggestion["mode"] == EDITS_MODE)
            }
        })
        .map(|suggestion| {
            let mut update = (*suggestion).clone();
            update["destination"] = Value::from("session");
            update
        })
        .collect()
}

fn rules(update: &Value) -> Vec<(String, Option<String>)> {
    let rules = update["rules"].as_array().into_iter().flatten();
    rules
        .filter_map(|rule| {
            let content = rule["ruleContent"].as_str().map(str::to_owned);
            Some((rule["toolName"].as_str()?.to_owned(), content))
        })
        .collect()
}

fn directories(update: &Value) -> Vec<String> {
    let directories = update["directories"].as_array().into_iter().flatten();
    directories
        .filter_map(|directory| Some(directory.as_str()?.to_owned()))
        .collect()
}

/// Whether there is something, and all of it was granted.
fn all_of<T: Ord>(wanted: &[T], granted: &BTreeSet<T>) -> bool {
    !wanted.is_empty() && wanted.iter().all(|one| granted.contains(one))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn suggestions() -> Vec<Value> {
        vec![
            json!({"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"touch a) Bash(*"}],"behavior":"allow","destination":"localSettings"}),
            json!({"type":"addDirectories","directories":["/opt/x"],"destination":"session"}),
            json!({"type":"setMode","mode":"acceptEdits","destination":"session"}),
        ]
    }

    #[test]
    fn the_narrowest_suggestion_is_taken_and_only_for_the_session() {
        let taken = updates(&suggestions());
        assert_eq!(taken.len(), 2);
        assert!(
            taken
                .iter()
                .all(|update| update["destination"] == "session")
        );
        let mode_only = updates(&suggestions()[2..]);
        assert_eq!(mode_only[0]["mode"], "acceptEdits");
        let wide = json!({"type":"setMode","mode":"bypassPermissions","destination":"session"});
        assert!(updates(&[wide]).is_empty());
    }

    #[test]
    fn a_grant_holds_for_its_context_and_for_the_same_request_only() {
        let all = AllGrants::default();
        let (one, other) = (ContextId::mint(), ContextId::mint());
        all.add(&one, &updates(&suggestions()));
        assert!(all.of(&one).cover(&suggestions()));
        assert!(!all.of(&other).cover(&suggestions()));
        assert!(!all.of(&one).cover(&[]) && !all.of(&one).accepts_edits());
        let mut wider = suggestions();
        wider[0]["rules"][0]["ruleContent"] = Value::from("touch *");
        assert!(!all.of(&one).cover(&wider));
        let mut elsewhere = suggestions();
        elsewhere[1]["directories"] = json!(["/opt/x", "/etc"]);
        assert!(!all.of(&one).cover(&elsewhere));
        assert!(!all.of(&one).cover(&suggestions()[2..]));
        all.add(&one, &updates(&suggestions()[2..]));
        assert!(all.of(&one).accepts_edits() && all.of(&one).cover(&suggestions()[2..]));
    }

    #[test]
    fn the_contexts_kept_are_bounded() {
        let all = AllGrants::default();
        let first = ContextId::mint();
        all.add(&first, &updates(&suggestions()));
        for _ in 0..MAX_CONTEXTS {
            all.add(&ContextId::mint(), &updates(&suggestions()));
        }
        assert_eq!(all.of(&first), Grants::default());
    }
}
