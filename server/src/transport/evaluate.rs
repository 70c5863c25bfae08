//! Verdicts, between messages and values.

use std::sync::Arc;
use std::time::{Duration, Instant};

use custody_evidence::Digest;
use custody_gate::Given;
use custody_log::Timestamp;
use custody_wire::v1;
use custody_wire::{Reason, Refusal};
use tokio::sync::Semaphore;

use super::status;
use crate::gate::{Asked, EvaluateError, Policies};
use crate::query::At;

/// How many digests are judged at once: 4, so that two processors have work while others read. A verdict takes some milliseconds.
const AT_ONCE_MAX: usize = 4;
/// The most parameters of a question: as many as a policy has.
const PARAMETERS_MAX: usize = 256;
/// The longest value of one: as long as a text of a policy.
const VALUE_MAX: usize = 64 << 10;
/// How long gathering takes at most unless the asker says less, and the most that it may say.
const DEADLINE: Duration = Duration::from_secs(10);
const DEADLINE_MAX_MS: u32 = 30_000;

/// What judging needs besides the log.
pub(super) struct Judging {
    pub(super) policies: Arc<Policies>,
    /// Kept by the work, which may go on for a moment when the asker has left.
    pub(super) places: Arc<Semaphore>,
}

impl Judging {
    pub(super) fn new() -> Self {
        Self { policies: Arc::default(), places: Arc::new(Semaphore::new(AT_ONCE_MAX)) }
    }
}

/// Reads what is asked, and until when it is gathered.
pub(super) fn to_asked(
    request: &v1::EvaluateRequest,
    at: At,
    now: Timestamp,
) -> Result<(Asked, Instant), Refusal> {
    let invalid = |message: String| Refusal::new(Reason::InvalidField, message);
    if request.parameters.len() > PARAMETERS_MAX {
        let found = request.parameters.len();
        return Err(invalid(format!("parameters: at most {PARAMETERS_MAX}, found {found}")));
    }
    let mut given = Given::default();
    for parameter in &request.parameters {
        if parameter.value.len() > VALUE_MAX {
            return Err(invalid(format!("parameters.value: at most {VALUE_MAX} bytes")));
        }
        given.typed(&parameter.name, &parameter.value);
    }
    let subject: Digest = request.subject.parse().map_err(|error| invalid(format!("subject: {error}")))?;
    let effective = request.effective_micros.map(|micros| super::query::time("effective_micros", micros));
    let asked = Asked {
        policy: request.policy.clone(),
        subject,
        environment: Some(request.environment.clone()).filter(|name| !name.is_empty()),
        given,
        effective: effective.transpose()?,
        of_past: at != At::Newest,
        now,
    };
    let deadline = match request.deadline_ms {
        0 => DEADLINE,
        more if more > DEADLINE_MAX_MS => DEADLINE,
        some => Duration::from_millis(some.into()),
    };
    Ok((asked, Instant::now() + deadline))
}

/// Says why there is no verdict.
pub(super) fn refusal(error: &EvaluateError) -> Refusal {
    match error {
        EvaluateError::NoSuchPolicy { .. } | EvaluateError::Policy(_) | EvaluateError::OtherName { .. } => {
            Refusal::new(Reason::InvalidField, format!("policy: {error}"))
        }
        EvaluateError::NotAPolicy { .. } => status::damaged(error),
        EvaluateError::Query(error) => status::query(error),
        EvaluateError::Index(error) => status::damaged(error),
        EvaluateError::Ledger(error) => status::ledger(error),
    }
}
