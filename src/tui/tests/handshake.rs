//! What a receiver told, and the question about changed settings.

use fleet_receivers::Mode;
use fleet_receivers::folder::ReadinessWord;
use fleet_receivers::harness::{Harness, Names};

use crate::control::{Command, HandshakeView, PeerView};
use crate::domain::Health;
use crate::tui::msg::{Effect, Purpose};

use super::samples::{model, name, peer, snapshot};
use super::{NOW_MS, feed, feed_at, screen};

fn names(list: &[&str]) -> Names {
    Names {
        names: list.iter().map(|name| (*name).to_owned()).collect(),
        more: 0,
    }
}

fn told(settings_accepted: bool) -> Box<HandshakeView> {
    Box::new(HandshakeView {
        login: ReadinessWord::Ready,
        settings_accepted,
        settings_hash: "5e77".to_owned(),
        tested: Some("2.1.329".to_owned()),
        oldest: Some("2.0.0".to_owned()),
        harness: Harness {
            instructions: names(&["CLAUDE.md"]),
            mcp_servers: names(&["db\u{1b}[2J"]),
            skills: names(&["review", "ship"]),
            notes: names(&["AGENTS.md: a link to /etc/passwd, not followed"]),
            ..Harness::default()
        },
    })
}

fn with(first: PeerView) -> crate::tui::model::Model {
    let mut all = snapshot();
    all.peers = vec![first];
    all.dispatches.clear();
    model(all)
}

#[test]
fn a_peer_shows_its_agent_and_what_its_repo_has() {
    let mut app = peer("app", Some(Mode::Cc), Health::Ready);
    app.version = Some("1.0.88".into());
    app.handshake = Some(told(true));
    let mut model = with(app);
    insta::assert_snapshot!("handshake_120x30", screen(&mut model, 120, 30));
    assert!(feed(&mut model, "n").is_empty());
}

#[test]
fn changed_settings_are_asked_about_before_work_is_given() {
    let mut app = peer("app", Some(Mode::Cc), Health::Degraded);
    app.reason = Some(
        "The agent settings in /src/app are not those that were accepted: .mcp.json is new.".into(),
    );
    app.remedy = Some("fleet trust app".into());
    app.handshake = Some(told(false));
    let mut model = with(app);
    for key in ["n", "S", "D", "t"] {
        assert!(feed(&mut model, key).is_empty());
        insta::assert_snapshot!("trust_settings_80x24", screen(&mut model, 80, 24));
        assert!(feed(&mut model, "n").is_empty(), "no is no");
    }
    feed(&mut model, "n");
    assert!(feed(&mut model, "y").is_empty(), "nobody reads so fast");
    let effects = feed_at(&mut model, "y", NOW_MS + 500);
    let expected = Effect::Call {
        purpose: Purpose::TrustSettings(name("app")),
        command: Command::TrustPeer {
            peer: name("app"),
            accept: Some("5e77".to_owned()),
        },
    };
    assert_eq!(effects, [expected]);
}
