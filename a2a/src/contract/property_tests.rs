//! Property tests of the contract: whatever is given is refused in words or survives its way through JSON.

use super::tests::{card, contract, encoded, validated};
use super::*;
use proptest::prelude::*;
use serde_json::json;

fn any_brief() -> impl Strategy<Value = Brief> {
    prop_oneof![
        ".{0,40}".prop_map(Brief::Text),
        (
            ".{0,40}",
            proptest::collection::vec("[a-z/.#]{1,12}", 0..3),
            proptest::collection::vec("[a-z#` ]{0,12}x", 0..3),
        )
            .prop_map(|(text, files, constraints)| Brief::Structured {
                text,
                files,
                constraints
            }),
    ]
}

fn any_expectation() -> impl Strategy<Value = Expectation> {
    let checks = prop_oneof![
        "[a-z.]{0,8}".prop_map(Check::Matches),
        "[a-z.]{0,8}".prop_map(Check::NotMatches),
        (0u64..1000).prop_map(Check::MinChars),
    ];
    prop_oneof![
        ".{0,40}".prop_map(Expectation::Text),
        (
            proptest::option::of(".{0,40}"),
            proptest::option::of(prop_oneof![
                Just(Format::Text),
                Just(Format::Markdown),
                Just(Format::Json),
                Just(Format::Diff)
            ]),
            proptest::collection::vec(checks, 0..4),
        )
            .prop_map(|(description, format, checks)| {
                Expectation::Structured(ExpectedOutput {
                    description,
                    format,
                    schema: None,
                    checks,
                })
            }),
    ]
}

fn any_contract() -> impl Strategy<Value = Contract> {
    (
        ".{0,40}x.{0,10}",
        proptest::option::of(any_brief()),
        proptest::option::of(any_expectation()),
        prop_oneof![
            Just(ReplyTo::Console),
            Just(ReplyTo::Peer("app".to_owned()))
        ],
        DEADLINE_S,
    )
        .prop_map(
            |(instruction, context, expected_output, reply_to, deadline_s)| Contract {
                instruction,
                context,
                expected_output,
                reply_to,
                deadline_s,
            },
        )
}

proptest! {
    #[test]
    fn a_contract_survives_its_json_form(contract in any_contract()) {
        let json = serde_json::to_value(&contract).expect("encodes");
        prop_assert_eq!(validated(json).expect("still good"), contract);
    }

    #[test]
    fn a_contract_survives_the_wire(contract in any_contract()) {
        let message = encoded(&contract, &card(true)).expect("encodes");
        // A protobuf Struct in between makes doubles of all numbers; the contract has none but the deadline.
        let wire = serde_json::to_value(&message).expect("JSON");
        let message = crate::normalise::inbound_message(wire).expect("a good message");
        let got = Contract::from_message(&message, 1).expect("a good dispatch");
        prop_assert_eq!(got.contract, contract);
        prop_assert_eq!(got.caller, Caller::Fleet);
        prop_assert_eq!(got.meta.grant.and_then(|g| g.tokens), Some(50_000.0));
    }

    #[test]
    fn a_deadline_is_taken_exactly_within_its_range(seconds in proptest::num::f64::ANY) {
        let given = validated(json!({"instruction": "x", "deadline_s": seconds}));
        let good = seconds.fract() == 0.0 && (1.0..=86_400.0).contains(&seconds);
        // JSON has no infinity and no NaN: they are null, which is the default.
        if seconds.is_finite() {
            prop_assert_eq!(given.is_ok(), good);
        }
        if let (true, Ok(contract)) = (good, given) {
            prop_assert!((f64::from(contract.deadline_s) - seconds).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn whole_deadlines_are_taken_in_both_number_forms(seconds in 1u32..=86_400) {
        for value in [json!(seconds), json!(f64::from(seconds))] {
            let got = contract(json!({"instruction": "x", "deadline_s": value}));
            prop_assert_eq!(got.deadline_s, seconds);
        }
    }

    #[test]
    fn no_json_makes_validation_panic(text in "[\\[\\]{}\":,a-z0-9._-]{0,60}", key in "(instruction|context|expected_output|reply_to|deadline_s)") {
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let _ = validated(value.clone());
        let _ = validated(json!({ key: value }));
    }
}
