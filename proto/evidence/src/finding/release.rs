//! Releases by their versions: a burst of them, and one on an old line.

use std::collections::BTreeSet;

use super::bounds::{
    ABOUT_ARTIFACT, BURST_VERSIONS, BURST_WINDOW_MICROS, HISTORY_MIN, OLD_LINE_RELEASES,
    OLD_LINE_SILENCE_MICROS,
};
use super::need::Need;
use super::provenance::about;
use super::seen::{Kind, Known, RELEASES, Seen, micros_between};
use super::{Finding, FindingKind, finding};
use crate::fact::Called;

/// The line of releases that a version is on: its first number; of versions before 1 the first two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line(u64, u64);

/// One version of a name, and the entry that says it was released.
#[derive(Clone, Copy)]
struct Release<'k, 'a> {
    version: &'k str,
    line: Line,
    seen: &'k Seen<'a>,
}

impl Line {
    /// Reads the line of a version; none for what is no version of two numbers at least: `latest`, a commit, a build's number.
    pub(super) fn of(version: &str) -> Option<Self> {
        let numbers = version.strip_prefix(['v', 'V']).unwrap_or(version);
        let numbers = numbers.split(['-', '+']).next()?;
        let mut parts = numbers.split('.').map(|part| part.parse::<u64>().ok());
        let (first, second) = (parts.next()??, parts.next()??);
        Some(Self(first, if first == 0 { second } else { 0 }))
    }
}

pub(super) fn needs(new: &Seen<'_>, known: &Known<'_>, needs: &mut BTreeSet<Need>) {
    // Before something is told: the same bytes may have been released long ago, behind all that is compared.
    let may_tell = known.rounds > 0 && !find(new, known).is_empty();
    for (called, _) in released(new) {
        needs.insert(Need::named(&called.name));
        let released = about(&called.artifacts, &RELEASES).into_iter().filter(|_| may_tell);
        needs.extend(released.map(|terms| Need::before(terms, ABOUT_ARTIFACT)));
    }
}

pub(super) fn find(new: &Seen<'_>, known: &Known<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for (called, line) in released(new) {
        let earlier = earlier(new, &called.name, known);
        let version = called.version.as_deref().unwrap_or_default();
        // A version that was told of before is no new release.
        if earlier.iter().any(|release| release.version == version) {
            continue;
        }
        let both = [burst(new, called, &earlier), old_line(new, called, line, &earlier)];
        let fresh =
            |one: &Finding| found.iter().all(|other| other.kind != one.kind || other.thing != one.thing);
        let both: Vec<Finding> = both.into_iter().flatten().filter(fresh).collect();
        found.extend(both);
    }
    found
}

/// The versions that an entry says were released.
fn released<'a>(seen: &Seen<'a>) -> impl Iterator<Item = (&'a Called, Line)> + use<'a> {
    let releases = matches!(seen.kind(), Kind::Publication | Kind::Release | Kind::Tag) && !seen.is_history();
    let called = seen.called().iter().filter(move |_| releases);
    called.filter_map(|called| Some((called, Line::of(called.version.as_deref()?)?)))
}

/// The versions of a name that earlier entries tell of, the newest first, each where it was told of first.
fn earlier<'k, 'a>(new: &Seen<'_>, name: &str, known: &'k Known<'a>) -> Vec<Release<'k, 'a>> {
    let mut releases: Vec<Release<'k, 'a>> = Vec::new();
    let before: Vec<LeafIndexed<'k, 'a>> = known
        .before(new)
        .into_iter()
        .filter_map(|seen| Some((seen.index, known.entries.get(&seen.index)?)))
        .collect();
    // The oldest first, so that each version stands where it was first told of.
    for (_, seen) in before.into_iter().rev() {
        let is_release = matches!(seen.kind(), Kind::Publication | Kind::Release | Kind::Tag);
        for called in seen.called().iter().filter(|called| is_release && called.name == name) {
            let Some(version) = called.version.as_deref() else { continue };
            let Some(line) = Line::of(version) else { continue };
            if releases.iter().all(|release| release.version != version) {
                releases.push(Release { version, line, seen });
            }
        }
    }
    releases.reverse();
    releases
}

type LeafIndexed<'k, 'a> = (custody_log::LeafIndex, &'k Seen<'a>);

/// Told at the version that makes it one: with the next, the name had as many before.
fn burst(new: &Seen<'_>, called: &Called, earlier: &[Release<'_, '_>]) -> Option<Finding> {
    let within = |release: &&Release<'_, '_>| {
        micros_between(release.seen.happened(), new.happened()) < BURST_WINDOW_MICROS
    };
    let recent: Vec<_> = earlier.iter().take_while(within).collect();
    let history = earlier.get(recent.len()..).unwrap_or_default();
    if recent.len().saturating_add(1) < BURST_VERSIONS || history.len() < HISTORY_MIN || is_usual(earlier) {
        return None;
    }
    let first = recent.last()?.seen;
    let message = format!(
        "{BURST_VERSIONS} versions of {} from {} to {}, which never had so many in an hour",
        called.name,
        first.happened(),
        new.happened()
    );
    let usual = history.iter().take(HISTORY_MIN).map(|release| release.seen);
    let shown: Vec<&Seen<'_>> = recent.iter().map(|release| release.seen).chain(usual).collect();
    Some(finding(FindingKind::Burst, called.artifacts.first()?.clone(), new, shown, message))
}

/// Whether the name had as many in an hour before.
fn is_usual(earlier: &[Release<'_, '_>]) -> bool {
    earlier.windows(BURST_VERSIONS).any(|window| match window {
        [newest, .., oldest] => {
            micros_between(oldest.seen.happened(), newest.seen.happened()) < BURST_WINDOW_MICROS
        }
        _ => false,
    })
}

fn old_line(new: &Seen<'_>, called: &Called, line: Line, earlier: &[Release<'_, '_>]) -> Option<Finding> {
    let newer: Vec<_> = earlier.iter().take(OLD_LINE_RELEASES).collect();
    if newer.len() < OLD_LINE_RELEASES || newer.iter().any(|release| release.line <= line) {
        return None;
    }
    let silent = |release: &Release<'_, '_>| {
        micros_between(release.seen.happened(), new.happened()) > OLD_LINE_SILENCE_MICROS
    };
    if !earlier.iter().filter(|release| release.line == line).all(silent) {
        return None;
    }
    let version = called.version.as_deref().unwrap_or_default();
    let latest = newer.first()?.version;
    let message = format!("{version} of {} is on a line that was left: the last was {latest}", called.name);
    let shown: Vec<&Seen<'_>> = newer.iter().map(|release| release.seen).collect();
    Some(finding(FindingKind::OldLine, called.artifacts.first()?.clone(), new, shown, message))
}
