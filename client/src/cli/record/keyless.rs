//! Recording as a job: its identity token, and the one-time key that it is shown for.

use custody_client::keyless::{IdToken, NoToken, OneTimeKeys, Source, VARIABLE, one_time_key};
use custody_client::make::Made;
use custody_client::sign::{KeyStoreError, sign_statement};
use custody_client::{Recorded, Trust};
use custody_evidence::envelope::Envelope;
use custody_evidence::key::SigningKey;
use custody_evidence::oidc::{Credential, Token, audience};
use custody_evidence::trust::Issuer;

use super::flags::Sending;
use super::send;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::escape_line;
use crate::cli::{key, session};

/// Who records: a token that the log will take, and the key that signs with it.
struct Job {
    token: IdToken,
    key: SigningKey,
}

/// Signs the statement with a one-time key and records it as the job. The log is asked first: it says which issuers and
/// audiences it takes, to those who may read, and a token has minutes to live.
pub(super) async fn statement(
    made: &Made,
    source: &Source,
    sending: &Sending,
    context: &Context,
) -> Result<Outcome, Failure> {
    let recorded = recorded(made, source, sending, context).await?;
    if context.output.is_json() {
        context.output.print_json(&send::document(&recorded))?;
    } else {
        context.output.print(send::text(&recorded, None, &sending.delivery))?;
    }
    Ok(Outcome::Yes)
}

/// Records the statement as the job, and says nothing of how it went.
pub(super) async fn recorded(
    made: &Made,
    source: &Source,
    sending: &Sending,
    context: &Context,
) -> Result<Recorded, Failure> {
    let delivery = &sending.delivery;
    if delivery.spool.is_some() {
        return Err(not_spooled());
    }
    send::check_receipt(delivery)?;
    let patience = delivery.patience(context);
    let recorded = if let Some(mut ledger) = session::open_to_record(context, patience).await? {
        let (envelope, credential) = Job::of(source, ledger.trust(), context).await?.signs(made)?;
        send::envelope_to(&mut ledger, &envelope, Some(&credential), context).await?
    } else {
        let (envelope, credential) = Job::of_a_stranger(source, context).await?.signs(made)?;
        session::open_by_recording(context, patience, &envelope, Some(&credential)).await??.1
    };
    if let Some(path) = &delivery.receipt {
        send::write_receipt(path, &recorded)?;
    }
    Ok(recorded)
}

/// Signs with a key that nobody vouches for, to show what would be sent. No token is asked for.
pub(super) fn dry_run(made: &Made, context: &Context) -> Result<Outcome, Failure> {
    let envelope = signed(made, &new_key()?)?;
    let mut line = envelope.bytes().to_vec();
    line.push(b'\n');
    context.output.print_bytes(&line)?;
    context.output.note("dry run: signed with a one-time key that no token speaks for; nothing was sent");
    Ok(Outcome::Yes)
}

fn signed(made: &Made, key: &SigningKey) -> Result<Envelope, Failure> {
    let envelope = sign_statement(&made.payload, key);
    Ok(envelope.map_err(|error| key::unsigned(&error, "bad_statement"))?.into())
}

impl Job {
    /// Gets a token that this log takes. One that was given with a fixed audience is taken from one key alone, so its key is
    /// kept for the commands that follow.
    async fn of(source: &Source, trust: &Trust, context: &Context) -> Result<Self, Failure> {
        let issuers = &trust.current().state.document().members().issuers;
        if issuers.is_empty() {
            return Err(no_issuers(source));
        }
        let key = new_key()?;
        let own = audience(&trust.pin().origin, &key.id());
        let mut token = get(source, &own).await?;
        let mut read = read(&token, source)?;
        let issuer = listed(&read, issuers, source)?;
        let expected = issuer.audience.as_deref().unwrap_or(&own);
        if read.audiences() == [own.as_str()] && expected != own {
            // The administrators chose one audience for all jobs of this issuer.
            token = get(source, expected).await?;
            read = self::read(&token, source)?;
        }
        if read.audiences() != [expected] {
            return Err(wrong_audience(&read, issuer, &own, source));
        }
        tell(&read, source, context);
        let key = if expected == own { key } else { shared(key, &token, &read, context)? };
        Ok(Self { token, key })
    }

    /// Gets a token for a log that is not read by this caller, so that only the log knows what it takes.
    async fn of_a_stranger(source: &Source, context: &Context) -> Result<Self, Failure> {
        let server = session::server(context)?;
        let anchor = session::anchor(context)?.ok_or_else(|| session::no_pin(server))?;
        let key = new_key()?;
        let own = audience(&anchor.pin().origin, &key.id());
        let token = get(source, &own).await?;
        let read = read(&token, source)?;
        let names_log = read.audiences() == [own.as_str()];
        if !names_log && !source.is_named() {
            return Err(not_asked_for(&read, &own, source));
        }
        tell(&read, source, context);
        let key = if names_log { key } else { shared(key, &token, &read, context)? };
        Ok(Self { token, key })
    }

    /// Signs the statement, and shows the token for the key that signed.
    fn signs(&self, made: &Made) -> Result<(Envelope, Credential), Failure> {
        let credential = Credential::new(self.token.reveal().as_bytes().to_vec(), self.key.public().clone());
        Ok((signed(made, &self.key)?, credential))
    }
}

