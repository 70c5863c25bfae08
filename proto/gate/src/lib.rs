//! Policies, and the verdicts they give: `policy x evidence x time -> verdict`.
//!
//! A [`Policy`] is read once, strictly. It says what must be gathered ([`Policy::asks`]), the caller gathers it and checks it,
//! and [`judge`] gives the verdict, the same one wherever and whenever it is asked with the same three. There is no I/O, no clock, no
//! randomness and no protobuf here, and there never will be: the client runs it over what it verified itself, the server for callers
//! that trust it, an auditor years later.
//!
//! ```text
//! text -- policy --> Policy -- asks --> what to gather  (the caller's, to a fixpoint)
//!                      |                     |
//!                      +------- judge -------+--> Verdict --> JSON, summary (VSA), differences
//! ```
//!
//! A policy that asks for provenance of a digest about which nothing was found; and before anybody looked:
//!
//! ```
//! use custody_evidence::Digest;
//! use custody_gate::{Decision, Evidence, Policy, Question, judge};
//!
//! let policy = Policy::load(b"{\"policy\": \"release\", \"version\": 1, \"rules\": [
//!     {\"id\": \"build\", \"require\": {\"predicate\": \"provenance\", \"count\": \"any\"}}]}")?;
//! let question = Question::sample(Digest::sha256_of(b"app.tar.gz"));
//! let mut evidence = Evidence::default();
//! assert_eq!(judge(&policy, &evidence, &question).decision(), Decision::Indeterminate);
//! for ask in policy.new_asks(&evidence, &question) {
//!     evidence.add(ask, [], None);
//! }
//! assert_eq!(judge(&policy, &evidence, &question).decision(), Decision::Deny);
//! # Ok::<(), custody_gate::LoadError>(())
//! ```

pub mod cel;
pub mod difference;
mod evaluate;
pub mod evidence;
pub mod explain;
pub mod fixture;
pub mod licence;
pub mod policy;
pub mod verdict;
mod words;

pub use difference::Difference;
pub use evaluate::{Completeness, Freshness, Position, Question, TrustView, judge};
pub use evidence::{About, Ask, Entry, Evidence, Finding, Gathered, Incomplete, OnRef, Signer, Standing};
pub use explain::explain;
pub use policy::{Class, Given, Level, LoadError, Policy, Rule};
pub use verdict::{Decision, Status, Verdict, VerdictError};

/// The version of what the gate concludes, as verdicts name it: same versions, same verdict.
pub const GATE_VERSION: &str = "1";
/// The version of how versions of packages are ordered, as verdicts name it.
pub const VERSION_ORDER: &str = "1";
/// What the ids of the gate's own results start with; no rule of a policy does.
pub(crate) const OWN_RULES: &str = "custody.";
