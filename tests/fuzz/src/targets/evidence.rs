//! Envelopes of every kind, from their bytes to what is admitted under a trust document with roots; and what cosign keeps beside
//! an image.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use custody_evidence::admission::{AdmissionRecord, admit};
use custody_evidence::dsse::{self, IN_TOTO};
use custody_evidence::envelope::{Envelope, Said};
use custody_evidence::key::SigningKey;
use custody_evidence::registry::{CosignAnnotations, Manifest, cosign_envelope};
use custody_evidence::sigstore::{Bundle, BundleVersion, certified};
use custody_evidence::trust::{TrustDocument, TrustState, statement_of};
use custody_log::{BlobDigest, ContentDigest, Timestamp};
use serde_json::{Value, json};

use super::note::{example, origin};
use super::{Target, sigstore, texts};
use crate::claim::{Outcome, bounded, refused, same_bytes};
use crate::corpus::Corpus;

const WORDS: &[&str] = &[
    "\"payload\":",
    "\"payloadType\":\"application/vnd.in-toto+json\"",
    "\"signatures\":",
    "\"cert\":",
    "\"certificate\":",
    "\"intermediates\":",
    "\"timestamps\":",
    "\"type\":\"tsp\"",
    "\"data\":",
    "-----BEGIN CERTIFICATE-----",
    "-----END CERTIFICATE-----",
    "\\n",
    "\"verificationMaterial\":",
    "\"dsseEnvelope\":",
    "\"messageSignature\":",
    "\"verification_material\":",
    "\"format\":\"custody/image-signature/v1\"",
    "\"simpleSigning\":",
    "\"bundle\":",
];

const LAYER_WORDS: &[&str] = &[
    "\"dev.cosignproject.cosign/signature\":",
    "\"critical\":",
    "\"docker-manifest-digest\":\"sha256:",
    "\"docker-reference\":",
    "\"type\":\"cosign container image signature\"",
    "\"optional\":",
    "\"dev.sigstore.cosign/certificate\":",
    "\"dev.sigstore.cosign/chain\":",
    "\"dev.sigstore.cosign/bundle\":",
    "\"dev.sigstore.cosign/rfc3161timestamp\":",
    "\\\"SignedEntryTimestamp\\\":",
    "\\\"Payload\\\":",
    "\\\"integratedTime\\\":",
    "\\\"logID\\\":",
    "\\\"SignedRFC3161Timestamp\\\":",
    "-----END CERTIFICATE-----\\n",
    "\"signatures\":",
    "null",
    "}",
    "\n",
];

const MANIFEST_WORDS: &[&str] = &[
    "\"manifests\":",
    "\"layers\":",
    "\"subject\":",
    "\"mediaType\":",
    "application/vnd.dsse.envelope.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "\"digest\":\"sha256:",
    "\"size\":",
    "\"annotations\":",
    "null",
];

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "evidence.envelope",
        max: 16 << 10,
        rounds: 800,
        words: WORDS,
        seeds: envelopes,
        run: envelope,
    },
    Target {
        name: "evidence.certified",
        max: 16 << 10,
        rounds: 800,
        words: WORDS,
        seeds: carrying,
        run: carried,
    },
    Target {
        name: "evidence.layer",
        max: 32 << 10,
        rounds: 1500,
        words: LAYER_WORDS,
        seeds: layers,
        run: layer,
    },
    Target {
        name: "evidence.manifest",
        max: 16 << 10,
        rounds: 2500,
        words: MANIFEST_WORDS,
        seeds: manifests,
        run: manifest,
    },
];

/// Reads an envelope of any kind, what it says and what that asserts, and asks whether it is admitted.
fn envelope(bytes: &[u8]) -> Outcome {
    let envelope = match Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        Err(error) => return refused(&error),
    };
    same_bytes("envelope", envelope.bytes(), bytes);
    assert_eq!(envelope.dsse().is_some(), envelope.bundle().is_none(), "of one kind");
    let expected = match (envelope.signed(), envelope.payload()) {
        (Some(signed), _) => ContentDigest::of(signed.pae()),
        (None, Some(text)) => ContentDigest::of(text),
        (None, None) => said_digest(&envelope),
    };
    assert_eq!(envelope.content(), expected, "the content is what was signed, whatever is around it");
    let outcome = match envelope.said() {
        Ok(said) => {
            told(bytes.len(), &said);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    };
    admitted(&envelope);
    outcome
}

