//! What a log says about who a job is, and what its token says.

use custody_client::check::CheckError;
use custody_client::ledger::{Kept, ProtocolError};
use custody_client::{Checked, Ledger, LedgerError, Verified};
use custody_evidence::admission::{AdmissionRecord, Binding, TokenCheck};
use custody_evidence::dsse::{Envelope, IN_TOTO};
use custody_evidence::key::SigningKey;
use custody_evidence::oidc::{Credential, IssuerKind, KeySet, TokenAlgorithm, audience};
use custody_evidence::statement::StatementBuilder;
use custody_evidence::trust::Issuer;
use custody_log::LeafIndex;
use custody_tests::issuer::{Algorithm, TokenKey};
use serde_json::{Value, json};

use crate::double::{Lie, Log, Server};
use crate::lies::{APPROVAL, APPROVED, ARTIFACT};

pub(crate) const ISSUER: &str = "https://id.example";

/// A log with an issuer whose key is pinned, and the key.
pub(crate) fn log() -> (Log, TokenKey) {
    let key = TokenKey::new(Algorithm::EdDsa);
    let keys = json!({"keys": [key.jwk()]}).to_string();
    let mut log = Log::new();
    log.append_issuer(
        Issuer {
            kind: Some(IssuerKind::Generic),
            jwks: Some(KeySet::read(keys.as_bytes()).unwrap()),
            algorithms: vec![TokenAlgorithm::EdDsa],
            ..Issuer::new(ISSUER)
        },
        ("token_subject", "job"),
    );
    (log, key)
}

/// Records as the job; the log says of it what `change` makes of its record.
pub(crate) fn record(log: &mut Log, key: &TokenKey, change: impl FnOnce(&mut AdmissionRecord)) -> LeafIndex {
    let one_time = SigningKey::from_seed(&[77; 32]);
    let payload = StatementBuilder::new(APPROVAL)
        .subject("app.tar.gz", [custody_evidence::digest_set::Digest::sha256_of(ARTIFACT)])
        .predicate(APPROVED.as_bytes())
        .unwrap();
    let envelope = Envelope::sign(IN_TOTO, &payload, &[&one_time]).unwrap();
    let claims: Value = json!({
        "iss": ISSUER, "sub": "job", "aud": audience(&log.origin, &one_time.id()),
        "iat": log.seconds(), "nbf": log.seconds(), "exp": log.seconds() + 300,
    });
    let credential = Credential::new(key.sign(&claims).into_bytes(), one_time.public().clone());
    log.append_as(&envelope, &credential, change)
}

async fn opened(log: Log) -> (Server, tempfile::TempDir, Ledger) {
    let server = Server::start(log).await;
    let dir = tempfile::tempdir().unwrap();
    let ledger = server.open(dir.path()).await.unwrap();
    (server, dir, ledger)
}

async fn entry(ledger: &mut Ledger, index: LeafIndex) -> Verified {
    match ledger.entry(index).await.unwrap() {
        Checked::Verified(verified) => *verified,
        other => panic!("{} is {}", index, other.word()),
    }
}

/// Gets the token that the record names.
async fn token(ledger: &Ledger, index: LeafIndex, record: &AdmissionRecord) -> Result<Kept, LedgerError> {
    ledger.attachment(index, &record.attachments[0]).await
}

#[tokio::test]
async fn a_token_that_says_what_the_record_says_is_believed() {
    let (mut log, key) = log();
    let index = record(&mut log, &key, |_| {});
    let (_server, _dir, mut ledger) = opened(log).await;
    let verified = entry(&mut ledger, index).await;
    let proof = verified.logged().record().token.clone().unwrap();
    assert_eq!(proof.check, TokenCheck::Verified);
    let Kept::Bytes(bytes) = token(&ledger, index, verified.logged().record()).await.unwrap() else {
        panic!("the token is served")
    };
    verified.check_token(&bytes, ledger.trust()).unwrap();
    let mut broken = bytes.clone();
    let last = broken.len() - 8;
    broken[last] = if broken[last] == b'A' { b'B' } else { b'A' };
    assert!(verified.check_token(&broken, ledger.trust()).is_err());
}

#[tokio::test]
async fn bytes_that_are_not_those_of_the_record_are_no_attachment() {
    let (mut log, key) = log();
    let index = record(&mut log, &key, |_| {});
    let (server, _dir, mut ledger) = opened(log).await;
    let verified = entry(&mut ledger, index).await;
    server.lie(Lie::OtherAttachment);
    let answer = token(&ledger, index, verified.logged().record()).await;
    let wrong = |error: &LedgerError| matches!(error, LedgerError::Protocol(ProtocolError::Attachment { index: found, .. }) if *found == index);
    assert!(answer.as_ref().is_err_and(wrong), "{answer:?}");
}

#[tokio::test]
async fn what_a_log_invents_about_a_submitter_is_its_word_until_the_token_contradicts_it() {
    let (mut log, key) = log();
    let index = record(&mut log, &key, |record| {
        record.submitter.as_mut().unwrap().source_repository_uri =
            Some("https://github.com/acme/api".to_owned());
    });
    let (_server, _dir, mut ledger) = opened(log).await;
    // Without the token nobody can tell, and nobody says "verified" of the identity.
    let verified = entry(&mut ledger, index).await;
    let Kept::Bytes(bytes) = token(&ledger, index, verified.logged().record()).await.unwrap() else {
        panic!("the token is served")
    };
    let refused = verified.check_token(&bytes, ledger.trust()).unwrap_err();
    assert!(matches!(refused, CheckError::AdmissionDiffers { member: "submitter", .. }), "{refused}");
}

#[tokio::test]
async fn a_record_that_the_trust_document_contradicts_is_not_believed_even_without_the_token() {
    type Change = fn(&mut AdmissionRecord);
    let changes: [(&str, Change); 6] = [
        ("another binding than the claims give", |record| record.binding = Some(Binding::Bound)),
        ("no token, and a submitter all the same", |record| record.token = None),
        ("asserted, where everybody can verify", |record| {
            record.token.as_mut().unwrap().check = TokenCheck::Asserted;
        }),
        ("keys in an entry that is none of keys", |record| record.token.as_mut().unwrap().jwks = Some(0)),
        ("another subject than the rule names", |record| {
            record.submitter.as_mut().unwrap().token_subject = "other".to_owned();
        }),
        ("an issuer that is not listed", |record| {
            record.submitter.as_mut().unwrap().issuer = "https://id.evil".to_owned();
        }),
    ];
    for (what, change) in changes {
        let (mut log, key) = log();
        let index = record(&mut log, &key, change);
        let (_server, _dir, mut ledger) = opened(log).await;
        let answer = ledger.entry(index).await;
        assert!(matches!(answer, Err(LedgerError::Check(_))), "{what}: {answer:?}");
    }
}
