//! One `[peers.<name>]`.
//!
//! Owns: what a receiver of ours and somebody else's agent may say of themselves. Does not own: the file around it.

use fleet_a2a::client::Dialect;
use fleet_receivers::Mode;
use fleet_receivers::config::{Ceiling, DEFAULT_WARM_IDLE_S, ExecEvents, Permissions};
use url::Url;

use super::problem::Problems;
use super::raw::{At, MAX_INTEGER, Section};
use super::types::{ForeignPeer, PeerConfig, PeerKind, ReceiverPeer};
use super::validate::{Base, normal};
use crate::domain::{BudgetLimit, Cost, PeerName, Window};

/// Most turns at a time: each is a process of up to 580 MB.
const MAX_TURNS: u64 = 64;
/// Longest wait for a person, in seconds: the longest deadline.
const MAX_PERMISSION_TIMEOUT_S: u64 = 86_400;
/// Longest time without work, in seconds: a week.
const MAX_IDLE_TIMEOUT_S: u64 = 604_800;
/// Longest wait of an agent's process for its next turn, in seconds: a day. It holds hundreds of megabytes meanwhile.
const MAX_WARM_IDLE_S: u64 = 86_400;
/// Ports below belong to the system.
const PORTS: std::ops::RangeInclusive<u64> = 1024..=65_535;

/// Reads one peer; `None` when it cannot be used, which is told.
pub(super) fn read(
    name: &str,
    mut section: Section<'_>,
    base: Base<'_>,
    problems: &mut Problems,
) -> Option<PeerConfig> {
    let (key, at) = (section.key.clone(), section.at);
    let name = match PeerName::new(name) {
        Ok(name) => Some(name),
        Err(error) => {
            problems.add(at, &key, format_args!("is misnamed: {error}"));
            None
        }
    };
    let budget = section.section("budget", problems);
    let budget = budget.and_then(|budget| read_budget(budget, problems));
    let kind = match (section.has("mode"), section.has("url")) {
        (true, false) => read_receiver(&mut section, base, problems)
            .map(|receiver| PeerKind::Receiver(Box::new(receiver))),
        (false, true) => read_foreign(&mut section, problems).map(PeerKind::Foreign),
        (true, true) => {
            problems.add(
                at,
                &key,
                "has both mode and url; keep `mode` for a receiver of ours, or `url` for somebody else's agent",
            );
            return None;
        }
        (false, false) => {
            problems.add(
                at,
                &key,
                "has neither mode nor url; give it `mode` (cc, oc, codex, agy, hermes, exec, echo) for a receiver of ours, or `url` for somebody else's agent",
            );
            return None;
        }
    };
    section.finish(problems);
    Some(PeerConfig {
        name: name?,
        budget,
        kind: kind?,
    })
}

fn read_receiver(
    section: &mut Section<'_>,
    base: Base<'_>,
    problems: &mut Problems,
) -> Option<ReceiverPeer> {
    let mode = section.word("mode", problems, |text| {
        text.parse::<Mode>()
            .map_err(|_| "one of cc, oc, codex, agy, hermes, exec, echo")
    });
    let repo = read_repo(section, mode.as_ref(), base, problems);
    let model = section.text("model", problems);
    if let Some(model) = model.as_ref().filter(|model| model.value.starts_with('-')) {
        // The agent's command line would take it for one of its own switches.
        let says = format_args!(
            "is {:?}; it takes the name of a model, which starts with no '-'",
            model.value
        );
        model.wrong(problems, says);
    }
    let permissions = read_permissions(section, mode.as_ref(), problems);
    let (command, events) = read_command(section, mode.as_ref(), problems);
    let env = read_env(section, problems);
    let turns = section.integer("max_concurrent_turns", 1..=MAX_TURNS, problems);
    let permission_timeout = section.integer(
        "permission_timeout_s",
        1..=MAX_PERMISSION_TIMEOUT_S,
        problems,
    );
    let idle_timeout = section.integer("idle_timeout_s", 0..=MAX_IDLE_TIMEOUT_S, problems);
    let warm_idle = section.integer("warm_idle_s", 0..=MAX_WARM_IDLE_S, problems);
    let ceiling = read_ceiling(section, problems);
    let port = section.integer("port", PORTS, problems);
    let mode = mode?.value;
    let useless = format_args!("is of no use to mode {mode}; leave it out");
    if let (Mode::Exec | Mode::Echo, Some(model)) = (mode, &model) {
        model.wrong(problems, useless);
    }
    if let (Mode::Exec | Mode::Echo, Some(warm_idle)) = (mode, &warm_idle) {
        warm_idle.wrong(problems, useless);
    }
    Some(ReceiverPeer {
        mode,
        repo: repo?,
        model: model.map(|model| model.value),
        permissions,
        command,
        events,
        env,
        max_concurrent_turns: or(turns, 3),
        permission_timeout_s: or(permission_timeout, 300),
        idle_timeout_s: or(idle_timeout, 1_800),
        warm_idle_s: or(warm_idle, DEFAULT_WARM_IDLE_S),
        ceiling,
        port: port.and_then(|port| u16::try_from(port.value).ok()),
    })
}

