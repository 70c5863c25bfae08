//! GitHub's endpoint for tokens: <https://docs.github.com/en/actions/reference/security/oidc>.

use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tonic::body::Body;
use tonic::codegen::Body as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::Secret;
use super::error::NoToken;
use super::secret::TOKEN_BYTES_MAX;
use crate::tls::{Connector, Protocol, TlsSettings};

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pauses before it is tried again: three attempts, the last one 3 s after the first if each is refused at once.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// The longest answer: a token, and four times as much around it.
const ANSWER_BYTES_MAX: usize = 5 * TOKEN_BYTES_MAX;

#[derive(Deserialize)]
struct Answer {
    value: String,
}

/// Asks for a token with this audience. Redirects are not followed: the right to ask would go to somebody else.
pub(super) async fn request(url: &str, bearer: &Secret, audience: &str) -> Result<Secret, NoToken> {
    let mut pauses = PAUSES.into_iter();
    loop {
        match attempt(url, bearer, audience).await {
            Err(error) if error.goes_away() => match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            },
            ended => return ended,
        }
    }
}

async fn attempt(url: &str, bearer: &Secret, audience: &str) -> Result<Secret, NoToken> {
    let bad =
        || NoToken::Address { found: url.split('?').next().unwrap_or_default().chars().take(200).collect() };
    let separator = if url.contains('?') { '&' } else { '?' };
    let uri: Uri = format!("{url}{separator}audience={}", encoded(audience)).parse().map_err(|_| bad())?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(bad)?.to_owned();
    let connector = match uri.scheme_str() {
        Some("https") => {
            let unusable = |error: crate::tls::TlsFileError| NoToken::Unreachable {
                host: host.clone(),
                why: error.to_string(),
            };
            let config = TlsSettings::default().load(Protocol::Http1).map_err(unusable)?;
            Connector::secure(config, Protocol::Http1, &host).ok_or_else(bad)?
        }
        // Nobody else listens in on this machine's own address.
        Some("http") if is_loopback(&host) => Connector::plain(),
        _ => return Err(bad()),
    };
    let request = Request::get(uri)
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, concat!("custody/", env!("CARGO_PKG_VERSION")))
        .header(AUTHORIZATION, format!("bearer {}", bearer.reveal()))
        .body(Body::default())
        .map_err(|_| bad())?;
    let answer = tokio::time::timeout(PATIENCE, exchange(connector, request, &host));
    answer.await.unwrap_or_else(|_| {
        let why = format!("no answer within {} s", PATIENCE.as_secs());
        Err(NoToken::Unreachable { host, why })
    })
}

async fn exchange(connector: Connector, request: Request<Body>, host: &str) -> Result<Secret, NoToken> {
    let unreachable = |error: &(dyn Error + 'static)| NoToken::Unreachable {
        host: host.to_owned(),
        why: root_cause(error),
    };
    let wrong = |found| NoToken::Answer { host: host.to_owned(), found };
    let client: Client<Connector, Body> = Client::builder(TokioExecutor::new()).build(connector);
    let answer = client.request(request).await.map_err(|error| unreachable(&error))?;
    if answer.status() != http::StatusCode::OK {
        return Err(NoToken::Status { host: host.to_owned(), status: answer.status().as_u16() });
    }
    let (mut body, mut bytes) = (answer.into_body(), Zeroizing::new(Vec::new()));
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| unreachable(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > ANSWER_BYTES_MAX {
            return Err(wrong("more than any token has"));
        }
        bytes.extend_from_slice(data);
    }
    // What serde says of a wrong answer could hold a part of it.
    let mut answer: Answer = serde_json::from_slice(&bytes).map_err(|_| wrong("something else"))?;
    let token = Secret::new(answer.value.as_str());
    answer.value.zeroize();
    Ok(token)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Encodes a value of a query (RFC 3986 section 2.1): everything but unreserved characters.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(byte).collect()
}

/// The network's own words are at the end of the chain of causes.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_is_one_value_of_the_query() {
        assert_eq!(encoded("custody:example.com/log:ab12"), "custody%3Aexample.com%2Flog%3Aab12");
        assert_eq!(encoded("a&b=c d#\u{e4}"), "a%26b%3Dc%20d%23%C3%A4");
    }

    #[test]
    fn loopback_is_this_machine_and_no_name_that_only_looks_like_it() {
        for host in ["127.0.0.1", "[::1]", "localhost", "127.8.8.8"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example.com", "127.0.0.1.example.com", "10.0.0.1", "[2001:db8::1]", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
