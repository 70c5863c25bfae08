//! Who may read, when not everybody may: the identities of client certificates, one a line.

use custody_wire::certificate::Identity;

use super::tls::Client;

/// The most lines that name someone: 1,024.
pub(super) const READERS_MAX: usize = 1_024;

/// Those who may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Readers(Vec<Pattern>);

/// Why a list of readers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadersError {
    /// Not text.
    #[error("expected UTF-8 text with one identity a line")]
    Text,
    /// A line that names nobody.
    #[error("line {line}: expected {EXPECTED}, found {found:?}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// The line, cut to 200 characters.
        found: String,
    },
    /// A star where it would mean more than it seems.
    #[error("line {line}: expected {STARS}, found {found:?}")]
    Star {
        /// Its number, from 1.
        line: usize,
        /// The line, cut to 200 characters.
        found: String,
    },
    /// Too many.
    #[error("expected at most {READERS_MAX} identities, found more")]
    TooMany,
    /// Nobody: most likely a file that was emptied by mistake.
    #[error("expected at least one identity, found none")]
    Nobody,
}

const EXPECTED: &str =
    "uri:, dns:, email: or subject: and a name, such as uri:spiffe://example.com/ns/ci/sa/gate";
const STARS: &str = "a star only as uri:.../* (one segment), uri:.../** (one or more), dns:*.NAME (one label) or email:*@DOMAIN";

/// Whom a line names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// This identity.
    Exactly(Identity),
    /// A URI with one more segment than this one, which ends in a slash.
    Segment(String),
    /// A URI with any number of segments more, at least one.
    Below(String),
    /// A DNS name with one more label before this suffix, which begins with a dot.
    Label(String),
    /// An e-mail address of this domain, which begins with an at sign.
    Mailbox(String),
}

impl Readers {
    /// Reads a list. Empty lines, and those that begin with `#`, say nothing.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ReadersError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ReadersError::Text)?;
        let mut patterns = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if patterns.len() == READERS_MAX {
                return Err(ReadersError::TooMany);
            }
            patterns.push(Pattern::parse(line, number.saturating_add(1))?);
        }
        if patterns.is_empty() { Err(ReadersError::Nobody) } else { Ok(Self(patterns)) }
    }

    /// Whether one of the names of a caller is on the list.
    pub(super) fn hold(&self, client: &Client) -> bool {
        client.identities().iter().any(|identity| self.0.iter().any(|pattern| pattern.fits(identity)))
    }
}

impl Pattern {
    fn parse(text: &str, line: usize) -> Result<Self, ReadersError> {
        let found = || text.chars().take(200).collect::<String>();
        let refused = || ReadersError::Line { line, found: found() };
        let star = || ReadersError::Star { line, found: found() };
        let (kind, name) = text.split_once(':').filter(|(_, name)| !name.is_empty()).ok_or_else(refused)?;
        let graphic = name.chars().all(|character| character.is_ascii_graphic());
        if kind != "subject" && !graphic {
            return Err(refused());
        }
        let pattern = match kind {
            "uri" if name.ends_with("/**") => Self::Below(name.trim_end_matches('*').to_owned()),
            "uri" if name.ends_with("/*") => Self::Segment(name.trim_end_matches('*').to_owned()),
            "uri" => Self::Exactly(Identity::Uri(name.to_owned())),
            "dns" => match name.strip_prefix('*') {
                Some(suffix) if suffix.starts_with('.') => Self::Label(suffix.to_ascii_lowercase()),
                Some(_) => return Err(star()),
                None => Self::Exactly(Identity::Dns(name.to_ascii_lowercase())),
            },
            "email" => match name.strip_prefix('*') {
                Some(domain) if domain.starts_with('@') => Self::Mailbox(domain.to_owned()),
                Some(_) => return Err(star()),
                None => Self::Exactly(Identity::Email(name.to_owned())),
            },
            // A star in a subject is a star.
            "subject" => return Ok(Self::Exactly(Identity::Subject(name.to_owned()))),
            _ => return Err(refused()),
        };
        match &pattern {
            // Below a host alone, `uri:spiffe:///**` or `uri:**`, would be everybody.
            Self::Below(start) | Self::Segment(start) if !names_a_host(start) || start.contains('*') => {
                Err(star())
            }
            Self::Label(rest) | Self::Mailbox(rest) if rest.len() < 2 || rest.contains('*') => Err(star()),
            Self::Exactly(identity) if identity.name().contains('*') => Err(star()),
            _ => Ok(pattern),
        }
    }

    fn fits(&self, identity: &Identity) -> bool {
        match (self, identity) {
            (Self::Exactly(expected), found) => expected == found,
            (Self::Segment(start), Identity::Uri(uri)) => rest(uri, start).is_some_and(is_segment),
            (Self::Below(start), Identity::Uri(uri)) => {
                rest(uri, start).is_some_and(|rest| rest.split('/').all(is_segment))
            }
            (Self::Label(suffix), Identity::Dns(name)) => {
                rest_before(name, suffix).is_some_and(|label| !label.contains('.'))
            }
            (Self::Mailbox(domain), Identity::Email(address)) => {
                rest_before(address, domain).is_some_and(|mailbox| !mailbox.contains('@'))
            }
            _ => false,
        }
    }
}

/// Whether a URI has a scheme and a host before its path.
fn names_a_host(uri: &str) -> bool {
    let after = uri.split_once("://").map(|(_, after)| after);
    after.and_then(|after| after.split_once('/')).is_some_and(|(host, _)| !host.is_empty())
}

