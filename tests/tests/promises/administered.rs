//! A log whose administrator changes its trust document at the command line, and what is said in it of builds and scans.

use custody_tests::client::User;
use custody_tests::evidence::artifact_hex;
use custody_tests::server::{Ledger, Server, custodyd};
use custody_tests::wire::Caller;
use serde_json::{Value, json};

pub(crate) const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
pub(crate) const SCAN: &str = "https://in-toto.io/attestation/vulns/v0.2";

/// A log with one writer, and its administrator at the command line.
pub(crate) struct Place {
    pub(crate) ledger: Ledger,
    pub(crate) server: Server,
    pub(crate) administrator: User,
    proposed: u32,
}

impl Place {
    /// Makes the log, and starts its server.
    pub(crate) fn new() -> Self {
        let ledger = Ledger::new(1);
        let server = ledger.serve();
        let pin = Caller::of(&server).pin();
        let administrator = User::of(&server.url(), &pin, &ledger.home().join("admin.key"));
        Self { ledger, server, administrator, proposed: 1 }
    }

    /// Stops the server, throws its index away, and serves the log again where its administrator expects it.
    pub(crate) fn with_a_new_index(self) -> Self {
        let Self { ledger, server, administrator, proposed } = self;
        let port = server.port();
        server.stop();
        let ended = custodyd(&["rebuild-index".as_ref(), "--data".as_ref(), ledger.data().as_os_str()]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let server = Server::start_at(&ledger.data(), port);
        Self { ledger, server, administrator, proposed }
    }

    /// Changes the trust document as the flags say: proposes, signs, records.
    pub(crate) fn trust(&mut self, flags: &[&str]) {
        self.proposed += 1;
        let (file, key) = (format!("trust-{}.json", self.proposed), self.ledger.home().join("admin.key"));
        self.run(&[&["trust", "propose", "--out", &file], flags].concat());
        self.run(&["trust", "sign", &file, "--key", key.to_str().unwrap(), "--yes"]);
        self.run(&["record", "envelope", &file]);
    }

    /// Lets the identities of an issuer (`<name>=<issuer>`) with these claims record statements of this type, with more flags.
    pub(crate) fn allow(&mut self, issuer: &str, predicate: &str, claims: &[(&str, &str)], more: &[&str]) {
        let claims: Vec<String> = claims.iter().map(|(claim, value)| format!("{claim}={value}")).collect();
        let mut flags = vec!["--add-identity", issuer, "--writer-predicate", predicate];
        flags.extend(claims.iter().flat_map(|claim| ["--claim", claim.as_str()]));
        self.trust(&[&flags, more].concat());
    }

    /// Returns what is shown of an entry.
    pub(crate) fn shown(&self, index: u64) -> Value {
        let (code, shown) = self.administrator.json(&["show", &format!("index:{index}")]);
        assert_eq!(code, Some(0), "{shown}");
        shown
    }

    /// Runs a command that must end with 0, and returns what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let ended = self.administrator.custody(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        ended.stdout
    }

    /// Runs a command that must be refused, with these words.
    pub(crate) fn refused(&self, arguments: &[&str], words: &[&str]) {
        let ended = self.administrator.custody(arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        for word in words {
            assert!(ended.stderr.contains(word), "{arguments:?}: {word:?} is missing:\n{}", ended.stderr);
        }
    }
}

/// A clean scan of artifacts, each by its name.
pub(crate) fn scan(names: &[&str]) -> Value {
    let subject = |name: &&str| json!({ "name": name, "digest": { "sha256": artifact_hex(name) } });
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": names.iter().map(subject).collect::<Vec<_>>(),
        "predicateType": SCAN,
        "predicate": { "scanner": { "uri": "pkg:generic/grype@0.90", "result": [] }, "metadata": {} },
    })
}
