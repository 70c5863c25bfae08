//! The server's verdict is the client's, byte for byte, and it has its limits.

use custody_tests::wire::word;
use custody_wire::v1::{EvaluateRequest, Parameter};

use super::*;

fn asked(name: &str) -> EvaluateRequest {
    EvaluateRequest {
        policy: "release".to_owned(),
        subject: digest(name),
        environment: "prod".to_owned(),
        ..EvaluateRequest::default()
    }
}

#[test]
fn the_server_gives_the_bytes_that_the_client_comes_to_by_itself() {
    let gate = Gate::new();
    gate.release("app");
    gate.build(STRANGER, "foreign");
    gate.release("vulnerable");
    let bad = gate.scan(SCANNER, "vulnerable", &["Critical"]);
    gate.scan(SCANNER, "erased", &["High"]);
    gate.build(BUILDER, "erased");
    let ended =
        gate.administrator.custody(&["redact", &format!("index:{}", bad + 1), "--reason", "a name in it"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let signer = format!("key:{}", gate.key(STRANGER));
    let ended = gate.administrator.custody(&["distrust", &signer, "--since", "index:1", "--reason", "INC-7"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let caller = Caller::of(&gate.server);
    let (size, _) = caller.tree();
    let at = size.to_string();
    let decisions: Vec<String> = ["app", "foreign", "vulnerable", "erased", "never seen"]
        .map(|name| {
            let by_client = gate.gate(&["--at", &at, "-o", "json"], name);
            let by_server = caller.evaluate(EvaluateRequest { at: size, ..asked(name) }).unwrap();
            let by_server = String::from_utf8(by_server.verdict.to_vec()).unwrap();
            assert_eq!(by_client.stdout.trim_end(), by_server, "{name}");
            let verdict: Value = serde_json::from_str(&by_server).unwrap();
            verdict["decision"].as_str().unwrap().to_owned()
        })
        .into();
    assert_eq!(decisions, ["ALLOW", "DENY", "DENY", "DENY", "DENY"]);
    // As of an older tree, with the trust of then.
    let by_server = caller.evaluate(EvaluateRequest { at: 3, ..asked("app") }).unwrap();
    let by_client = gate.gate(&["--at", "3", "-o", "json"], "app");
    assert_eq!(by_client.stdout.trim_end().as_bytes(), by_server.verdict.as_ref());
    // And today's: nothing but the time it was judged at differs.
    let today = caller.evaluate(asked("app")).unwrap();
    let today: Value = serde_json::from_slice(&today.verdict).unwrap();
    assert_eq!(today["decision"], "ALLOW");
    let stricter = Parameter { name: "worst".to_owned(), value: "low".to_owned() };
    let stricter = caller.evaluate(EvaluateRequest { parameters: vec![stricter], ..asked("app") }).unwrap();
    let stricter: Value = serde_json::from_slice(&stricter.verdict).unwrap();
    assert_eq!((&stricter["decision"], &stricter["parameters"]["worst"]), (&json!("DENY"), &json!("low")));
}

#[test]
fn what_cannot_be_asked_is_refused_with_what_is_nearest() {
    let gate = Gate::new();
    let caller = Caller::of(&gate.server);
    let parameter = |name: &str| Parameter { name: name.to_owned(), value: "low".to_owned() };
    for (request, said) in [
        (EvaluateRequest { policy: "relaese".to_owned(), ..asked("app") }, "did you mean \"release\"?"),
        (
            EvaluateRequest { policy: format!("release@sha256:{}", "0".repeat(64)), ..asked("app") },
            "no policy",
        ),
        (EvaluateRequest { subject: "latest".to_owned(), ..asked("app") }, "subject"),
        (EvaluateRequest { parameters: vec![parameter("wrost")], ..asked("app") }, "did you mean \"worst\"?"),
        (EvaluateRequest { parameters: vec![parameter("worst"); 257], ..asked("app") }, "at most 256"),
        (EvaluateRequest { at: 1, at_micros: Some(1), ..asked("app") }, "not both"),
    ] {
        let refused = caller.evaluate(request).unwrap_err();
        assert_eq!(word(&refused), "invalid_field", "{said}: {refused}");
        assert!(refused.message().contains(said), "{said}: {refused}");
    }
    let beyond = caller.evaluate(EvaluateRequest { at: 1_000, ..asked("app") }).unwrap_err();
    assert_eq!(word(&beyond), "behind", "{beyond}");
}
