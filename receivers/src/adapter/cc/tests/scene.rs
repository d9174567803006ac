//! What the tests with the real Claude Code share.
//!
//! Owns: a repo, a home, a model server, an adapter, and turns under way.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fleet_a2a::contract::{Contract, ReplyTo};
use fleet_a2a::ext::{Decision, Question, Ruling, Usage};
use fleet_a2a::{ContextId, MessageId, TaskId};
use fleet_testkit::{ModelServer, Options, claude};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::config;
use crate::Mode;
use crate::adapter::cc::CcAdapter;
use crate::adapter::{
    Adapter, AdapterEvent, COMMAND_QUEUE, EVENT_QUEUE, SessionState, Turn, TurnCommand, TurnEnd,
    TurnIo, TurnOutcome,
};
use crate::child::{ChildEnv, Spawner, sweep};
use crate::config::{Permissions, ReceiverConfig};

/// For anything that is to happen at all; the machine may be busy.
pub(super) const BOUND: Duration = Duration::from_secs(60);

/// A repo, a home, a model and an adapter.
pub(super) struct Scene {
    pub(super) folder: tempfile::TempDir,
    pub(super) model: ModelServer,
    pub(super) config: ReceiverConfig,
    pub(super) env: ChildEnv,
    pub(super) adapter: Arc<CcAdapter>,
    /// The hash of the agent settings that turns begin on.
    pub(super) settings: String,
}

/// A turn under way.
pub(super) struct Running {
    events: mpsc::Receiver<AdapterEvent>,
    pub(super) commands: mpsc::Sender<TurnCommand>,
    pub(super) end: JoinHandle<TurnEnd>,
    /// Of the turn; what it owes is swept by whoever ran it.
    pub(super) spawner: Spawner,
    seen: Vec<AdapterEvent>,
}

impl Scene {
    /// `None` where Claude Code is not installed.
    pub(super) async fn set(permissions: Permissions, extra_env: &[(&str, &str)]) -> Option<Self> {
        let binary = claude::or_skip()?;
        let folder = tempfile::tempdir().unwrap();
        let (repo, home) = (folder.path().join("repo"), folder.path().join("home"));
        std::fs::create_dir(&repo).unwrap();
        std::fs::create_dir(&home).unwrap();
        let options = Options {
            port: 0,
            repo: repo.clone(),
            slow_delay: Duration::from_millis(100),
        };
        let model = ModelServer::start_with(options).await.unwrap();
        let mut source = claude::env(&binary, &home, &model.url());
        source.extend(
            extra_env
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let env = ChildEnv::pick(Mode::Cc, &[], source);
        let mut config = config(&repo);
        config.permissions = permissions;
        let adapter = Arc::new(CcAdapter::new(&config, env.clone()));
        Some(Self {
            folder,
            model,
            config,
            env,
            adapter,
            settings: "those that were accepted".to_owned(),
        })
    }

    pub(super) fn written(&self) -> PathBuf {
        self.folder.path().join("repo/hello.txt")
    }

    pub(super) fn start(
        &self,
        context: &ContextId,
        session: SessionState,
        prompt: &str,
    ) -> Running {
        let task = TaskId::mint();
        let spawner = Spawner::new(
            &self.config.receiver_id,
            &task,
            self.config.repo.clone(),
            self.env.clone(),
        );
        let turn = Turn {
            spawner: spawner.clone(),
            task,
            context: context.clone(),
            message: MessageId::mint(),
            parts: Vec::new(),
            prompt: prompt.to_owned(),
            contract: Arc::new(contract(prompt)),
            session,
            settings: self.settings.clone(),
        };
        let (event_sender, events) = mpsc::channel(EVENT_QUEUE);
        let (commands, command_receiver) = mpsc::channel(COMMAND_QUEUE);
        let io = TurnIo {
            events: event_sender,
            commands: command_receiver,
        };
        let adapter = Arc::clone(&self.adapter);
        let end = tokio::spawn(async move { adapter.run(turn, io).await });
        Running {
            events,
            commands,
            end,
            spawner,
            seen: Vec::new(),
        }
    }

    pub(super) async fn run(
        &self,
        context: &ContextId,
        session: SessionState,
        prompt: &str,
    ) -> (Vec<AdapterEvent>, TurnEnd) {
        self.start(context, session, prompt).finish().await
    }

    /// Another adapter for the same repo and home, as a receiver with other settings has it.
    pub(super) fn again(&mut self, change: impl FnOnce(&mut ReceiverConfig)) {
        change(&mut self.config);
        self.adapter = Arc::new(CcAdapter::new(&self.config, self.env.clone()));
    }

    /// Nothing that was started is left once those that wait are ended.
    pub(super) async fn is_empty(&self) -> bool {
        self.adapter.close().await;
        let report = sweep(&self.config.receiver_id, None).await;
        report.killed == 0 && report.survivors == 0
    }
}

fn contract(instruction: &str) -> Contract {
    Contract {
        instruction: instruction.to_owned(),
        context: None,
        expected_output: None,
        reply_to: ReplyTo::Console,
        deadline_s: 60,
    }
}

impl Running {
    /// The next event for which `wanted` gives something.
    pub(super) async fn until<T>(&mut self, wanted: impl Fn(&AdapterEvent) -> Option<T>) -> T {
        timeout(BOUND, async {
            loop {
                let event = self.events.recv().await.expect("the turn goes on");
                let found = wanted(&event);
                self.seen.push(event);
                if let Some(found) = found {
                    return found;
                }
            }
        })
        .await
        .unwrap()
    }

    pub(super) async fn answer_ask(&mut self, decision: Decision, reason: Option<&str>) {
        let ruling = Ruling::plain(decision, reason.map(str::to_owned));
        self.rule(ruling).await;
    }

    /// Answers what is asked next; gives the questions.
    pub(super) async fn rule(&mut self, ruling: Ruling) -> Vec<Question> {
        let request = self
            .until(|event| match event {
                AdapterEvent::Permission(request) => Some(request.clone()),
                _ => None,
            })
            .await;
        let answer = TurnCommand::Answer {
            request_id: request.request_id,
            decision: ruling.decision,
            reason: ruling.reason,
            answers: ruling.answers,
        };
        self.commands.send(answer).await.unwrap();
        request.questions
    }

    pub(super) async fn finish(mut self) -> (Vec<AdapterEvent>, TurnEnd) {
        timeout(BOUND, async {
            while let Some(event) = self.events.recv().await {
                self.seen.push(event);
            }
            (self.seen, self.end.await.unwrap())
        })
        .await
        .unwrap()
    }
}

pub(super) fn reply(end: &TurnEnd) -> &str {
    match &end.outcome {
        TurnOutcome::Completed { reply } => reply,
        other => panic!("{other:?}"),
    }
}

pub(super) fn usage(events: &[AdapterEvent]) -> Usage {
    events
        .iter()
        .rev()
        .find_map(|event| match event {
            AdapterEvent::Usage(usage) => Some(*usage),
            _ => None,
        })
        .unwrap()
}

pub(super) fn asks(events: &[AdapterEvent]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event, AdapterEvent::Permission(_)))
        .count()
}