/// The content of a signature over a file, from the digest that it is found by.
fn said_digest(envelope: &Envelope) -> ContentDigest {
    match envelope.said() {
        Ok(Said::Signed(digest)) => ContentDigest::of(format!("custody/message/v1\n{digest}\n").as_bytes()),
        other => panic!("no envelope, and no file: {other:?}"),
    }
}

fn told(length: usize, said: &Said<'_>) {
    let ours = ["urn:custody:message:v1", "urn:custody:image-signature:v1"];
    assert_eq!(said.statement().is_none(), ours.contains(&said.predicate_type()));
    let facts = said.facts();
    // An edge names two nodes, and a node may be made of two texts of the statement.
    bounded(length, &facts.edges, 512, 64 << 10);
    assert!(
        facts.warnings.iter().all(|warning| !warning.to_string().chars().any(char::is_control)),
        "{facts:?}"
    );
}

/// Nothing is admitted that the seeds do not say, since nobody here can sign anything else.
fn admitted(envelope: &Envelope) {
    let rooted = rooted();
    match admit(&rooted.trust, envelope, now(), [7; 32]) {
        Ok(admission) => {
            assert!(rooted.said.contains(&envelope.content()), "admitted, and nobody signed it");
            let record = AdmissionRecord::decode(admission.record_bytes());
            assert_eq!(record.as_ref(), Ok(admission.record()), "what was checked is kept as it is");
        }
        Err(refusal) => assert!(matches!(refused(&refusal), Outcome::Refused(_))),
    }
}

/// A trust document with roots, and what may be said under it.
struct Rooted {
    trust: TrustState,
    said: BTreeSet<ContentDigest>,
}

fn rooted() -> &'static Rooted {
    static ROOTED: OnceLock<Rooted> = OnceLock::new();
    ROOTED.get_or_init(|| {
        let corpus = Corpus::find();
        let document = TrustDocument::parse(&document(&roots(&corpus))).expect("a document with roots");
        let keys = (1..=4_u8).map(|seed| SigningKey::from_seed(&[seed; 32]));
        let keys: Vec<SigningKey> = keys.collect();
        let signed =
            dsse::Envelope::sign(IN_TOTO, &statement_of(&document), &keys.iter().collect::<Vec<_>>());
        let trust = TrustState::first(&signed.unwrap(), &origin()).expect("its own keys signed it");
        let seeds = [envelopes(&corpus), carrying(&corpus)].concat();
        let seeds: Vec<Envelope> = seeds.iter().filter_map(|bytes| Envelope::parse(bytes).ok()).collect();
        let admitted = |envelope: &&Envelope| admit(&trust, envelope, now(), [7; 32]).is_ok();
        let bundles = seeds.iter().filter(|envelope| envelope.bundle().is_some()).filter(admitted).count();
        assert!(bundles > 0 || !corpus.is_there(), "no real bundle is admitted: nothing is tried");
        assert!(seeds.iter().any(|envelope| admitted(&envelope)), "nothing is admitted: nothing is tried");
        let said = seeds.iter().map(Envelope::content).collect();
        Rooted { trust, said }
    })
}

/// How many roots of the corpus the trust document has: each may be asked about each envelope.
const ROOTS: usize = 4;

/// The roots that real bundles are verified under, or one by nobody.
fn roots(corpus: &Corpus) -> Vec<Vec<u8>> {
    let authorities: [&[u8]; 2] = [b"fulcio.sigstore.dev", b"fulcio.githubapp.com"];
    let names = |bytes: &Vec<u8>, name: &[u8]| bytes.windows(name.len()).any(|part| part == name);
    let known = |bytes: &Vec<u8>| authorities.iter().any(|name| names(bytes, name));
    let found: Vec<Vec<u8>> = corpus.documents("trust").into_iter().filter(known).take(ROOTS).collect();
    if found.is_empty() { vec![sigstore::ROOT.as_bytes().to_vec()] } else { found }
}

