//! `fleet peers remove`: a peer leaves fleet.toml.
//!
//! Owns: that nothing of it is left at work. One with open dispatches stays; a receiver that runs is stopped first, because a
//! receiver that is stopped and still named harms nobody, and one that runs and is not named would be forgotten.

use super::edit::{change, tell};
use crate::cli::args::{GlobalArgs, RemoveArgs};
use crate::cli::session::{peer_name, target, unexpected};
use crate::cli::{CommandResult, exit};
use crate::config::edit::Change;
use crate::control::{Answer, Command, ControlHandle, PeerView, Target};
use crate::domain::{ErrorKind, Failure, PeerName};

/// Does `fleet peers remove`.
pub(super) async fn execute(global: &GlobalArgs, args: &RemoveArgs) -> CommandResult {
    let peer = peer_name(&args.name)?;
    let target = target(global)?;
    // A fleet without state never started anything, so no daemon need be asked.
    if target.state_dir.is_dir() {
        put_to_rest(&target, &peer).await?;
    }
    let changed = change(&target, &Change::Remove(peer.clone())).await?;
    let next = "Its transcripts stay.";
    tell(global, &peer, &changed, ("Removed", next))?;
    Ok(exit::DONE)
}

async fn put_to_rest(target: &Target, peer: &PeerName) -> Result<(), Failure> {
    let handle = ControlHandle::connect(target).await?;
    // One that the file does not name is told by the change.
    let Some(view) = view_of(&handle, peer).await? else {
        return Ok(());
    };
    refuse_busy(&view)?;
    if view.mode.is_none() {
        return Ok(());
    }
    let peers = vec![peer.clone()];
    handle.call(Command::Stop { peers, all: false }).await?;
    // It may have drained for seconds, in which a dispatch came.
    match view_of(&handle, peer).await? {
        Some(view) => refuse_busy(&view),
        None => Ok(()),
    }
}

async fn view_of(handle: &ControlHandle, peer: &PeerName) -> Result<Option<PeerView>, Failure> {
    // A snapshot is answered also while the file is invalid.
    let snapshot = match handle.call(Command::Snapshot { follow: false }).await? {
        Answer::Snapshot(snapshot) => snapshot,
        other => return Err(unexpected(&other)),
    };
    Ok(snapshot.peers.into_iter().find(|view| &view.name == peer))
}

fn refuse_busy(view: &PeerView) -> Result<(), Failure> {
    let (peer, open) = (&view.name, view.in_flight);
    if open == 0 {
        return Ok(());
    }
    let what = match open {
        1 => "a dispatch that has".to_owned(),
        many => format!("{many} dispatches that have"),
    };
    Err(Failure::new(
        ErrorKind::State,
        format!("{peer} stays: it has {what} not ended."),
        format!(
            "`fleet dispatches list --peer {peer}` shows what is open; wait for it, or cancel it with `fleet dispatches cancel ID`."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples;

    #[test]
    fn one_that_is_at_work_stays() {
        let mut view = samples::status().peers.remove(0);
        view.in_flight = 0;
        assert_eq!(refuse_busy(&view), Ok(()));
        view.in_flight = 2;
        let refused = refuse_busy(&view).unwrap_err();
        assert_eq!(
            refused.message,
            "app stays: it has 2 dispatches that have not ended."
        );
        assert!(refused.remedy.contains("fleet dispatches cancel"));
    }
}
