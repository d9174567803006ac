//! From flags and files to the contract's JSON form.
//!
//! Owns: putting the parts together, and refusing parts that contradict each other. Does not own: whether the contract is
//! good; the daemon says so, in the same words for every client.

use std::path::Path;

use serde_json::{Map, Value};

use super::super::args::SendArgs;
use super::super::input::{self, Source};
use crate::domain::{ErrorKind, Failure};

type Fields = Map<String, Value>;

/// The contract that the flags describe.
///
/// # Errors
/// [`Failure`] when a file cannot be read, when a flag and the contract file say different things, or when nothing
/// names the instruction.
pub(super) fn from_args(args: &SendArgs) -> Result<Value, Failure> {
    let file = args.contract.as_deref();
    let mut contract = Merged {
        fields: file.map_or_else(|| Ok(Map::new()), contract_file)?,
        file: file.map(|path| path.display().to_string()),
    };
    if let Some(text) = &args.text {
        contract.set("instruction", "TEXT", Value::from(instruction(text)?))?;
    }
    if let Some(context) = &args.context {
        contract.set("context", "--context", Value::from(brief(context)?))?;
    }
    if let Some(reply_to) = &args.reply_to {
        contract.set("reply_to", "--reply-to", Value::from(reply_to.as_str()))?;
    }
    if let Some(deadline) = &args.deadline {
        contract.set("deadline_s", "--deadline", number_or_text(deadline))?;
    }
    contract.expect(args)?;
    if contract.fields.contains_key("instruction") {
        Ok(Value::Object(contract.fields))
    } else {
        Err(Failure::new(
            ErrorKind::Usage,
            "There is no instruction: neither TEXT nor a contract file names one.",
            "fleet send PEER \"what to do\"",
        ))
    }
}

fn contract_file(path: &Path) -> Result<Fields, Failure> {
    match input::json_file(path, Source::Contract)? {
        Value::Object(fields) => Ok(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Failure::new(
                ErrorKind::Contract,
                format!(
                    "--contract names {}, which holds no JSON object.",
                    path.display()
                ),
                "Write {\"instruction\": \"...\", \"expected_output\": {...}, \"deadline_s\": 900}.",
            ))
        }
    }
}

fn instruction(text: &str) -> Result<String, Failure> {
    if text == "-" {
        input::instruction_from_stdin()
    } else {
        Ok(text.to_owned())
    }
}

fn brief(text: &str) -> Result<String, Failure> {
    match text.strip_prefix('@') {
        Some(path) => input::file(Path::new(path), Source::Brief),
        None => Ok(text.to_owned()),
    }
}

/// What is no number goes on as text: the contract's own check then names the field, what it held and what it takes.
fn number_or_text(text: &str) -> Value {
    match serde_json::from_str::<serde_json::Number>(text) {
        Ok(number) => Value::Number(number),
        Err(_) => Value::from(text),
    }
}

/// The contract as far as it is put together, and the file it began with.
#[derive(Debug)]
struct Merged {
    fields: Fields,
    file: Option<String>,
}

impl Merged {
    fn set(&mut self, key: &str, flag: &str, value: Value) -> Result<(), Failure> {
        set(&mut self.fields, (key, flag), value, self.file.as_deref())
    }

    /// `--expect` and `--schema` become one field. With `--expect` alone it is plain text.
    fn expect(&mut self, args: &SendArgs) -> Result<(), Failure> {
        if args.expect.is_none() && args.schema.is_none() {
            return Ok(());
        }
        let mut expected = match self.fields.remove("expected_output") {
            Some(Value::Object(fields)) => fields,
            Some(text) => Map::from_iter([("description".to_owned(), text)]),
            None => Map::new(),
        };
        let file = self.file.as_deref();
        if let Some(expect) = &args.expect {
            let text = Value::from(expect.as_str());
            set(&mut expected, ("description", "--expect"), text, file)?;
        }
        if let Some(path) = &args.schema {
            let schema = input::json_file(path, Source::Schema)?;
            set(&mut expected, ("schema", "--schema"), schema, file)?;
        }
        let only_text = expected.len() == 1 && args.schema.is_none();
        let value = match expected.remove("description") {
            Some(text) if only_text => text,
            Some(text) => {
                expected.shift_insert(0, "description".to_owned(), text);
                Value::Object(expected)
            }
            None => Value::Object(expected),
        };
        self.fields.insert("expected_output".to_owned(), value);
        Ok(())
    }
}

