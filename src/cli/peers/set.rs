//! `fleet peers set`: keys of a peer get other values in fleet.toml.

use super::edit::{assignment, change, setting, tell};
use crate::cli::args::{GlobalArgs, SetArgs};
use crate::cli::session::{peer_name, target};
use crate::cli::{CommandResult, exit};
use crate::config::edit::{Change, Setting};
use crate::domain::Failure;

/// Does `fleet peers set`. What runs goes on as it was started.
pub(super) async fn execute(global: &GlobalArgs, args: &SetArgs) -> CommandResult {
    let peer = peer_name(&args.name)?;
    let settings = settings(&args.settings)?;
    let target = target(global)?;
    let changed = change(&target, &Change::Set(peer.clone(), settings)).await?;
    let next =
        "A receiver that runs takes it over as soon as it has no turn; its budget counts at once.";
    tell(global, &peer, &changed, ("Changed", next))?;
    Ok(exit::DONE)
}

/// `KEY VALUE`, or any number of `KEY=VALUE`.
fn settings(words: &[String]) -> Result<Vec<Setting>, Failure> {
    match words {
        [key, value] if !key.contains('=') => Ok(vec![setting(key, value)?]),
        words => words.iter().map(|word| assignment(word)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_or_assignments() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            settings(&words)
        };
        let model = |value: &str| Setting::typed("model", value).unwrap();
        assert_eq!(read(&["model", "a=b"]).unwrap(), [model("a=b")]);
        assert_eq!(
            read(&["model=a", "model=b"]).unwrap(),
            [model("a"), model("b")]
        );
        assert!(read(&["model"]).is_err());
        assert!(read(&["model", "a", "b"]).is_err());
    }
}