fn or(given: Option<At<u64>>, default: u32) -> u32 {
    given
        .and_then(|given| u32::try_from(given.value).ok())
        .unwrap_or(default)
}

fn read_repo(
    section: &mut Section<'_>,
    mode: Option<&At<Mode>>,
    base: Base<'_>,
    problems: &mut Problems,
) -> Option<std::path::PathBuf> {
    let Some(repo) = section.text("repo", problems) else {
        let mode = mode?;
        if mode.value == Mode::Echo {
            return Some(normal(base.folder));
        }
        if !section.has("repo") {
            problems.add(
                section.at,
                &format!("{}.repo", section.key),
                format_args!(
                    "is missing; mode {} takes the folder its agent works in, such as `repo = \"~/src/app\"`",
                    mode.value
                ),
            );
        }
        return None;
    };
    match base.resolve(&repo.value) {
        Ok(path) if path.is_dir() => Some(path),
        Ok(path) => {
            let says = if path.exists() {
                "is no folder"
            } else {
                "does not exist"
            };
            repo.wrong(
                problems,
                format_args!(
                    "is {}, which {says}; it takes an existing folder",
                    path.display()
                ),
            );
            None
        }
        Err(why) => {
            repo.wrong(problems, why);
            None
        }
    }
}

fn read_permissions(
    section: &mut Section<'_>,
    mode: Option<&At<Mode>>,
    problems: &mut Problems,
) -> Permissions {
    let given = section.word("permissions", problems, |text| match text {
        "read-only" => Ok(Permissions::ReadOnly),
        "ask" => Ok(Permissions::Ask),
        "edit" => Ok(Permissions::Edit),
        "full" => Ok(Permissions::Full),
        _other => Err("one of read-only, ask, edit, full"),
    });
    match mode.map(|mode| mode.value) {
        // Nothing restrains a command, so nothing else may be promised of it.
        Some(Mode::Exec) => {
            if let Some(given) = given.filter(|given| given.value != Permissions::Full) {
                given.wrong(
                    problems,
                    "cannot be kept: nothing restrains a command; leave it out or write \"full\"",
                );
            }
            Permissions::Full
        }
        Some(Mode::Echo) => Permissions::ReadOnly,
        Some(Mode::Cc | Mode::Oc | Mode::Codex | Mode::Agy | Mode::Hermes) | None => {
            given.map_or(Permissions::Ask, |given| given.value)
        }
    }
}

fn read_command(
    section: &mut Section<'_>,
    mode: Option<&At<Mode>>,
    problems: &mut Problems,
) -> (Vec<String>, ExecEvents) {
    let command = section.texts("command", problems);
    let events = section.word("events", problems, |text| match text {
        "text" => Ok(ExecEvents::Text),
        "jsonl" => Ok(ExecEvents::Jsonl),
        _other => Err("text or jsonl"),
    });
    let Some(mode) = mode else {
        return (Vec::new(), ExecEvents::Text);
    };
    if mode.value == Mode::Exec {
        // One of a wrong type was told already.
        let absent = !section.has("command");
        let empty = command.as_ref().filter(|command| command.value.is_empty());
        if absent || empty.is_some() {
            let at = empty.map_or(section.at, |command| command.at);
            problems.add(
                at,
                &format!("{}.command", section.key),
                "is missing or empty; mode exec takes the program and its arguments, such as `command = [\"./tools/lint-agent\", \"--strict\"]`",
            );
        }
    } else {
        let places = [
            command.as_ref().map(|command| (command.at, &command.key)),
            events.as_ref().map(|events| (events.at, &events.key)),
        ];
        for (at, key) in places.into_iter().flatten() {
            problems.add(
                at,
                key,
                format_args!(
                    "is for mode exec alone, and this is {}; leave it out",
                    mode.value
                ),
            );
        }
    }
    let words = command.map_or_else(Vec::new, |command| command.value);
    (
        words.into_iter().map(|word| word.value).collect(),
        events.map_or(ExecEvents::Text, |events| events.value),
    )
}

