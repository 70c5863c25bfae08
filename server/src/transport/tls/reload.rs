//! The files of TLS are read again when they have changed.
//!
//! Each look reads all bytes of all files: a Kubernetes secret changes by a link to a link, and a file that is written in
//! place may keep its length and its second. A look may fall between two writes, of a half-written file or of a certificate
//! whose key comes next, so only what is there twice in a row is complained of. What was good is kept until something
//! better is there.

use std::time::Duration;

use custody_log::Timestamp;

use super::Tls;
use super::files::{Bytes, Made, TlsFileError, ends_soon, named};

/// How often the files are looked at: every 2 s.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often it is said that the certificate ends soon: every 24 h, so 43,200 looks.
const SAY_AFTER_LOOKS: u32 = 43_200;

/// What the looks so far have seen.
struct Seen {
    /// The bytes in use.
    used: Bytes,
    /// What was found last that cannot be used: its bytes, if they could be read, and what was said of it.
    bad: Option<(Option<Bytes>, String)>,
    told: bool,
}

pub(super) async fn watch(tls: Tls) {
    let mut seen = Seen { used: tls.0.loaded.clone(), bad: None, told: false };
    let mut looks = 0_u32;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let this = tls.clone();
        let looked = tokio::task::spawn_blocking(move || {
            seen.look(&this);
            seen
        });
        // Only a panic loses it.
        let Ok(looked) = looked.await else { return };
        seen = looked;
        looks += 1;
        if looks == SAY_AFTER_LOOKS {
            looks = 0;
            if let Ok(now) = tls.now() {
                warn_of_end(&tls.made(), now);
            }
        }
    }
}

impl Seen {
    fn look(&mut self, tls: &Tls) {
        let files = &tls.0.files;
        let bytes = match files.read() {
            Ok(bytes) => bytes,
            Err(error) => return self.complain(None, &error),
        };
        if self.used == bytes {
            if self.told {
                tracing::info!("the TLS files are again those in use");
            }
            (self.bad, self.told) = (None, false);
            return;
        }
        let made = tls.now().map_err(TlsFileError::from).and_then(|now| Ok((files.make(&bytes, now)?, now)));
        match made {
            Ok((made, now)) => {
                tracing::info!("the TLS files were read again");
                tell(&made, now);
                tls.replace(made);
                *self = Self { used: bytes, bad: None, told: false };
            }
            Err(error) => self.complain(Some(bytes), &error),
        }
    }

    /// Says once what is wrong with the files, when it is there at a second look.
    fn complain(&mut self, bytes: Option<Bytes>, error: &TlsFileError) {
        let bad = (bytes, error.to_string());
        if self.bad.as_ref() != Some(&bad) {
            (self.bad, self.told) = (Some(bad), false);
        } else if !self.told {
            self.told = true;
            tracing::error!(%error, "the TLS files cannot be used: those read before stay in use");
        }
    }
}

/// Says what is served with.
pub(super) fn tell(made: &Made, now: Timestamp) {
    let (certificate, issuer, until) = (named(&made.own), made.own.issuer(), made.own.not_after());
    tracing::info!(certificate, issuer = ?issuer, %until, "TLS");
    if now < made.own.not_before() {
        tracing::warn!(begins = %made.own.not_before(), "the TLS certificate is not valid yet: clients will refuse it");
    }
    warn_of_end(made, now);
}

fn warn_of_end(made: &Made, now: Timestamp) {
    if ends_soon(&made.own, now) {
        let (certificate, until) = (named(&made.own), made.own.not_after());
        tracing::warn!(certificate, %until, "the TLS certificate ends within 14 days: renew it, the files are read again");
    }
}
