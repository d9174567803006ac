//! The answer to a permission request, as a message brings it.
//!
//! Owns: reading it, and whether it fits the request that waits. Does not own: what follows from it (see `machine`).

use fleet_a2a::contract::Violation;
use fleet_a2a::ext::{Decision, PermissionAnswer, PermissionRequest, Ruling};
use fleet_a2a::types::{Message, PartContent};

/// What a message says to a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// The data part of our extension.
    Data(PermissionAnswer),
    /// Plain text.
    Text(String),
}

/// What is taken as an answer, for error messages.
const TAKES: &str = "the text allow or deny, or a data part {request_id, decision: allow|deny|always, reason?, answers?}";

impl Answer {
    /// Reads a message: the first data part that is an answer, else its only text.
    pub(crate) fn read(message: &Message) -> Result<Self, Violation> {
        let data = message.parts.iter().find_map(|part| match &part.content {
            PartContent::Data(data) => serde_json::from_value(data.clone()).ok(),
            PartContent::Text(_) | PartContent::Raw(_) | PartContent::Url(_) => None,
        });
        if let Some(answer) = data {
            return Ok(Self::Data(answer));
        }
        match message.parts.as_slice() {
            [part] => part.as_text().map(|text| Self::Text(text.to_owned())),
            _ => None,
        }
        .ok_or_else(|| Violation::new("message.parts", "no answer", TAKES))
    }

    /// What it says, when it fits the request. A request without choices takes any text, which arrives as the reason.
    pub(crate) fn resolve(self, request: &PermissionRequest) -> Result<Ruling, Violation> {
        let ruling = match self {
            Self::Data(answer) if answer.request_id == request.request_id => answer.into_ruling(),
            Self::Data(answer) => {
                return Err(Violation::new(
                    "request_id",
                    fleet_a2a::contract::shown_text(&answer.request_id),
                    format!("{:?}, the request that waits", request.request_id),
                ));
            }
            Self::Text(text) if request.choices.is_empty() => {
                Ruling::plain(Decision::Allow, Some(text))
            }
            Self::Text(text) => match text.as_str() {
                "allow" => Ruling::plain(Decision::Allow, None),
                "deny" => Ruling::plain(Decision::Deny, None),
                _ => {
                    let held = fleet_a2a::contract::shown_text(&text);
                    return Err(Violation::new("message.parts[0].text", held, TAKES));
                }
            },
        };
        if request.choices.is_empty() || request.choices.contains(&ruling.decision) {
            ruling.check_answers(request)?;
            return Ok(ruling);
        }
        let held = format!("{:?}", ruling.decision).to_lowercase();
        let choices = request
            .choices
            .iter()
            .map(|c| format!("{c:?}").to_lowercase());
        let takes = format!("one of {}", choices.collect::<Vec<_>>().join(", "));
        Err(Violation::new("decision", held, takes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_a2a::ext::Chosen;
    use fleet_a2a::types::{Part, Role};
    use serde_json::json;

    fn request() -> PermissionRequest {
        PermissionRequest {
            request_id: "r1".to_owned(),
            tool: "Write".to_owned(),
            arguments: json!({}),
            choices: vec![Decision::Allow, Decision::Deny],
            expires_at: String::new(),
            questions: Vec::new(),
        }
    }

    fn decide(parts: Vec<Part>) -> Result<Ruling, Violation> {
        Answer::read(&Message::new(Role::User, parts))?.resolve(&request())
    }

    fn ruled(decision: Decision, reason: Option<&str>) -> Result<Ruling, Violation> {
        Ok(Ruling::plain(decision, reason.map(str::to_owned)))
    }

    #[test]
    fn text_and_data_answer() {
        assert_eq!(
            decide(vec![Part::text("allow")]),
            ruled(Decision::Allow, None)
        );
        assert_eq!(
            decide(vec![Part::text("deny")]),
            ruled(Decision::Deny, None)
        );
        let data = json!({"request_id": "r1", "decision": "deny", "reason": "no"});
        let parts = vec![Part::text("please"), Part::data(data)];
        assert_eq!(decide(parts), ruled(Decision::Deny, Some("no")));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", " deny\n", "yes", "Allow", "always", "allow deny"] {
            assert!(decide(vec![Part::text(text)]).is_err(), "{text:?}");
        }
        assert!(decide(vec![Part::text("allow"), Part::text("deny")]).is_err());
        let other = json!({"request_id": "r2", "decision": "allow"});
        assert_eq!(
            decide(vec![Part::data(other)]).unwrap_err().field,
            "request_id"
        );
        let always = json!({"request_id": "r1", "decision": "always"});
        assert_eq!(
            decide(vec![Part::data(always)]).unwrap_err().field,
            "decision"
        );
        assert!(decide(vec![Part::data(json!({"decision": "allow"}))]).is_err());
    }

    #[test]
    fn a_request_without_choices_takes_any_text() {
        let mut request = request();
        request.choices.clear();
        let answer = Answer::Text("blue".to_owned());
        assert_eq!(
            answer.resolve(&request),
            ruled(Decision::Allow, Some("blue"))
        );
    }

    #[test]
    fn a_question_takes_deny_or_an_answer_to_each() {
        let mut request = request();
        request.questions = serde_json::from_value(json!([
            {"question": "Which?", "options": [{"label": "Red"}, {"label": "Blue"}]}
        ]))
        .unwrap();
        let resolve = |parts| Answer::read(&Message::new(Role::User, parts))?.resolve(&request);
        let denied = resolve(vec![Part::text("deny")]);
        assert_eq!(denied, ruled(Decision::Deny, None));
        let bare = resolve(vec![Part::text("allow")]).unwrap_err();
        assert_eq!(
            (bare.field.as_str(), bare.held.as_str()),
            ("answers", "none")
        );
        assert!(bare.takes.contains(r#"one of "Red", "Blue""#), "{bare}");
        let data = json!({"request_id": "r1", "decision": "allow", "answers": ["Blue"]});
        let ruling = resolve(vec![Part::data(data)]).unwrap();
        assert_eq!(ruling.answers, [Chosen(vec!["Blue".to_owned()])]);
        let twice = json!({"request_id": "r1", "decision": "allow", "answers": [["Red", "Blue"]]});
        let field = resolve(vec![Part::data(twice)]).unwrap_err().field;
        assert_eq!(field, "answers[0]");
        let always = json!({"request_id": "r1", "decision": "always", "answers": ["Blue"]});
        let field = resolve(vec![Part::data(always)]).unwrap_err().field;
        assert_eq!(field, "decision");
    }
}