fn set(
    fields: &mut Fields,
    (key, flag): (&str, &str),
    value: Value,
    file: Option<&str>,
) -> Result<(), Failure> {
    match fields.get(key) {
        Some(there) if *there != value => Err(Failure::new(
            ErrorKind::Contract,
            format!(
                "{flag} and the contract file {} say different things about {key}.",
                file.unwrap_or_default()
            ),
            format!("Leave out {flag}, or take {key} out of the file."),
        )),
        Some(_) => Ok(()),
        None => {
            fields.insert(key.to_owned(), value);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn args(words: &[&str]) -> SendArgs {
        let words = ["fleet", "send"].iter().chain(words);
        match Cli::try_parse_from(words).unwrap().command {
            Some(Command::Send(args)) => *args,
            other => panic!("{other:?}"),
        }
    }

    fn written(text: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        std::fs::write(&path, text).unwrap();
        (folder, path.to_str().unwrap().to_owned())
    }

    #[test]
    fn flags_alone() {
        let given = args(&[
            "echo",
            "hello",
            "--context",
            "why",
            "--expect",
            "a word",
            "--deadline",
            "30",
            "--reply-to",
            "console",
        ]);
        assert_eq!(
            from_args(&given).unwrap(),
            json!({
                "instruction": "hello", "context": "why", "reply_to": "console",
                "deadline_s": 30, "expected_output": "a word",
            })
        );
    }

    #[test]
    fn a_deadline_that_is_no_number_is_left_to_the_contracts_check() {
        for (word, value) in [
            ("soon", json!("soon")),
            ("1e9", json!(1e9)),
            ("-1", json!(-1)),
        ] {
            let contract = from_args(&args(&["echo", "x", "--deadline", word])).unwrap();
            assert_eq!(contract["deadline_s"], value);
        }
    }

    #[test]
    fn a_schema_joins_the_description() {
        let (_folder, path) = written(r#"{"type":"object"}"#);
        let given = args(&["echo", "x", "--expect", "a word", "--schema", &path]);
        assert_eq!(
            from_args(&given).unwrap()["expected_output"],
            json!({"description": "a word", "schema": {"type": "object"}})
        );
        let given = args(&["echo", "x", "--schema", &path]);
        assert_eq!(
            from_args(&given).unwrap()["expected_output"],
            json!({"schema": {"type": "object"}})
        );
    }

    #[test]
    fn a_contract_file_is_whole_and_flags_may_add_but_not_contradict() {
        let (_folder, path) = written(
            r#"{"instruction":"hello","deadline_s":60,"expected_output":{"checks":[{"min_chars":3}]}}"#,
        );
        let added = args(&["echo", "--contract", &path, "--expect", "a word"]);
        assert_eq!(
            from_args(&added).unwrap(),
            json!({
                "instruction": "hello", "deadline_s": 60,
                "expected_output": {"description": "a word", "checks": [{"min_chars": 3}]},
            })
        );
        let same = args(&["echo", "hello", "--contract", &path, "--deadline", "60"]);
        assert!(from_args(&same).is_ok());
        let other = args(&["echo", "--contract", &path, "--deadline", "30"]);
        let failure = from_args(&other).unwrap_err();
        assert_eq!(failure.kind.exit_code(), 2);
        assert_eq!(
            failure.message.replace(&path, "FILE"),
            "--deadline and the contract file FILE say different things about deadline_s."
        );
    }

    #[test]
    fn without_an_instruction_it_says_how_to_give_one() {
        let failure = from_args(&args(&["echo"])).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Usage);
        let (_folder, path) = written("[1]");
        let failure = from_args(&args(&["echo", "x", "--contract", &path])).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Contract);
    }

    #[test]
    fn a_brief_from_a_file_is_unchanged() {
        let (_folder, path) = written("two\nlines\n");
        let context = format!("@{path}");
        let contract = from_args(&args(&["echo", "x", "--context", &context])).unwrap();
        assert_eq!(contract["context"], "two\nlines\n");
    }
}
