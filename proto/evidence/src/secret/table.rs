//! The rules that refuse: tokens whose issuers made them easy to tell.
//!
//! Each row is what its issuer publishes: prefix, alphabet, length. Where only the length of a part varies, the bounds are wide.
//! A change of this table, or of what is decoded, is a new [`super::VERSION`].

use super::checksum::Proof;
use super::shape::Class::{
    Alnum, AnyHex, Base32, Base64, Between, Digit, Hex, Letter, Lower, Token, Unreserved, Upper,
};
use super::shape::Part::{Exactly, Run, Text};
use super::shape::{Class, Part, Shape};

/// A rule that refuses.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its stable name.
    pub(super) id: &'static str,
    /// What it finds.
    pub(super) what: &'static str,
    /// How a token is told from what only looks like one.
    pub(super) proof: Proof,
    /// What it looks like.
    pub(super) shapes: &'static [Shape],
}

const fn rule(id: &'static str, what: &'static str, shapes: &'static [Shape]) -> Rule {
    Rule { id, what, proof: Proof::Shape, shapes }
}

const fn shape(key: &'static str, after: &'static [Part]) -> Shape {
    Shape { key, before: None, after }
}

const fn around(before: (Class, usize, usize), key: &'static str, after: &'static [Part]) -> Shape {
    Shape { key, before: Some(before), after }
}

/// What follows a name that is followed by an AWS secret access key.
const AWS_SECRET: &[Part] = &[Run(Between, 1, 8), Run(Base64, 40, 40)];

/// What follows the first three characters of a JSON web token. A part is a bounded run, and the next one begins behind a dot.
/// The first begins where nothing of its alphabet stands before it: else `-eyJ-eyJ-eyJ` would be read to its end at each of them.
const JWT: &[Part] =
    &[Run(Token, 7, 2048), Text(".ey"), Run(Token, 8, 16_384), Text("."), Run(Token, 16, 2048)];

