//! The Custody client: each call returns checked values or a refusal, never raw server data.
//!
//! A [`Ledger`] is one log on one server. To open one needs a [`Pin`]: the log's name and the digest of its
//! first entry. Everything else that is believed follows from it: [`trust`] replays the trust documents,
//! [`memory`] knows the largest tree seen, [`check`] names what an entry was checked for.
//!
//! Nothing here reads the clock, the environment or the terminal: the command line does, and passes it in.
//!
//! ```no_run
//! use std::time::Duration;
//! use custody_client::tls::TlsSettings;
//! use custody_client::{Ledger, Options, Patience};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let patience = Patience { timeout: Duration::from_secs(30), retry_for: Duration::from_secs(3) };
//! let mut ledger = Ledger::open(Options {
//!     server: "https://custody.example.com:4600".to_owned(),
//!     tls: TlsSettings::default(),
//!     patience,
//!     pin: "example.com/log+sha256:<digest of entry 0>".parse()?,
//!     state_dir: "/var/lib/my-tool/custody".into(),
//!     trust: None,
//!     on_retry: None,
//! })
//! .await?;
//! let entry = ledger.entry("1042".parse()?).await?;
//! match entry.verified() {
//!     Some(verified) => println!("{} is verified", verified.said().predicate_type()),
//!     None => println!("administrators had it erased"),
//! }
//! # Ok(())
//! # }
//! ```

pub mod audit;
pub mod check;
pub mod ci;
pub mod connection;
pub mod document;
pub mod file_digest;
pub mod freshness;
pub mod git;
pub mod inspect;
pub mod keyless;
pub mod layout;
pub mod ledger;
pub mod make;
pub mod memory;
pub mod pack;
pub mod pin;
pub mod pods;
pub mod sign;
pub mod spool;
pub mod ssh;
pub mod tls;
pub mod trust;
pub mod workflow;

pub use check::{Checked, Level, Logged, Verified};
pub use connection::{OnRetry, Patience, Retry};
pub use ledger::{Ledger, LedgerError, Options, RecordError, Recorded};
pub use pin::Pin;
pub use trust::{Trust, TrustFile};