async fn get(source: &Source, audience: &str) -> Result<IdToken, Failure> {
    source.token(audience).await.map_err(|error| no_token(&error))
}

fn read(token: &IdToken, source: &Source) -> Result<Token, Failure> {
    Token::parse(token.reveal().as_bytes()).map_err(|error| {
        Failure::usage("bad_id_token", format!("{source}: {error}")).hint(
            "give the token as the CI system made it: three parts with dots between them, and nothing else",
        )
    })
}

/// Returns the key that a command before this one used with the token, or keeps this one for those to come.
fn shared(key: SigningKey, token: &IdToken, read: &Token, context: &Context) -> Result<SigningKey, Failure> {
    let now = context.clock.now().as_seconds();
    let expires = read.expires().and_then(|expires| u64::try_from(expires).ok()).unwrap_or(now);
    let kept = context.settings.state_dir().map(|dir| OneTimeKeys::below(dir).of(token, expires, now));
    match kept {
        Ok(Ok(kept)) => Ok(kept.key),
        Ok(Err(error @ (KeyStoreError::ReadableByOthers { .. } | KeyStoreError::OfOthers { .. }))) => {
            Err(key::failure(&error))
        }
        Ok(Err(error)) => {
            unkept(&error.to_string(), context);
            Ok(key)
        }
        Err(failure) => {
            unkept(&failure.message, context);
            Ok(key)
        }
    }
}

fn unkept(why: &str, context: &Context) {
    context.output.warn(format!(
        "the one-time key cannot be kept, so the log will take this token from no other command of the job: {why}"
    ));
}

fn new_key() -> Result<SigningKey, Failure> {
    one_time_key().map_err(|error| {
        Failure::unknown("no_randomness", format!("the system gives no randomness: {error}"))
            .hint("run it again; a machine that has just started may have none yet")
    })
}

/// Says who records, as the token has it, and where the token comes from.
fn tell(read: &Token, source: &Source, context: &Context) {
    let (subject, issuer) =
        (read.text_claim("sub").unwrap_or("no sub"), read.issuer().unwrap_or("no issuer"));
    context.output.note(format!("records as {} of {} ({source})", escape_line(subject), escape_line(issuer)));
}

fn listed<'a>(read: &Token, issuers: &'a [Issuer], source: &Source) -> Result<&'a Issuer, Failure> {
    let found = read.issuer().unwrap_or_default();
    issuers.iter().find(|issuer| issuer.url == found).ok_or_else(|| {
        let known: Vec<&str> = issuers.iter().map(|issuer| issuer.url.as_str()).collect();
        let found: String = found.chars().take(200).collect();
        Failure::no(
            "token_issuer",
            format!("the token from {source}: expected the issuer {}, found {found:?}", known.join(" or ")),
        )
        .hint("nothing was sent; an administrator of the log adds an issuer: custody trust propose --add-issuer URL")
    })
}

fn wrong_audience(read: &Token, issuer: &Issuer, own: &str, source: &Source) -> Failure {
    let found: Vec<String> = read.audiences().iter().take(4).map(|text| format!("{text:?}")).collect();
    let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
    let expected = issuer.audience.as_deref().unwrap_or(own);
    let hint = if issuer.audience.is_some() {
        format!("let the job's definition ask for the audience {expected}, and for no other")
    } else {
        format!(
            "a token that is given cannot name a one-time key: an administrator of the log gives the issuer one audience \
             (custody trust propose --add-issuer {} --issuer-audience TEXT), or let custody ask for the token itself",
            issuer.url
        )
    };
    let message = format!("the token from {source}: expected the audience {expected:?} alone, found {found}");
    Failure::no("token_audience", message).hint(format!("nothing was sent; {hint}"))
}

/// A token that was at hand may be good elsewhere, as `CircleCI`'s is with clouds, and nothing that this job can read says that the
/// log takes it.
fn not_asked_for(read: &Token, own: &str, source: &Source) -> Failure {
    let found: Vec<String> = read.audiences().iter().take(4).map(|text| format!("{text:?}")).collect();
    let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
    Failure::no(
        "token_audience",
        format!("the token from {source}: expected the audience {own:?} alone, found {found}, and this job may not read which one the log takes"),
    )
    .hint(format!(
        "nothing was sent; if the log's administrator gave the issuer that audience, say so by naming the token: put it into {VARIABLE}"
    ))
}

fn no_issuers(source: &Source) -> Failure {
    Failure::no("token_issuer", format!("this log takes no identity tokens, and a token is there ({source})")).hint(
        "nothing was sent; name a key: --key FILE; or an administrator of the log adds the issuer: custody trust propose \
         --add-issuer URL",
    )
}

fn not_spooled() -> Failure {
    Failure::usage(
        "not_spooled",
        "--spool cannot keep what a one-time key signs: the token that goes with it ends in minutes",
    )
    .hint(
        "leave out --spool: without an answer the exit code is 3; or sign with a key that lasts: --key FILE",
    )
}

/// Says why there is no token, and what to do.
pub(in crate::cli) fn no_token(error: &NoToken) -> Failure {
    let failure = if error.goes_away() { Failure::unknown } else { Failure::usage };
    failure(error.word(), error.to_string()).hint(error.hint())
}
