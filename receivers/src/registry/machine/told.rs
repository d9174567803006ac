//! What the adapter tells, and what it costs.
//!
//! Owns: the bounds of what a turn may tell, and the check of the grant after everything that was spent.

use fleet_a2a::ext::{EndReason, FleetEvent};

use super::{Effect, MAX_REPLY_BYTES, MAX_TURN_BYTES, MAX_TURN_EVENTS, Machine, STOP_GRACE, end};
use crate::adapter::AdapterEvent;
use crate::registry::batch::Item;
use crate::store::TaskState;

impl Machine {
    pub(super) fn adapter(&mut self, event: AdapterEvent, now_ms: i64) -> Vec<Effect> {
        match event {
            AdapterEvent::Session(id) => {
                let event = FleetEvent::Session {
                    session_id: id.clone(),
                };
                vec![Effect::Remember(id), Effect::Add(Item::Event(event))]
            }
            AdapterEvent::TextDelta(text) => {
                self.reply_bytes += text.len();
                let bytes = text.len();
                if self.reply_bytes > MAX_REPLY_BYTES {
                    return self.too_much("The reply passed 4 MiB, the most that is taken");
                }
                self.told(bytes, Item::Text(text))
            }
            AdapterEvent::Usage(usage) => {
                self.meter.reported(usage);
                let mut effects = vec![Effect::Add(Item::Usage)];
                effects.extend(self.check_grant());
                effects
            }
            AdapterEvent::Permission(request) => self.permission(request, now_ms),
            AdapterEvent::Artifact { name, parts } => {
                let bytes = serde_json::to_vec(&parts).map_or(0, |json| json.len());
                self.counted(bytes as u64, Item::Artifact { name, parts })
            }
            AdapterEvent::Thought(text) => {
                let bytes = text.len();
                self.told(bytes, Item::Event(FleetEvent::Thought { text }))
            }
            AdapterEvent::Subagent { call_id, text } => {
                let bytes = text.len();
                self.told(bytes, Item::Event(FleetEvent::Subagent { call_id, text }))
            }
            AdapterEvent::ToolCall {
                call_id,
                tool,
                arguments,
            } => {
                let bytes = arguments.to_string().len();
                let event = FleetEvent::ToolCall {
                    call_id,
                    tool,
                    arguments,
                };
                self.told(bytes, Item::Event(event))
            }
            AdapterEvent::ToolResult {
                call_id,
                text,
                is_error,
            } => {
                let bytes = text.len() as u64;
                let event = FleetEvent::ToolResult {
                    call_id,
                    text,
                    is_error,
                };
                self.counted(bytes, Item::Event(event))
            }
            AdapterEvent::Retry {
                attempt,
                max_attempts,
                text,
            } => {
                let bytes = text.len() as u64;
                let event = FleetEvent::Retry {
                    attempt,
                    max_attempts,
                    text,
                };
                self.counted(bytes, Item::Event(event))
            }
            AdapterEvent::Note(text) => {
                let bytes = text.len() as u64;
                self.counted(bytes, Item::Event(FleetEvent::Note { text }))
            }
        }
    }

    /// Something the model wrote: it is metered as output where the agent reports nothing.
    fn told(&mut self, bytes: usize, item: Item) -> Vec<Effect> {
        self.meter.wrote(bytes);
        let mut effects = self.counted(bytes as u64, item);
        effects.extend(self.check_grant());
        effects
    }

    /// Adds an item unless the turn has told too much.
    fn counted(&mut self, bytes: u64, item: Item) -> Vec<Effect> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.events += u64::from(!matches!(item, Item::Text(_)));
        if self.events > MAX_TURN_EVENTS {
            return self.too_much("The turn told more than 100,000 events, the most that is kept");
        }
        if self.bytes > MAX_TURN_BYTES {
            return self.too_much("The turn told more than 64 MiB, the most that is kept");
        }
        vec![Effect::Add(item)]
    }

    fn too_much(&mut self, what: &str) -> Vec<Effect> {
        let detail = format!("{what}; it was stopped there.");
        self.stop(
            end(TaskState::Failed, EndReason::AgentError, &detail),
            STOP_GRACE,
        )
    }

    fn check_grant(&mut self) -> Vec<Effect> {
        match self.limits.passed_by(&self.meter.total()) {
            Some(detail) => self.stop(
                end(TaskState::Canceled, EndReason::Budget, &detail),
                STOP_GRACE,
            ),
            None => Vec::new(),
        }
    }
}
