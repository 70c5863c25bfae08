//! Why a text is no policy.

use custody_evidence::json::JsonError;

use super::tree::{TEXT_MAX, YamlFault};
use crate::cel::CelError;

/// Why a text is no policy: what was expected, what was found, and where. All of it is its author's to change.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// Longer than [`TEXT_MAX`].
    #[error("expected at most {TEXT_MAX} bytes, found {found}")]
    TooLong {
        /// The length.
        found: usize,
    },
    /// Not UTF-8.
    #[error("the text is not UTF-8 from byte {at} on")]
    Utf8 {
        /// How many bytes are good.
        at: usize,
    },
    /// Not the YAML that is read.
    #[error("the text has {fault} at line {line} column {column}")]
    Yaml {
        /// What is wrong.
        fault: YamlFault,
        /// From 1; 0 if it is not known.
        line: u64,
        /// From 1; 0 if it is not known.
        column: u64,
    },
    /// Not strict JSON.
    #[error("the text starts like JSON, and is not: {0}")]
    Json(Box<JsonError>),
    /// A value of another kind than expected.
    #[error("{place}: expected {expected}, found {found}")]
    Value {
        /// Where, such as `rules[2].require.max_age`.
        place: String,
        /// What may stand there.
        expected: &'static str,
        /// What stands there, cut.
        found: String,
    },
    /// A field that is not known: it would be ignored, and the policy would ask less than its author believes.
    #[error("{place}: there is no field {field:?}{}", nearest_of(.nearest.as_deref()))]
    UnknownField {
        /// The map.
        place: String,
        /// The field, cut.
        field: String,
        /// The known one that is most like it.
        nearest: Option<String>,
    },
    /// A field that must be there.
    #[error("{place}: the field {field:?} is missing")]
    MissingField {
        /// The map.
        place: String,
        /// The field.
        field: &'static str,
    },
    /// A name of something that does not exist.
    #[error("{place}: there is no {what} {found:?}{}", nearest_of(.nearest.as_deref()))]
    UnknownName {
        /// Where.
        place: String,
        /// What it should name.
        what: Named,
        /// The name, cut.
        found: String,
        /// The existing one that is most like it.
        nearest: Option<String>,
    },
    /// Two rules with one id.
    #[error("{place}: the rule {id:?} is there twice")]
    DuplicateRule {
        /// The second.
        place: String,
        /// The id.
        id: String,
    },
    /// More rules than [`super::RULES_MAX`], elements than [`super::LIST_MAX`], collections than [`super::COLLECTIONS_MAX`].
    #[error("{place}: at most {max}, found {found}")]
    TooMany {
        /// The list.
        place: String,
        /// The limit.
        max: usize,
        /// How many.
        found: usize,
    },
    /// More than [`super::PUT_IN_MAX`] bytes of parameters in all places together.
    #[error(
        "parameters are put in for more than {} bytes in all: name long lists in fewer places",
        super::PUT_IN_MAX
    )]
    TooMuchPutIn,
    /// Fields that do not go together, or one that goes only with another.
    #[error("{place}: {problem}")]
    Combination {
        /// Where.
        place: String,
        /// What.
        problem: Combination,
    },
    /// An expression that is not read.
    #[error("{place}: {source}")]
    Expression {
        /// Where.
        place: String,
        /// Why.
        source: CelError,
    },
    /// Nothing in the policy can deny.
    #[error(
        "no rule is enforced: each is excluded, only warns, or takes effect at a date; such a policy would allow everything"
    )]
    NothingEnforced,
}

crate::words::words! {
    /// What a name in a policy names.
    pub enum Named {
        /// A claim of an identity.
        Claim = "claim",
        /// A collection of rules.
        Collection = "collection",
        /// A piece of evidence of a fixture.
        Evidence = "evidence",
        /// A kind of finding.
        Finding = "finding",
        /// A parameter.
        Parameter = "parameter",
        /// A predicate's short name.
        Predicate = "predicate",
        /// A rule.
        Rule = "rule",
        /// One of a few words.
        Word = "word",
    }
}

/// Fields that do not go together, or one that goes only with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Combination {
    /// A rule that asks nothing.
    #[error("a rule needs one of require, approval, verdict_of and absent")]
    Nothing,
    /// A rule that asks several things.
    #[error("require, approval, verdict_of and absent are a rule each")]
    Several,
    /// Conditions beside a list of patterns.
    #[error("one_of stands alone: each of its patterns has its own conditions")]
    BesideOneOf,
    /// A clause about evidence that nothing requires.
    #[error(
        "signer, submitter, source, sbom, vulnerabilities and assert are about what require names, and there is none"
    )]
    WithoutRequire,
    /// What would pass on one old clean document.
    #[error(
        "what must not be there is asked of all or the latest, not of any: one old clean document would do"
    )]
    NegativeUnderAny,
    /// An issuer vouches for everybody it knows.
    #[error(
        "names nobody: an issuer vouches for many, so say which one by key, workflow, subject or a claim of whose job it is"
    )]
    OpenPattern,
    /// Anybody's issuer can write any claim.
    #[error("a claim is an issuer's word: name the issuer")]
    WithoutIssuer,
    /// A key has no claims.
    #[error("a key has no issuer and no claims: name one or the other")]
    KeyWithClaims,
    /// A key signs, and says nothing of who sends.
    #[error(
        "a key submits nothing: who does is said by a token, so name its issuer, or ask who signed with signer: {{key: ..}}"
    )]
    SubmitterKey,
    /// Somebody must say it.
    #[error("a statement says it: name in asserted_by whose statements count")]
    WithoutAsserter,
    /// A piece of evidence that says nothing.
    #[error("a piece of evidence says something: give one of content, file and verdict")]
    WithoutContent,
    /// A piece of evidence that says several things.
    #[error("content, file and verdict are one thing by three names: give one")]
    SeveralContents,
    /// A clause without a condition.
    #[error("asks nothing")]
    Empty,
}

/// Cuts what is quoted to 80 characters, without control characters.
pub(crate) fn cut(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).take(80).collect()
}

fn nearest_of(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest:?}?"))
}
