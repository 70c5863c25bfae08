//! Who is at the other end of a connection, which may live longer than the authorities by which it was judged.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::CertificateDer;

use super::Tls;
use super::files::Made;
use super::presented::Presented;

/// What a caller showed in the handshake, and what that is worth now.
pub(in crate::transport) struct Standing {
    tls: Tls,
    /// The certificates, the caller's own first, of one that they let in. Who was not let in may connect again.
    chain: Option<Vec<CertificateDer<'static>>>,
    /// The verdict, and by what it was made. Held for no longer than a judgement, which is some signatures.
    judged: Mutex<(Arc<Made>, Arc<Presented>)>,
}

impl Standing {
    /// Judges a caller who showed these certificates in a handshake.
    pub(in crate::transport) fn new(tls: &Tls, chain: Option<&[CertificateDer<'_>]>) -> Self {
        let made = tls.made();
        let presented = tls.judge(&made, chain);
        let owned =
            |chain: &[CertificateDer<'_>]| chain.iter().cloned().map(CertificateDer::into_owned).collect();
        let chain = chain.filter(|_| matches!(presented, Presented::Client(_))).map(owned);
        Self { tls: tls.clone(), chain, judged: Mutex::new((made, Arc::new(presented))) }
    }

    /// Returns who it is: by the authorities of today, so that one that was taken out lets nobody in any more.
    pub(in crate::transport) fn presented(&self) -> Arc<Presented> {
        let made = self.tls.made();
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chain) = self.chain.as_deref().filter(|_| !Arc::ptr_eq(&judged.0, &made)) {
            let presented = self.tls.judge(&made, Some(chain));
            *judged = (made, Arc::new(presented));
        }
        Arc::clone(&judged.1)
    }
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Standing").field(&self.presented()).finish()
    }
}
