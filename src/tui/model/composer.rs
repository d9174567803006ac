//! The draft of a dispatch.
//!
//! Owns: the fields, what is wrong with them as they are typed, and the contract they make. The daemon validates again;
//! what is checked here is what a person should learn before sending.

use fleet_a2a::ContextId;
use fleet_a2a::contract::{ContractRules, DEADLINE_S, RawContract, Violation};
use serde_json::{Map, Value, json};
use url::Url;

use crate::control::{FleetSnapshot, SubmitRequest};
use crate::domain::{DispatchId, Failure, PeerName};
use crate::tui::widgets::{Input, Lines};

/// A field of the composer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldId {
    Peer,
    Instruction,
    Context,
    Expected,
    ReplyTo,
    Deadline,
    ContextId,
}

/// The draft; it lives on when the composer is closed.
#[derive(Debug)]
pub(crate) struct Composer {
    pub(crate) peer: Option<PeerName>,
    pub(crate) instruction: Input,
    pub(crate) context: Input,
    pub(crate) expected: Input,
    pub(crate) reply_to: Input,
    pub(crate) deadline: Input,
    pub(crate) context_id: Input,
    pub(crate) focus: FieldId,
    pub(crate) phase: Phase,
    pub(crate) attempt: Attempt,
    /// What is wrong with the fields, in their order, as of the last check.
    pub(crate) wrong: Vec<Complaint>,
    /// Mints ids; an argument, so that tests can fix them.
    pub(crate) mint: fn() -> DispatchId,
}

/// Where the draft stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    Editing,
    Sending(DispatchId),
    /// The daemon's word, shown until the next change.
    Refused(Failure),
}

/// What was sent last: sending the same again uses the same id, so that a lost answer cannot make two runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attempt {
    Fresh,
    Tried(Box<SubmitRequest>),
}

/// Something wrong with a field: what it is and what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) field: FieldId,
    pub(crate) text: String,
}

/// What a draft is checked against.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) peers: Vec<PeerName>,
    pub(crate) default_deadline_s: Option<u32>,
}

impl Complaint {
    fn new(field: FieldId, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { field, text }
    }

    /// A violation belongs to the field its path begins with; one of the whole contract to the instruction.
    fn of(violation: &Violation) -> Self {
        let fields = [
            FieldId::Context,
            FieldId::Expected,
            FieldId::ReplyTo,
            FieldId::Deadline,
        ];
        let named = |field: &FieldId| violation.field.starts_with(field.label());
        let field = fields.into_iter().find(named);
        Self::new(field.unwrap_or(FieldId::Instruction), violation.to_string())
    }
}

impl Known {
    /// What a snapshot tells.
    pub(crate) fn of(snapshot: Option<&FleetSnapshot>) -> Self {
        snapshot.map_or_else(Self::default, |all| Self {
            peers: all.peers.iter().map(|peer| peer.name.clone()).collect(),
            default_deadline_s: Some(all.default_deadline_s),
        })
    }
}

impl FieldId {
    /// All, from top to bottom.
    pub(crate) const ALL: [Self; 7] = [
        Self::Peer,
        Self::Instruction,
        Self::Context,
        Self::Expected,
        Self::ReplyTo,
        Self::Deadline,
        Self::ContextId,
    ];

    /// Its name, as the contract says it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Instruction => "instruction",
            Self::Context => "context",
            Self::Expected => "expected_output",
            Self::ReplyTo => "reply_to",
            Self::Deadline => "deadline_s",
            Self::ContextId => "context id",
        }
    }

    /// What it is for, and its default.
    pub(crate) fn purpose(self) -> &'static str {
        match self {
            Self::Peer => "left and right choose another peer",
            Self::Instruction => "what to do; required",
            Self::Context => "what the peer needs to know; may stay empty",
            Self::Expected => {
                "what the reply must be: text, or JSON like {\"format\": \"json\"}; may stay empty"
            }
            Self::ReplyTo => "who gets the reply: console (the default), a peer or a URL",
            Self::Deadline => {
                "seconds from acceptance, 1 to 86400; empty takes the fleet's default"
            }
            Self::ContextId => "the conversation to go on with; empty begins a new one",
        }
    }
}

impl Composer {
    /// An empty draft.
    pub(crate) fn new() -> Self {
        Self {
            peer: None,
            instruction: Input::new(Lines::Many),
            context: Input::new(Lines::Many),
            expected: Input::new(Lines::Many),
            reply_to: Input::new(Lines::One),
            deadline: Input::new(Lines::One),
            context_id: Input::new(Lines::One),
            focus: FieldId::Instruction,
            phase: Phase::Editing,
            attempt: Attempt::Fresh,
            wrong: Vec::new(),
            mint: DispatchId::mint,
        }
    }

    /// Forgets the draft, keeps the peer.
    pub(crate) fn clear(&mut self) {
        let (peer, mint) = (self.peer.take(), self.mint);
        *self = Self {
            peer,
            mint,
            ..Self::new()
        };
        self.focus_on(FieldId::Instruction);
    }

    /// Whether closing the console would lose something.
    pub(crate) fn is_blank(&self) -> bool {
        let inputs = [&self.instruction, &self.context, &self.expected];
        inputs.into_iter().all(Input::is_blank)
    }

    /// The input of a field; the peer has none, it is chosen.
    pub(crate) fn input(&self, field: FieldId) -> Option<&Input> {
        match field {
            FieldId::Peer => None,
            FieldId::Instruction => Some(&self.instruction),
            FieldId::Context => Some(&self.context),
            FieldId::Expected => Some(&self.expected),
            FieldId::ReplyTo => Some(&self.reply_to),
            FieldId::Deadline => Some(&self.deadline),
            FieldId::ContextId => Some(&self.context_id),
        }
    }

