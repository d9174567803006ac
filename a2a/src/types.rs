//! The facade over the official wire types: everything else of ours names them from here,
//! so that the crate behind can be changed in one place.
//!
//! Owns: nothing but the choice of names, and time in and out of them as milliseconds. Inbound bodies go through the normaliser first,
//! because these types are stricter than what peers send.

pub use a2a::{
    A2AError, AgentCapabilities, AgentCard, AgentExtension, AgentInterface, AgentProvider,
    AgentSkill, Artifact, CancelTaskRequest, FieldViolation, GetTaskRequest,
    HttpAuthSecurityScheme, JsonRpcError, JsonRpcId, JsonRpcRequest, JsonRpcResponse,
    ListTasksRequest, ListTasksResponse, Message, Part, PartContent, Role, SecurityScheme,
    SendMessageConfiguration, SendMessageRequest, SendMessageResponse, StreamResponse,
    SubscribeToTaskRequest, Task, TaskArtifactUpdateEvent, TaskState, TaskStatus,
    TaskStatusUpdateEvent, TypedDetail, error_code, methods,
};

/// A status with its time, in milliseconds of Unix time.
#[must_use]
pub fn status_at(state: TaskState, message: Option<Message>, at_ms: i64) -> TaskStatus {
    TaskStatus {
        state,
        message,
        timestamp: chrono::DateTime::from_timestamp_millis(at_ms),
    }
}

/// When a status was set, in milliseconds of Unix time, as far as the peer said.
#[must_use]
pub fn status_time_ms(status: &TaskStatus) -> Option<i64> {
    status.timestamp.map(|at| at.timestamp_millis())
}
