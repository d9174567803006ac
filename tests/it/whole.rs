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
    console.wait_for("✓ completed · checks");
    console.wait_for("say hello to the fleet");
    let dispatches = fleet.dispatches();
    assert_eq!(dispatches.len(), 1, "one dispatch");
    assert_eq!(dispatches[0]["state"], "completed");
    assert_eq!(dispatches[0]["reply"], "say hello to the fleet");
    console.press("2");
    console.wait_for("instruction");
    console.press("\r");
    console.wait_for("✓ completed · checks");
    console.press("\x03");
    let end = console.end();
    assert_eq!(end.code, 0);
    assert!(end.restored, "{}", end.text);
    fleet.shut_down();
}
