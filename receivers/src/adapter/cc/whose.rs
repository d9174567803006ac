//! For whom the lines of a process are: the turn's, or for nobody because it works unasked.
//!
//! Owns: what the CLI tells of the message that it works on. No I/O. It works unasked when a background task has ended, when a
//! schedule of its session is due, and when it resumes a session whose tasks died with the last process; the result of that
//! comes before that of the turn.

use serde_json::Value;

/// What is known of whom the lines are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Whose {
    message: String,
    state: State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// The turn's, though the process has not said so: older ones never do.
    #[default]
    Turn,
    /// Nobody's, until it says that it has begun with the turn's message.
    NotYet,
    /// The turn's; it has said so.
    Told,
}

impl Whose {
    /// The turn's, whose message has this name.
    pub(super) fn turn(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            state: State::Turn,
        }
    }

    /// Nobody's for now: this process says when it begins with the message.
    pub(super) fn nobodys_until_told(message: &str) -> Self {
        Self {
            state: State::NotYet,
            ..Self::turn(message)
        }
    }

    /// Whether the process said that it works on the turn's message.
    pub(super) fn was_told(&self) -> bool {
        self.state == State::Told
    }

    /// The process says how far it is with the message.
    pub(super) fn hear(&mut self, value: &Value) {
        if value["type"] != "command_lifecycle" || value["command_uuid"] != self.message.as_str() {
            return;
        }
        match (value["state"].as_str(), self.state) {
            (Some("queued"), State::Turn) => self.state = State::NotYet,
            (Some("queued") | None, _) => {}
            // Started; or over before it was, which a result tells.
            (Some(_), _) => self.state = State::Told,
        }
    }

    /// Whether a line belongs to something that nobody asked for.
    pub(super) fn is_own_work(&self, value: &Value) -> bool {
        match self.state {
            State::NotYet => true,
            State::Told => false,
            State::Turn => is_of_no_turn(value),
        }
    }
}

/// A success without any turn of the model answers nothing.
pub(super) fn is_of_no_turn(value: &Value) -> bool {
    value["type"] == "result"
        && value["num_turns"] == 0
        && value["is_error"] == false
        && value["result"].as_str().unwrap_or_default().is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn says(message: &str, state: &str) -> Value {
        json!({ "type": "command_lifecycle", "command_uuid": message, "state": state })
    }

    #[test]
    fn a_queued_message_is_not_begun_and_others_messages_do_not_matter() {
        let result = json!({ "type": "result", "num_turns": 1, "result": "x" });
        let mut whose = Whose::turn("m");
        assert!(!whose.is_own_work(&result));
        whose.hear(&says("other", "queued"));
        assert!(!whose.is_own_work(&result));
        whose.hear(&says("m", "queued"));
        assert!(whose.is_own_work(&result) && !whose.was_told());
        whose.hear(&says("other", "started"));
        assert!(whose.is_own_work(&result));
        whose.hear(&says("m", "started"));
        assert!(!whose.is_own_work(&result) && whose.was_told());
        whose.hear(&says("m", "queued"));
        assert!(whose.was_told());
        let mut whose = Whose::nobodys_until_told("m");
        whose.hear(&says("m", "cancelled"));
        assert!(!whose.is_own_work(&result));
    }

    #[test]
    fn a_result_of_no_turn_answers_nothing_and_an_error_does() {
        let mut result =
            json!({ "type": "result", "num_turns": 0, "is_error": false, "result": "" });
        assert!(Whose::turn("m").is_own_work(&result));
        result["is_error"] = json!(true);
        assert!(!Whose::turn("m").is_own_work(&result));
        assert!(Whose::nobodys_until_told("m").is_own_work(&result));
    }
}
