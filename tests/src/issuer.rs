//! An `OpenID` Connect issuer on loopback, as CI systems run one: a discovery document, a key set, and an endpoint that
//! gives the job at hand a token. Keys are made when a test runs. It can be made to misbehave.

mod behaviour;
mod claims;
mod http;
mod keys;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::certificates::Authority;
pub use behaviour::Behaviour;
pub use claims::{COMMIT, Job, System};
use http::{Answer, Http, Request};
pub use keys::{ALL, Algorithm, TokenKey};

/// The path of the discovery document (`OpenID` Connect Discovery 1.0 section 4).
pub const DISCOVERY: &str = "/.well-known/openid-configuration";

/// The path of the key set.
pub const JWKS: &str = "/keys";

/// The path at which a job of GitHub's asks for a token.
pub const TOKEN: &str = "/token";

/// What a job shows at [`TOKEN`]: GitHub's `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
const REQUEST_TOKEN: &str = "request-token-of-this-job";

/// A running issuer; it ends when this is dropped.
#[derive(Debug)]
pub struct Issuer {
    http: Http,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    url: String,
    /// Published, the newest last: it signs.
    keys: Vec<TokenKey>,
    behaviour: BTreeMap<&'static str, Behaviour>,
    asked: BTreeMap<String, usize>,
    /// What the token endpoint says of the job, but for the audience and the times.
    job: Option<Job>,
    /// The audiences that were asked for.
    audiences: Vec<String>,
    issued: u64,
    /// How many seconds ago tokens begin and end: for tokens that are nearly over.
    ago: u64,
}

impl Issuer {
    /// Starts an issuer with one key.
    ///
    /// # Panics
    ///
    /// When no port is free.
    #[must_use]
    pub fn start(algorithm: Algorithm) -> Self {
        Self::serve(algorithm, None)
    }

    /// Starts an issuer inside TLS, with a certificate of this authority.
    ///
    /// # Panics
    ///
    /// When no port is free.
    #[must_use]
    pub fn inside_tls(algorithm: Algorithm, authority: &Authority) -> Self {
        Self::serve(algorithm, Some(authority))
    }

    fn serve(algorithm: Algorithm, authority: Option<&Authority>) -> Self {
        let state = Arc::new(Mutex::new(State {
            url: String::new(),
            keys: vec![TokenKey::new(algorithm)],
            behaviour: BTreeMap::new(),
            asked: BTreeMap::new(),
            job: None,
            audiences: Vec::new(),
            issued: 0,
            ago: 0,
        }));
        let answering = Arc::clone(&state);
        let http = Http::serve(authority, move |request| answer(&answering, request));
        http.url().clone_into(&mut lock(&state).url);
        Self { http, state }
    }

    /// Returns the issuer's URL, as in the claim `iss`.
    #[must_use]
    pub fn url(&self) -> String {
        self.http.url().to_owned()
    }

