//! `fleet dispatches answer`: answers a permission request or an agent's questions; done when the answer is stored.

use fleet_a2a::ext::{Chosen, Decision};

use super::{changed, choose};
use crate::cli::args::{AnswerArgs, DecisionArg, GlobalArgs};
use crate::cli::question;
use crate::cli::session::{Session, dispatch_id};
use crate::control::{Command, DispatchView};
use crate::domain::{DispatchId, ErrorKind, Failure};

/// Does `fleet dispatches answer`.
pub(super) async fn execute(global: &GlobalArgs, args: &AnswerArgs) -> Result<(), Failure> {
    let decision = decision(args)?;
    let session = Session::open(global).await?;
    let dispatch_id = dispatch_id(&session, &args.id).await?;
    let (request_id, answers) = if args.choose.is_empty() {
        (args.request.clone(), Vec::new())
    } else {
        let view = session.dispatch(Command::Show { dispatch_id }).await?;
        chosen(dispatch_id, &view, args)?
    };
    let words = words(decision, &answers);
    let command = Command::AnswerPermission {
        dispatch_id,
        request_id,
        decision,
        reason: args.reason.clone(),
        answers,
    };
    let view = session.dispatch(command).await?;
    changed(global, &view, &words)
}

/// A choice is an answer, so it allows.
fn decision(args: &AnswerArgs) -> Result<Decision, Failure> {
    match args.decision {
        None | Some(DecisionArg::Allow) => Ok(Decision::Allow),
        Some(DecisionArg::Deny) if args.choose.is_empty() => Ok(Decision::Deny),
        Some(DecisionArg::Always) if args.choose.is_empty() => Ok(Decision::Always),
        Some(DecisionArg::Deny | DecisionArg::Always) => Err(Failure::new(
            ErrorKind::Usage,
            "--choose answers a question; it goes with allow only, or without a decision.",
            "Leave out the decision to answer, or --choose to deny.",
        )),
    }
}

/// The request that is meant, and the answers to it. Where none can be meant the daemon says why.
fn chosen(
    id: DispatchId,
    view: &DispatchView,
    args: &AnswerArgs,
) -> Result<(Option<String>, Vec<Chosen>), Failure> {
    let open = view.detail.permissions.as_slice();
    let request = match (&args.request, open) {
        (None, [one]) => Some(one),
        (None, _) => None,
        (Some(wanted), _) => open.iter().find(|request| request.request_id == *wanted),
    };
    let Some(request) = request else {
        let texts = args.choose.iter().cloned();
        let answers = texts.map(|text| Chosen(vec![text])).collect();
        return Ok((args.request.clone(), answers));
    };
    let answers = choose::answers(id, request, &args.choose)?;
    // By name: what was chosen from these options must not answer a request that came up meanwhile.
    Ok((Some(request.request_id.clone()), answers))
}

fn words(decision: Decision, answers: &[Chosen]) -> String {
    match decision {
        Decision::Allow if !answers.is_empty() => format!("answered {}", question::chosen(answers)),
        Decision::Allow => "allowed this once".to_owned(),
        Decision::Deny => "denied".to_owned(),
        Decision::Always => "allowed, and everything like it in this conversation".to_owned(),
    }
}