fn read_env(section: &mut Section<'_>, problems: &mut Problems) -> Vec<String> {
    let Some(names) = section.texts("env", problems) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for name in names.value {
        if check_env_name(&name, problems) {
            out.push(name.value);
        }
    }
    out
}

fn check_env_name(name: &At<String>, problems: &mut Problems) -> bool {
    let text = &name.value;
    let good = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !text.starts_with(|c: char| c.is_ascii_digit());
    if !good {
        // What stands behind a `=` may be a secret: it is not repeated.
        let shown = text.split('=').next().unwrap_or_default();
        name.wrong(
            problems,
            format_args!("begins with {shown:?}; it takes the name of an environment variable (letters, digits, '_'), never its value"),
        );
    } else if text == fleet_receivers::child::MARKER {
        name.wrong(
            problems,
            format_args!("is {text}, which fleet sets itself; leave it out"),
        );
        return false;
    }
    good
}

fn read_ceiling(section: &mut Section<'_>, problems: &mut Problems) -> Ceiling {
    let Some(mut ceiling) = section.section("ceiling", problems) else {
        return Ceiling::default();
    };
    let tokens = ceiling.integer("tokens", 1..=MAX_INTEGER, problems);
    let cost = ceiling.amount("cost_usd", problems);
    ceiling.finish(problems);
    Ceiling {
        tokens: tokens.map(|tokens| tokens.value),
        cost_usd: cost.map(|cost| cost.value),
    }
}

fn read_foreign(section: &mut Section<'_>, problems: &mut Problems) -> Option<ForeignPeer> {
    let url = section.text("url", problems);
    let dialect = section.word("dialect", problems, |text| {
        [Dialect::V1, Dialect::V03, Dialect::Hermes]
            .into_iter()
            .find(|dialect| dialect.word() == text)
            .map(|dialect| dialect.word().to_owned())
            .ok_or("one of v1.0, v0.3, hermes")
    });
    let token_env = section
        .text("token_env", problems)
        .filter(|name| check_env_name(name, problems));
    let url = url?;
    Some(ForeignPeer {
        url: read_url(&url, problems)?,
        dialect: dialect.map(|dialect| dialect.value),
        token_env: token_env.map(|name| name.value),
    })
}

fn read_url(given: &At<String>, problems: &mut Problems) -> Option<Url> {
    const TAKES: &str = "it takes an http or https address, such as \"http://10.0.0.5:9220\"";
    let url = match Url::parse(&given.value) {
        Ok(url) => url,
        Err(error) => {
            given.wrong(problems, format_args!("is no address ({error}); {TAKES}"));
            return None;
        }
    };
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        given.wrong(problems, format_args!("is {:?}; {TAKES}", given.value));
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        given.wrong(
            problems,
            "holds a login; take it out and name the variable that holds the token with `token_env`",
        );
        return None;
    }
    if url.query().is_some() || url.fragment().is_some() {
        given.wrong(
            problems,
            "holds a query or fragment; it takes the address of the agent alone",
        );
        return None;
    }
    Some(url)
}

fn read_budget(mut section: Section<'_>, problems: &mut Problems) -> Option<BudgetLimit> {
    let tokens = section.integer("tokens", 1..=MAX_INTEGER, problems);
    let turns = section.integer("turns", 1..=MAX_INTEGER, problems);
    let cost = section.amount("cost_usd", problems);
    let per_dispatch = section.integer("per_dispatch_tokens", 1..=MAX_INTEGER, problems);
    let window = section.word("window", problems, |text| {
        [Window::Day, Window::Week, Window::Total]
            .into_iter()
            .find(|window| window.word() == text)
            .ok_or("day, week or total")
    });
    let limits = ["tokens", "turns", "cost_usd", "per_dispatch_tokens"];
    if !limits.iter().any(|limit| section.has(limit)) {
        problems.add(
            section.at,
            &section.key.clone(),
            "limits nothing; give it tokens, turns, cost_usd or per_dispatch_tokens, or leave it out",
        );
    }
    if let (Some(tokens), Some(share)) = (&tokens, &per_dispatch)
        && share.value > tokens.value
    {
        share.wrong(
            problems,
            format_args!(
                "is {}, more than the budget's tokens ({}); it takes a part of them: change both together",
                share.value, tokens.value
            ),
        );
    }
    section.finish(problems);
    Some(BudgetLimit {
        tokens: tokens.map(|tokens| tokens.value),
        turns: turns.map(|turns| turns.value),
        cost: cost.map(|cost| Cost::from_usd(cost.value)),
        window: window.map_or(Window::Day, |window| window.value),
        per_dispatch_tokens: per_dispatch.map(|share| share.value),
    })
}
