//! TLS below gRPC: certificates that are read again when their files change, and who a caller is.

mod files;
mod presented;
mod reload;
mod standing;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use custody_log::Timestamp;
use rustls::pki_types::CertificateDer;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use self::files::{Bytes, Made};
use super::readers::Readers;
use crate::clock::{Clock, ClockError};

pub use files::{TlsFileError, TlsFiles};
pub(super) use presented::{Client, Presented};
pub(super) use standing::Standing;

/// The protocol inside TLS: HTTP/2 (RFC 9113 section 3.2), and nothing else.
const ALPN: &[u8] = b"h2";

/// How often handshakes that failed are told of: each minute one line, however many there were.
const SAY_EVERY: Duration = Duration::from_mins(1);

/// TLS as it is at the moment.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    files: TlsFiles,
    clock: Arc<dyn Clock>,
    /// What the files held at the start.
    loaded: Bytes,
    made: RwLock<Arc<Made>>,
    failures: Mutex<Failures>,
}

/// Handshakes that failed, since they were last told of.
#[derive(Default)]
struct Failures {
    count: u64,
    said: Option<Instant>,
}

impl Tls {
    /// Reads the files. Call [`Tls::watch`] to have them read again.
    pub fn load(files: TlsFiles, clock: Arc<dyn Clock>) -> Result<Self, TlsFileError> {
        let loaded = files.read()?;
        let now = clock.read()?.wall;
        let made = files.make(&loaded, now)?;
        reload::tell(&made, now);
        let made = RwLock::new(Arc::new(made));
        Ok(Self(Arc::new(Shared { files, clock, loaded, made, failures: Mutex::default() })))
    }

    /// Reads the files again whenever they have changed, for ever.
    pub async fn watch(self) {
        reload::watch(self).await;
    }

    /// Returns what new connections are served with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.made().config))
    }

    /// Returns who a caller is that showed these certificates in a handshake.
    fn judge(&self, made: &Made, chain: Option<&[CertificateDer<'_>]>) -> Presented {
        made.clients.as_ref().map_or(Presented::Nothing, |clients| match self.now() {
            Ok(now) => Presented::judge(chain, clients.as_ref(), now),
            Err(error) => Presented::Refused(error.to_string()),
        })
    }

    /// Says whether this is what was agreed on inside TLS.
    pub(super) fn speaks(protocol: Option<&[u8]>) -> bool {
        protocol == Some(ALPN)
    }

    /// Returns who may read, and none if everybody may.
    pub(super) fn with_readers<T>(&self, act: impl FnOnce(Option<&Readers>) -> T) -> T {
        act(self.made().readers.as_ref())
    }

    /// Returns the time, by which certificates end.
    pub(super) fn now(&self) -> Result<Timestamp, ClockError> {
        Ok(self.0.clock.read()?.wall)
    }

    /// Counts a handshake that failed.
    pub(super) fn failed(&self, peer: Option<SocketAddr>, why: &dyn std::fmt::Display) {
        let peer = peer.map_or_else(|| "someone".to_owned(), |peer| peer.to_string());
        let told = self.0.failures.lock().unwrap_or_else(PoisonError::into_inner).add(Instant::now());
        if let Some(count) = told {
            tracing::warn!(count, peer, %why, "a TLS handshake failed; count is since the last such line");
        } else {
            tracing::debug!(peer, %why, "a TLS handshake failed");
        }
    }

    fn made(&self) -> Arc<Made> {
        Arc::clone(&self.0.made.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, made: Made) {
        *self.0.made.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(made);
    }
}

impl Failures {
    /// Returns how many there were, if it is time to tell.
    fn add(&mut self, now: Instant) -> Option<u64> {
        self.count = self.count.saturating_add(1);
        if self.said.is_some_and(|said| now < said + SAY_EVERY) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}