    /// The same, to type in.
    pub(crate) fn input_mut(&mut self, field: FieldId) -> Option<&mut Input> {
        match field {
            FieldId::Peer => None,
            FieldId::Instruction => Some(&mut self.instruction),
            FieldId::Context => Some(&mut self.context),
            FieldId::Expected => Some(&mut self.expected),
            FieldId::ReplyTo => Some(&mut self.reply_to),
            FieldId::Deadline => Some(&mut self.deadline),
            FieldId::ContextId => Some(&mut self.context_id),
        }
    }

    /// Moves the cursor to a field.
    pub(crate) fn focus_on(&mut self, field: FieldId) {
        for other in FieldId::ALL {
            if let Some(input) = self.input_mut(other) {
                input.focus(other == field);
            }
        }
        self.focus = field;
    }

    /// Moves the cursor by so many fields, around the ends.
    pub(crate) fn turn(&mut self, by: isize) {
        let all = FieldId::ALL;
        let now = all.iter().position(|f| *f == self.focus).unwrap_or(0);
        let next = (now + all.len()).saturating_add_signed(by) % all.len();
        if let Some(field) = all.get(next) {
            self.focus_on(*field);
        }
    }

    /// Holds the draft against its rules; what is wrong is kept for the view.
    pub(crate) fn check(&mut self, known: &Known) {
        let mut wrong: Vec<Complaint> = peer_complaint(self.peer.as_ref(), known)
            .into_iter()
            .map(|text| Complaint::new(FieldId::Peer, text))
            .collect();
        wrong.extend(self.contract_complaints(known));
        let id = self.context_id.text();
        if let (false, Err(error)) = (id.trim().is_empty(), ContextId::new(id.trim())) {
            wrong.push(Complaint::new(FieldId::ContextId, format!("{error}.")));
        }
        self.wrong = wrong;
    }

    fn contract_complaints(&self, known: &Known) -> Vec<Complaint> {
        if let Err(error) = structured(&self.expected.text()) {
            let text = format!("expected_output begins with {{ but is no JSON: {error}.");
            return vec![Complaint::new(FieldId::Expected, text)];
        }
        let peers: Vec<String> = known.peers.iter().map(ToString::to_string).collect();
        // Which hosts are allowed stands in fleet.toml, which the daemon reads; here every host is.
        let host = Url::parse(self.reply_to.text().trim()).ok();
        let host = host.and_then(|url| url.host_str().map(str::to_owned));
        let rules = ContractRules {
            default_deadline_s: known.default_deadline_s.unwrap_or(*DEADLINE_S.start()),
            peers: &peers,
            hosts: &Vec::from_iter(host),
        };
        let checked = RawContract::from_value(self.contract())
            .and_then(|raw| raw.validate(&rules).map_err(|error| error.violations));
        match checked {
            Ok(_) => Vec::new(),
            Err(violations) => violations.iter().map(Complaint::of).collect(),
        }
    }

    /// The request this draft makes; only a draft without complaints is one.
    pub(crate) fn request(&self, again: Again) -> Option<SubmitRequest> {
        let peer = self.peer.as_ref()?.to_string();
        let contract = self.contract();
        let context_id = Some(self.context_id.text().trim().to_owned()).filter(|id| !id.is_empty());
        let again = again == Again::Yes;
        let dispatch_id = match &self.attempt {
            Attempt::Tried(last)
                if last.peer == peer
                    && last.contract == contract
                    && last.context_id == context_id
                    && last.again == again =>
            {
                last.dispatch_id
            }
            Attempt::Tried(_) | Attempt::Fresh => (self.mint)(),
        };
        Some(SubmitRequest {
            dispatch_id,
            peer,
            contract,
            context_id,
            again,
        })
    }

    /// The contract as typed; `check` tells whether it is one.
    fn contract(&self) -> Value {
        let mut contract = Map::new();
        contract.insert("instruction".to_owned(), json!(self.instruction.text()));
        if !self.context.is_blank() {
            contract.insert("context".to_owned(), json!(self.context.text()));
        }
        let expected = self.expected.text();
        if !expected.trim().is_empty() {
            let value = structured(&expected).ok().flatten();
            let value = value.unwrap_or_else(|| json!(expected));
            contract.insert("expected_output".to_owned(), value);
        }
        let reply_to = self.reply_to.text().trim().to_owned();
        if !reply_to.is_empty() {
            contract.insert("reply_to".to_owned(), json!(reply_to));
        }
        let deadline = self.deadline.text().trim().to_owned();
        if !deadline.is_empty() {
            let seconds = deadline.parse::<u64>().ok();
            let value = seconds.map_or_else(|| json!(deadline), |seconds| json!(seconds));
            contract.insert("deadline_s".to_owned(), value);
        }
        Value::Object(contract)
    }
}

/// Whether a second run of the same content is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    No,
    Yes,
}

fn peer_complaint(peer: Option<&PeerName>, known: &Known) -> Option<String> {
    match peer {
        None if known.peers.is_empty() => {
            Some("There is no peer; fleet.toml takes a [peers.NAME] table for each.".to_owned())
        }
        None => Some("No peer is chosen; left and right choose one.".to_owned()),
        Some(peer) if known.peers.contains(peer) => None,
        Some(peer) => Some(format!("{peer} is no peer of this fleet any more.")),
    }
}

/// What begins with a brace is the structured form; anything else stays text.
fn structured(text: &str) -> Result<Option<Value>, serde_json::Error> {
    let text = text.trim();
    if text.starts_with('{') {
        serde_json::from_str(text).map(Some)
    } else {
        Ok(None)
    }
}
