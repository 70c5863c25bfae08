//! The keys of an issuer (RFC 7517): a set as it is published, and as it is kept.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Token, TokenAlgorithm};
use crate::json::{self, JsonError};
use crate::key::PublicKey;
use crate::object::Object;

/// The longest set that is read: 256 KiB. GitHub's has 10 KB, certificates included.
pub const MAX_KEY_SET: usize = 256 << 10;

/// The most keys that a set may list, of whatever kind.
pub const MAX_LISTED: usize = 128;

/// The most keys of a set that can check a token: 32 of the largest RSA are 32 x 1.5 KB as JSON.
pub const MAX_KEYS: usize = 32;

/// The longest key id, in bytes.
const MAX_KID: usize = 256;

/// Members that only private and shared keys have (RFC 7518 section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The keys by which an issuer's tokens are checked, in one order: sets with the same keys are equal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeySet {
    keys: Vec<TokenKey>,
}

/// One key of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKey {
    kid: Option<String>,
    algorithm: TokenAlgorithm,
    key: PublicKey,
}

/// Why bytes are not a set of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Longer than [`MAX_KEY_SET`].
    #[error("a key set is at most {max} bytes, found {found}")]
    TooLong {
        /// [`MAX_KEY_SET`].
        max: usize,
        /// Its length.
        found: usize,
    },
    /// Not strict JSON of the right shape.
    #[error("the key set cannot be read: {0}")]
    Json(#[from] JsonError),
    /// Too many keys.
    #[error("a key set has at most {max} keys, found {found}")]
    TooMany {
        /// [`MAX_LISTED`] or [`MAX_KEYS`].
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// A key that others can sign with.
    #[error(
        "keys[{position}] is published with its private part ({member:?}): whoever reads the set could sign tokens"
    )]
    Private {
        /// Where it stands.
        position: usize,
        /// The member.
        member: &'static str,
    },
    /// A key that says it is of a supported kind, and is not.
    #[error("keys[{position}] is not a usable {kind} key")]
    Unusable {
        /// Where it stands.
        position: usize,
        /// Its kind.
        kind: &'static str,
    },
    /// No key that checks anything.
    #[error(
        "the key set has no key that can check a token: RSA, EC P-256 or Ed25519 keys for signatures are"
    )]
    Empty,
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// A key as it is kept: the members that a check needs, and no others.
#[derive(Serialize)]
struct Kept<'a> {
    kty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    alg: TokenAlgorithm,
    r#use: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
}

impl KeySet {
    /// Reads a set as an issuer publishes it. Keys of other kinds, and for other uses, are passed over.
    pub fn read(bytes: &[u8]) -> Result<Self, KeySetError> {
        if bytes.len() > MAX_KEY_SET {
            return Err(KeySetError::TooLong { max: MAX_KEY_SET, found: bytes.len() });
        }
        let Object(Published { keys: listed }) = json::from_slice(bytes)?;
        if listed.len() > MAX_LISTED {
            return Err(KeySetError::TooMany { max: MAX_LISTED, found: listed.len() });
        }
        let mut keys = Vec::new();
        for (position, members) in listed.iter().enumerate() {
            keys.extend(TokenKey::read(position, members)?);
        }
        Self::of(keys)
    }

    fn of(mut keys: Vec<TokenKey>) -> Result<Self, KeySetError> {
        keys.sort_by(|a, b| (&a.kid, a.key.id()).cmp(&(&b.kid, b.key.id())));
        // One key that is listed twice is one key.
        keys.dedup();
        match keys.len() {
            0 => Err(KeySetError::Empty),
            found if found > MAX_KEYS => Err(KeySetError::TooMany { max: MAX_KEYS, found }),
            _ => Ok(Self { keys }),
        }
    }

    /// Returns the keys.
    #[must_use]
    pub fn keys(&self) -> &[TokenKey] {
        &self.keys
    }

    /// Whether the token says that it is signed with one of these keys.
    #[must_use]
    pub fn may_have_signed(&self, token: &Token) -> bool {
        let algorithm = TokenAlgorithm::named(token.algorithm());
        algorithm.is_some_and(|algorithm| !self.candidates(algorithm, token.kid()).is_empty())
    }

