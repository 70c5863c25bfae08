//! Jobs of a CI system whose issuer, certificate authority and log are the tests' own: what they sign is a Sigstore bundle.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_evidence::key::SigningKey as LogKey;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SigningKey as _, date_time_ymd,
};
use serde_json::{Value, json};

use crate::evidence::{IN_TOTO, pae};
use crate::oracle::sha256;

/// The issuer of the jobs, as their certificates name it.
pub const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// The arc of Fulcio's extensions (sigstore/fulcio, `docs/oid-info.md`).
const FULCIO: [u64; 8] = [1, 3, 6, 1, 4, 1, 57264, 1];

/// A certificate authority and a log of signatures.
#[derive(Debug)]
pub struct Signatory {
    issuer: Issuer<'static, KeyPair>,
    root: Vec<u8>,
    log: LogKey,
}

/// A run of a workflow, as an issuer describes it.
#[derive(Debug, Clone)]
pub struct Job {
    /// `acme/api`.
    pub repository: String,
    /// The id that nobody gets again.
    pub id: String,
    /// The file below `.github/workflows/`.
    pub workflow: String,
    /// `refs/heads/main`.
    pub reference: String,
    /// The commit.
    pub commit: String,
    /// The number of the run.
    pub run: u64,
}

impl Job {
    /// A run of the release workflow of a repository on its main branch.
    #[must_use]
    pub fn release(repository: &str, id: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            id: id.to_owned(),
            workflow: "release.yml".to_owned(),
            reference: "refs/heads/main".to_owned(),
            commit: "16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b".to_owned(),
            run: 4711,
        }
    }

    /// Returns the name that a certificate for it has: the workflow's file at its ref.
    #[must_use]
    pub fn name(&self) -> String {
        let Self { repository, workflow, reference, .. } = self;
        format!("https://github.com/{repository}/.github/workflows/{workflow}@{reference}")
    }

    fn run_url(&self) -> String {
        format!("https://github.com/{}/actions/runs/{}/attempts/1", self.repository, self.run)
    }

    /// Returns the provenance that it writes about artifacts, each by its name and the hex of its sha256.
    #[must_use]
    pub fn provenance(&self, artifacts: &[(&str, &str)]) -> Value {
        let subject = |(name, hex): &(&str, &str)| json!({ "name": name, "digest": { "sha256": hex } });
        let repository = format!("https://github.com/{}", self.repository);
        let workflow = json!({
            "ref": self.reference, "repository": repository, "path": format!(".github/workflows/{}", self.workflow),
        });
        let source = json!({
            "uri": format!("git+{repository}@{}", self.reference), "digest": { "gitCommit": self.commit },
        });
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": artifacts.iter().map(subject).collect::<Vec<_>>(),
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                    "externalParameters": { "workflow": workflow },
                    "resolvedDependencies": [source],
                },
                "runDetails": { "builder": { "id": self.name() }, "metadata": { "invocationId": self.run_url() } },
            },
        })
    }

    fn extensions(&self) -> Vec<CustomExtension> {
        let repository = format!("https://github.com/{}", self.repository);
        let subject = format!("repo:{}:ref:{}", self.repository, self.reference);
        [
            (8, ISSUER.to_owned()),
            (9, self.name()),
            (11, "github-hosted".to_owned()),
            (12, repository),
            (13, self.commit.clone()),
            (14, self.reference.clone()),
            (15, self.id.clone()),
            (18, self.name()),
            (20, "push".to_owned()),
            (21, self.run_url()),
            (24, subject),
        ]
        .into_iter()
        .map(|(number, text)| {
            let arc: Vec<u64> = FULCIO.iter().copied().chain([number]).collect();
            CustomExtension::from_oid_content(&arc, utf8_string(&text))
        })
        .collect()
    }
}

impl Signatory {
    /// Makes an authority and a log.
    ///
    /// # Panics
    ///
    /// When no key or certificate can be made.
    #[must_use]
    pub fn new() -> Self {
        let mut params = validity(CertificateParams::default());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key can be made");
        let root = params.self_signed(&key).expect("a certificate can be made").der().to_vec();
        Self { issuer: Issuer::new(params, key), root, log: LogKey::from_seed(&[0x10; 32]) }
    }

