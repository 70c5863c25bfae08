//! Tokens in the form that their issuers publish, put together here so that no scanner of repositories finds them.

use serde_json::json;

use super::{
    STANDARD, checksummed, digits, github, hex, jwt, letters, lower, mixed, pem, refused, rule_of, upper,
};
use base64::Engine as _;

/// Rule and token.
pub(super) fn all() -> Vec<(&'static str, String)> {
    let mut tokens = of_code_and_packages();
    tokens.extend(of_clouds());
    tokens.extend(of_services());
    tokens.extend(of_any());
    tokens
}

fn of_code_and_packages() -> Vec<(&'static str, String)> {
    let mut tokens = vec![
        ("github-token", checksummed("ghr_", 76)),
        ("github-fine-grained-token", format!("github_pat_{}_{}", mixed(22), mixed(59))),
        ("gitlab-token", format!("glpat-{}", "k-_3".repeat(5))),
        ("gitlab-token", format!("glpat-{}.01.{}", mixed(40), lower(9))),
        ("gitlab-token", format!("gldt-{}", mixed(20))),
        ("gitlab-token", format!("glptt-{}", hex(40))),
        ("gitlab-runner-token", format!("glrt-{}", mixed(20))),
        ("gitlab-runner-token", format!("glrt-t1_{}", mixed(20))),
        ("gitlab-runner-token", format!("glrt-{}.01.{}", mixed(40), lower(9))),
        ("gitlab-job-token", format!("glcbt-64_{}", mixed(20))),
        ("npm-token", checksummed("npm_", 36)),
        ("pypi-token", format!("pypi-AgEIcHlwaS5vcmc{}", mixed(150))),
        ("pypi-token", format!("pypi-AgENdGVzdC5weXBpLm9yZ{}", mixed(150))),
        ("rubygems-key", format!("rubygems_{}", hex(48))),
        ("crates-io-token", format!("cio{}", mixed(32))),
        ("nuget-key", format!("oy2{}", lower(43))),
        ("docker-hub-token", format!("dckr_pat_{}", mixed(27))),
        ("docker-hub-token", format!("dckr_oat_{}", mixed(32))),
        ("artifactory-token", format!("AKCp{}", mixed(69))),
        ("artifactory-token", format!("cmVmdGtu{}", mixed(56))),
        ("atlassian-token", format!("ATATT3{}={}", mixed(180), upper(8).replace(|c: char| c > 'F', "A"))),
        ("atlassian-token", format!("ATBB{}", mixed(32))),
        ("buildkite-token", format!("bkua_{}", hex(40))),
        ("circleci-token", format!("CCIPAT_{}_{}", mixed(22), hex(40))),
        ("sonar-token", format!("squ_{}", hex(40))),
        ("pulumi-token", format!("pul-{}", hex(40))),
        ("terraform-token", format!("{}.atlasv1.{}", mixed(14), mixed(67))),
    ];
    tokens.extend(
        ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"].map(|prefix| ("github-token", checksummed(prefix, 36))),
    );
    tokens
}

fn of_clouds() -> Vec<(&'static str, String)> {
    let account =
        format!("DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={}==;Suffix=x", mixed(86));
    vec![
        ("aws-access-key-id", ["AKIA", "IOSFODNN7EXAMPLE"].concat()),
        ("aws-access-key-id", format!("ASIA{}", upper(16))),
        ("aws-secret-access-key", format!("aws_secret_access_key = {}", aws_secret())),
        ("aws-secret-access-key", format!("AWS_SECRET_ACCESS_KEY={}", aws_secret())),
        ("aws-secret-access-key", json!({ "SecretAccessKey": aws_secret() }).to_string()),
        ("azure-storage-key", account),
        ("azure-shared-key", format!("Endpoint=sb://acme/;SharedAccessKey={}=", mixed(43))),
        ("azure-client-secret", format!("{}8Q~{}", mixed(3), mixed(34))),
        ("azure-devops-token", format!("{}AZDO{}", mixed(76), mixed(4))),
        ("google-api-key", format!("AIza{}", mixed(35))),
        ("google-oauth-secret", format!("GOCSPX-{}", mixed(28))),
        ("google-oauth-token", format!("ya29.{}", mixed(120))),
        ("digitalocean-token", format!("dop_v1_{}", hex(64))),
        ("databricks-token", format!("dapi{}", hex(32))),
        ("vault-token", format!("hvs.{}", mixed(24))),
        ("vault-token", format!("hvs.CAESI{}", mixed(90))),
        ("vault-token", format!("hvb.{}", mixed(140))),
        ("doppler-token", format!("dp.pt.{}", mixed(43))),
        ("doppler-token", format!("dp.st.prd_app.{}", mixed(43))),
        ("tailscale-key", format!("tskey-auth-{}-{}", mixed(17), mixed(32))),
    ]
}

