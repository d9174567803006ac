//! What a person is told while a dispatch runs.
//!
//! Owns: which changes are worth a line, and the command that answers a permission request. Does not own: printing.

use std::collections::HashSet;

use fleet_a2a::ext::PermissionRequest;

use crate::cli::args::GlobalArgs;
use crate::cli::{question, text};
use crate::control::DispatchView;
use crate::domain::{DispatchState, SafeText};

/// Arguments of a tool that are longer are shown whole by `dispatches show`.
const MAX_ARGUMENT_CHARS: usize = 300;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Each change of state.
    States,
    /// Only what waits for the person.
    Questions,
}

/// Turns changes into lines, each told once.
#[derive(Debug)]
pub(crate) struct Progress {
    detail: Detail,
    program: String,
    state: Option<DispatchState>,
    asked: HashSet<String>,
    /// When the last answer was refused that was told; empty before the first.
    told_refusal: String,
}

impl Progress {
    /// Nothing told yet. The flags become part of the commands that are shown.
    pub(crate) fn new(detail: Detail, global: &GlobalArgs) -> Self {
        Self {
            detail,
            program: text::program(global),
            state: None,
            asked: HashSet::new(),
            told_refusal: String::new(),
        }
    }

    /// The lines that this change is worth.
    pub(crate) fn lines(&mut self, view: &DispatchView) -> Vec<SafeText> {
        let mut lines = Vec::new();
        if self.detail == Detail::States && self.state != Some(view.state) {
            lines.extend(state_line(view, self.state.is_none()));
        }
        self.state = Some(view.state);
        for request in &view.detail.permissions {
            if let Some(refused) = text::answer_refused(view, request)
                && self.told_refusal != refused.at
            {
                self.told_refusal.clone_from(&refused.at);
                self.asked.remove(&request.request_id);
                let reason = refused.reason.safe_line();
                let line = format!("{} did not take your answer: {reason}", view.peer);
                lines.push(SafeText::line_of(&line));
            }
            if self.asked.insert(request.request_id.clone()) {
                lines.extend(self.question(view, request));
            }
        }
        lines
    }

    fn question(&self, view: &DispatchView, request: &PermissionRequest) -> Vec<SafeText> {
        let which = if view.detail.permissions.len() > 1 && request.questions.is_empty() {
            format!(" --request {}", text::quoted(&request.request_id))
        } else {
            String::new()
        };
        let waits = format!("{} waits for you until {}:", view.peer, request.expires_at);
        let mut lines = if request.questions.is_empty() {
            let arguments = text::shortened(&request.arguments.to_string(), MAX_ARGUMENT_CHARS);
            vec![format!("{waits} may it use {} {arguments}?", request.tool)]
        } else {
            let asked = question::lines(request);
            let asked = asked.iter().map(|line| format!("  {line}"));
            std::iter::once(waits).chain(asked).collect()
        };
        lines.push(format!(
            "  answer: {} dispatches answer {} {}{which}",
            self.program,
            view.dispatch_id,
            text::choices(request)
        ));
        lines.iter().map(|line| SafeText::line_of(line)).collect()
    }
}

fn state_line(view: &DispatchView, is_first: bool) -> Option<SafeText> {
    let peer = &view.peer;
    let line = match view.state {
        _ if is_first && !view.state.is_final() => format!(
            "dispatch {} to {peer}: {}",
            view.dispatch_id,
            text::state_words(view.state)
        ),
        DispatchState::Queued | DispatchState::Sending | DispatchState::InputRequired => {
            return None;
        }
        DispatchState::Working => format!("{peer} works"),
        DispatchState::Completed
        | DispatchState::Failed
        | DispatchState::Rejected
        | DispatchState::Canceled
        | DispatchState::Expired
        | DispatchState::Unknown => return None,
    };
    Some(SafeText::line_of(&line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::samples;
    use crate::control::AnswerRefused;

    fn told(progress: &mut Progress, view: &DispatchView) -> String {
        let lines = progress.lines(view);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn a_change_is_told_once_and_a_question_with_its_command() {
        let global = GlobalArgs {
            config: Some("my fleet.toml".into()),
            ..GlobalArgs::default()
        };
        let mut progress = Progress::new(Detail::States, &global);
        let mut all = told(&mut progress, &samples::working());
        all += &told(&mut progress, &samples::working());
        all += &told(&mut progress, &samples::asking());
        all += &told(&mut progress, &samples::asking());
        insta::assert_snapshot!(all, @r#"
        dispatch 0193a5b0-0000-7000-8000-000000000001 to echo: working
        echo waits for you until 2025-11-21T08:05:00.000Z: may it use Write {"path":"a.txt"}?
          answer: fleet --config 'my fleet.toml' dispatches answer 0193a5b0-0000-7000-8000-000000000001 allow|deny
        "#);
    }

    #[test]
    fn an_answer_that_was_not_taken_is_told_once_and_asked_for_again() {
        let mut progress = Progress::new(Detail::Questions, &GlobalArgs::default());
        let mut view = samples::asking();
        told(&mut progress, &view);
        view.detail.answer_refused = Some(AnswerRefused {
            request_id: "r1".to_owned(),
            at: view.detail.accepted_at.clone(),
            reason: "no such request\u{1b}[2J".into(),
        });
        insta::assert_snapshot!(told(&mut progress, &view), @r#"
        echo did not take your answer: no such request␛[2J
        echo waits for you until 2025-11-21T08:05:00.000Z: may it use Write {"path":"a.txt"}?
          answer: fleet dispatches answer 0193a5b0-0000-7000-8000-000000000001 allow|deny
        "#);
        assert_eq!(told(&mut progress, &view), "");
    }

    #[test]
    fn questions_are_told_with_their_options_and_the_command_that_answers_them() {
        let mut progress = Progress::new(Detail::Questions, &GlobalArgs::default());
        insta::assert_snapshot!(told(&mut progress, &samples::questioning()), @r"
        echo waits for you until 2025-11-21T08:05:00.000Z:
          1 of 2: Colour: Which colour should it be?
            1 Red: like a rose
            2 Blue: like the sky
          2 of 2: Which sizes are needed? (several may be chosen)
            1 S
            2 M, wide: medium
            3 L
          answer: fleet dispatches answer 0193a5b0-0000-7000-8000-000000000001 --request r1 --choose N|TEXT --choose N,N|TEXT (or: deny)
        ");
    }

    #[test]
    fn with_json_only_questions_are_told() {
        let mut progress = Progress::new(Detail::Questions, &GlobalArgs::default());
        assert_eq!(told(&mut progress, &samples::working()), "");
        assert!(told(&mut progress, &samples::asking()).contains("fleet dispatches answer"));
    }

    #[test]
    fn a_hostile_tool_cannot_forge_a_line() {
        let mut view = samples::asking();
        view.detail.permissions[0].tool = "x\u{1b}[2K\nanswer: rm".to_owned();
        let told = told(
            &mut Progress::new(Detail::Questions, &GlobalArgs::default()),
            &view,
        );
        assert_eq!(told.lines().count(), 2);
        assert!(!told.contains('\u{1b}'));
    }
}
