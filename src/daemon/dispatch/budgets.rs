//! Budgets: how they stand, what a person does to them, and the notice that one is nearly or wholly spent.
//!
//! Owns: when a notice is due. It is stored before it is told, and looked for again when the daemon starts, so that none is
//! told twice or lost. Does not own: the sums (`domain`) and the rows (`store`).

use std::collections::HashMap;

use fleet_a2a::clock;

use super::DispatchHandle;
use super::live::Inner;
use super::request::known_peer;
use crate::config::FleetConfig;
use crate::control::{BudgetView, Notice, NoticeLevel};
use crate::daemon::ledger;
use crate::daemon::store::{
    Adjusted, Adjustment, AdjustmentKind, Balance, BudgetNoticeRow, Occasion, StoreError,
};
use crate::domain::{
    BudgetLimit, CommandId, ErrorKind, Failure, Mark, PeerName, PeerText, TopUp, TopUpError,
    marks_reached,
};

/// Notices of former runs of the daemon that are shown again: a snapshot holds no more.
const STANDING: u32 = crate::control::SNAPSHOT_NOTICES as u32;

impl DispatchHandle {
    /// Budgets in their current window, in the order of fleet.toml.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub async fn budgets(
        &self,
        config: &FleetConfig,
        peer: Option<PeerName>,
    ) -> Result<Vec<BudgetView>, Failure> {
        self.inner.configured(config);
        let now_ms = clock::now_ms();
        let mut sums: HashMap<i64, HashMap<String, Balance>> = HashMap::new();
        let mut views = Vec::new();
        for known in &config.peers {
            if peer.as_ref().is_some_and(|wanted| *wanted != known.name) {
                continue;
            }
            // Peers without a budget show all they ever used.
            let since_ms = known
                .budget
                .map_or(0, |limit| limit.window.start_ms(now_ms));
            if let std::collections::hash_map::Entry::Vacant(entry) = sums.entry(since_ms) {
                entry.insert(self.inner.store.balances(since_ms).await?);
            }
            let balance = sums
                .get(&since_ms)
                .and_then(|all| all.get(known.name.as_str()))
                .copied()
                .unwrap_or_default();
            views.push(ledger::view(
                &known.name,
                known.budget.as_ref(),
                &balance,
                now_ms,
            ));
        }
        Ok(views)
    }

    /// Adds to what a peer may spend in this window; the same command again adds nothing.
    ///
    /// # Errors
    /// `NotFound` an unknown peer; `Usage` amounts that add nothing to a limit; `State` another command under this id.
    pub async fn top_up(
        &self,
        command_id: CommandId,
        peer: &PeerName,
        amounts: &TopUp,
        config: &FleetConfig,
    ) -> Result<Vec<BudgetView>, Failure> {
        let limit = limit_of(peer, config)?;
        let amounts = amounts
            .amounts(&limit)
            .map_err(|error| no_top_up(peer, error))?;
        let kind = AdjustmentKind::TopUp(amounts);
        self.adjust((command_id, kind), peer, config).await
    }

    /// Lets what a peer has spent in this window count from zero; what open dispatches hold stays held.
    ///
    /// # Errors
    /// `NotFound` an unknown peer; `Usage` one without a budget; `State` another command under this id.
    pub async fn reset_budget(
        &self,
        command_id: CommandId,
        peer: &PeerName,
        config: &FleetConfig,
    ) -> Result<Vec<BudgetView>, Failure> {
        let since_ms = limit_of(peer, config)?.window.start_ms(clock::now_ms());
        let kind = AdjustmentKind::Reset { since_ms };
        self.adjust((command_id, kind), peer, config).await
    }

    async fn adjust(
        &self,
        (command_id, kind): (CommandId, AdjustmentKind),
        peer: &PeerName,
        config: &FleetConfig,
    ) -> Result<Vec<BudgetView>, Failure> {
        let adjustment = Adjustment {
            command_id,
            peer: peer.clone(),
            kind,
            at_ms: clock::now_ms(),
        };
        match self.inner.store.adjust(&adjustment).await? {
            Adjusted::Now | Adjusted::Before => {}
            Adjusted::Otherwise => {
                return Err(Failure::new(
                    ErrorKind::State,
                    format!("Command {command_id} was given before for something else."),
                    "Give the command again; fleet mints a new id for it.",
                ));
            }
        }
        self.inner.changed();
        self.budgets(config, Some(peer.clone())).await
    }

    /// Brings fleet.toml, and tells what a former run of the daemon stored and perhaps did not tell.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub async fn tell_standing(&self, config: &FleetConfig) -> Result<Vec<Notice>, Failure> {
        self.inner.configured(config);
        for peer in config.peers.iter().filter(|peer| peer.budget.is_some()) {
            self.inner.store_marks(&peer.name).await?;
        }
        let now_ms = clock::now_ms();
        let rows = self.inner.store.standing_notices(now_ms, STANDING).await?;
        Ok(rows.into_iter().map(notice_of).collect())
    }

    /// What was told about a peer's budget since an instant, in milliseconds of Unix time.
    ///
    /// # Errors
    /// `Internal` when the store fails.
    pub async fn budget_notices(
        &self,
        peer: &PeerName,
        since_ms: i64,
    ) -> Result<Vec<Notice>, Failure> {
        if self.inner.limit_of(peer).is_none() {
            return Ok(Vec::new());
        }
        let rows = self.inner.store.notices_since(peer, since_ms).await?;
        Ok(rows.into_iter().map(notice_of).collect())
    }
}

