//! The parameters of the operations that take no message.
//!
//! Owns: reading them from JSON-RPC params and REST queries, with a sentence for each that is wrong.

use fleet_a2a::contract::{Violation, shown_value};
use fleet_a2a::rpc::Fault;
use fleet_a2a::types::TaskState as WireState;
use fleet_a2a::{ContextId, TaskId};
use serde_json::{Map, Value};

use crate::registry::{Artifact, Detail};
use crate::store::{PageAfter, TaskFilter, TaskState};

/// Tasks on a page when the caller names no number.
const DEFAULT_PAGE: u32 = 50;
/// Most tasks on a page.
const MAX_PAGE: u32 = 100;

/// Parameters by name.
#[derive(Debug)]
pub(super) struct Params(Map<String, Value>);

impl Params {
    /// Takes the params of a JSON-RPC request; absent ones are an empty object.
    pub(super) fn of(params: Value) -> Result<Self, Fault> {
        match params {
            Value::Object(map) => Ok(Self(map)),
            Value::Null => Ok(Self(Map::new())),
            other => Err(wrong("params", &other, "an object")),
        }
    }

    /// Takes a query. Only the parameters that are numbers or booleans are read as such: a context may be called `123`.
    pub(super) fn of_query(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or("").as_bytes());
        let typed = |key: &str, text: &str| match (key, text) {
            ("pageSize" | "historyLength", text) => text
                .parse::<i64>()
                .map_or_else(|_| text.into(), Value::from),
            ("includeArtifacts", "true" | "false") => Value::Bool(text == "true"),
            (_, text) => text.into(),
        };
        Self(
            pairs
                .map(|(key, text)| {
                    let value = typed(&key, &text);
                    (key.into_owned(), value)
                })
                .collect(),
        )
    }

    /// The same with the id that stood in the path.
    pub(super) fn with_id(mut self, id: String) -> Self {
        self.0.insert("id".to_owned(), Value::String(id));
        self
    }

    fn given(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// The task that `id` names.
    pub(super) fn task(&self) -> Result<TaskId, Fault> {
        let given = self.given("id").cloned().unwrap_or_default();
        given
            .as_str()
            .and_then(|text| TaskId::new(text).ok())
            .ok_or_else(|| wrong("id", &given, "a task id of 1 to 256 characters"))
    }

    /// A whole number within bounds; 5.0 is 5, because protobuf makes doubles of numbers.
    fn number(&self, key: &str, min: u32, max: u32) -> Result<Option<u32>, Fault> {
        let Some(value) = self.given(key) else {
            return Ok(None);
        };
        value
            .as_f64()
            .filter(|n| n.fract() == 0.0 && *n >= f64::from(min) && *n <= f64::from(max))
            // Checked above: whole and within u32.
            .map(|n| {
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "checked"
                )]
                Some(n as u32)
            })
            .ok_or_else(|| wrong(key, value, &format!("a whole number from {min} to {max}")))
    }

    /// `historyLength`.
    pub(super) fn history(&self) -> Result<Option<u32>, Fault> {
        self.number("historyLength", 0, u32::from(u16::MAX))
    }

    /// What GetTask shows.
    pub(super) fn detail(&self) -> Result<Detail, Fault> {
        Ok(Detail::full(self.history()?))
    }

    /// What ListTasks asks for.
    pub(super) fn list(&self) -> Result<List, Fault> {
        let artifacts = match self.given("includeArtifacts") {
            None | Some(Value::Bool(false)) => Artifact::Omitted,
            Some(Value::Bool(true)) => Artifact::Shown,
            Some(other) => return Err(wrong("includeArtifacts", other, "true or false")),
        };
        Ok(List {
            filter: TaskFilter {
                context: self.context()?,
                state: self.state()?,
                changed_from_ms: self.changed_from()?,
            },
            after: self.token()?,
            size: self
                .number("pageSize", 1, MAX_PAGE)?
                .unwrap_or(DEFAULT_PAGE),
            detail: Detail {
                artifacts,
                ..Detail::full(self.history()?)
            },
        })
    }

    fn context(&self) -> Result<Option<ContextId>, Fault> {
        match self.given("contextId") {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(value) => value
                .as_str()
                .and_then(|text| ContextId::new(text).ok())
                .map(Some)
                .ok_or_else(|| wrong("contextId", value, "an id of 1 to 256 characters")),
        }
    }

    fn state(&self) -> Result<Option<TaskState>, Fault> {
        let Some(value) = self.given("status") else {
            return Ok(None);
        };
        let known = TaskState::ALL
            .into_iter()
            .find(|state| value == state.wire());
        match known {
            Some(state) => Ok(Some(state)),
            None if value == "TASK_STATE_UNSPECIFIED" || value == "" => Ok(None),
            // A state of the protocol that no task of ours ever has: to ask for it is a mistake worth hearing of.
            None if serde_json::from_value::<WireState>(value.clone()).is_ok() => Err(wrong(
                "status",
                value,
                "a state that tasks of this receiver have",
            )),
            None => Err(wrong(
                "status",
                value,
                "one of the TASK_STATE_ words of A2A 1.0",
            )),
        }
    }

    fn changed_from(&self) -> Result<Option<i64>, Fault> {
        let Some(value) = self.given("statusTimestampAfter") else {
            return Ok(None);
        };
        value
            .as_str()
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
            .map(|at| Some(at.as_millisecond()))
            .ok_or_else(|| {
                wrong(
                    "statusTimestampAfter",
                    value,
                    "a time as 2026-01-31T12:00:00Z",
                )
            })
    }

    fn token(&self) -> Result<Option<PageAfter>, Fault> {
        match self.given("pageToken") {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(value) => value
                .as_str()
                .and_then(read_token)
                .map(Some)
                .ok_or_else(|| wrong("pageToken", value, "the nextPageToken of an earlier page")),
        }
    }
}

