//! Which permission request an answer is for.
//!
//! Owns: the choice and its refusals. Does not own: storing and delivering the answer.

use fleet_a2a::ext::{Decision, PermissionRequest};

use crate::domain::{DispatchId, ErrorKind, Failure};

/// The request that is meant.
pub(super) fn choose<'a>(
    id: DispatchId,
    open: &'a [PermissionRequest],
    wanted: Option<&str>,
    decision: Decision,
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
    if request.choices.is_empty() || request.choices.contains(&decision) {
        Ok(request)
    } else {
        Err(state_failure(
            id,
            "does not offer that answer to this request",
        ))
    }
}

pub(super) fn state_failure(id: DispatchId, what: &str) -> Failure {
    Failure::new(
        ErrorKind::State,
        format!("Dispatch {id} {what}."),
        format!("See how it stands with: fleet dispatches show {id}"),
    )
    .about(id)
}