    /// Returns what `custody trust propose --add-root` takes: a `trusted_root.json`.
    #[must_use]
    pub fn trusted_root(&self) -> Vec<u8> {
        let window = json!({ "start": "2020-01-01T00:00:00Z" });
        let key = json!({
            "rawBytes": STANDARD.encode(self.log.public().spki_der()), "keyDetails": "PKIX_ED25519", "validFor": window,
        });
        let chain = json!({ "certificates": [{ "rawBytes": STANDARD.encode(&self.root) }] });
        let root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256", "publicKey": key,
                "logId": { "keyId": STANDARD.encode(self.log_id()) },
            }],
            "certificateAuthorities": [{ "certChain": chain, "validFor": window }],
        });
        root.to_string().into_bytes()
    }

    /// Signs a statement as a job: with a key that is used once, and a certificate that says what the issuer says of the job.
    ///
    /// # Panics
    ///
    /// When no key or certificate can be made.
    #[must_use]
    pub fn sign(&self, job: &Job, statement: &Value) -> Vec<u8> {
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = validity(CertificateParams::default());
        params.subject_alt_names = vec![SanType::URI(job.name().try_into().expect("a URI is ASCII"))];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.custom_extensions = job.extensions();
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate can be made");
        let payload = statement.to_string().into_bytes();
        let signature = key.sign(&pae(IN_TOTO, &payload)).expect("a key signs");
        let dsse = json!({
            "payload": STANDARD.encode(&payload), "payloadType": IN_TOTO, "signatures": [{ "sig": STANDARD.encode(&signature) }],
        });
        let entry = self.entry(&payload, &signature, &certificate.pem());
        let chain = json!({ "certificates": [{ "rawBytes": STANDARD.encode(certificate.der()) }] });
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1",
            "verificationMaterial": { "x509CertificateChain": chain, "tlogEntries": [entry] },
            "dsseEnvelope": dsse,
        });
        bundle.to_string().into_bytes()
    }

    /// An entry of the log, with its promise.
    fn entry(&self, payload: &[u8], signature: &[u8], certificate: &str) -> Value {
        let hash: String = hex(&sha256(payload));
        let signer =
            json!({ "signature": STANDARD.encode(signature), "verifier": STANDARD.encode(certificate) });
        let spec = json!({ "payloadHash": { "algorithm": "sha256", "value": hash }, "signatures": [signer] });
        let body = json!({ "apiVersion": "0.0.1", "kind": "dsse", "spec": spec }).to_string();
        let body = STANDARD.encode(body);
        let time = seconds();
        let log_id: String = hex(&self.log_id());
        // The members in the order of their names, as RFC 8785 has them.
        let promised =
            format!(r#"{{"body":"{body}","integratedTime":{time},"logID":"{log_id}","logIndex":7}}"#);
        let promise = STANDARD.encode(self.log.sign(promised.as_bytes()));
        json!({
            "logIndex": "7", "logId": { "keyId": STANDARD.encode(self.log_id()) },
            "kindVersion": { "kind": "dsse", "version": "0.0.1" }, "integratedTime": time.to_string(),
            "inclusionPromise": { "signedEntryTimestamp": promise }, "canonicalizedBody": body,
        })
    }

    fn log_id(&self) -> [u8; 32] {
        sha256(self.log.public().spki_der())
    }
}

impl Default for Signatory {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(clippy::disallowed_methods, reason = "certificates are valid by the clock of this machine")]
fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970")
}

fn seconds() -> u64 {
    since_1970().as_secs()
}

/// Valid for an hour around now.
fn validity(mut params: CertificateParams) -> CertificateParams {
    let half = Duration::from_mins(30);
    params.not_before = date_time_ymd(1970, 1, 1) + since_1970().checked_sub(half).expect("it is after 1970");
    params.not_after = date_time_ymd(1970, 1, 1) + (since_1970() + half);
    params
}

/// The DER of a `UTF8String`.
fn utf8_string(text: &str) -> Vec<u8> {
    let length = text.len();
    let head = match length {
        0..128 => vec![0x0c, u8::try_from(length).unwrap_or(0)],
        _ => {
            vec![0x0c, 0x82, u8::try_from(length >> 8).unwrap_or(0), u8::try_from(length & 0xff).unwrap_or(0)]
        }
    };
    // Lengths up to 255 have a form of two bytes of their own.
    let head =
        if (128..256).contains(&length) { vec![0x0c, 0x81, u8::try_from(length).unwrap_or(0)] } else { head };
    [head, text.as_bytes().to_vec()].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
