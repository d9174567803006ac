//! JSON as `--json` prints it.
//!
//! Owns: the printed objects and the escaping. Nothing that a terminal would obey leaves unescaped, and the value stays
//! the same for whoever parses it. Does not own: writing to standard output.

use serde::Serialize;
use serde_json::{Value, json};

use super::text;
use crate::control::{DispatchView, PeerView};
use crate::domain::{ErrorKind, Failure, SafeText};

/// One line of JSON, without a newline at its end.
///
/// # Errors
/// [`Failure`] when the value has no JSON form; ours always have one.
pub(crate) fn line(value: &impl Serialize) -> Result<String, Failure> {
    let plain = serde_json::to_string(value).map_err(|error| {
        Failure::new(
            ErrorKind::Internal,
            format!("The answer has no JSON form: {error}."),
            "",
        )
    })?;
    Ok(escape(&plain))
}

/// Escapes, in compact JSON, each character that is not safe to show. Such characters stand inside strings only, so the
/// escape means the same.
fn escape(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if SafeText::is_safe(c) {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// The object that `send` and `dispatches show` print.
pub(crate) fn dispatch(view: &DispatchView) -> Result<Value, Failure> {
    let mut value = to_value(view)?;
    if let Value::Object(fields) = &mut value {
        fields.shift_remove("detail");
        fields.insert("requests".to_owned(), requests(view)?);
    }
    Ok(value)
}

/// What waits for a person, each with why the last answer to it was not taken, where there was one.
fn requests(view: &DispatchView) -> Result<Value, Failure> {
    let mut requests = Vec::new();
    for request in &view.detail.permissions {
        let mut object = to_value(request)?;
        if let Some(refused) = text::answer_refused(view, request) {
            object["answer_refused"] = to_value(&refused.reason)?;
        }
        requests.push(object);
    }
    Ok(Value::Array(requests))
}

/// An object with the same keys, for what was refused before there was a dispatch.
///
/// `dispatch_id` is the one that was asked for; the one that stands in the way is named by the error.
pub(crate) fn refused_dispatch(
    dispatch_id: Option<&str>,
    peer: Option<&str>,
    failure: &Failure,
) -> Value {
    json!({
        "dispatch_id": dispatch_id,
        "peer": peer,
        "state": null,
        "reason": null,
        "outcome": null,
        "verification": null,
        "failed_checks": [],
        "reply": null,
        "artifacts": [],
        "context_id": null,
        "task_id": null,
        "usage": null,
        "refused": [],
        "late": false,
        "elapsed_ms": 0,
        "error": failure,
        "requests": [],
    })
}

/// A peer as `status` and `peers` print it: the budget stands inside, so it need not name its peer.
pub(crate) fn peer(view: &PeerView) -> Result<Value, Failure> {
    let mut value = to_value(view)?;
    if let Some(Value::Object(budget)) = value.get_mut("budget") {
        budget.shift_remove("peer");
    }
    Ok(value)
}

/// `{peers: [...]}`.
pub(crate) fn peers(views: &[PeerView]) -> Result<Value, Failure> {
    let peers = views.iter().map(peer).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "peers": peers }))
}

pub(crate) fn to_value(value: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| {
        Failure::new(
            ErrorKind::Internal,
            format!("The answer has no JSON form: {error}."),
            "",
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::samples;
    use crate::domain::DispatchId;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            // Plain `any` rarely finds the characters this is about.
            "[\u{1b}\u{7f}\u{9b}\u{202e}\u{200b}\u{e0041}\u{feff}\n\r\t\"\\\\a]{0,12}"
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_printed_and_the_value_survives(value in any_json()) {
            let printed = line(&value).unwrap();
            prop_assert!(printed.chars().all(SafeText::is_safe), "{printed:?}");
            prop_assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), value);
        }
    }

    #[test]
    fn escapes_outside_the_basic_plane_are_surrogate_pairs() {
        assert_eq!(line(&"a\u{e0041}").unwrap(), r#""a\udb40\udc41""#);
        assert_eq!(
            line(&"\u{1b}[31m \u{202e}").unwrap(),
            r#""\u001b[31m \u202e""#
        );
    }

    #[test]
    fn the_dispatch_object_has_the_promised_keys_in_order() {
        let value = dispatch(&samples::completed()).unwrap();
        let refusal = refused_dispatch(
            None,
            Some("echo"),
            &Failure::new(ErrorKind::Contract, "No.", "Do.").about(DispatchId::mint()),
        );
        let promised = [
            "dispatch_id",
            "peer",
            "state",
            "reason",
            "outcome",
            "verification",
            "failed_checks",
            "reply",
            "artifacts",
            "context_id",
            "task_id",
            "usage",
            "refused",
            "late",
            "elapsed_ms",
            "error",
            "requests",
        ];
        for object in [&value, &refusal] {
            let keys: Vec<_> = object.as_object().unwrap().keys().collect();
            assert_eq!(keys, promised);
        }
        let error: Vec<_> = refusal["error"].as_object().unwrap().keys().collect();
        assert_eq!(error, ["kind", "message", "remedy", "dispatch_id"]);
    }

    #[test]
    fn prints_a_dispatch_and_a_peer() {
        insta::assert_snapshot!(line(&dispatch(&samples::completed()).unwrap()).unwrap());
        insta::assert_snapshot!(line(&peers(&samples::status().peers).unwrap()).unwrap());
    }
}
