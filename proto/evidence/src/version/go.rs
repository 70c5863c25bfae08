//! Versions of Go modules (go.dev/ref/mod, "Versions" and "Pseudo-versions"): Semantic Versioning with a `v` in
//! front.
//!
//! A pseudo-version is a pre-release (`v1.2.4-0.20191109021931-daa7c04131f5`), and `+incompatible` is build
//! metadata, so both have their places by the general rules. The `v` may be missing: some producers drop it, as
//! for `stdlib`.

use super::semver::SemVer;

pub(super) fn parse(text: &str) -> Option<SemVer> {
    match text.strip_prefix('v') {
        Some(version) => SemVer::parse(version).or_else(|| SemVer::parse_short(version)),
        // A commit's hash may be all digits: without a `v`, three numbers are wanted.
        None => SemVer::parse(text),
    }
}

pub(super) fn parse_short(text: &str) -> Option<SemVer> {
    SemVer::parse_short(text.strip_prefix('v').unwrap_or(text))
}
