//! Identity tokens. What is told of one is what it says, cut short, and never a part of the token itself: whoever reads that before
//! it ends can speak for the job.

use custody_evidence::oidc::Token;
use custody_log::Timestamp;

use super::{Expectations, Report, Signer, Status};

/// The most characters that are told of a claim.
const CLAIM_MAX: usize = 200;

/// The most audiences that are told.
const AUDIENCES_MAX: usize = 4;

/// Nothing is verified here: whose keys sign is known to the trust document of a log, and to the log.
pub(super) fn inspect(report: Report, bytes: &[u8], expected: &Expectations) -> Report {
    let token = match Token::parse(bytes.trim_ascii()) {
        Ok(token) => token,
        Err(error) => return report.malformed(error.to_string()),
    };
    let mut report = report;
    report.why = Some("it says who sends something to a log, and is not recorded by itself".to_owned());
    let claim = |name: &str| token.text_claim(name).map_or_else(|| "nobody".to_owned(), cut);
    let said = |name: &str, detail: String, report: &mut Report| {
        report.check(name, Status::NotChecked, detail);
    };
    said("issuer", claim("iss"), &mut report);
    said("subject", claim("sub"), &mut report);
    said("audience", audiences(&token), &mut report);
    let lives = format!("from {} until {}", time(token.issued()), time(token.expires()));
    said("lifetime", format!("{lives}; whoever has it until then can speak for the job"), &mut report);
    let detail = format!(
        "signed with {}; the issuer's keys check it, where its admission record is given too (custody verify)",
        cut(token.algorithm())
    );
    report.signers.push(Signer::of(Status::NotChecked, token.kid().map(cut).unwrap_or_default(), detail));
    if expected.expects_key() {
        report.expect(
            "key",
            Status::NotChecked,
            "a token is signed by its issuer, whose keys a trust document has",
        );
    }
    report
}

fn audiences(token: &Token) -> String {
    let all = token.audiences();
    let told: Vec<String> = all.iter().take(AUDIENCES_MAX).map(|text| cut(text)).collect();
    match all.len().saturating_sub(told.len()) {
        0 if told.is_empty() => "nobody".to_owned(),
        0 => told.join(", "),
        more => format!("{}, and {more} more", told.join(", ")),
    }
}

fn time(seconds: Option<i64>) -> String {
    let micros = seconds.and_then(|seconds| seconds.checked_mul(1_000_000));
    let time = micros.and_then(|micros| Timestamp::from_micros(micros).ok());
    time.map_or_else(|| "no time".to_owned(), |time| time.to_string())
}

fn cut(text: &str) -> String {
    text.chars().take(CLAIM_MAX).collect()
}
