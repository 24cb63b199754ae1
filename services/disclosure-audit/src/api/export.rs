//! ExportDisclosures: the accounting as one document, a piece at a time.

use chassis::{Caller, now_ms};
use futures_util::stream::{Stream, TryStreamExt, try_unfold};
use proto::disclosure_audit::{ExportDisclosuresRequest, ExportDisclosuresResponse, ExportFormat};
use serde_json::json;
use tonic::Status;

use super::accounting::{Account, wanted};
use super::{Api, fhir, timestamp};
use crate::accounting::{Line, Run};
use crate::error::Error;
use crate::event::hex;

/// Lines in a piece: few enough that the largest fits a message.
const LINES_PER_PIECE: usize = 50;

/// A document that is being written.
struct Export {
    api: Api,
    account: Account,
    format: ExportFormat,
    /// Where the next piece begins; `None` when the document is whole.
    next: Option<u64>,
    begun: bool,
    written: bool,
    unlisted: Vec<Run>,
}

/// The pieces of the document. Who may not have it is refused before the first.
pub(super) async fn export(
    api: &Api,
    caller: &Caller,
    request: &ExportDisclosuresRequest,
) -> Result<impl Stream<Item = Result<ExportDisclosuresResponse, Status>> + use<>, Error> {
    let format = match request.format() {
        ExportFormat::Unspecified => return Err(Error::ArgumentInvalid { field: "format" }),
        format => format,
    };
    if format == ExportFormat::FhirR4 && request.include_uses {
        let field = "include_uses";
        return Err(Error::ArgumentInvalid { field });
    }
    let wanted = wanted(request.include_uses, request.from, request.until)?;
    let account = Account::open(api, caller, &request.subject_id, wanted).await?;
    account.admit(api).await?;
    let export = Export {
        account,
        api: api.clone(),
        format,
        next: Some(0),
        begun: false,
        written: false,
        unlisted: Vec::new(),
    };
    let pieces = try_unfold(export, Export::piece);
    Ok(pieces
        .map_ok(|text| ExportDisclosuresResponse {
            chunk: text.into_bytes(),
        })
        .map_err(Status::from))
}

impl Export {
    /// The next piece, and what is left to write.
    async fn piece(mut self) -> Result<Option<(String, Self)>, Error> {
        let Some(from) = self.next else {
            return Ok(None);
        };
        let page = self.account.page(&self.api, from, LINES_PER_PIECE).await?;
        self.next = page.next;
        self.unlisted.extend(page.unlisted);
        let mut text = String::new();
        if !self.begun {
            text += &self.head();
            self.begun = true;
        }
        for line in page.lines {
            if self.written {
                text.push(',');
            }
            text += &self.line(line)?;
            self.written = true;
        }
        if self.next.is_none() {
            text += &self.tail();
        }
        Ok(Some((text, self)))
    }

    fn head(&self) -> String {
        match self.format {
            ExportFormat::FhirR4 => {
                let now = timestamp(now_ms());
                format!(
                    r#"{{"resourceType":"Bundle","type":"collection","timestamp":"{now}","entry":["#
                )
            }
            _ => {
                let wanted = self.account.wanted;
                let subject = self.account.subject;
                let [from, until] = [wanted.from, wanted.until].map(|it| json!(it));
                format!(r#"{{"subject_id":"{subject}","from":{from},"until":{until},"records":["#)
            }
        }
    }

    fn line(&self, line: Line) -> Result<String, Error> {
        let text = match self.format {
            ExportFormat::FhirR4 => serde_json::to_string(&fhir::entry(line)),
            _ => serde_json::to_string(&line),
        };
        text.map_err(|_| Error::LogCorrupt)
    }

    fn tail(&self) -> String {
        match self.format {
            ExportFormat::FhirR4 => "]}".to_owned(),
            _ => {
                let head = self.account.head;
                let commitment = json!(head.commitment.map(|it| hex(&it)));
                format!(
                    r#"],"unlisted":{},"newest_sequence":{},"newest_commitment":{commitment}}}"#,
                    json!(self.unlisted),
                    head.sequence,
                )
            }
        }
    }
}
