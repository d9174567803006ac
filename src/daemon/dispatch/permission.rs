//! Which request an answer is for, and whether it fits.
//!
//! Owns: the choice and its refusals. Does not own: storing and delivering the answer.

use fleet_a2a::ext::{PermissionRequest, Ruling};

use crate::domain::{DispatchId, ErrorKind, Failure};

/// The request that is meant.
pub(super) fn choose<'a>(
    id: DispatchId,
    open: &'a [PermissionRequest],
    wanted: Option<&str>,
    ruling: &Ruling,
) -> Result<&'a PermissionRequest, Failure> {
    let request = match (open, wanted) {
        ([], _) => return Err(state_failure(id, "asks nothing now")),
        ([one], None) => one,
        (_, None) => {
            let ids: Vec<&str> = open.iter().map(|open| open.request_id.as_str()).collect();
            let text = format!(
                "asks more than one thing; name one with --request: {}",
                ids.join(", ")
            );
            return Err(state_failure(id, &text));
        }
        (_, Some(wanted)) => {
            let found = open.iter().find(|open| open.request_id == wanted);
            found.ok_or_else(|| state_failure(id, &format!("has no open request {wanted:?}")))?
        }
    };
    if !request.choices.is_empty() && !request.choices.contains(&ruling.decision) {
        return Err(state_failure(
            id,
            "does not offer that answer to this request",
        ));
    }
    ruling
        .check_answers(request)
        .map_err(|violation| unfit(id, request, &violation.to_string()))?;
    Ok(request)
}

fn unfit(id: DispatchId, request: &PermissionRequest, violation: &str) -> Failure {
    let remedy = if request.questions.is_empty() {
        format!("Answer with: fleet dispatches answer {id} allow|deny")
    } else {
        format!(
            "Answer each question in turn: fleet dispatches answer {id} --choose NUMBER_OR_TEXT"
        )
    };
    let text = format!("That does not answer what dispatch {id} asks: {violation}");
    Failure::new(ErrorKind::Usage, text, remedy).about(id)
}

pub(super) fn state_failure(id: DispatchId, what: &str) -> Failure {
    Failure::new(
        ErrorKind::State,
        format!("Dispatch {id} {what}."),
        format!("See how it stands with: fleet dispatches show {id}"),
    )
    .about(id)
}
