//! `fleet send`: dispatches work to a peer and waits for the reply.
//!
//! Owns: what is printed and the exit code. Does not own: the contract's form (`contract`), staying with the dispatch
//! (`watch`), and the lines in between (`progress`).

mod contract;
mod link;
mod progress;
mod watch;

use futures::Stream;
use tokio::signal::unix::{SignalKind, signal};

use super::args::{GlobalArgs, SendArgs};
use super::{CommandResult, exit, json, output, session, text};
use crate::control::{DispatchView, SubmitRequest, Target};
use crate::domain::{DispatchId, ErrorKind, Failure, SafeText};

pub(crate) use link::{Begin, DaemonLink};
pub(crate) use progress::{Detail, Progress};
pub(crate) use watch::{End, Watch, Watched};

/// What the person named: a dispatch, a peer.
pub(crate) type Who<'a> = (Option<&'a str>, Option<&'a str>);

/// Does `fleet send`.
pub(crate) async fn execute(global: &GlobalArgs, args: &SendArgs) -> CommandResult {
    match prepare(global, args) {
        Ok((target, request)) if args.no_wait => accept(global, target, request).await,
        Ok((target, request)) => watch(global, target, request).await,
        Err(failure) => refuse(global, (None, Some(&args.peer)), &failure),
    }
}

fn prepare(global: &GlobalArgs, args: &SendArgs) -> Result<(Target, SubmitRequest), Failure> {
    let request = SubmitRequest {
        dispatch_id: DispatchId::mint(),
        peer: args.peer.clone(),
        contract: contract::from_args(args)?,
        context_id: args.context_id.clone(),
        again: args.again,
    };
    Ok((session::target(global)?, request))
}

/// `--no-wait`: done as soon as the dispatch is stored.
async fn accept(global: &GlobalArgs, target: Target, request: SubmitRequest) -> CommandResult {
    let peer = request.peer.clone();
    let mut link = DaemonLink::new(target, Begin::Submit(request));
    let give_up_at = tokio::time::Instant::now() + watch::BEFORE_ACCEPTED;
    match watch::begin(&mut link, give_up_at).await {
        Ok(view) if global.json => output::json(&json::dispatch(&view)?)?,
        Ok(view) => output::text(&SafeText::line_of(&view.dispatch_id.to_string()))?,
        Err(failure) => return refuse(global, (None, Some(&peer)), &failure),
    }
    Ok(exit::DONE)
}

async fn watch(global: &GlobalArgs, target: Target, request: SubmitRequest) -> CommandResult {
    let (peer, dispatch_id) = (request.peer.clone(), request.dispatch_id);
    let mut link = DaemonLink::new(target, Begin::Submit(request));
    let interrupts = interrupts()?;
    let watched = watcher(global, &mut link, dispatch_id)
        .run(interrupts)
        .await;
    finish(global, (None, Some(&peer)), watched)
}

/// A watch that tells the person about changes.
pub(crate) fn watcher<'a>(
    global: &GlobalArgs,
    link: &'a mut DaemonLink,
    dispatch_id: DispatchId,
) -> Watch<'a, DaemonLink, impl FnMut(&DispatchView) + use<>> {
    let detail = if global.json {
        Detail::Questions
    } else {
        Detail::States
    };
    let mut progress = Progress::new(detail, global);
    let tell = move |view: &DispatchView| progress.lines(view).iter().for_each(output::note);
    Watch {
        link,
        dispatch_id,
        now_ms: fleet_a2a::clock::now_ms,
        tell,
        last: None,
    }
}

/// Ctrl-C, as often as it is pressed.
fn interrupts() -> Result<impl Stream<Item = ()> + Unpin, Failure> {
    let mut signal = signal(SignalKind::interrupt()).map_err(|error| {
        Failure::new(
            ErrorKind::Internal,
            format!("Ctrl-C cannot be listened for: {error}."),
            "",
        )
    })?;
    Ok(futures::stream::poll_fn(move |context| {
        signal.poll_recv(context)
    }))
}

/// Prints what was learnt and gives the exit code.
pub(crate) fn finish(global: &GlobalArgs, who: Who<'_>, watched: Watched) -> CommandResult {
    let Watched { last, end } = watched;
    let code = match (&end, &last) {
        (End::Final, Some(view)) => exit::exit_code(view),
        (End::Final, None) => exit::DONE,
        (End::Interrupted, _) => exit::INTERRUPTED,
        (End::Lost(failure), _) => failure.kind.exit_code(),
    };
    let lost = match end {
        End::Final => None,
        End::Interrupted if last.is_some() => None,
        End::Interrupted => Some(Failure::new(
            ErrorKind::State,
            "Interrupted before the daemon said whether it has the dispatch.",
            "fleet dispatches list",
        )),
        End::Lost(failure) => Some(failure),
    };
    match (last, lost) {
        (None, Some(failure)) => {
            refuse(global, who, &failure)?;
        }
        (None, None) => {}
        (Some(mut view), lost) => {
            if lost.is_some() {
                view.error = lost;
            }
            show(global, &view)?;
        }
    }
    Ok(code)
}

fn show(global: &GlobalArgs, view: &DispatchView) -> Result<(), Failure> {
    if global.json {
        return output::json(&json::dispatch(view)?);
    }
    if let Some(reply) = &view.reply {
        output::text(&reply.safe())?;
    }
    output::note(&text::ending(view));
    Ok(())
}

/// Tells that there is no dispatch to show, and why.
pub(crate) fn refuse(global: &GlobalArgs, who: Who<'_>, failure: &Failure) -> CommandResult {
    let code = failure.kind.exit_code();
    if global.json {
        output::json(&json::refused_dispatch(who.0, who.1, failure))?;
    }
    output::failure(failure);
    Ok(code)
}
