//! The matrix: what comes of each thing that can happen to a turn of Claude Code, through the whole product.
//!
//! Owns: playing all rows, a few at a time, and the table of results in `docs/claude-code.md`, which a run compares with its
//! own (or writes, told `FLEET_MATRIX=write`). What is played and expected is in `rows`, how in `play`.

mod check;
mod play;
mod rows;
mod rows_ends;
mod rows_turns;
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rows::Row;

/// Rows that are played at once: most of their time they wait, and each Claude Code takes 200 MB.
const AT_ONCE: usize = 3;
/// Plays only the rows whose name holds this; then the table is not compared.
const ONLY: &str = "FLEET_ROW";

/// What came of a row.
#[derive(Debug)]
struct Played {
    line: String,
    problems: Vec<String>,
    story: String,
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn the_matrix_holds_and_the_documentation_shows_it() {
    let only = std::env::var(ONLY).unwrap_or_default();
    let rows: Vec<Row> = rows::all()
        .into_iter()
        .filter(|row| row.name.contains(&only))
        .collect();
    let played = play_all(&rows);
    let mut failed = Vec::new();
    for (row, played) in rows.iter().zip(&played) {
        if !played.problems.is_empty() {
            eprintln!(
                "\n==== {}\n{}\n---- what was seen:\n{}",
                row.name,
                played.problems.join("\n"),
                played.story
            );
            failed.push(row.name);
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} rows failed: {failed:?}",
        failed.len(),
        rows.len()
    );
    if only.is_empty() {
        table::keep(played.iter().map(|played| played.line.as_str()));
    }
}

/// Plays the rows, a few at a time; the results are in the order of the rows.
fn play_all(rows: &[Row]) -> Vec<Played> {
    let next = AtomicUsize::new(0);
    // The longest first, so that nothing waits for it in the end.
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|at| !rows[*at].is_long());
    let results: Vec<Mutex<Option<Played>>> = rows.iter().map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let Some(at) = order.get(turn) else { return };
                    *results[*at].lock().expect("result") = Some(play(&rows[*at]));
                }
            });
        }
    });
    let results = results.into_iter();
    results
        .map(|result| result.into_inner().expect("result").expect("played"))
        .collect()
}

fn play(row: &Row) -> Played {
    let began = Instant::now();
    let mut story = String::new();
    // A row that breaks off is a row that failed; the others go on.
    let played = catch_unwind(AssertUnwindSafe(|| play::play(row, &mut story)));
    let played = played.unwrap_or_else(|panic| Played {
        line: String::new(),
        problems: vec![said(panic.as_ref())],
        story,
    });
    let verdict = if played.problems.is_empty() {
        "ok"
    } else {
        "FAILED"
    };
    eprintln!(
        "{verdict:>6} {:5.1} s  {}",
        began.elapsed().as_secs_f32(),
        row.name
    );
    played
}

pub(crate) fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned()))
        .unwrap_or_else(|| "it panicked without words".to_owned())
}
