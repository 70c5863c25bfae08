//! The parts of a package URL (ECMA-427 clause 5.6): taken apart from the right, and put together again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::percent::{decode, encode};
use super::{PurlFault, cut};

/// The parts, decoded: of the text where it has them so.
pub(super) struct Parts<'a> {
    /// In lower case.
    pub(super) package_type: Cow<'a, str>,
    /// Segments, none of them empty or with a slash.
    pub(super) namespace: Vec<Cow<'a, str>>,
    /// Not empty.
    pub(super) name: Cow<'a, str>,
    /// Not empty.
    pub(super) version: Option<Cow<'a, str>>,
    /// Keys in lower case; no value is empty.
    pub(super) qualifiers: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// Segments, none of them empty, `.`, `..` or with a slash.
    pub(super) subpath: Vec<Cow<'a, str>>,
}

impl<'a> Parts<'a> {
    /// Takes a text apart.
    pub(super) fn parse(text: &'a str) -> Result<Self, PurlFault> {
        let (rest, subpath) = cut_off(text, '#')?;
        let (rest, qualifiers) = cut_off(rest, '?')?;
        let (scheme, rest) = rest.split_once(':').ok_or(PurlFault::Scheme)?;
        if !scheme.eq_ignore_ascii_case("pkg") {
            return Err(PurlFault::Scheme);
        }
        let rest = rest.trim_start_matches('/');
        let (package_type, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_word(package_type, ".-") {
            return Err(PurlFault::Type { found: cut(package_type) });
        }
        let (path, version) = version(path)?;
        // What ends with a slash has an empty name; taking the segment before it would name another package.
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.is_empty() {
            return Err(PurlFault::NoName);
        }
        Ok(Self {
            package_type: lower_ascii(package_type),
            namespace: segments(namespace, "namespace")?,
            name: decode(name)?,
            version: decode(version).map(filled)?,
            qualifiers: read_qualifiers(qualifiers)?,
            subpath: segments(subpath, "subpath")?
                .into_iter()
                .filter(|segment| segment != "." && segment != "..")
                .collect(),
        })
    }

    /// Returns the canonical text, and how much of it is type, namespace and name.
    pub(super) fn canonical(&self) -> (String, usize) {
        let parts = [&self.name].into_iter().chain(&self.version).chain(&self.namespace);
        let length: usize = parts.map(|part| part.len() + 2).sum();
        let mut text = String::with_capacity("pkg:/".len() + self.package_type.len() + length);
        text.push_str("pkg:");
        text.push_str(&self.package_type);
        text.push('/');
        for segment in &self.namespace {
            encode(segment, &mut text);
            text.push('/');
        }
        encode(&self.name, &mut text);
        let versionless = text.len();
        if let Some(version) = &self.version {
            text.push('@');
            encode(version, &mut text);
        }
        for (at, (key, value)) in self.qualifiers.iter().enumerate() {
            text.push(if at == 0 { '?' } else { '&' });
            text.push_str(key);
            text.push('=');
            encode(value, &mut text);
        }
        for (at, segment) in self.subpath.iter().enumerate() {
            text.push(if at == 0 { '#' } else { '/' });
            encode(segment, &mut text);
        }
        (text, versionless)
    }

    /// Whether something holds for a part.
    pub(super) fn any(&self, holds: impl Fn(&str) -> bool) -> bool {
        let single = [Some(&self.name), self.version.as_ref()].into_iter().flatten();
        let lists = self.namespace.iter().chain(self.qualifiers.values()).chain(&self.subpath);
        single.chain(lists).any(|part| holds(part))
    }
}

/// Cuts at the only separator; what follows is empty without one.
fn cut_off(text: &str, separator: char) -> Result<(&str, &str), PurlFault> {
    let (before, after) = text.split_once(separator).unwrap_or((text, ""));
    // Readers that cut at the first and at the last one would see different packages. A `?` in a subpath is no such
    // case: the subpath is cut off before.
    if after.contains(separator) {
        return Err(PurlFault::Separator { separator });
    }
    Ok((before, after))
}

/// Cuts at the last `@`, unless it starts a segment of the namespace: an npm scope, written without encoding.
fn version(path: &str) -> Result<(&str, &str), PurlFault> {
    match path.rsplit_once('@') {
        None => Ok((path, "")),
        Some((before, after)) if before.is_empty() || before.ends_with('/') => {
            if after.contains('/') {
                Ok((path, ""))
            } else {
                Err(PurlFault::NoName)
            }
        }
        Some(cut) => Ok(cut),
    }
}

fn segments<'a>(path: &'a str, part: &'static str) -> Result<Vec<Cow<'a, str>>, PurlFault> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments
        .map(|segment| match decode(segment)? {
            decoded if decoded.contains('/') => Err(PurlFault::Slash { part }),
            decoded => Ok(decoded),
        })
        .collect()
}

fn read_qualifiers(text: &str) -> Result<BTreeMap<Cow<'_, str>, Cow<'_, str>>, PurlFault> {
    let mut qualifiers = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !is_word(key, ".-_") {
            return Err(PurlFault::QualifierKey { key: cut(key) });
        }
        let key = lower_ascii(key);
        // An empty value says that there is no such qualifier (clause 5.6.6).
        let Some(value) = filled(decode(value)?) else { continue };
        if qualifiers.insert(key.clone(), value).is_some() {
            return Err(PurlFault::QualifierTwice { key: key.into_owned() });
        }
    }
    Ok(qualifiers)
}

/// Whether text is made of ASCII letters, digits and these marks, and starts with a letter.
fn is_word(text: &str, marks: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
}

fn lower_ascii(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

fn filled(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    (!text.is_empty()).then_some(text)
}
