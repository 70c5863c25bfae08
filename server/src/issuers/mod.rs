//! The keys of issuers: fetched, written into the log when they changed, and only then used.
//!
//! What checks a token is the trust that the log holds ([`custody_evidence::trust::TrustState::key_set`]), so nothing rests on
//! what this process alone remembers. Here is only decided when to look again:
//!
//! - a token that is signed with a key which the log does not know waits for a look, and all such tokens for the same one;
//! - a token with a known key waits for nothing: if the last look is old, the next one happens behind its back;
//! - after a look, good or bad, there is none for a while, whatever tokens say, so unknown key ids make no storm;
//! - a look that fails changes nothing: the keys that the log knows go on being used.

mod discovery;
mod fetch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use custody_evidence::dsse::{self, IN_TOTO};
use custody_evidence::key::SigningKey;
use custody_evidence::oidc::{Credential, KeySet, KeySetError, MAX_KEY_SET, Token};
use custody_evidence::trust::{Issuer, IssuerKeys};
use custody_log::Timestamp;
use tokio::sync::{Mutex as AsyncMutex, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use crate::admission;
use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::sequencer::{RecordError, Submission};

pub use discovery::DiscoveryError;
pub use fetch::FetchError;

/// The most tokens that wait for a look at the keys of their issuers: 32, an eighth of the calls that record at once.
const WAITING_MAX: usize = 32;

/// When to come again while as many wait: after the longest look, of two documents.
const WAITED_FOR: Duration = Duration::from_secs(10);

/// When the keys of an issuer are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Cadence {
    /// How long after a look there is none.
    pub cooldown: Duration,
    /// How old a good look may be before the next one.
    pub refresh: Duration,
    /// How long a document may take to come.
    pub timeout: Duration,
}

impl Default for Cadence {
    /// A minute between looks, a look every 15 minutes while tokens come, 5 s for a document.
    fn default() -> Self {
        Self {
            cooldown: Duration::from_mins(1),
            refresh: Duration::from_mins(15),
            timeout: Duration::from_secs(5),
        }
    }
}

/// Why the keys of an issuer could not be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LookError {
    /// A document did not come.
    #[error("{url}: {source}")]
    Fetch {
        /// Where it should be.
        url: String,
        /// Why.
        source: FetchError,
    },
    /// The discovery document does not lead to keys.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// What came is no set of keys.
    #[error("{url}: {source}")]
    Keys {
        /// Where it came from.
        url: String,
        /// Why.
        source: KeySetError,
    },
    /// The keys could not be written into the log.
    #[error("the keys could not be written into the log: {0}")]
    Record(Box<RecordError>),
    /// The trust document means other keys since they were asked for.
    #[error("the trust document names another place for the keys since they were asked for")]
    Moved,
    /// The log's own key cannot sign, or the clock gives no time: a fault of this server.
    #[error("the keys could not be put into an envelope")]
    Envelope,
}

/// Looks after the keys of issuers.
pub struct Issuers {
    ledger: Arc<Ledger>,
    queue: mpsc::Sender<Submission>,
    clock: Arc<dyn Clock>,
    /// The log's own keys: two while one takes the other's place.
    keys: Vec<SigningKey>,
    client: fetch::Client,
    cadence: Cadence,
    /// For tokens that wait for a look: others are told to come again, so a slow issuer holds up few calls.
    waiting: Semaphore,
    /// By issuer. Those that the trust document lists alone, so there are few.
    looks: Mutex<HashMap<String, Arc<AsyncMutex<Look>>>>,
}

/// What is known of the last looks at an issuer.
#[derive(Debug, Default)]
struct Look {
    /// When the last one began.
    began: Option<Instant>,
    /// When the last good one began.
    good: Option<Instant>,
    /// Why the last one failed.
    failed: Option<LookError>,
}

impl Issuers {
    /// Starts without having looked. `keys` are the log's own keys.
    #[must_use]
    pub fn new(
        ledger: Arc<Ledger>,
        queue: mpsc::Sender<Submission>,
        clock: Arc<dyn Clock>,
        keys: Vec<SigningKey>,
        cadence: Cadence,
    ) -> Arc<Self> {
        let client = fetch::Client::new(cadence.timeout);
        let waiting = Semaphore::new(WAITING_MAX);
        Arc::new(Self { ledger, queue, clock, keys, client, cadence, waiting, looks: Mutex::default() })
    }

    /// Waits until the log knows the key that a token says it is signed with, or nothing more can be done about it. Whether the
    /// token is to be believed is not asked here.
    pub async fn prepare(self: &Arc<Self>, credential: &Credential) -> Result<(), RecordError> {
        let Ok(token) = Token::parse(credential.token()) else { return Ok(()) };
        let Some(issuer) = self.fetched(&token) else { return Ok(()) };
        let (asked, look) = (Instant::now(), self.look(&issuer.url));
        if self.is_known(&token, &issuer) {
            // Nobody waits; one look at a time.
            let old = look.try_lock().is_ok_and(|look| self.is_due(&look));
            if old {
                drop(self.begin(issuer, look, asked));
            }
            return Ok(());
        }
        let Ok(_place) = self.waiting.try_acquire() else {
            return Err(RecordError::KeysAwaited { issuer: issuer.url, retry: WAITED_FOR });
        };
        let outcome = self.begin(issuer.clone(), Arc::clone(&look), asked).await;
        outcome.map_err(|_| RecordError::Internal)?;
        if self.is_known(&token, &issuer) {
            return Ok(());
        }
        let look = look.lock().await;
        let began = look.began.unwrap_or(asked);
        let looked = began >= asked;
        match &look.failed {
            // The issuer was asked, and does not publish that key.
            None if looked => Ok(()),
            None => Err(RecordError::KeyNotSeen { issuer: issuer.url, retry: self.rest(began) }),
            Some(why) => {
                let (issuer, why) = (issuer.url, why.to_string());
                Err(RecordError::IssuerUnreachable { issuer, why, retry: self.rest(began) })
            }
        }
    }

