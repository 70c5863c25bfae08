//! Bytes that are kept beside an entry: the identity token of its submitter.

use custody_evidence::admission::{Attachment, TOKEN_MEDIA_TYPE};
use custody_log::{BlobDigest, LeafIndex, Timestamp};
use custody_wire::Reason;
use custody_wire::v1::GetAttachmentRequest;
use prost::bytes::Bytes;

use super::{Ledger, LedgerError, ProtocolError};
use crate::check::Verified;
use crate::connection::{CallError, request};

/// What a log has of an attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// The bytes that the admission record names.
    Bytes(Vec<u8>),
    /// It was erased.
    Erased,
    /// A token that has not ended: it is served from this time on.
    NotYet(Timestamp),
}

impl Ledger {
    /// Returns the token that an entry was recorded with, checked with the keys that the trust document or the log has of its issuer;
    /// none if it came without one.
    pub async fn token(&self, verified: &Verified) -> Result<Option<Kept>, LedgerError> {
        let record = verified.logged().record();
        let named = record.attachments.iter().find(|kept| kept.media_type == TOKEN_MEDIA_TYPE);
        let Some(named) = named.filter(|_| record.token.is_some()) else { return Ok(None) };
        let kept = self.attachment(verified.logged().entry().index, named).await?;
        if let Kept::Bytes(token) = &kept {
            verified.check_token(token, self.trust())?;
        }
        Ok(Some(kept))
    }

    /// Returns an attachment that the admission record of an entry names, checked by its digest.
    pub async fn attachment(&self, index: LeafIndex, named: &Attachment) -> Result<Kept, LedgerError> {
        let digest = Bytes::copy_from_slice(named.digest.as_bytes());
        let message = GetAttachmentRequest { log: Some(self.log()), index: index.get(), digest };
        let call = |left| {
            let (mut reader, message) = (self.connection.reader(), message.clone());
            async move { reader.get_attachment(request(message, left)).await }
        };
        let answer = match self.connection.call(call).await {
            Ok(answer) => answer.into_inner(),
            Err(CallError::Refused(refusal)) => {
                let after = refusal.metadata("after_micros").and_then(|micros| micros.parse().ok());
                let after = after.and_then(|micros| Timestamp::from_micros(micros).ok());
                return match (refusal.reason(), after) {
                    (Some(Reason::Redacted), _) => Ok(Kept::Erased),
                    (Some(Reason::NotYet), Some(after)) => Ok(Kept::NotYet(after)),
                    _ => Err(CallError::Refused(refusal).into()),
                };
            }
            Err(error) => return Err(error.into()),
        };
        let found = BlobDigest::of(&answer.data);
        if found != named.digest {
            return Err(ProtocolError::Attachment { index, expected: named.digest, found }.into());
        }
        Ok(Kept::Bytes(answer.data.to_vec()))
    }
}
