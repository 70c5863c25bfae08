//! How an issuer can fail those who rely on it.

use std::time::Duration;

use super::http::Answer;

/// What an issuer does at a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// What it should.
    #[default]
    Good,
    /// Ends the connection without a word.
    Down,
    /// Answers with this status and no more.
    Status(u16),
    /// Answers after so long.
    Slow(Duration),
    /// Answers with so many bytes of JSON before what matters.
    Huge(usize),
    /// Answers with a page for people.
    WrongType,
    /// Sends the caller to this URL.
    Elsewhere(String),
    /// Answers with this JSON.
    Json(String),
}

impl Behaviour {
    /// Returns what is sent instead of the good answer.
    pub(super) fn changed(&self, good: impl FnOnce() -> Answer) -> Answer {
        match self {
            Self::Good => good(),
            Self::Down => Answer::none(),
            Self::Status(status) => Answer::status(*status),
            Self::Slow(pause) => {
                std::thread::sleep(*pause);
                good()
            }
            Self::Huge(bytes) => {
                let mut answer = good();
                answer.body.splice(0..0, std::iter::repeat_n(b' ', *bytes));
                answer
            }
            Self::WrongType => Answer::typed("text/html", "<html><body>Please sign in</body></html>"),
            Self::Elsewhere(url) => {
                let mut answer = Answer::status(302);
                answer.location = Some(url.clone());
                answer
            }
            Self::Json(text) => Answer::typed("application/json", text),
        }
    }
}
