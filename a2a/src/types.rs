//! The facade over the official wire types: everything else of ours names them from here,
//! so that the crate behind can be changed in one place.
//!
//! Owns: nothing but the choice of names. Inbound bodies go through the normaliser first,
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