fn of_services() -> Vec<(&'static str, String)> {
    let team = digits(12);
    vec![
        ("slack-token", format!("xoxb-{team}-{team}-{}", mixed(24))),
        ("slack-token", format!("xoxp-{team}-{team}-{team}-{}", hex(32))),
        ("slack-token", format!("xapp-1-A{}-{}-{}", upper(10), digits(13), hex(64))),
        (
            "slack-webhook",
            format!("https://hooks.slack.com/services/T{}/B{}/{}", upper(8), upper(8), mixed(24)),
        ),
        ("stripe-key", format!("sk_live_{}", mixed(24))),
        ("stripe-key", format!("rk_live_{}", mixed(99))),
        ("square-token", format!("sq0atp-{}", mixed(22))),
        ("shopify-token", format!("shpat_{}", hex(32))),
        ("sendgrid-key", format!("SG.{}.{}", mixed(22), mixed(43))),
        ("mailchimp-key", format!("{}-us12", hex(32))),
        ("telegram-token", format!("{}:AA{}", digits(10), mixed(33))),
        ("sentry-token", format!("sntryu_{}", hex(64))),
        ("grafana-token", format!("glsa_{}_{}", mixed(32), hex(8))),
        ("linear-key", format!("lin_api_{}", mixed(40))),
        ("postman-key", format!("PMAK-{}-{}", hex(24), hex(34))),
        ("new-relic-key", format!("NRAK-{}", upper(27))),
        ("openai-key", format!("sk-{}T3BlbkFJ{}", mixed(20), mixed(20))),
        ("openai-key", format!("sk-proj-{}T3BlbkFJ{}", mixed(74), mixed(74))),
        ("anthropic-key", format!("sk-ant-api03-{}AA", mixed(93))),
        ("hugging-face-token", format!("hf_{}", letters(34))),
    ]
}

fn of_any() -> Vec<(&'static str, String)> {
    let url = |rest: &str| format!("https://git.example.com/acme/api?{rest}");
    vec![
        ("age-key", format!("AGE-SECRET-KEY-1{}", upper(58))),
        ("jwt", jwt()),
        ("jwt", format!("Authorization: Bearer {}", jwt())),
        ("private-key", pem("PRIVATE KEY")),
        ("private-key", pem("RSA PRIVATE KEY")),
        ("private-key", pem("EC PRIVATE KEY")),
        ("private-key", pem("OPENSSH PRIVATE KEY")),
        ("private-key", pem("ENCRYPTED SIGSTORE PRIVATE KEY")),
        ("private-key", pem("PGP PRIVATE KEY BLOCK")),
        ("private-key", json!({"type": "service_account", "private_key": pem("PRIVATE KEY")}).to_string()),
        ("url-password", format!("https://ci:{}@git.example.com/acme/api", mixed(12))),
        (
            "url-password",
            ["git+https://x-access-token:hunter2", "@github.com/acme/api.git@refs/heads/main"].concat(),
        ),
        ("url-password", ["postgres://app:p@ss", "@db:5432/app"].concat()),
        ("url-token", url(&format!("private_token={}", mixed(20)))),
        ("url-token", url(&format!("a=b&access_token={}#x", mixed(40)))),
        ("url-token", url(&format!("X-Amz-Date=1&X-Amz-Signature={}", hex(64)))),
        ("url-token", url(&format!("sv=2022&sig={}%3D", mixed(43)))),
        ("url-token", url("client_secret=hunter2")),
    ]
}

pub(super) fn aws_secret() -> String {
    ["wJalrXUtnFEMI", "/K7MDENG/", "bPxRfiCYEXAMPLEKEY"].concat()
}

#[test]
fn every_token_is_refused_in_the_form_that_its_issuer_publishes() {
    for (rule, token) in all() {
        assert_eq!(rule_of(&token).as_deref(), Some(rule), "{token}");
    }
}

#[test]
fn every_token_is_refused_in_a_line_and_in_base64_once_and_twice() {
    for (rule, token) in all() {
        for text in [
            format!("run --with={token}"),
            format!("'{token}'"),
            STANDARD.encode(&token),
            STANDARD.encode(format!("export T=\"{token}\"\n")),
            STANDARD.encode(STANDARD.encode(&token)),
        ] {
            assert!(refused(&json!({ "a": text })).iter().any(|(found, _)| found == rule), "{rule}: {text}");
        }
    }
}

#[test]
fn secret_access_key_of_aws_is_told_by_the_name_of_its_member() {
    for document in [
        json!({ "AWS_SECRET_ACCESS_KEY": aws_secret() }),
        json!({ "secretAccessKey": [aws_secret()] }),
        json!({ "name": "AWS_SECRET_ACCESS_KEY", "value": aws_secret() }),
    ] {
        let found = refused(&document);
        assert!(matches!(found.as_slice(), [(rule, _)] if rule == "aws-secret-access-key"), "{document}");
    }
    assert_eq!(refused(&json!({ "AWS_SECRET_ACCESS_KEY": hex(41) })), []);
    assert_eq!(refused(&json!({ "OTHER": aws_secret() })), []);
}

#[test]
fn key_of_a_service_account_is_refused_as_an_object_as_text_and_in_base64() {
    let account = json!({"type": "service_account", "private_key": pem("PRIVATE KEY")});
    assert_eq!(refused(&json!({"key": account})), [("private-key".into(), "/key/private_key".into())]);
    // As it stands there with the escapes of JSON, and without them.
    let text = account.to_string();
    for key in [STANDARD.encode(&text), text] {
        let found = refused(&json!({ "key": key }));
        assert_eq!(found, vec![("private-key".to_owned(), "/key".to_owned()); 2]);
    }
}

#[test]
fn token_in_the_middle_of_a_word_is_none() {
    assert_eq!(rule_of(&format!("x{}", github())), None);
    assert_eq!(rule_of(&format!("{}x", github())), None);
}