/// Every rule that finds a token by its shape.
pub(super) const RULES: &[Rule] = &[
    rule("age-key", "a secret key of age", &[shape("AGE-SECRET-KEY-1", &[Run(Upper, 58, 58)])]),
    rule(
        "anthropic-key",
        "a key of Anthropic",
        &[shape("sk-ant-api03-", &[Run(Token, 95, 95)]), shape("sk-ant-admin01-", &[Run(Token, 95, 95)])],
    ),
    rule(
        "artifactory-token",
        "a key or reference token of Artifactory",
        &[shape("AKCp", &[Run(Alnum, 69, 69)]), shape("cmVmdGtu", &[Run(Alnum, 56, 56)])],
    ),
    rule(
        "atlassian-token",
        "a token of Atlassian or Bitbucket",
        &[
            shape("ATATT3", &[Run(Token, 180, 200), Text("="), Exactly(AnyHex, 8)]),
            shape("ATCTT3", &[Run(Token, 180, 200), Text("="), Exactly(AnyHex, 8)]),
            shape("ATBB", &[Run(Alnum, 32, 32)]),
        ],
    ),
    rule(
        "aws-access-key-id",
        "an access key of AWS",
        &[
            shape("AKIA", &[Run(Base32, 16, 16)]),
            shape("ASIA", &[Run(Base32, 16, 16)]),
            shape("ABIA", &[Run(Base32, 16, 16)]),
            shape("ACCA", &[Run(Base32, 16, 16)]),
        ],
    ),
    rule(
        AWS_SECRET_RULE,
        "a secret access key of AWS",
        &[
            shape("aws_secret_access_key", AWS_SECRET),
            shape("AWS_SECRET_ACCESS_KEY", AWS_SECRET),
            shape("SecretAccessKey", AWS_SECRET),
            shape("secretAccessKey", AWS_SECRET),
        ],
    ),
    rule(
        "azure-client-secret",
        "a client secret of Microsoft Entra",
        &[
            around((Unreserved, 3, 3), "7Q~", &[Run(Unreserved, 31, 34)]),
            around((Unreserved, 3, 3), "8Q~", &[Run(Unreserved, 31, 34)]),
        ],
    ),
    rule(
        "azure-devops-token",
        "a token of Azure DevOps",
        &[around((Alnum, 76, 76), "AZDO", &[Run(Alnum, 4, 4)])],
    ),
    rule(
        "azure-storage-key",
        "an account key of Azure Storage",
        &[shape("AccountKey=", &[Run(Base64, 86, 86), Text("==")])],
    ),
    rule(
        "azure-shared-key",
        "a shared access key of Azure",
        &[shape("SharedAccessKey=", &[Run(Base64, 43, 43), Text("=")])],
    ),
    rule("buildkite-token", "a token of Buildkite", &[shape("bkua_", &[Run(Hex, 40, 40)])]),
    rule(
        "circleci-token",
        "a token of CircleCI",
        &[
            shape("CCIPAT_", &[Run(Alnum, 16, 32), Text("_"), Run(Hex, 40, 40)]),
            shape("CCIPRJ_", &[Run(Alnum, 16, 32), Text("_"), Run(Hex, 40, 40)]),
        ],
    ),
    rule("crates-io-token", "a token of crates.io", &[shape("cio", &[Run(Alnum, 32, 32)])]),
    rule("databricks-token", "a token of Databricks", &[shape("dapi", &[Run(Hex, 32, 32)])]),
    rule(
        "digitalocean-token",
        "a token of DigitalOcean",
        &[
            shape("dop_v1_", &[Run(Hex, 64, 64)]),
            shape("doo_v1_", &[Run(Hex, 64, 64)]),
            shape("dor_v1_", &[Run(Hex, 64, 64)]),
        ],
    ),
    rule(
        "docker-hub-token",
        "a token of Docker Hub",
        &[shape("dckr_pat_", &[Run(Token, 27, 27)]), shape("dckr_oat_", &[Run(Token, 32, 32)])],
    ),
    rule(
        "doppler-token",
        "a token of Doppler",
        &[
            shape("dp.pt.", &[Run(Alnum, 40, 44)]),
            shape("dp.ct.", &[Run(Alnum, 40, 44)]),
            shape("dp.sa.", &[Run(Alnum, 40, 44)]),
            shape("dp.st.", &[Run(Token, 2, 35), Text("."), Run(Alnum, 40, 44)]),
        ],
    ),
    Rule {
        id: "github-token",
        what: "a token of GitHub",
        proof: Proof::Crc32Base62 { prefix: 4 },
        shapes: &[
            shape("ghp_", &[Run(Alnum, 36, 36)]),
            shape("gho_", &[Run(Alnum, 36, 36)]),
            shape("ghu_", &[Run(Alnum, 36, 36)]),
            shape("ghs_", &[Run(Alnum, 36, 36)]),
            shape("ghr_", &[Run(Alnum, 36, 36)]),
            shape("ghr_", &[Run(Alnum, 76, 76)]),
        ],
    },
    rule(
        "github-fine-grained-token",
        "a fine-grained token of GitHub",
        &[shape("github_pat_", &[Run(Alnum, 22, 22), Text("_"), Run(Alnum, 59, 59)])],
    ),
    rule(
        "gitlab-token",
        "a token of GitLab",
        &[
            shape("glpat-", &[Run(Token, 20, 20)]),
            shape(
                "glpat-",
                &[Run(Token, 27, 300), Text("."), Exactly(Lower, 2), Text("."), Run(Lower, 9, 9)],
            ),
            shape("gldt-", &[Run(Token, 20, 20)]),
            shape("glft-", &[Run(Token, 20, 26)]),
            shape("glimt-", &[Run(Token, 25, 25)]),
            shape("glsoat-", &[Run(Token, 20, 20)]),
            shape("glptt-", &[Run(Hex, 40, 40)]),
            shape("gloas-", &[Run(Token, 64, 64)]),
            shape("glagent-", &[Run(Token, 50, 50)]),
        ],
    ),
    rule(
        "gitlab-runner-token",
        "a token of a runner of GitLab",
        &[
            shape("glrt-", &[Run(Token, 20, 26)]),
            shape("glrt-", &[Run(Token, 27, 300), Text("."), Exactly(Lower, 2), Text("."), Run(Lower, 9, 9)]),
            shape("glrtr-", &[Run(Token, 20, 20)]),
        ],
    ),
    rule("gitlab-job-token", "a token of a job of GitLab", &[shape("glcbt-", &[Run(Token, 20, 26)])]),
    rule("google-api-key", "an API key of Google", &[shape("AIza", &[Run(Token, 35, 35)])]),
    rule("google-oauth-secret", "a client secret of Google", &[shape("GOCSPX-", &[Run(Token, 28, 28)])]),
    rule("google-oauth-token", "an access token of Google", &[shape("ya29.", &[Run(Token, 30, 512)])]),
    rule(
        "grafana-token",
        "a token of Grafana",
        &[
            shape("glsa_", &[Run(Alnum, 32, 32), Text("_"), Run(AnyHex, 8, 8)]),
            shape("glc_eyJ", &[Run(Base64, 40, 400)]),
        ],
    ),
    rule(
        "hugging-face-token",
        "a token of Hugging Face",
        &[shape("hf_", &[Run(Letter, 34, 34)]), shape("api_org_", &[Run(Letter, 34, 34)])],
    ),
    Rule {
        id: "jwt",
        what: "a JSON web token",
        proof: Proof::JwtHeader,
        shapes: &[around((Token, 0, 0), "eyJ", JWT)],
    },
    rule("linear-key", "a key of Linear", &[shape("lin_api_", &[Run(Alnum, 40, 40)])]),
    rule("mailchimp-key", "a key of Mailchimp", &[around((Hex, 32, 32), "-us", &[Run(Digit, 1, 2)])]),
    rule("new-relic-key", "a key of New Relic", &[shape("NRAK-", &[Run(Upper, 27, 27)])]),
    Rule {
        id: "npm-token",
        what: "a token of npm",
        proof: Proof::Crc32Base62 { prefix: 4 },
        shapes: &[shape("npm_", &[Run(Alnum, 36, 36)])],
    },
    rule("nuget-key", "a key of NuGet", &[shape("oy2", &[Run(Lower, 43, 43)])]),
    rule(
        "openai-key",
        "a key of OpenAI",
        &[
            shape("sk-", &[Exactly(Alnum, 20), Text("T3BlbkFJ"), Run(Alnum, 20, 20)]),
            shape("sk-proj-", &[Exactly(Token, 74), Text("T3BlbkFJ"), Run(Token, 74, 74)]),
            shape("sk-svcacct-", &[Exactly(Token, 74), Text("T3BlbkFJ"), Run(Token, 74, 74)]),
            shape("sk-proj-", &[Exactly(Token, 58), Text("T3BlbkFJ"), Run(Token, 58, 58)]),
            shape("sk-proj-", &[Exactly(Token, 20), Text("T3BlbkFJ"), Run(Token, 20, 20)]),
        ],
    ),
    rule(
        "postman-key",
        "a key of Postman",
        &[shape("PMAK-", &[Run(Hex, 24, 24), Text("-"), Run(Hex, 34, 34)])],
    ),
    rule("pulumi-token", "a token of Pulumi", &[shape("pul-", &[Run(Hex, 40, 40)])]),
    rule(
        "pypi-token",
        "a token of PyPI",
        &[
            shape("pypi-AgEIcHlwaS5vcmc", &[Run(Token, 50, 1024)]),
            shape("pypi-AgENdGVzdC5weXBpLm9yZ", &[Run(Token, 50, 1024)]),
        ],
    ),
    rule("rubygems-key", "a key of RubyGems", &[shape("rubygems_", &[Run(Hex, 48, 48)])]),
    rule(
        "sendgrid-key",
        "a key of SendGrid",
        &[shape("SG.", &[Run(Token, 22, 22), Text("."), Run(Token, 43, 43)])],
    ),
    rule("sentry-token", "a token of Sentry", &[shape("sntryu_", &[Run(Hex, 64, 64)])]),
    rule(
        "shopify-token",
        "a token of Shopify",
        &[
            shape("shpat_", &[Run(AnyHex, 32, 32)]),
            shape("shpca_", &[Run(AnyHex, 32, 32)]),
            shape("shppa_", &[Run(AnyHex, 32, 32)]),
            shape("shpss_", &[Run(AnyHex, 32, 32)]),
        ],
    ),
    rule(
        "slack-token",
        "a token of Slack",
        &[
            shape("xoxb-", &[Run(Digit, 9, 14), Text("-"), Run(Digit, 9, 14), Text("-"), Run(Alnum, 23, 26)]),
            shape(
                "xoxp-",
                &[
                    Run(Digit, 9, 14),
                    Text("-"),
                    Run(Digit, 9, 14),
                    Text("-"),
                    Run(Digit, 9, 14),
                    Text("-"),
                    Run(Alnum, 28, 34),
                ],
            ),
            shape(
                "xoxa-2-",
                &[
                    Run(Digit, 9, 14),
                    Text("-"),
                    Run(Digit, 9, 14),
                    Text("-"),
                    Run(Digit, 9, 14),
                    Text("-"),
                    Run(Alnum, 28, 34),
                ],
            ),
            shape("xoxe-1-", &[Run(Alnum, 130, 180)]),
            shape("xapp-1-", &[Run(Upper, 9, 14), Text("-"), Run(Digit, 9, 16), Text("-"), Run(Hex, 64, 64)]),
        ],
    ),
    rule(
        "slack-webhook",
        "a webhook of Slack",
        &[shape(
            "hooks.slack.com/services/T",
            &[Run(Upper, 7, 14), Text("/B"), Run(Upper, 7, 14), Text("/"), Run(Alnum, 24, 24)],
        )],
    ),
    rule(
        "sonar-token",
        "a token of SonarQube",
        &[
            shape("sqp_", &[Run(Hex, 40, 40)]),
            shape("squ_", &[Run(Hex, 40, 40)]),
            shape("sqa_", &[Run(Hex, 40, 40)]),
        ],
    ),
    rule(
        "square-token",
        "a token of Square",
        &[shape("sq0atp-", &[Run(Token, 22, 22)]), shape("sq0csp-", &[Run(Token, 43, 43)])],
    ),
    rule(
        "stripe-key",
        "a live key of Stripe",
        &[
            shape("sk_live_", &[Run(Alnum, 24, 247)]),
            shape("rk_live_", &[Run(Alnum, 24, 247)]),
            shape("whsec_", &[Run(Alnum, 32, 32)]),
        ],
    ),
    rule(
        "tailscale-key",
        "a key of Tailscale",
        &[
            shape("tskey-auth-", &[Run(Alnum, 8, 24), Text("-"), Run(Alnum, 32, 32)]),
            shape("tskey-api-", &[Run(Alnum, 8, 24), Text("-"), Run(Alnum, 32, 32)]),
            shape("tskey-client-", &[Run(Alnum, 8, 24), Text("-"), Run(Alnum, 32, 32)]),
        ],
    ),
    rule(
        "telegram-token",
        "a token of a bot of Telegram",
        &[around((Digit, 8, 10), ":AA", &[Run(Token, 33, 33)])],
    ),
    rule(
        "terraform-token",
        "a token of Terraform Cloud",
        &[around((Alnum, 14, 14), ".atlasv1.", &[Run(Token, 60, 70)])],
    ),
    rule(
        "vault-token",
        "a token of Vault",
        &[
            shape("hvs.", &[Run(Token, 24, 200)]),
            shape("hvb.", &[Run(Token, 138, 300)]),
            shape("hvr.", &[Run(Token, 24, 200)]),
        ],
    ),
];

/// The rule for an AWS secret access key: it has no shape of its own, so it is told by the name before it.
pub(super) const AWS_SECRET_RULE: &str = "aws-secret-access-key";

/// Rules that find something else than a token, and what that is.
pub(super) const OTHERS: &[(&str, &str)] = &[
    (PRIVATE_KEY, "a private key"),
    (URL_PASSWORD, "a URL with a password"),
    (URL_TOKEN, "a URL with a token or signature in its query"),
];

/// PEM of any private key, encrypted ones too.
pub(super) const PRIVATE_KEY: &str = "private-key";
/// A password before the host of a URL.
pub(super) const URL_PASSWORD: &str = "url-password";
/// A token or signature in the query of a URL.
pub(super) const URL_TOKEN: &str = "url-token";