    /// Returns the URL of its key set.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}{JWKS}", self.url())
    }

    /// Returns its key set, as it publishes it.
    #[must_use]
    pub fn jwks(&self) -> Value {
        lock(&self.state).jwks()
    }

    /// Signs these claims, whatever they say, with the newest key.
    ///
    /// # Panics
    ///
    /// When the issuer has no key.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        lock(&self.state).keys.last().expect("an issuer has a key").sign(claims)
    }

    /// Signs these claims with a key of this issuer that says it is the newest key of another one.
    ///
    /// # Panics
    ///
    /// When one of them has no key.
    #[must_use]
    pub fn sign_as(&self, other: &Self, claims: &Value) -> String {
        let named = lock(&other.state).keys.last().expect("an issuer has a key").id().to_owned();
        let state = lock(&self.state);
        let key = state.keys.last().expect("an issuer has a key");
        key.sign_under(&json!({"alg": key.algorithm().as_str(), "kid": named, "typ": "JWT"}), claims)
    }

    /// Returns a token for this job with this audience, good for five minutes.
    #[must_use]
    pub fn token(&self, job: &Job, audience: &str) -> String {
        let claims = self.claims(job, audience);
        self.sign(&claims)
    }

    /// Returns the claims that a token for this job with this audience has, for those who change one.
    #[must_use]
    pub fn claims(&self, job: &Job, audience: &str) -> Value {
        lock(&self.state).claims(job, audience)
    }

    /// Makes a new key, and signs with it from now on. Those before stay published.
    pub fn add_key(&self, algorithm: Algorithm) {
        lock(&self.state).keys.push(TokenKey::new(algorithm));
    }

    /// Publishes the newest key alone.
    pub fn drop_old_keys(&self) {
        let mut state = lock(&self.state);
        let last = state.keys.len().saturating_sub(1);
        state.keys.drain(..last);
    }

    /// Behaves like this at this path from now on.
    pub fn behave(&self, path: &'static str, behaviour: Behaviour) {
        lock(&self.state).behaviour.insert(path, behaviour);
    }

    /// Makes the tokens of jobs end within seconds: taken now, thanks to what is let for clocks that differ, and over soon.
    pub fn shorten(&self) {
        lock(&self.state).ago = 315;
    }

    /// Returns how often this path was asked for.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        lock(&self.state).asked.get(path).copied().unwrap_or_default()
    }

    /// Returns the audiences that jobs asked for, in their order.
    #[must_use]
    pub fn audiences(&self) -> Vec<String> {
        lock(&self.state).audiences.clone()
    }

    /// Gives this job's tokens at [`TOKEN`], and returns the variables that GitHub sets where a job may ask for them.
    #[must_use]
    pub fn github_variables(&self, job: &Job) -> Vec<(String, String)> {
        lock(&self.state).job = Some(job.clone());
        // GitHub's URL has a query already.
        let url = format!("{}{TOKEN}?api-version=2.0", self.url());
        vec![
            ("ACTIONS_ID_TOKEN_REQUEST_URL".to_owned(), url),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN".to_owned(), REQUEST_TOKEN.to_owned()),
        ]
    }
}

impl State {
    fn jwks(&self) -> Value {
        let keys: Vec<Value> = self.keys.iter().map(TokenKey::jwk).collect();
        json!({"keys": keys})
    }

    fn claims(&mut self, job: &Job, audience: &str) -> Value {
        self.issued += 1;
        let now = now().saturating_sub(self.ago);
        let mut claims = job.claims(now, self.issued);
        claims["iss"] = json!(self.url);
        claims["aud"] = json!(audience);
        claims["iat"] = json!(now);
        claims["nbf"] = json!(now.saturating_sub(300));
        claims["exp"] = json!(now + 300);
        claims
    }

    fn token(&mut self, request: &Request) -> Answer {
        let expected = format!("bearer {REQUEST_TOKEN}");
        if request.header("authorization").is_none_or(|found| !found.eq_ignore_ascii_case(&expected)) {
            return Answer::status(401);
        }
        let Some(job) = self.job.clone() else { return Answer::status(404) };
        let audience = request.query("audience").unwrap_or_else(|| "https://github.com/acme".to_owned());
        self.audiences.push(audience.clone());
        let claims = self.claims(&job, &audience);
        let token = self.keys.last().expect("an issuer has a key").sign(&claims);
        Answer::json(&json!({"count": token.len(), "value": token}))
    }
}

fn answer(state: &Mutex<State>, request: &Request) -> Answer {
    let behaviour = {
        let mut state = lock(state);
        *state.asked.entry(request.path.clone()).or_default() += 1;
        state.behaviour.get(request.path.as_str()).cloned().unwrap_or_default()
    };
    behaviour.changed(|| {
        let mut state = lock(state);
        match request.path.as_str() {
            DISCOVERY => Answer::json(&json!({
                "issuer": state.url,
                "jwks_uri": format!("{}{JWKS}", state.url),
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
            })),
            JWKS => Answer::json(&state.jwks()),
            TOKEN => state.token(request),
            _ => Answer::status(404),
        }
    })
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the seconds since 1970, by the clock of this machine.
///
/// # Panics
///
/// When the clock is before 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tokens are good by the clock of this machine")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}
