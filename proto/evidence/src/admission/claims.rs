//! What an issuer says of an identity, in one vocabulary for all.

use serde::{Deserialize, Serialize};

/// Defines the claims: a member each, and its name for rules.
macro_rules! claims {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Who submitted or signed, in the names of Fulcio's certificate extensions (1.3.6.1.4.1.57264.1.8 to .24).
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(default)]
        pub struct SubmitterClaims {
            /// Extension 8.
            pub issuer: String,
            /// Extension 24, the token's `sub`.
            pub token_subject: String,
            $($(#[$doc])* pub $name: Option<String>,)*
        }

        impl SubmitterClaims {
            /// The names of all claims but the issuer, as [`SubmitterClaims::get`] takes them.
            pub const NAMES: &'static [&'static str] = &["token_subject", $(stringify!($name)),*];

            /// Returns the claim with this name; none if the issuer said nothing, or there is no such claim.
            #[must_use]
            pub fn get(&self, name: &str) -> Option<&str> {
                match name {
                    "token_subject" => Some(self.token_subject.as_str()).filter(|text| !text.is_empty()),
                    $(stringify!($name) => self.$name.as_deref(),)*
                    _ => None,
                }
            }
        }
    };
}

claims! {
    /// Extension 9.
    build_signer_uri,
    /// Extension 10.
    build_signer_digest,
    /// Extension 11.
    runner_environment,
    /// Extension 12.
    source_repository_uri,
    /// Extension 13.
    source_repository_digest,
    /// Extension 14.
    source_repository_ref,
    /// Extension 15.
    source_repository_identifier,
    /// Extension 16.
    source_repository_owner_uri,
    /// Extension 17.
    source_repository_owner_identifier,
    /// Extension 18.
    build_config_uri,
    /// Extension 19.
    build_config_digest,
    /// Extension 20.
    build_trigger,
    /// Extension 21.
    run_invocation_uri,
    /// Extension 22.
    source_repository_visibility_at_signing,
    /// Extension 23.
    deployment_environment,
}
