//! What looks like a secret and is none: one step from each token.

use super::{
    URL_SAFE_NO_PAD, checksummed, digits, github, hex, json, jwt, lower, mixed, pem, rule_of, tokens, upper,
};
use base64::Engine as _;

#[test]
fn token_that_is_one_character_short_or_long_passes() {
    // Those whose length varies lose more, below.
    let varies = [
        "private-key",
        "url-password",
        "url-token",
        "google-oauth-token",
        "pypi-token",
        "jwt",
        "vault-token",
        "stripe-key",
        "doppler-token",
        "terraform-token",
        "atlassian-token",
        "slack-token",
        "grafana-token",
        "azure-client-secret",
        "circleci-token",
        "tailscale-key",
        "gitlab-job-token",
        "mailchimp-key",
        "slack-webhook",
        "gitlab-token",
        "gitlab-runner-token",
        "azure-storage-key",
        "azure-shared-key",
        "aws-secret-access-key",
    ];
    let mut tried = 0;
    for (rule, token) in tokens::all() {
        if varies.contains(&rule) {
            continue;
        }
        tried += 1;
        let short = &token[..token.len() - 1];
        assert_eq!(rule_of(short), None, "{rule}: {short}");
        let last = token.chars().last().unwrap();
        assert_eq!(rule_of(&format!("{token}{last}")), None, "{rule}: {token}{last}");
        assert_eq!(rule_of(&format!("{token}_")), None, "{rule}: {token}_");
    }
    assert!(tried > 30, "{tried}");
}

#[test]
fn token_with_a_wrong_checksum_length_or_alphabet_passes() {
    let changed = |token: String, at: usize| {
        let other = if token.as_bytes()[at] == b'a' { "b" } else { "a" };
        let mut changed = token;
        changed.replace_range(at..=at, other);
        changed
    };
    for text in [
        changed(github(), 10),
        changed(github(), 39),
        changed(checksummed("npm_", 36), 20),
        format!("ghp_{}", "x".repeat(36)),
        checksummed("ghx_", 36),
        checksummed("GHP_", 36),
        format!("github_pat_{}_{}", mixed(22), mixed(58)),
        format!("glpat-{}", mixed(19)),
        format!("glpat-{}.01.{}", mixed(26), lower(9)),
        format!("AKIA{}", upper(15)),
        format!("AKIA{}", upper(16).to_lowercase()),
        format!("AKIA{}1", upper(15)),
        format!("hvs.{}", mixed(23)),
        format!("sk_test_{}", mixed(24)),
        format!("sk_live_{}", mixed(23)),
        format!("pk_live_{}", mixed(24)),
        format!("pypi-{}", mixed(150)),
        format!("xoxb-{}-{}-{}", digits(8), digits(12), mixed(24)),
        format!("https://hooks.slack.com/services/{}", mixed(24)),
        format!("{}.atlasv1.{}", mixed(13), mixed(67)),
        format!("SG.{}.{}", mixed(22), mixed(42)),
        format!("ya29.{}", mixed(29)),
        format!("AccountKey={}=", mixed(86)),
        format!("SharedAccessKey={}=", mixed(42)),
        format!("{}8Q~{}", mixed(3), mixed(30)),
        format!("{}-us123", hex(32)),
        format!("aws_secret_access_key = {}", mixed(39)),
        format!("dp.pt.{}", mixed(39)),
    ] {
        assert_eq!(rule_of(&text), None, "{text}");
    }
}

#[test]
fn text_with_dots_that_is_no_web_token_passes() {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let (header, claims) = (part(json!({"alg": "HS256"})), part(json!({"sub": "1"})));
    for text in [
        format!("{}.{claims}.{}", part(json!({"typ": "JWT"})), mixed(43)),
        format!("{}.{claims}.{}", part(json!({"alg": 1})), mixed(43)),
        format!("eyJ{}.{claims}.{}", mixed(20), mixed(43)),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{header}.{}.{}", mixed(20), mixed(43)),
        jwt().replace('.', "-"),
    ] {
        assert_eq!(rule_of(&text), None, "{text}");
    }
}

#[test]
fn keys_that_are_public_and_text_about_keys_pass() {
    let header = format!("{0}BEGIN RSA PRIVATE KEY{0}", "-".repeat(5));
    for text in [
        pem("PUBLIC KEY"),
        pem("CERTIFICATE"),
        pem("CERTIFICATE REQUEST"),
        pem("PGP PUBLIC KEY BLOCK"),
        pem("SSH SIGNATURE"),
        format!("Finds files that begin with {header} or similar."),
        format!("{header}\n<your key here>\n"),
        format!("{header}\n{}\n", "short\n".repeat(30)),
        pem("PRIVATE KEY").replace("BEGIN", "END"),
    ] {
        assert_eq!(rule_of(&text), None, "{text}");
    }
}

#[test]
fn urls_without_a_secret_pass() {
    for text in [
        "https://git@github.com/acme/api",
        "ssh://git@github.com:22/acme/api.git",
        "git@github.com:acme/api.git",
        "https://example.com:8443/a@b",
        "https://example.com/a:b@c",
        "https://ci:@example.com/",
        "https://ci:***@example.com/",
        "https://ci:xxxxx@example.com/",
        "https://ci:${TOKEN}@example.com/",
        "https://ci:$TOKEN@example.com/",
        "https://ci:<token>@example.com/",
        "https://user:password@example.com/",
        "https://ci:[REDACTED]@example.com/",
        "oci://registry.example.com:5000/app@sha256:00",
        "docker://registry:5000@sha256:00",
        "https://ci:hunter2@",
        "https://example.com/?token=",
        "https://example.com/?token=abc",
        "https://example.com/?token=${GITLAB_TOKEN_12345}",
        "https://example.com/?token=abcdefghijklmnopqrstuvwxyz",
        "https://example.com/?sig=short1",
        "https://example.com/?signature_version=4aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "https://example.com/?tokens=1234567890abcdef",
        "https://example.com/token=1234567890abcdef",
        "https://example.com/?password=***",
    ] {
        assert_eq!(rule_of(text), None, "{text}");
    }
}