/// The trust document of the worked example, with these roots and rules for whom they vouch for.
pub(super) fn document(roots: &[Vec<u8>]) -> Vec<u8> {
    let envelope = dsse::Envelope::parse(example("envelope-0.json")).unwrap();
    let statement: Value = serde_json::from_slice(envelope.payload()).unwrap();
    let mut document = statement["predicate"].clone();
    let member = |(at, bytes): (usize, &Vec<u8>)| {
        let root = sigstore::base64(bytes);
        json!({ "name": format!("root-{at}"), "digest": BlobDigest::of(bytes).to_string(), "root": root, "keys": [] })
    };
    document["trusted_roots"] = roots.iter().enumerate().map(member).collect();
    let names: Vec<String> = (0..roots.len()).map(|at| format!("root-{at}")).collect();
    let issuers = [
        "https://token.actions.githubusercontent.com",
        "https://accounts.google.com",
        "https://github.com/login/oauth",
        "https://gitlab.com",
    ];
    let pattern = |issuer: &str| json!({ "issuer": issuer, "roots": names, "claims": {} });
    let rule = json!({
        "name": "known",
        "keys": [],
        "identities": issuers.map(pattern),
        "predicates": ["*"],
        "about": "anything",
        "authority": "imported",
    });
    document["writers"].as_array_mut().unwrap().push(rule);
    serde_json::to_vec(&document).unwrap()
}

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-23T12:00:00Z").unwrap()
}

/// A signature with a certificate is a bundle in other words, with the same content and that signature only.
fn carried(bytes: &[u8]) -> Outcome {
    let envelope = match dsse::Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        Err(error) => return refused(&error),
    };
    let mut found = 0;
    for (index, signature) in envelope.signatures().iter().enumerate() {
        let Some(carried) = signature.certificate() else { continue };
        bounded(bytes.len(), carried, 8, 4096);
        let bundle = certified(&envelope, index);
        assert_eq!(bundle.is_some(), !carried.chain().is_empty());
        let Some(bundle) = bundle else { continue };
        assert_eq!((bundle.version(), bundle.entry_count()), (BundleVersion::V0_2, 0));
        assert_eq!(bundle.timestamp_count(), carried.timestamps().len());
        let bundle = Envelope::of_bundle(bundle).expect("an envelope is in it");
        assert_eq!(bundle.content(), envelope.content());
        assert_eq!(bundle.signed().map(|one| one.signatures().len()), Some(1));
        found += 1;
    }
    admitted(&envelope.into());
    if found == 0 { Outcome::Refused("no certificate in it".to_owned()) } else { Outcome::Accepted }
}

/// The first line is the annotations, the rest the layer. What comes out holds the layer as it stands, and says the same: an
/// envelope in a bundle, or a text about an image beside one.
fn layer(bytes: &[u8]) -> Outcome {
    let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (annotations, layer) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
    let Ok(annotations) = serde_json::from_slice::<CosignAnnotations>(annotations) else {
        return Outcome::Refused("no annotations".to_owned());
    };
    let made = match cosign_envelope(layer, &annotations) {
        Ok(Some(made)) => made,
        Ok(None) => return Outcome::Refused("no signature or certificate beside it".to_owned()),
        Err(error) => return refused(&error),
    };
    assert!(made.len() <= 3 * bytes.len() + 1024, "{} bytes of {}", made.len(), bytes.len());
    assert_eq!(cosign_envelope(layer, &annotations), Ok(Some(made.clone())), "the same layer, other bytes");
    if made.starts_with(br#"{"format":"#) {
        return signed_image(&made, layer);
    }
    let within = made.strip_suffix(b"}").is_some_and(|made| made.ends_with(layer.trim_ascii()));
    assert!(within, "the layer is not in it as it stands");
    let bundle = match Bundle::parse(&made) {
        Ok(bundle) => bundle,
        Err(error) => return refused(&error),
    };
    assert_eq!(bundle.version(), BundleVersion::V0_1);
    let alone = dsse::Envelope::parse(layer).expect("what is an envelope in the bundle is one alone");
    let bundle = Envelope::of_bundle(bundle).expect("an envelope is in it");
    assert_eq!(bundle.content(), alone.content());
    admitted(&bundle);
    Outcome::Accepted
}