    /// Returns the issuer of a token, if the trust document lists it and its keys are fetched.
    fn fetched(&self, token: &Token) -> Option<Issuer> {
        let trust = &self.ledger.head().trust;
        trust.document().issuer(token.issuer()?).filter(|issuer| issuer.jwks.is_none()).cloned()
    }

    fn is_known(&self, token: &Token, issuer: &Issuer) -> bool {
        let head = self.ledger.head();
        head.trust.key_set(&issuer.url).is_some_and(|in_use| in_use.keys.may_have_signed(token))
    }

    fn look(&self, issuer: &str) -> Arc<AsyncMutex<Look>> {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(looks.entry(issuer.to_owned()).or_default())
    }

    fn is_due(&self, look: &Look) -> bool {
        let rested = look.began.is_none_or(|began| began.elapsed() >= self.cadence.cooldown);
        rested && look.good.is_none_or(|good| good.elapsed() >= self.cadence.refresh)
    }

    /// How long there is no look after one that began then.
    fn rest(&self, began: Instant) -> Duration {
        self.cadence.cooldown.saturating_sub(began.elapsed())
    }

    /// Looks at an issuer, unless somebody did since `asked`, or a moment ago. It goes on when the caller leaves; a server that
    /// stops does not wait for an answer.
    fn begin(
        self: &Arc<Self>,
        issuer: Issuer,
        look: Arc<AsyncMutex<Look>>,
        asked: Instant,
    ) -> tokio::task::JoinHandle<()> {
        let (this, client, cooldown) = (Arc::downgrade(self), self.client.clone(), self.cadence.cooldown);
        tokio::spawn(async move {
            let mut look = look.lock().await;
            if look.began.is_some_and(|began| began >= asked || began.elapsed() < cooldown) {
                return;
            }
            let began = Instant::now();
            look.began = Some(began);
            let seen = keys_of(&client, &issuer).await;
            let Some(this) = this.upgrade() else { return };
            let written = match seen {
                Ok(keys) => this.write(&issuer, keys).await,
                Err(error) => Err(error),
            };
            match written {
                Ok(()) => (look.good, look.failed) = (Some(began), None),
                Err(error) => {
                    if matches!(error, LookError::Moved) {
                        // Nobody looked at the new place yet.
                        look.began = None;
                    }
                    let issuer = &issuer.url;
                    tracing::warn!(%issuer, %error, "the keys of an issuer could not be had; those that the log knows go on being used");
                    look.failed = Some(error);
                }
            }
        })
    }

    /// Writes the keys into the log, if it does not have the same. They are those of the place that `issuer` names: if the document
    /// names another one since, they are nobody's, whoever had the old place.
    async fn write(&self, issuer: &Issuer, keys: KeySet) -> Result<(), LookError> {
        let head = self.ledger.head();
        let listed = head.trust.document().issuer(&issuer.url);
        if listed.is_none_or(|listed| (&listed.jwks_url, &listed.jwks) != (&issuer.jwks_url, &issuer.jwks)) {
            return Err(LookError::Moved);
        }
        let known = head.trust.key_set(&issuer.url);
        if known.is_some_and(|known| known.keys == &keys) {
            return Ok(());
        }
        let now = self.clock.read().map_err(|error| LookError::Record(Box::new(error.into())))?.wall;
        // Later than what the log knows, also if the clock was set back since.
        let before = known.and_then(|known| known.fetched);
        let fetched = before.map_or(now, |before: Timestamp| now.max(before.plus_micros(1)));
        let statement = IssuerKeys { issuer: issuer.url.clone(), fetched, keys };
        let statement = statement.statement(self.ledger.origin().as_str());
        let own: Vec<&SigningKey> = self.keys.iter().collect();
        let envelope = dsse::Envelope::sign(IN_TOTO, &statement, &own).map_err(|_| LookError::Envelope)?;
        let failed = |error| LookError::Record(Box::new(error));
        let envelope = envelope.into();
        let admitted =
            admission::admit(&head, self.ledger.index(), &envelope, None, &[], now).map_err(failed)?;
        let (answer, answered) = oneshot::channel();
        let sent = self.queue.send(Submission { envelope, admitted, answer }).await;
        sent.map_err(|_| failed(RecordError::ShuttingDown))?;
        let answered = answered.await.map_err(|_| failed(RecordError::OutcomeUnknown))?.map_err(failed)?;
        tracing::info!(issuer = %issuer.url, index = %answered.recorded.index, "the keys of an issuer changed, and are in the log");
        Ok(())
    }
}

/// Fetches the keys of an issuer from where the trust document, or the issuer itself, says that they are.
async fn keys_of(client: &fetch::Client, issuer: &Issuer) -> Result<KeySet, LookError> {
    let url = if let Some(url) = &issuer.jwks_url {
        url.clone()
    } else {
        let document = get(client, &issuer.discovery_url(), discovery::DOCUMENT_MAX).await?;
        discovery::jwks_url(&document, &issuer.url)?
    };
    let document = get(client, &url, MAX_KEY_SET).await?;
    KeySet::read(&document).map_err(|source| LookError::Keys { url, source })
}

async fn get(client: &fetch::Client, url: &str, max: usize) -> Result<Vec<u8>, LookError> {
    let fetched = client.get(url, max).await;
    fetched.map_err(|source| LookError::Fetch { url: url.to_owned(), source })
}
