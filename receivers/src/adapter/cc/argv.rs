//! The command line of a turn.
//!
//! Owns: the session's id, the permission switches, the role text. No I/O.

use fleet_a2a::ContextId;
use serde_json::json;
use uuid::Uuid;

use super::grants::Grants;
use super::question::TOOL as ASKING;
use super::{CcAdapter, PROGRAM};
use crate::adapter::SessionState;
use crate::config::Permissions;

/// Tools that change files; a read-only agent does not even see them.
const EDIT_TOOLS: &str = "Write,Edit,NotebookEdit";

/// Which session a process opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Session {
    /// Begins one with this id.
    Begin(String),
    /// Goes on with this one.
    Resume(String),
}

impl Session {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Begin(id) | Self::Resume(id) => id,
        }
    }

    /// The other way, for when the CLI says that this one is wrong.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Begin(id) => Self::Resume(id),
            Self::Resume(id) => Self::Begin(id),
        }
    }
}

/// The session of a context. Its id follows from fleet, peer and context, so a turn finds it even when nobody wrote it down.
pub(super) fn session(adapter: &CcAdapter, context: &ContextId, state: &SessionState) -> Session {
    match state {
        SessionState::Known(id) => Session::Resume(id.clone()),
        SessionState::New => {
            // As JSON, so that no two triples give the same name.
            let name =
                json!(["a2a-fleet", adapter.fleet, adapter.peer, context.as_str()]).to_string();
            Session::Begin(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string())
        }
    }
}

/// The whole command line.
pub(super) fn argv(
    adapter: &CcAdapter,
    repo: &str,
    session: &Session,
    grants: &Grants,
) -> Vec<String> {
    let mut argv: Vec<String> = [
        PROGRAM,
        "-p",
        "--input-format",
        "stream-json",
        "--output-format",
        "stream-json",
        "--verbose",
        "--include-partial-messages",
        "--permission-prompt-tool",
        "stdio",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut flag = |name: &str, value: &str| argv.extend([name.to_owned(), value.to_owned()]);
    match session {
        Session::Begin(id) => {
            flag("--session-id", id);
            flag(
                "--append-system-prompt",
                &role(&adapter.fleet, &adapter.peer, repo),
            );
        }
        Session::Resume(id) => flag("--resume", id),
    }
    if let Some(model) = &adapter.model {
        flag("--model", model);
    }
    let (mode, without) = switches(adapter.permissions, grants);
    flag("--permission-mode", mode);
    if let Some(without) = without {
        flag("--disallowedTools", without);
    }
    if adapter.forwards_subagents() {
        argv.push("--forward-subagent-text".to_owned());
    }
    argv
}

/// The permission mode, and the tools that are taken away. `plan` is not read-only: it asks, and an answer of "allow" writes;
/// nor is `dontAsk` of use, which denies the agent's questions too: `question` refuses whatever else a read-only agent asks for.
fn switches(permissions: Permissions, grants: &Grants) -> (&'static str, Option<&'static str>) {
    let mode = match permissions {
        Permissions::ReadOnly => return ("default", Some(EDIT_TOOLS)),
        Permissions::Ask if grants.accepts_edits() => "acceptEdits",
        Permissions::Ask => "default",
        Permissions::Edit => "acceptEdits",
        Permissions::Full => "bypassPermissions",
    };
    (mode, None)
}

fn role(fleet: &str, peer: &str, repo: &str) -> String {
    format!(
        "You are the coding agent {peer:?} of the fleet {fleet:?}; work reaches you as messages over A2A. Your repository is {repo}: \
         work there and nowhere else. Nobody reads along while you work: where something is unclear, choose, and say what you \
         assumed. A decision that only a person can make you may ask for with {ASKING}; an answer may not come, and then you choose. Your last message is the whole reply that the sender gets: make it complete without \
         what came before it. Where the message names an expected output, the last message is exactly that, with nothing around it."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::cc::tests::config;
    use crate::child::ChildEnv;

    fn adapter(permissions: Permissions) -> CcAdapter {
        let mut config = config(std::path::Path::new("/repo"));
        config.permissions = permissions;
        config.model = Some("sonnet".to_owned());
        CcAdapter::new(&config, ChildEnv::default())
    }

    fn value_of(argv: &[String], name: &str) -> Option<String> {
        argv.iter().skip_while(|arg| *arg != name).nth(1).cloned()
    }

    #[test]
    fn a_context_has_one_session_and_no_two_contexts_share_it() {
        let adapter = adapter(Permissions::Ask);
        let of = |context: &str| {
            session(
                &adapter,
                &ContextId::new(context).unwrap(),
                &SessionState::New,
            )
        };
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        assert!(matches!(of("a"), Session::Begin(id) if Uuid::parse_str(&id).is_ok()));
        let known = SessionState::Known("x".to_owned());
        assert_eq!(
            session(&adapter, &ContextId::new("a").unwrap(), &known),
            Session::Resume("x".to_owned())
        );
    }

    #[test]
    fn the_role_goes_with_the_first_turn_only_and_names_the_repo() {
        let adapter = adapter(Permissions::Ask);
        let none = Grants::default();
        let first = argv(&adapter, "/repo", &Session::Begin("i".to_owned()), &none);
        assert!(
            value_of(&first, "--append-system-prompt")
                .unwrap()
                .contains("/repo")
        );
        assert!(
            value_of(&first, "--append-system-prompt")
                .unwrap()
                .contains("AskUserQuestion")
        );
        assert_eq!(value_of(&first, "--session-id").unwrap(), "i");
        assert_eq!(value_of(&first, "--model").unwrap(), "sonnet");
        let next = argv(&adapter, "/repo", &Session::Resume("i".to_owned()), &none);
        assert_eq!(value_of(&next, "--append-system-prompt"), None);
        assert_eq!(value_of(&next, "--resume").unwrap(), "i");
    }

    #[test]
    fn each_level_has_its_switch() {
        let mode = |permissions| {
            let argv = argv(
                &adapter(permissions),
                "/r",
                &Session::Begin("i".to_owned()),
                &Grants::default(),
            );
            (
                value_of(&argv, "--permission-mode").unwrap(),
                value_of(&argv, "--disallowedTools"),
            )
        };
        assert_eq!(
            mode(Permissions::ReadOnly),
            ("default".to_owned(), Some(EDIT_TOOLS.to_owned()))
        );
        assert_eq!(mode(Permissions::Ask), ("default".to_owned(), None));
        assert_eq!(mode(Permissions::Edit).0, "acceptEdits");
        assert_eq!(mode(Permissions::Full).0, "bypassPermissions");
    }
}
