//! Enums whose values have one word each, as answers and command lines write it.

/// A word that names no kind of node, of edge, no field or stage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not one of {expected}")]
pub struct UnknownWord {
    /// The words that there are.
    pub expected: String,
    /// The word given, cut to 80 characters.
    pub found: String,
}

/// Makes an enum from one list of values and words: with `ALL` in the order of the list, `as_str`, `Display` and
/// `FromStr`. A value cannot be left out of any of them.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$doc:meta])* $value:ident = $word:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$doc])* $value,)+
        }

        impl $name {
            /// All values, in order.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$value),+];

            /// Returns the word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::fact::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.into_iter().find(|value| value.as_str() == text).ok_or_else(|| {
                    $crate::fact::UnknownWord {
                        expected: Self::ALL.map(Self::as_str).join(", "),
                        found: text.chars().take(80).collect(),
                    }
                })
            }
        }
    };
}

pub(crate) use words;