/// A text about an image that is taken at all is read again as exactly the bytes that were signed.
fn signed_image(made: &[u8], layer: &[u8]) -> Outcome {
    let envelope = match Envelope::parse(made) {
        Ok(envelope) => envelope,
        Err(error) => return refused(&error),
    };
    assert_eq!(envelope.payload(), Some(layer), "another text");
    assert_eq!(envelope.content(), ContentDigest::of(layer));
    let Ok(Said::Image(image)) = envelope.said() else { panic!("no image") };
    assert!(image.digest().usable());
    admitted(&envelope);
    Outcome::Accepted
}

fn manifest(bytes: &[u8]) -> Outcome {
    match Manifest::parse(bytes) {
        Ok(manifest) => {
            bounded(bytes.len(), &manifest, 16, 4096);
            for blob in manifest.blobs() {
                let hex = blob.digest().hex();
                assert!(hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hex:?}");
            }
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

fn envelopes(corpus: &Corpus) -> Vec<Vec<u8>> {
    let parts = ["dsse", "bundles/gh", "bundles/slsa", "bundles/cosign", "registry-provenance/pypi"];
    let real = parts.map(|part| corpus.documents(part)).concat();
    [corpus.examples("envelope-"), texts(&[sigstore::BUNDLE, sigstore::ATTESTATION]), real].concat()
}

/// An envelope as witness and slsa-github-generator write it, with certificates that were made for these tests alone.
fn carrying(corpus: &Corpus) -> Vec<Vec<u8>> {
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", sigstore::CERTIFICATE);
    let base64 = sigstore::base64(pem.as_bytes());
    let stamp = json!({ "type": "tsp", "data": "MAA=" });
    let signatures = json!([
        { "keyid": "", "sig": "AAAA", "cert": pem },
        { "keyid": "", "sig": "AAAA", "certificate": base64, "intermediates": [base64], "timestamps": [stamp] },
    ]);
    let own = json!({ "payloadType": IN_TOTO, "payload": "e30=", "signatures": signatures }).to_string();
    [vec![own.into_bytes()], corpus.documents("dsse")].concat()
}

fn layers(_: &Corpus) -> Vec<Vec<u8>> {
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", sigstore::CERTIFICATE);
    let body = sigstore::base64(br#"{"apiVersion":"0.0.1","kind":"dsse","spec":{}}"#);
    let payload = json!({ "body": body, "integratedTime": 1_740_520_687, "logIndex": 7, "logID": "c0d2" });
    let rekor = json!({ "SignedEntryTimestamp": "AQID", "Payload": payload }).to_string();
    let all = json!({
        "dev.sigstore.cosign/certificate": pem,
        "dev.sigstore.cosign/chain": pem.repeat(2),
        "dev.sigstore.cosign/bundle": rekor,
        "dev.sigstore.cosign/rfc3161timestamp": r#"{"SignedRFC3161Timestamp":"MAA="}"#,
    });
    let envelope = String::from_utf8_lossy(example("envelope-1.json"));
    let mut signed = all.clone();
    signed["dev.cosignproject.cosign/signature"] = "AQID".into();
    let keyed = json!({ "dev.cosignproject.cosign/signature": "AQID" });
    let texts = [signed, keyed].map(|annotations| format!("{annotations}\n{IMAGE}").into_bytes());
    let envelopes = [all, json!({ "dev.sigstore.cosign/certificate": pem }), json!({})]
        .map(|annotations| format!("{annotations}\n{envelope}").into_bytes());
    [envelopes.to_vec(), texts.to_vec()].concat()
}

/// What cosign signs of an image.
const IMAGE: &str = r#"{"critical":{"identity":{"docker-reference":"ghcr.io/acme/api"},"image":{"docker-manifest-digest":"sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"},"type":"cosign container image signature"},"optional":null}"#;

fn manifests(corpus: &Corpus) -> Vec<Vec<u8>> {
    let digest = "a".repeat(64);
    let own = format!(
        r#"{{"schemaVersion":2,"layers":[{{"mediaType":"application/vnd.dsse.envelope.v1+json","digest":"sha256:{digest}","size":7,"annotations":{{"dev.sigstore.cosign/certificate":"x","a":[1]}}}}],"subject":{{"size":1}}}}"#
    );
    [vec![own.into_bytes()], corpus.documents("oci/containers-image"), corpus.documents("oci/layouts")]
        .concat()
}
