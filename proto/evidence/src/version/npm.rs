//! Versions of npm: Semantic Versioning, with an optional `v` in front (node-semver, "Versions").

use super::semver::SemVer;

pub(super) fn parse(text: &str) -> Option<SemVer> {
    SemVer::parse(without_v(text))
}

pub(super) fn parse_short(text: &str) -> Option<SemVer> {
    SemVer::parse_short(without_v(text))
}

fn without_v(text: &str) -> &str {
    text.strip_prefix('v').unwrap_or(text)
}
