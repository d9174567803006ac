//! The frozen task: add a function and its test to a small repo, run the tests, report as JSON.
//!
//! Owns: the repo, the task, what the model does for it, and the judgement: the repo's own tests, git, and the schema of the
//! report. The files of the repo are in `greet/`.

use std::path::Path;
use std::process::{Command, Output};

use fleet_testkit::model_server::Action;
use serde_json::{Value, json};

use crate::fleet::holds_within;
use crate::scene::{BOUND, Cli, Scene};

/// The repo as it is before the task.
const FILES: [(&str, &str); 5] = [
    (".gitignore", include_str!("greet/.gitignore")),
    ("greet/__init__.py", include_str!("greet/greet/__init__.py")),
    ("greet/words.py", include_str!("greet/greet/words.py")),
    ("tests/__init__.py", include_str!("greet/tests/__init__.py")),
    (
        "tests/test_hello.py",
        include_str!("greet/tests/test_hello.py"),
    ),
];
const SCHEMA: &str = include_str!("report.schema.json");
const TASK: &str = "SCRIPT. Add a function shout(name) to greet/words.py that greets in capitals, and a test for it in \
                    tests/test_shout.py. Run the tests with python3 -m unittest. Report as JSON.";
/// How the repo is tested, by the agent and by the judge.
const TEST_COMMAND: &str = "python3 -m unittest";
const ANCHOR: &str = "    return f\"Hello, {name}.\"\n";
const FUNCTION: &str = "\n\ndef shout(name):\n    \"\"\"Greets somebody in capitals.\"\"\"\n    return hello(name).upper()\n";
const TEST: &str = "import unittest\n\nfrom greet.words import shout\n\n\nclass Shout(unittest.TestCase):\n    \
                    def test_it_greets_in_capitals(self):\n        self.assertEqual(shout(\"Ada\"), \"HELLO, ADA.\")\n";

#[test]
#[ignore = "takes seconds and a model; .ci/run runs it"]
fn the_frozen_task_is_done_with_a_person_who_is_asked_for_each_change() {
    let tools = done("permissions = \"ask\"");
    assert_eq!(tools, ["Edit", "Write", "Bash"]);
}

#[test]
#[ignore = "takes seconds and a model; .ci/run runs it"]
fn the_frozen_task_is_done_with_edits_unasked_and_the_command_asked_for() {
    let tools = done("permissions = \"edit\"");
    assert_eq!(tools, ["Bash"]);
}

/// Has the task done and judges it. Gives the tools that a person was asked about, in order.
fn done(permissions: &str) -> Vec<String> {
    let scene = Scene::set(Cli::Real, permissions);
    let repo = scene.fleet.path("repo");
    lay_out(&repo);
    assert_eq!(tests_that_pass(&repo), 1, "before the task");
    scene.model.play(script(&repo));
    let schema = scene.fleet.path("report.schema.json");
    std::fs::write(&schema, SCHEMA).expect("schema");
    let schema = schema.display().to_string();
    let child = scene.spawn(&["send", "app", TASK, "--schema", &schema, "--json"]);
    let tools = answer_all(&scene);
    let ended = scene.finish(child);
    let story = scene.story();
    assert_eq!(ended.code, 0, "{story}");
    report_is_true(&ended.json(), &story);
    the_agent_saw_its_tests_pass(&scene, &ended.json(), &story);
    repo_is_as_asked(&repo, &story);
    assert_eq!(scene.end(), Vec::<String>::new(), "nothing is left");
    tools
}

fn lay_out(repo: &Path) {
    for (name, text) in FILES {
        let path = repo.join(name);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(path, text).expect(name);
    }
    git(repo, &["init", "--quiet"]);
    git(repo, &["add", "--all"]);
    git(repo, &["commit", "--quiet", "--message", "greet"]);
}

