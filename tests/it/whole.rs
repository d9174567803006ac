//! The console with everything real behind it: from opening to a finished dispatch, with keys alone.

use crate::fleet::Fleet;

#[test]
fn dispatches_with_all_four_fields_and_opens_it_again_from_the_list() {
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
    let mut console = fleet.console((80, 24));
    console.wait_for("● connected");
    console.press("n");
    console.wait_for("new dispatch ──");
    console.press("say hello to the fleet\tsome context\tthe same words\tconsole\t30");
    console.wait_for("30");
    console.press("\x13");
    console.wait_for("✓ completed · unverified");
    console.wait_for("say hello to the fleet");
    let dispatches = fleet.dispatches();
    assert_eq!(dispatches.len(), 1, "one dispatch");
    assert_eq!(dispatches[0]["state"], "completed");
    assert_eq!(dispatches[0]["reply"], "say hello to the fleet");
    console.press("2");
    console.wait_for("instruction");
    console.press("\r");
    console.wait_for("✓ completed · unverified");
    console.press("\x03");
    let end = console.end();
    assert_eq!(end.code, 0);
    assert!(end.restored, "{}", end.text);
    fleet.shut_down();
}

#[test]
fn a_dispatch_is_found_by_a_part_of_its_id_and_a_transcript_by_its_conversation() {
    let fleet = Fleet::new("[peers.echo]\nmode = \"echo\"\n");
    let send = |text: &str| {
        let sent = ["send", "echo", text, "--context-id", "talk", "--json"];
        let id = fleet.ok(&sent).json()["dispatch_id"].clone();
        id.as_str().expect("an id").to_owned()
    };
    let (first, second) = (send("one"), send("two"));
    let part = &second[second.len() - 12..];
    let shown = fleet.ok(&["dispatches", "show", part, "--json"]).json();
    assert_eq!(shown["dispatch_id"], second.as_str());
    let ambiguous = fleet.run(&["dispatches", "show", &first[..4]]);
    assert_eq!(ambiguous.code, 2);
    assert!(
        ambiguous.stderr.contains("fits 2 dispatches"),
        "{}",
        ambiguous.stderr
    );
    let talk = fleet.ok(&["transcripts", "show", "talk"]).stdout;
    let at = |text: &str| {
        talk.find(text)
            .unwrap_or_else(|| panic!("no {text} in {talk}"))
    };
    assert!(at(&first) < at(&second), "{talk}");
    fleet.shut_down();
}