impl Inner {
    /// Tells the marks that a peer's budget has reached, each once.
    pub(super) async fn tell_marks(&self, peer: &PeerName) -> Result<(), StoreError> {
        for row in self.store_marks(peer).await? {
            drop(self.notices.send(notice_of(row)));
        }
        Ok(())
    }

    /// Stores those that were not told yet, and gives them.
    async fn store_marks(&self, peer: &PeerName) -> Result<Vec<BudgetNoticeRow>, StoreError> {
        let Some(limit) = self.limit_of(peer) else {
            return Ok(Vec::new());
        };
        let at_ms = clock::now_ms();
        let since_ms = limit.window.start_ms(at_ms);
        let balance = self.store.balance_of(peer, since_ms).await?;
        let mut new = Vec::new();
        for mark in marks_reached(&limit, &balance.topped_up, &balance.spent) {
            let row = BudgetNoticeRow {
                peer: peer.clone(),
                percent: mark.percent,
                at_ms,
                text: sentence(peer, &limit, &mark, at_ms),
            };
            let occasion = Occasion {
                figure: mark.figure,
                window: limit.window,
                adjustment_id: balance.adjustment_id,
            };
            if self.store.tell_once(occasion, &row).await? {
                new.push(row);
            }
        }
        Ok(new)
    }
}

/// What a person is told, beside whose budget it is: how much of which figure, until when, and what to do.
fn sentence(peer: &PeerName, limit: &BudgetLimit, mark: &Mark, now_ms: i64) -> String {
    let word = limit.window.word();
    let resets = match limit.window.end_ms(now_ms) {
        Some(end_ms) => format!("the {word} resets at {}", clock::rfc3339(end_ms)),
        None => format!("the {word} never resets by itself"),
    };
    let refused = if mark.is_full() {
        ", and further dispatches are refused"
    } else {
        ""
    };
    let (flag, value) = (mark.figure.word(), mark.figure.flag_value());
    format!(
        "{mark} are spent{refused}; {resets}. More with: fleet budget top-up {peer} --{flag} {value}"
    )
}

fn notice_of(row: BudgetNoticeRow) -> Notice {
    Notice {
        at: clock::rfc3339(row.at_ms),
        level: if row.percent >= 100 {
            NoticeLevel::Error
        } else {
            NoticeLevel::Warning
        },
        peer: Some(row.peer),
        text: PeerText::new(row.text),
    }
}

fn limit_of(peer: &PeerName, config: &FleetConfig) -> Result<BudgetLimit, Failure> {
    known_peer(peer.as_str(), config)?.budget.ok_or_else(|| {
        Failure::new(
            ErrorKind::Usage,
            format!("{peer} has no budget in {}.", config.path.display()),
            format!("Give it one there, such as: budget = {{ tokens = 200_000, window = \"day\" }} under [peers.{peer}]."),
        )
    })
}

fn no_top_up(peer: &PeerName, error: TopUpError) -> Failure {
    let remedy = match error {
        TopUpError::Nothing => {
            format!("Name one: fleet budget top-up {peer} --tokens N, --turns N or --cost USD.")
        }
        TopUpError::Amount(figure) => format!(
            "Give another amount: fleet budget top-up {peer} --{} {}.",
            figure.word(),
            figure.flag_value()
        ),
        TopUpError::Unlimited(_) => {
            format!("See what is limited with: fleet budget show {peer}")
        }
    };
    Failure::new(
        ErrorKind::Usage,
        format!("The budget of {peer} was not topped up: {error}."),
        remedy,
    )
}