/// What the model does. The report's figure is what the tests say when the change is right.
fn script(repo: &Path) -> Vec<Action> {
    let tool = |name: &str, input: Value| Action::Tool {
        name: name.to_owned(),
        input,
    };
    let words = repo.join("greet/words.py");
    let report = json!({
        "summary": "Added shout(name) to greet/words.py and a test for it.",
        "files": ["greet/words.py", "tests/test_shout.py"],
        "tests_passed": 2,
    });
    vec![
        tool("Read", json!({ "file_path": words })),
        tool(
            "Edit",
            json!({ "file_path": words, "old_string": ANCHOR, "new_string": format!("{ANCHOR}{FUNCTION}") }),
        ),
        tool(
            "Write",
            json!({ "file_path": repo.join("tests/test_shout.py"), "content": TEST }),
        ),
        tool(
            "Bash",
            json!({ "command": TEST_COMMAND, "description": "Run the tests" }),
        ),
        Action::Text(format!("```json\n{report}\n```")),
    ]
}

/// A person who allows whatever is asked until the dispatch has ended.
fn answer_all(scene: &Scene) -> Vec<String> {
    let mut answered: Vec<String> = Vec::new();
    let mut tools = Vec::new();
    let ended = holds_within(BOUND, || {
        let list = scene
            .command(&["dispatches", "list", "--json"])
            .output()
            .expect("fleet runs");
        let listed: Value = serde_json::from_slice(&list.stdout).unwrap_or_default();
        let dispatch = &listed["dispatches"][0];
        let Some(id) = dispatch["dispatch_id"].as_str() else {
            return false;
        };
        for (request, tool) in requests(scene, id) {
            if answered.contains(&request) {
                continue;
            }
            scene.ok(&["dispatches", "answer", id, "allow", "--request", &request]);
            answered.push(request);
            tools.push(tool);
        }
        dispatch["outcome"].is_string()
    });
    assert!(ended, "it never ended: {}", scene.story());
    tools
}

/// What was asked so far: the request's id and its tool.
fn requests(scene: &Scene, id: &str) -> Vec<(String, String)> {
    let lines = scene.transcript(id).into_iter();
    let asked = lines.filter(|line| line["state"] == "input_required");
    asked
        .flat_map(|line| line["parts"].as_array().cloned().unwrap_or_default())
        .filter_map(|part| {
            let data = &part["data"];
            let request = data["request_id"].as_str()?.to_owned();
            Some((request, data["tool"].as_str()?.to_owned()))
        })
        .collect()
}

fn report_is_true(ended: &Value, story: &str) {
    assert_eq!(ended["verification"], "verified", "{story}");
    let reply = ended["reply"].as_str().expect("reply");
    let report = reply
        .trim()
        .trim_start_matches("```json")
        .trim_end_matches("```");
    let report: Value = serde_json::from_str(report).expect("a report");
    assert_eq!(
        report["files"],
        json!(["greet/words.py", "tests/test_shout.py"])
    );
    assert_eq!(report["tests_passed"], 2);
}

/// The model only plays a script; that its command ran, and what it said, is in the transcript.
fn the_agent_saw_its_tests_pass(scene: &Scene, ended: &Value, story: &str) {
    let id = ended["dispatch_id"].as_str().expect("id");
    let lines = scene.transcript(id);
    let saw = lines.iter().map(Value::to_string);
    let saw = saw.filter(|line| {
        line.contains("tool_result") && line.contains("Ran 2 tests") && line.contains("OK")
    });
    assert_eq!(saw.count(), 1, "{story}");
}

fn repo_is_as_asked(repo: &Path, story: &str) {
    assert_eq!(tests_that_pass(repo), 2, "{story}");
    let changed = git(repo, &["status", "--porcelain", "--untracked-files=all"]);
    assert_eq!(changed, " M greet/words.py\n?? tests/test_shout.py\n");
    let lines = git(repo, &["diff", "--numstat"]);
    assert_eq!(lines, "5\t0\tgreet/words.py\n");
}

/// Runs the repo's own tests; they must pass.
fn tests_that_pass(repo: &Path) -> usize {
    let mut words = TEST_COMMAND.split(' ');
    let mut command = Command::new(words.next().expect("program"));
    let output = command.args(words).current_dir(repo).output();
    let output = output.expect("python3 runs the tests of the repo");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let ran = said.lines().find_map(|line| line.strip_prefix("Ran "));
    let count = ran.and_then(|ran| ran.split(' ').next()?.parse().ok());
    count.unwrap_or_else(|| panic!("no count in {said}"))
}

fn git(repo: &Path, args: &[&str]) -> String {
    let output: Output = Command::new("git")
        .args(["-c", "user.name=judge", "-c", "user.email=judge@localhost"])
        .args(args)
        .current_dir(repo)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