/// What ListTasks asks for.
#[derive(Debug)]
pub(super) struct List {
    pub(super) filter: TaskFilter,
    pub(super) after: Option<PageAfter>,
    pub(super) size: u32,
    pub(super) detail: Detail,
}

/// The token of the page after this task. Callers need not understand it.
pub(super) fn write_token(after: &PageAfter) -> String {
    format!("{:x}.{}", after.changed_at_ms, after.id)
}

fn read_token(text: &str) -> Option<PageAfter> {
    let (at, id) = text.split_once('.')?;
    Some(PageAfter {
        changed_at_ms: i64::from_str_radix(at, 16).ok()?,
        id: TaskId::new(id).ok()?.to_string(),
    })
}

fn wrong(field: &str, held: &Value, takes: &str) -> Fault {
    Fault::invalid_params(&[Violation::new(field, shown_value(held), takes)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn list(params: Value) -> Result<List, Fault> {
        Params::of(params).and_then(|params| params.list())
    }

    #[test]
    fn a_list_has_defaults() {
        let list = list(json!({})).unwrap();
        assert_eq!((list.size, list.detail.artifacts), (50, Artifact::Omitted));
        assert_eq!(list.filter, TaskFilter::default());
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        let table = [
            json!({"pageSize": 0}),
            json!({"pageSize": 101}),
            json!({"pageSize": 1.5}),
            json!({"pageSize": "x"}),
            json!({"historyLength": -1}),
            json!({"status": "working"}),
            json!({"contextId": 7}),
            json!({"includeArtifacts": "yes"}),
            json!({"pageToken": "zz"}),
            json!({"statusTimestampAfter": "soon"}),
        ];
        for params in table {
            let field = params.as_object().unwrap().keys().next().unwrap().clone();
            let fault = list(params).unwrap_err();
            assert!(fault.message().contains(&field), "{}", fault.message());
        }
        assert!(Params::of(json!([1])).is_err());
    }

    #[test]
    fn queries_and_doubles_are_numbers() {
        let params = Params::of_query(Some("pageSize=5&includeArtifacts=true&contextId=a%20b"));
        let list = params.list().unwrap();
        assert_eq!((list.size, list.detail.artifacts), (5, Artifact::Shown));
        assert_eq!(list.filter.context.unwrap().as_str(), "a b");
        assert_eq!(self::list(json!({"pageSize": 5.0})).unwrap().size, 5);
        for text in ["123", "true"] {
            let params = Params::of_query(Some(&format!("contextId={text}")));
            assert_eq!(
                params.list().unwrap().filter.context.unwrap().as_str(),
                text
            );
        }
    }

    #[test]
    fn a_token_comes_back() {
        let after = PageAfter {
            changed_at_ms: 1_795_000_000_123,
            id: "t.1".to_owned(),
        };
        assert_eq!(read_token(&write_token(&after)), Some(after));
    }
}
