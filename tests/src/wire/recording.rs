//! Recording through each method there is, with a token or without.

use custody_evidence::key::SigningKey;
use custody_wire::Refusal;
use custody_wire::v1::record_bulk_request::Part as BulkPart;
use custody_wire::v1::record_bulk_response::Answer;
use custody_wire::v1::record_stream_request::Part;
use custody_wire::v1::{
    BulkEnvelope, BulkHeader, Credential, RecordBulkRequest, RecordHeader, RecordRequest, RecordResponse,
    RecordStreamRequest,
};
use tonic::Request;

use super::Caller;
use crate::oracle::sha256;

/// Returns what shows this token for this key.
#[must_use]
pub fn credential(token: &str, key: &SigningKey) -> Credential {
    Credential { token: token.as_bytes().to_vec().into(), key: key.public().spki_der().to_vec().into() }
}

impl Caller {
    /// Records an envelope through the method of this name, and shows this credential.
    ///
    /// # Panics
    ///
    /// When there is no such method of the service Recorder, or an answer without a reason word.
    pub fn record_through(
        &self,
        method: &str,
        envelope: &[u8],
        credential: Option<Credential>,
    ) -> Result<RecordResponse, Refusal> {
        let (log, mut recorder, bytes) = (Some(self.log.clone()), self.recorder(), envelope.to_vec());
        let answer = self.runtime.block_on(async {
            match method {
                "Record" => {
                    let request = RecordRequest { log, envelope: bytes.into(), credential };
                    recorder.record(request).await.map(tonic::Response::into_inner)
                }
                "RecordStream" => {
                    let digest = sha256(envelope).to_vec().into();
                    let header = RecordHeader { log, digest, length: envelope.len() as u64, credential };
                    let parts = [Part::Header(header), Part::Data(bytes.into())];
                    let messages = parts.map(|part| RecordStreamRequest { part: Some(part) });
                    let stream = Request::new(tokio_stream::iter(messages));
                    recorder.record_stream(stream).await.map(tonic::Response::into_inner)
                }
                "RecordBulk" => {
                    let envelope = BulkEnvelope { tag: 7, envelope: bytes.into() };
                    let parts =
                        [BulkPart::Header(BulkHeader { log, credential }), BulkPart::Envelope(envelope)];
                    let messages = parts.map(|part| RecordBulkRequest { part: Some(part) });
                    let stream = Request::new(tokio_stream::iter(messages));
                    match recorder.record_bulk(stream).await {
                        Err(status) => Err(status),
                        Ok(answers) => match answers.into_inner().message().await {
                            Err(status) => Err(status),
                            Ok(Some(answer)) => {
                                match answer.answer.expect("an answer says what became of it") {
                                    Answer::Recorded(answer) => Ok(answer),
                                    Answer::Refused(refused) => Err(Refusal::from(refused).into()),
                                }
                            }
                            Ok(None) => panic!("the stream ended without an answer"),
                        },
                    }
                }
                other => panic!("nothing is known here of the method {other}: say how it records"),
            }
        });
        answer.map_err(|status| {
            Refusal::from_status(&status)
                .unwrap_or_else(|| panic!("a refusal without a reason word: {status:?}"))
        })
    }
}
