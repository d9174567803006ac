//! Topping up and resetting the selected peer's budget.
//!
//! Owns: the reasons why not, and that an amount which was sent once keeps its id. Does not own: the sums.

use crate::control::{Answer, Command, NoticeLevel};
use crate::domain::{CommandId, Failure, PeerName, grouped};
use crate::tui::model::{Deed, Model, Overlay, Question, Sent, TopUpDraft};
use crate::tui::msg::{Effect, Purpose};

/// Opens the line for an amount.
pub(super) fn open_top_up(model: &mut Model) -> Vec<Effect> {
    if let Some(peer) = limited_peer(model, "top up") {
        let draft = TopUpDraft::new(peer);
        model.overlays.push(Overlay::TopUp(Box::new(draft)));
    }
    Vec::new()
}

/// Asks before it resets.
pub(super) fn ask_reset(model: &mut Model) -> Vec<Effect> {
    if let Some(peer) = limited_peer(model, "reset") {
        let command_id = (model.mint)();
        let deed = Deed::ResetBudget { command_id, peer };
        let question = Question::new(deed, model.now_ms);
        model.overlays.push(Overlay::Confirm(Box::new(question)));
    }
    Vec::new()
}

/// The selected peer, where it has a budget; else the reason why not is said.
fn limited_peer(model: &mut Model, what: &str) -> Option<PeerName> {
    let (name, budget) = model.peer().map(|peer| (&peer.name, &peer.budget))?;
    let name = name.clone();
    if budget.is_limited() {
        return Some(name);
    }
    let text = format!("{name} has no budget in fleet.toml: there is nothing to {what}.");
    model.say(NoticeLevel::Warning, text);
    None
}

/// Enter in the line: sends the amount; the line stays until it is stored.
pub(super) fn submit(model: &mut Model, mut draft: TopUpDraft) -> Vec<Effect> {
    let Some(amounts) = draft.amounts() else {
        model.say(
            NoticeLevel::Warning,
            "That is no amount: write 50000 for tokens, 5 turns, or $2.50.",
        );
        model.overlays.push(Overlay::TopUp(Box::new(draft)));
        return Vec::new();
    };
    let command_id = match draft.sent {
        Sent::As(id, sent) if sent == amounts => id,
        Sent::As(..) | Sent::Nothing => (model.mint)(),
    };
    draft.sent = Sent::As(command_id, amounts);
    let peer = draft.peer.clone();
    model.overlays.push(Overlay::TopUp(Box::new(draft)));
    vec![Effect::Call {
        purpose: Purpose::TopUp {
            command_id,
            peer: peer.clone(),
        },
        command: Command::TopUp {
            command_id,
            peer,
            amounts,
        },
    }]
}

/// The top-up is stored, or was refused: then the line stays and can be sent again.
pub(super) fn topped_up(
    model: &mut Model,
    (command_id, peer): (CommandId, &PeerName),
    result: Result<Answer, Failure>,
) {
    match result {
        Ok(answer) => {
            let is_stored =
                |draft: &TopUpDraft| matches!(draft.sent, Sent::As(id, _) if id == command_id);
            model
                .overlays
                .retain(|overlay| !matches!(overlay, Overlay::TopUp(draft) if is_stored(draft)));
            let left = remaining(answer);
            model.say(NoticeLevel::Info, format!("{peer}: topped up{left}."));
        }
        Err(failure) => model.complain(&failure),
    }
}

/// The reset is stored, or was refused.
pub(super) fn was_reset(model: &mut Model, peer: &PeerName, result: Result<Answer, Failure>) {
    match result {
        Ok(answer) => {
            let left = remaining(answer);
            let text = format!("{peer}: what was spent counts from zero{left}.");
            model.say(NoticeLevel::Info, text);
        }
        Err(failure) => model.complain(&failure),
    }
}

/// What is left now, in words.
fn remaining(answer: Answer) -> String {
    let Answer::Budgets(budgets) = answer else {
        return String::new();
    };
    let Some(budget) = budgets.into_iter().next() else {
        return String::new();
    };
    let figures = [
        budget
            .tokens
            .remaining
            .map(|left| format!("{} tokens", grouped(left))),
        budget
            .turns
            .remaining
            .map(|left| format!("{} turns", grouped(left))),
        budget.cost_usd.remaining.map(|left| format!("${left:.2}")),
    ];
    let left: Vec<String> = figures.into_iter().flatten().collect();
    format!("; {} left", left.join(", "))
}