fn rest<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.strip_prefix(start)
}

fn rest_before<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    text.strip_suffix(end).filter(|rest| !rest.is_empty() && *rest != "*")
}

/// Whether this is one segment of a path that means what it says: no step up, nothing encoded, no query.
fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains(['/', '%', '?', '#'])
}

#[cfg(test)]
mod tests {
    use custody_log::Timestamp;

    use super::*;

    fn fits(list: &str, identities: Vec<Identity>) -> bool {
        let now = Timestamp::from_micros(0).unwrap();
        Readers::parse(list.as_bytes()).unwrap().hold(&Client::of(identities, now))
    }

    fn uri(text: &str) -> Vec<Identity> {
        vec![Identity::Uri(text.to_owned())]
    }

    fn dns(text: &str) -> Vec<Identity> {
        vec![Identity::Dns(text.to_owned())]
    }

    fn email(text: &str) -> Vec<Identity> {
        vec![Identity::Email(text.to_owned())]
    }

    #[test]
    fn a_name_is_itself_and_nothing_like_it() {
        let list = "# gates\n\nuri:spiffe://example.com/gate\ndns:Gate.example.com\nsubject:CN=gate,O=*\n";
        assert!(fits(list, uri("spiffe://example.com/gate")));
        assert!(fits(list, dns("gate.example.com")), "DNS names have no case");
        assert!(fits(list, vec![Identity::Subject("CN=gate,O=*".to_owned())]));
        for other in ["spiffe://example.com/gates", "spiffe://example.com/gate/", "spiffe://Example.com/gate"]
        {
            assert!(!fits(list, uri(other)), "{other}");
        }
        assert!(
            !fits(list, vec![Identity::Subject("CN=gate,O=x".to_owned())]),
            "a star in a subject is a star"
        );
        assert!(!fits(list, email("spiffe://example.com/gate")), "the same text of another kind");
        assert!(!fits(list, vec![Identity::Subject("spiffe://example.com/gate".to_owned())]));
    }

    #[test]
    fn one_star_is_one_segment_and_two_are_all_below() {
        let (one, all) = ("uri:spiffe://example.com/ns/ci/*", "uri:spiffe://example.com/ns/ci/**");
        assert!(fits(one, uri("spiffe://example.com/ns/ci/gate")));
        assert!(!fits(one, uri("spiffe://example.com/ns/ci/sa/gate")));
        assert!(
            fits(all, uri("spiffe://example.com/ns/ci/gate"))
                && fits(all, uri("spiffe://example.com/ns/ci/sa/x"))
        );
        for other in ["", "../prod", "sa/../../prod", "%2e%2e/prod", "sa//x", "./x", "x?y", "x#y", "x/"] {
            let other = uri(&format!("spiffe://example.com/ns/ci/{other}"));
            assert!(!fits(one, other.clone()) && !fits(all, other.clone()), "{other:?}");
        }
        assert!(
            !fits(all, uri("spiffe://example.com/ns/ci")) && !fits(all, uri("spiffe://example.com/ns/cix/y"))
        );
    }

    #[test]
    fn a_star_before_a_domain_is_one_label_or_one_mailbox() {
        assert!(fits("dns:*.ci.example.com", dns("a.ci.example.com")));
        for other in
            ["ci.example.com", "a.b.ci.example.com", ".ci.example.com", "aci.example.com", "*.ci.example.com"]
        {
            assert!(!fits("dns:*.ci.example.com", dns(other)), "{other}");
        }
        assert!(fits("email:*@example.com", email("a@example.com")));
        for other in ["a@b@example.com", "@example.com", "a@mail.example.com", "a@example.com.evil"] {
            assert!(!fits("email:*@example.com", email(other)), "{other}");
        }
    }

    #[test]
    fn what_means_more_than_it_seems_is_refused_with_its_line() {
        for line in [
            "uri:*",
            "uri:**",
            "uri:spiffe://*",
            "uri:spiffe:///**",
            "uri:spiffe://*/x",
            "uri:spiffe://example.com/*/x",
            "uri:spiffe://example.com/*/**",
            "uri:spiffe://example.com/x*",
            "dns:*",
            "dns:*.",
            "dns:*.*.example.com",
            "dns:a*.example.com",
            "dns:*example.com",
            "email:*",
            "email:*@",
            "email:*@*",
            "email:a*@example.com",
        ] {
            let refused = Readers::parse(format!("# list\n{line}\n").as_bytes()).unwrap_err();
            assert_eq!(refused, ReadersError::Star { line: 2, found: line.to_owned() });
        }
        for line in ["gate", "uri:", "key:00", "spiffe://example.com/gate", "uri:a b", "URI:x"] {
            let refused = Readers::parse(line.as_bytes()).unwrap_err();
            assert_eq!(refused, ReadersError::Line { line: 1, found: line.to_owned() });
        }
        assert_eq!(Readers::parse(b"# nobody\n"), Err(ReadersError::Nobody));
        assert_eq!(Readers::parse(b"\xff"), Err(ReadersError::Text));
        let many = "dns:a\n".repeat(READERS_MAX);
        assert!(Readers::parse(many.as_bytes()).is_ok());
        assert_eq!(Readers::parse(format!("{many}dns:b").as_bytes()), Err(ReadersError::TooMany));
    }
}
