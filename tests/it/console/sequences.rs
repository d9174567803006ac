//! Which escape sequences the console may write.

/// Every control sequence and control character in the output that is not on the list of our own.
pub(super) fn foreign(output: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = output.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' if rest.peek() == Some(&'[') => {
                rest.next();
                let mut sequence = String::new();
                for c in rest.by_ref() {
                    sequence.push(c);
                    if ('\u{40}'..='\u{7e}').contains(&c) {
                        break;
                    }
                }
                if !is_ours(&sequence) {
                    found.push(sequence);
                }
            }
            '\r' | '\n' => {}
            c if c.is_control() || is_invisible(c) => found.push(format!("{c:?}")),
            _ => {}
        }
    }
    found
}

/// Colours, moving the cursor, clearing; and the modes we set: alternate screen, bracketed paste, the cursor.
fn is_ours(sequence: &str) -> bool {
    let Some(end) = sequence.chars().last() else {
        return false;
    };
    let parameters = &sequence[..sequence.len() - 1];
    let numbers = parameters.chars().all(|c| c.is_ascii_digit() || c == ';');
    match end {
        'm' | 'H' | 'J' | 'K' | 'A' | 'B' | 'C' | 'D' | 'G' => numbers,
        'h' | 'l' => ["?1049", "?2004", "?25"].contains(&parameters),
        _ => false,
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

#[test]
fn tells_ours_from_others() {
    assert!(foreign("\u{1b}[?1049h\u{1b}[1;31mx\u{1b}[2;3H\r\n").is_empty());
    assert_eq!(foreign("\u{1b}[6n"), ["6n"]);
    assert_eq!(foreign("\u{1b}]0;t\u{7}").len(), 2);
    assert_eq!(foreign("\u{9b}31m").len(), 1);
}
