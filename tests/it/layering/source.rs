//! Rust source as text: what is code, and which paths it names.
//!
//! Owns: blanking out comments, strings and unit tests, and taking `use` trees apart. Does not own: which paths are right.

/// Unit tests may use what their module may not: they end a file, or stand in a file of their own.
pub(super) fn without_tests<'a>(name: &str, code: &'a str) -> &'a str {
    let of_tests = ["/tests.rs", "/tests/", "/samples.rs"];
    if of_tests.iter().any(|part| name.contains(part)) {
        return "";
    }
    code.find("#[cfg(test)]\nmod tests {")
        .map_or(code, |at| &code[..at])
}

/// The source with comments and strings blanked out, so that only code speaks.
pub(super) fn code_only(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skipped = skip_comment(rest).or_else(|| skip_string(rest, out.chars().last()));
        let taken = skipped.unwrap_or(c.len_utf8());
        match skipped {
            Some(_) => out.push(' '),
            None => out.push(c),
        }
        rest = &rest[taken..];
    }
    out
}

fn skip_comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        Some(rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        Some(rest.find("*/").map_or(rest.len(), |at| at + 2))
    } else {
        None
    }
}

fn skip_string(rest: &str, before: Option<char>) -> Option<usize> {
    // A quote as a character would open a string that never ends.
    for quote in ["'\"'", "'\\\"'", "b'\"'"] {
        if rest.starts_with(quote) {
            return Some(quote.len());
        }
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if let (Some(raw), false) = (rest.strip_prefix('r'), in_word) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = &raw[hashes + 1..];
            let end = body.find(&close).map_or(body.len(), |at| at + close.len());
            return Some(1 + hashes + 1 + end);
        }
    }
    let body = rest.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            '"' if !escaped => return Some(1 + at + 1),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    Some(rest.len())
}

pub(super) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
}

/// Every path that the code names, with `use` trees taken apart and `super` resolved.
pub(super) fn paths(code: &str, name: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(start) = next_word(code, at) {
        let end = path_end(code, start);
        let path = &code[start..end];
        let is_use = path == "use";
        at = end;
        if is_use {
            let stop = code[end..]
                .find(';')
                .map_or(code.len(), |found| end + found);
            let mut named = Vec::new();
            expand("", &code[end..stop], &mut named);
            out.extend(named.into_iter().map(|path| match path.contains("::") {
                true => path,
                false => format!("{path}::self"),
            }));
            at = stop;
        } else {
            out.push(path.to_owned());
        }
    }
    out.iter().map(|path| resolved(path, name)).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn next_word(code: &str, from: usize) -> Option<usize> {
    code[from..].find(is_word).map(|at| from + at)
}

fn path_end(code: &str, start: usize) -> usize {
    let mut end = start;
    loop {
        let rest = &code[end..];
        end += rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let goes_on = code[end..]
            .strip_prefix("::")
            .is_some_and(|rest| rest.starts_with(is_word));
        if !goes_on {
            return end;
        }
        end += 2;
    }
}

/// Takes a `use` tree apart: `a::{b, c::{d}}` names `a::b` and `a::c::d`.
fn expand(prefix: &str, tree: &str, out: &mut Vec<String>) {
    let tree = tree.trim();
    let join = |path: &str| match (prefix, path) {
        ("", path) => path.to_owned(),
        (prefix, "self") => prefix.to_owned(),
        (prefix, path) => format!("{prefix}::{path}"),
    };
    match tree.split_once('{') {
        None => {
            let path = tree.split_whitespace().next().unwrap_or("");
            if !path.is_empty() {
                out.push(join(path));
            }
        }
        Some((head, body)) => {
            let head = join(head.trim().trim_end_matches("::"));
            let body = body.trim_end().strip_suffix('}').unwrap_or(body);
            for part in split_top(body) {
                expand(&head, part, out);
            }
        }
    }
}

/// Splits at the commas that stand in no inner braces.
fn split_top(body: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0usize, 0, Vec::new());
    for (at, c) in body.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&body[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&body[start..]);
    parts
}

/// `super::x` as seen from the crate's root.
fn resolved(path: &str, name: &str) -> String {
    let mut rest = path;
    let mut module = module_of(name);
    let mut climbed = false;
    while let Some(above) = rest.strip_prefix("super::") {
        module.pop();
        rest = above;
        climbed = true;
    }
    if climbed {
        module.push(rest);
        format!("crate::{}", module.join("::"))
    } else {
        path.to_owned()
    }
}

fn module_of(name: &str) -> Vec<&str> {
    let inside = name.split_once("src/").map_or(name, |(_, inside)| inside);
    let inside = inside.trim_end_matches(".rs").trim_end_matches("/mod");
    inside
        .split('/')
        .filter(|part| *part != "lib" && *part != "main")
        .collect()
}
