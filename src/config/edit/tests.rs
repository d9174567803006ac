use proptest::prelude::*;

use super::*;

fn name(text: &str) -> PeerName {
    PeerName::new(text).unwrap()
}

fn typed(key: &str, value: &str) -> Setting {
    Setting::typed(key, value).unwrap()
}

fn added(text: &str, peer: &str) -> String {
    let settings = vec![Setting::text("mode", "echo"), typed("budget.tokens", "5")];
    edited(text, &Change::Add(name(peer), settings)).unwrap()
}

fn with(text: &str, key: &str, value: &str) -> String {
    edited(text, &Change::Set(name("app"), vec![typed(key, value)])).unwrap()
}

fn removed(text: &str, peer: &str) -> String {
    edited(text, &Change::Remove(name(peer))).unwrap()
}

#[test]
fn an_added_peer_stands_at_the_end_in_a_table_of_its_own() {
    insta::assert_snapshot!(added("# mine\n[peers.echo]\nmode = \"echo\"\n", "app"), @r#"
    # mine
    [peers.echo]
    mode = "echo"

    [peers.app]
    mode = "echo"
    budget.tokens = 5
    "#);
    assert_eq!(
        added("peers.echo.mode = \"echo\" # c", "app"),
        "peers.echo.mode = \"echo\" # c\npeers.app = { mode = \"echo\", budget.tokens = 5 }"
    );
    assert_eq!(
        added("peers = { echo = { mode = \"echo\" } }", "app"),
        "peers = { echo = { mode = \"echo\" }, app = { mode = \"echo\", budget.tokens = 5 } }"
    );
    let twice = edited(
        "[peers.app]\nmode = \"echo\"",
        &Change::Add(name("app"), vec![]),
    );
    assert_eq!(twice, Err(EditError::Named(name("app"))));
}

#[test]
fn a_key_that_is_there_gets_another_value_and_nothing_else_moves() {
    let text = "\u{feff}[peers.app]\r\n  mode   =  'cc' # the agent\r\nrepo = \".\"";
    assert_eq!(
        with(text, "mode", "echo"),
        "\u{feff}[peers.app]\r\n  mode   =  \"echo\" # the agent\r\nrepo = \".\""
    );
}

#[test]
fn a_key_that_is_not_there_joins_its_table_however_that_is_written() {
    let cases = [
        (
            "[peers.app]\nmode = 1 # c\n\n# other\n[bands]\n",
            "[peers.app]\nmode = 1 # c\nport = 5\n\n# other\n[bands]\n",
        ),
        ("[peers.app] # c\r\n", "[peers.app] # c\r\nport = 5\r\n"),
        ("[peers.app]", "[peers.app]\nport = 5"),
        (
            "[peers]\n  app.mode = 1\nb.mode = 2\n",
            "[peers]\n  app.mode = 1\n  app.port = 5\nb.mode = 2\n",
        ),
        (
            "peers.app.mode = 1\n",
            "peers.app.mode = 1\npeers.app.port = 5\n",
        ),
        (
            "[peers]\napp = { mode = 1 }",
            "[peers]\napp = { mode = 1, port = 5 }",
        ),
        ("[peers]\napp = {}\n", "[peers]\napp = {port = 5}\n"),
        (
            "peers = { app.mode = 1, b = { mode = 2 } }",
            "peers = { app.mode = 1, app.port = 5, b = { mode = 2 } }",
        ),
        (
            "[peers.app]\nx = [\n  1,\n] # c\n",
            "[peers.app]\nx = [\n  1,\n] # c\nport = 5\n",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(with(text, "port", "5"), expected, "{text:?}");
    }
}

#[test]
fn dotted_keys_reach_into_tables_below() {
    let cases = [
        (
            "[peers.app]\nmode = 1\n",
            "[peers.app]\nmode = 1\nbudget.tokens = 7\n",
        ),
        (
            "[peers.app]\nbudget = { turns = 2 }\n",
            "[peers.app]\nbudget = { turns = 2, tokens = 7 }\n",
        ),
        (
            "[peers.app]\nbudget.turns = 2\nx = 1\n",
            "[peers.app]\nbudget.turns = 2\nbudget.tokens = 7\nx = 1\n",
        ),
        (
            "[peers.app.budget]\nturns = 2\n[x]\n",
            "[peers.app.budget]\nturns = 2\ntokens = 7\n[x]\n",
        ),
        (
            "[peers.app]\nbudget = { tokens = 1 }\n",
            "[peers.app]\nbudget = { tokens = 7 }\n",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(with(text, "budget.tokens", "7"), expected, "{text:?}");
    }
}

#[test]
fn what_is_written_in_an_unusual_form_is_left_to_a_person() {
    let refused = |text: &str, key: &str| {
        edited(text, &Change::Set(name("app"), vec![typed(key, "5")])).unwrap_err()
    };
    assert_eq!(
        refused("[peers.app.budget]\nturns = 2\n", "budget"),
        EditError::Form("peers.app.budget".to_owned())
    );
    assert_eq!(
        refused("[peers.app.budget]\nturns = 2\n", "port"),
        EditError::Form("peers.app".to_owned())
    );
    assert_eq!(
        refused("[[peers.app]]\n", "port"),
        EditError::Form("peers.app".to_owned())
    );
    assert_eq!(
        refused("peers.b.mode = 1", "port"),
        EditError::Unnamed(name("app"))
    );
    assert!(matches!(refused("[", "port"), EditError::NoToml(_)));
    assert_eq!(
        Setting::typed("a b", "1"),
        Err(EditError::Key("a b".to_owned()))
    );
}

#[test]
fn a_peer_goes_with_its_lines_and_comments_of_others_stay() {
    let text = "# all\n[fleet]\n\n# about app\n[peers.app]\n# in app\nmode = 1 # c\n\n[peers.app.budget]\nturns = 2\n# below\n[peers.b]\nmode = 2\n";
    insta::assert_snapshot!(removed(text, "app"), @r"
    # all
    [fleet]

    # about app
    # below
    [peers.b]
    mode = 2
    ");
    assert_eq!(
        removed(
            "peers.app.mode = 1\npeers.b.mode = 2\npeers.app.port = 3",
            "app"
        ),
        "peers.b.mode = 2"
    );
    assert_eq!(
        removed("[peers]\napp = { mode = 1 }\nb = 1\n", "app"),
        "[peers]\nb = 1\n"
    );
    assert_eq!(
        removed("peers = { app = 1, b = 2 }", "app"),
        "peers = { b = 2 }"
    );
    assert_eq!(
        removed("peers = { b = 2, app = 1 }", "app"),
        "peers = { b = 2 }"
    );
    let nobody = edited("[peers]", &Change::Remove(name("app")));
    assert_eq!(nobody, Err(EditError::Unnamed(name("app"))));
}

#[test]
fn values_are_what_toml_makes_of_them_and_else_texts() {
    let literal = |value: &str| typed("k", value).literal();
    assert_eq!(literal("200_000"), "200_000");
    assert_eq!(literal(" [1, 2] "), "[1, 2]");
    assert_eq!(literal("sonnet"), "\"sonnet\"");
    assert_eq!(literal("\"sonnet\""), "\"sonnet\"");
    assert_eq!(literal("a\nb = 2"), "\"\"\"\na\nb = 2\"\"\"");
    assert_eq!(typed("k", "5").as_text().unwrap().literal(), "\"5\"");
    assert!(typed("k", "x").as_text().is_none());
}

/// Peers in each form that TOML has, around one that is to be changed.
fn files() -> impl Strategy<Value = String> {
    let peers = prop_oneof![
        Just("[peers.app]\nmode = \"echo\"\n"),
        Just("  [ peers . app ]  # c\n\tmode='echo'\n# in\n  port = 9391 # d\n"),
        Just("[peers]\napp.mode = \"echo\"\nb = { mode = \"echo\" }\n"),
        Just("[peers]\napp = { mode = \"echo\", }\n"),
        Just(
            "[peers]\n\"app\" = { mode = \"echo\", budget = { turns = 1 } }\n[peers.b]\nmode = \"echo\"\n"
        ),
        Just(
            "[peers.b]\nmode = \"echo\"\n[peers.app]\nmode = \"echo\"\n[peers.app.budget]\nturns = 1\n"
        ),
    ];
    let before = prop_oneof![
        Just(""),
        Just("\n"),
        Just("# a\n\n"),
        Just("[fleet]\nname=\"x\"   # n\n\n\n"),
        Just("peers_are = '''\n[peers.app]\n'''\n"),
    ];
    let after = prop_oneof![
        Just(""),
        Just("\n\n"),
        Just("# the end"),
        Just("[bands]\necho = [\n  9390, # first\n  9399,\n]\n"),
        Just("[z]\nk = \"\"\"\n\n[peers.app]\"\"\""),
    ];
    (before, peers, after, any::<(bool, bool)>()).prop_map(|(before, peers, after, (crlf, bom))| {
        let text = format!("{before}{peers}{after}");
        let text = if crlf {
            text.replace('\n', "\r\n")
        } else {
            text
        };
        format!("{}{text}", if bom { "\u{feff}" } else { "" })
    })
}

/// Whole files with peers in braces or with dots at the top, and ones without any.
fn any_file() -> impl Strategy<Value = String> {
    let short = prop_oneof![
        Just(String::new()),
        Just("\n".to_owned()),
        Just("# c".to_owned()),
        Just("x = 1\r\n".to_owned()),
        Just("peers = {}\n".to_owned()),
        Just("peers = { }".to_owned()),
        Just("peers = { app = { mode = \"echo\" } } # c\n[fleet]\n".to_owned()),
        Just("peers.app.mode = \"echo\"\n\n[fleet]\n".to_owned()),
        Just("\u{feff}".to_owned()),
        "[ \t\n]{0,6}",
    ];
    prop_oneof![files(), short]
}

proptest! {
    #[test]
    fn add_then_remove_gives_the_bytes_back(text in any_file()) {
        prop_assume!(parsed(text.trim_start_matches(BOM)).is_ok());
        let more = added(&text, "new");
        prop_assert!(parsed(more.trim_start_matches(BOM)).is_ok(), "{more:?}");
        prop_assert_eq!(removed(&more, "new"), text);
    }

    #[test]
    fn a_change_touches_nothing_outside_the_peer(
        text in files(),
        key in prop_oneof![Just("mode"), Just("port"), Just("budget.turns"), Just("x.y.z")],
        value in prop_oneof![Just("5".to_owned()), "\\PC{0,12}"],
    ) {
        prop_assume!(parsed(text.trim_start_matches(BOM)).is_ok());
        let Ok(more) = edited(&text, &Change::Set(name("app"), vec![typed(key, &value)])) else {
            return Ok(());
        };
        // One place was written to: what is before and after it is there unchanged.
        let start = text.bytes().zip(more.bytes()).take_while(|(a, b)| a == b).count();
        let rest = text.len().min(more.len()) - start;
        let end = text.bytes().rev().zip(more.bytes().rev()).take(rest).take_while(|(a, b)| a == b).count();
        let gone = &text.as_bytes()[start..text.len() - end];
        prop_assert!(!gone.contains(&b'\n'), "{text:?} {more:?}");
        // All else means the same, and the key holds what was given.
        let table = |text: &str| toml::from_str::<toml::Table>(text.trim_start_matches(BOM)).unwrap();
        let (mut old, mut new) = (table(&text), table(&more));
        let app = new["peers"].as_table_mut().unwrap().remove("app").unwrap();
        old["peers"].as_table_mut().unwrap().remove("app");
        prop_assert_eq!(old, new);
        let held = key.split('.').fold(&app, |at, word| &at[word]);
        let number = value.trim().parse::<i64>().ok();
        prop_assert!(number.is_none() || held.as_integer() == number, "{more:?}");
    }
}