    /// Returns the keys that may have signed a token with this header. Several may have one key id: each is tried. A token
    /// without a key id is signed by the only key of its algorithm, or by none.
    #[must_use]
    pub fn candidates(&self, algorithm: TokenAlgorithm, kid: Option<&str>) -> Vec<&TokenKey> {
        let fits = self.keys.iter().filter(|key| key.algorithm == algorithm);
        if let Some(kid) = kid {
            return fits.filter(|key| key.kid.as_deref() == Some(kid)).collect();
        }
        let found: Vec<&TokenKey> = fits.collect();
        let distinct: BTreeSet<_> = found.iter().map(|key| key.key.id()).collect();
        if distinct.len() == 1 { found } else { Vec::new() }
    }
}

impl TokenKey {
    /// Returns what tokens call it, if it has a name.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns the algorithm it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> TokenAlgorithm {
        self.algorithm
    }

    /// Returns the key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Reads a key; none if it is of another kind, or for another use.
    fn read(
        position: usize,
        members: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Option<Self>, KeySetError> {
        let text = |name: &str| members.get(name).and_then(serde_json::Value::as_str);
        if let Some(member) = PRIVATE.into_iter().find(|member| members.contains_key(*member)) {
            return Err(KeySetError::Private { position, member });
        }
        let (name, algorithm) = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => ("RSA", TokenAlgorithm::Rs256),
            (Some("EC"), Some("P-256")) => ("EC P-256", TokenAlgorithm::Es256),
            (Some("OKP"), Some("Ed25519")) => ("Ed25519", TokenAlgorithm::EdDsa),
            _ => return Ok(None),
        };
        let signs = members.get("use").is_none_or(|used| used == "sig" || used == "jwt-svid");
        let verifies = members.get("key_ops").is_none_or(|list| {
            list.as_array().is_some_and(|list| list.iter().any(|operation| operation == "verify"))
        });
        let named = members.get("alg").is_none_or(|alg| alg == algorithm.as_str());
        if !signs || !verifies || !named {
            return Ok(None);
        }
        let unusable = KeySetError::Unusable { position, kind: name };
        let kid = match members.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str().filter(|kid| is_kid(kid)).ok_or(unusable.clone())?.to_owned()),
        };
        let bytes = |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let key = match algorithm {
            TokenAlgorithm::Rs256 => {
                bytes("n").zip(bytes("e")).and_then(|(n, e)| PublicKey::from_rsa(&n, &e))
            }
            TokenAlgorithm::Es256 => {
                bytes("x").zip(bytes("y")).and_then(|(x, y)| PublicKey::from_p256_xy(&x, &y))
            }
            TokenAlgorithm::EdDsa => bytes("x")
                .and_then(|x| <[u8; 32]>::try_from(x).ok())
                .and_then(|x| PublicKey::from_ed25519(&x).ok()),
        };
        let key = key.ok_or(unusable)?;
        Ok(Some(Self { kid, algorithm, key }))
    }

    fn kept(&self) -> Kept<'_> {
        let kept = |kty, crv| Kept {
            kty,
            kid: self.kid(),
            alg: self.algorithm,
            r#use: "sig",
            crv,
            x: None,
            y: None,
            n: None,
            e: None,
        };
        let text = |bytes: &[u8]| Some(URL_SAFE_NO_PAD.encode(bytes));
        match self.algorithm {
            TokenAlgorithm::Rs256 => {
                let (n, e) = self.key.rsa_numbers().unwrap_or_default();
                Kept { n: text(&n), e: text(&e), ..kept("RSA", None) }
            }
            TokenAlgorithm::Es256 => {
                let (x, y) = self.key.p256_xy().unwrap_or_default();
                Kept { x: text(x), y: text(y), ..kept("EC", Some("P-256")) }
            }
            TokenAlgorithm::EdDsa => {
                let x = self.key.ed25519_bytes().map_or(&[][..], |bytes| bytes.as_slice());
                Kept { x: text(x), ..kept("OKP", Some("Ed25519")) }
            }
        }
    }
}

/// Whether tokens can name a key so.
pub(super) fn is_kid(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_KID
        && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

impl Serialize for KeySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            keys: Vec<Kept<'a>>,
        }
        Written { keys: self.keys.iter().map(TokenKey::kept).collect() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KeySet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(Published { keys: listed }) = Object::deserialize(deserializer)?;
        if listed.len() > MAX_LISTED {
            return Err(serde::de::Error::custom(KeySetError::TooMany {
                max: MAX_LISTED,
                found: listed.len(),
            }));
        }
        let read = |(position, members)| TokenKey::read(position, members).transpose();
        let keys = listed.iter().enumerate().filter_map(read).collect::<Result<Vec<_>, _>>();
        keys.and_then(Self::of).map_err(serde::de::Error::custom)
    }
}
