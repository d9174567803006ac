//! Changing fleet.toml by command.
//!
//! Owns: reading KEY=VALUE, and telling what was written. Does not own: the change, see [`crate::config::file`].

use serde_json::{Value, json};

use crate::cli::args::GlobalArgs;
use crate::cli::output;
use crate::config::edit::{Change, EditError, Setting};
use crate::config::file::{Changed, Edited};
use crate::config::trust::Accepted;
use crate::control::{Command, ControlHandle, Target};
use crate::domain::{ErrorKind, Failure, PeerName, SafeText};

/// Makes the change in the fleet's file.
pub(super) async fn change(target: &Target, change: &Change) -> Result<Changed, Failure> {
    target.make_state_dir()?;
    let edited = Edited {
        path: &target.config,
        accepted: &Accepted::of(&target.state_dir),
        explicit: target.explicit,
    };
    let changed = edited.change(change).await?;
    tell_daemon(target).await;
    Ok(changed)
}

/// A daemon reads the file again with each command; one that runs is given one, so that an open console shows the change. It
/// would come to know it anyway, so nothing is lost where it cannot be told.
async fn tell_daemon(target: &Target) {
    if let Ok(Some(handle)) = ControlHandle::connect_running(target).await {
        let _untold = handle.call(Command::Snapshot { follow: false }).await;
    }
}

/// Reads a key with dots and its value.
pub(super) fn setting(key: &str, value: &str) -> Result<Setting, Failure> {
    Setting::typed(key, value).map_err(|error: EditError| error.into())
}

/// Reads `KEY=VALUE`.
pub(super) fn assignment(text: &str) -> Result<Setting, Failure> {
    let (key, value) = text.split_once('=').ok_or_else(|| {
        Failure::new(
            ErrorKind::Usage,
            format!("{text:?} has no '='."),
            "Write KEY=VALUE, such as budget.tokens=200000.",
        )
    })?;
    setting(key.trim(), value)
}

/// Tells what became of a peer; `next` is what a person may want to do then.
pub(super) fn tell(
    global: &GlobalArgs,
    peer: &PeerName,
    changed: &Changed,
    (done, next): (&str, &str),
) -> Result<(), Failure> {
    if global.json {
        return output::json(&object(peer, changed));
    }
    let path = changed.config.path.display();
    let mut said = match changed.written {
        true => format!("{done} {peer} in {path}."),
        false => format!("{path} says so already; nothing was written."),
    };
    if !changed.accepted {
        said.push_str("\nThe file is not accepted yet: read what it would run with `fleet trust`.");
    } else if changed.written && !next.is_empty() {
        said.push_str(&format!("\n{next}"));
    }
    output::text(&SafeText::of(&said))
}

fn object(peer: &PeerName, changed: &Changed) -> Value {
    let peers = changed.config.peers.iter();
    let peers: Vec<&str> = peers.map(|peer| peer.name.as_str()).collect();
    json!({
        "config": changed.config.path.display().to_string(),
        "peer": peer,
        "written": changed.written,
        "accepted": changed.accepted,
        "hash": changed.config.hash,
        "peers": peers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_split_at_its_first_sign() {
        assert_eq!(
            assignment("a.b=c=d").unwrap(),
            Setting::typed("a.b", "c=d").unwrap()
        );
        let refused = assignment("tokens").unwrap_err();
        assert_eq!(refused.message, "\"tokens\" has no '='.");
        assert_eq!(
            assignment("=5").unwrap_err().message,
            "\"\" is no key; a key is words with dots between them, such as budget.tokens."
        );
    }
}
