//! `fleet dispatches answer`: answers a permission request; done when the answer is stored.

use fleet_a2a::ext::Decision;

use super::changed;
use crate::cli::args::{AnswerArgs, DecisionArg, GlobalArgs};
use crate::cli::session::{Session, dispatch_id};
use crate::control::Command;
use crate::domain::Failure;

/// Does `fleet dispatches answer`.
pub(super) async fn execute(global: &GlobalArgs, args: &AnswerArgs) -> Result<(), Failure> {
    let session = Session::open(global).await?;
    let command = Command::AnswerPermission {
        dispatch_id: dispatch_id(&session, &args.id).await?,
        request_id: args.request.clone(),
        decision: match args.decision {
            DecisionArg::Allow => Decision::Allow,
            DecisionArg::Deny => Decision::Deny,
            DecisionArg::Always => Decision::Always,
        },
        reason: args.reason.clone(),
    };
    let view = session.dispatch(command).await?;
    let words = match args.decision {
        DecisionArg::Allow => "allowed this once",
        DecisionArg::Deny => "denied",
        DecisionArg::Always => "allowed, and everything like it in this conversation",
    };
    changed(global, &view, words)
}
