//! The accounting of disclosures: every field of it, in pages, by period, and as a document.

use client::{Clients, Material};
use ledger::ProofFile;
use proto::disclosure_audit::{
    AccountDisclosuresRequest, AccountDisclosuresResponse, AccountingSuspension, BreakGlass,
    DisclosureApproval, DisclosureContext, DisclosureGround, DisclosureRecord, DisclosureVolume,
    ExportDisclosuresRequest, ExportFormat, LegalBasis, RecordRequest, Release, RequestResponse,
    Requester, SubjectNotice, record_request::Event,
};
use serde_json::Value;
use tonic::{Code, Status};

use crate::suite::{Suite, acts::*, databases};

const VAULT: &str = "spiffe://vow.local/workload/identity";

#[tokio::test]
async fn an_accounting_has_every_field_and_shows_what_is_not_in_it() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut vault) = (suite.shop(), vault(&suite));
        let subject = prepare(&suite).await;
        let grant = new_id();
        let mut told = release(&subject, &grant);
        told.context = Some(context());
        let first = record(&mut vault, told.clone()).await.expect("well-formed");
        let mut suspended = told.clone();
        suspended.context = Some(DisclosureContext {
            suspension: Some(AccountingSuspension {
                agency: "Office of the Prosecutor".into(),
                written: true,
                until: Some(seconds_from_now(3_600)),
            }),
            ..context()
        });
        record(&mut vault, suspended).await.expect("well-formed");
        let plain = release(&subject, &grant);
        let last = record(&mut vault, plain.clone())
            .await
            .expect("well-formed");

        let all = account_of(&mut shop, AccountDisclosuresRequest::default(), &subject).await;
        let all = all.expect("anybody's can be asked for");
        let [one, other] = all.records.as_slice() else {
            panic!("two are listed, and the suspended one is not: {all:?}");
        };
        assert_eq!((&one.entry_id, &other.entry_id), (&first, &last));
        assert_eq!((&one.release, &other.release), (&Some(told), &Some(plain)));
        assert_eq!(one.recipient_name, "letterpress Ltd");
        assert_eq!(one.occurred_at, context().occurred_at);
        assert_eq!(other.occurred_at, other.recorded_at);
        assert_eq!(
            (one.releasing_agent.as_str(), one.custodian.as_str()),
            (VAULT, "records desk")
        );
        assert_eq!(
            (other.releasing_agent.as_str(), other.custodian.as_str()),
            (VAULT, VAULT)
        );
        assert_eq!(one.authorizers, ["legal", "privacy"]);
        assert_eq!(other.authorizers, [format!("urn:uuid:{grant}")]);

        // Nothing tells the suspended one from the person's other entries.
        let unlisted: Vec<_> = all.unlisted.iter().map(|it| (it.first, it.last)).collect();
        assert_eq!((one.subject_sequence, other.subject_sequence), (1, 3));
        assert_eq!((unlisted, all.newest_sequence), (vec![(2, 2)], 3));
        // Who holds the receipt of the newest knows that none is missing.
        let proof = receipt(&mut shop, &last).await.expect("it can be proved");
        let entry = ProofFile::parse(&proof).expect("it is a proof").entry;
        assert_eq!(all.newest_commitment, entry.commitment);
        assert!(one.previous_commitment.is_empty());
        assert_eq!(other.previous_commitment.len(), 32);
    }
}

#[tokio::test]
async fn an_accounting_comes_in_pages_and_by_period() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut vault) = (suite.shop(), vault(&suite));
        let subject = prepare(&suite).await;
        let years_ago = |years: i64| Some(seconds_from_now(-years * 365 * 86_400));
        for years in [7, 5, 1] {
            let mut release = release(&subject, &new_id());
            release.context = Some(DisclosureContext {
                occurred_at: years_ago(years),
                ..Default::default()
            });
            record(&mut vault, release).await.expect("well-formed");
        }
        let mut numbers = Vec::new();
        let mut page_token = String::new();
        loop {
            let ask = AccountDisclosuresRequest {
                page_size: 1,
                page_token,
                ..Default::default()
            };
            let page = account_of(&mut shop, ask, &subject).await.expect("a page");
            numbers.extend(page.records.iter().map(|it| it.subject_sequence));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(numbers, [1, 2, 3]);
        for (from, until, listed) in [
            (years_ago(6), None, vec![2, 3]),
            (None, years_ago(6), vec![1]),
            (years_ago(6), years_ago(2), vec![2]),
            (years_ago(1), years_ago(1), vec![]),
        ] {
            let ask = AccountDisclosuresRequest {
                from,
                until,
                ..Default::default()
            };
            let page = account_of(&mut shop, ask, &subject).await.expect("a page");
            let found: Vec<_> = page.records.iter().map(|it| it.subject_sequence).collect();
            assert_eq!(found, listed);
            let unlisted: u64 = page.unlisted.iter().map(|it| it.last - it.first + 1).sum();
            assert_eq!(unlisted + found.len() as u64, 3);
        }
        let ask = AccountDisclosuresRequest {
            from: years_ago(1),
            until: years_ago(2),
            ..Default::default()
        };
        let answer = account_of(&mut shop, ask, &subject).await;
        assert_refused(answer, Code::InvalidArgument, "ARGUMENT_INVALID");
    }
}

#[tokio::test]
async fn a_page_of_much_said_lines_is_shorter_and_none_is_left_out() {
    let suite = Suite::start_on(crate::suite::Database::Sqlite).await;
    let (mut shop, mut vault) = (suite.shop(), vault(&suite));
    let subject = prepare(&suite).await;
    // Together more than a client takes at once.
    let recorded = 200;
    for _ in 0..recorded {
        let mut release = release(&subject, &new_id());
        release.context = Some(DisclosureContext {
            authorizers: vec!["\u{20ac}".repeat(500); 16],
            ..Default::default()
        });
        record(&mut vault, release).await.expect("well-formed");
    }
    let mut listed = 0;
    let mut page_token = String::new();
    loop {
        let ask = AccountDisclosuresRequest {
            page_size: 1_000,
            page_token,
            ..Default::default()
        };
        let page = account_of(&mut shop, ask, &subject).await.expect("a page");
        assert!(page.records.len() < recorded, "all of them are too much");
        listed += page.records.len();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, recorded);
}

#[tokio::test]
async fn an_oversize_or_misformed_context_is_refused_and_nothing_is_recorded() {
    let suite = Suite::start_on(crate::suite::Database::Sqlite).await;
    let (mut shop, mut vault) = (suite.shop(), vault(&suite));
    let subject = prepare(&suite).await;
    type Change = fn(&mut DisclosureContext);
    let changes: [Change; 5] = [
        |it| it.occurred_at = Some(seconds_from_now(60)),
        |it| it.necessity_statement = "a".repeat(501),
        |it| it.authorizers = vec!["legal".into(); 17],
        |it| it.legal_reference = "24\n1234".into(),
        |it| it.legal_basis = 99,
    ];
    for change in changes {
        let mut release = release(&subject, &new_id());
        let mut context = context();
        change(&mut context);
        release.context = Some(context);
        let answer = record(&mut vault, release).await;
        assert_refused(answer, Code::InvalidArgument, "EVENT_INVALID");
    }
    let nothing = account_of(&mut shop, AccountDisclosuresRequest::default(), &subject).await;
    let nothing = nothing.expect("an empty page");
    assert_eq!((nothing.records.len(), nothing.newest_sequence), (0, 0));
}

#[tokio::test]
async fn an_export_is_the_whole_accounting_in_json_and_in_fhir() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut vault) = (suite.shop(), vault(&suite));
        let subject = prepare(&suite).await;
        // More than one piece.
        for _ in 0..60 {
            let mut release = release(&subject, &new_id());
            release.context = Some(context());
            record(&mut vault, release).await.expect("well-formed");
        }
        let records = account(&mut shop, &subject).await.expect("a page");
        let json = export(&mut shop, &subject, ExportFormat::Json, true).await;
        let json = json.expect("anybody's can be exported");
        assert_eq!(
            (&json["subject_id"], &json["newest_sequence"]),
            (&subject.clone().into(), &60.into())
        );
        assert_eq!(json["records"].as_array().map(Vec::len), Some(60));
        assert_eq!(json["records"][59]["entry_id"], records[59].entry_id);
        let context = &json["records"][0]["release"]["context"];
        for field in [
            "occurred_at",
            "ground",
            "ground_detail",
            "legal_reference",
            "necessity_statement",
            "requester",
            "recipient_address",
            "custodian",
            "authorizers",
            "data_description",
            "legal_basis",
            "volume",
            "request_received_at",
            "response",
            "notice",
            "approvals",
            "break_glass",
        ] {
            assert!(!context[field].is_null(), "{field} is exported");
        }

        let fhir = export(&mut shop, &subject, ExportFormat::FhirR4, false).await;
        let fhir = fhir.expect("anybody's can be exported");
        assert_eq!(
            (&fhir["resourceType"], &fhir["type"]),
            (&"Bundle".into(), &"collection".into())
        );
        let entries = fhir["entry"].as_array().expect("it has entries");
        assert_eq!(entries.len(), 60);
        for (entry, record) in entries.iter().zip(&records) {
            assert_is_privacy_disclosure(&entry["resource"], record);
        }
        let answer = export(&mut shop, &subject, ExportFormat::FhirR4, true).await;
        assert_refused(answer, Code::InvalidArgument, "ARGUMENT_INVALID");
        let answer = export(&mut shop, &subject, ExportFormat::Unspecified, false).await;
        assert_refused(answer, Code::InvalidArgument, "ARGUMENT_INVALID");
    }
}

/// The constraints of the profile IHE.BasicAudit.PrivacyDisclosure.Source, and of AuditEvent below it.
fn assert_is_privacy_disclosure(event: &Value, record: &DisclosureRecord) {
    const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
    const SNOMED: &str = "http://snomed.info/sct";
    assert_eq!(event["resourceType"], "AuditEvent");
    assert_eq!(
        (&event["type"]["system"], &event["type"]["code"]),
        (&DICOM.into(), &"110106".into())
    );
    assert_eq!(event["action"], "R");
    assert_eq!(event["subtype"][0]["code"], "disclose");
    assert_eq!(
        event["subtype"][0]["system"],
        "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
    );
    let recorded = record.recorded_at.expect("it has a time").to_string();
    assert_eq!(
        (&event["recorded"], &event["outcome"]),
        (&recorded.into(), &"0".into())
    );
    assert!(event["purposeOfEvent"][0]["text"].is_string());
    assert!(event.get("modifierExtension").is_none());

    let agents = event["agent"].as_array().expect("it has agents");
    let of_type = |system: &str, code: &str| -> Vec<&Value> {
        let is_it = |it: &&Value| {
            let coding = &it["type"]["coding"][0];
            coding["system"] == system && coding["code"] == code
        };
        agents.iter().filter(is_it).collect()
    };
    let [source] = of_type(DICOM, "110153")[..] else {
        panic!("it has one source: {event}");
    };
    let [recipient] = of_type(DICOM, "110152")[..] else {
        panic!("it has one recipient: {event}");
    };
    for agent in [source, recipient] {
        assert!(
            agent["who"].is_object() && agent["network"]["address"].is_string(),
            "{agent}"
        );
    }
    assert_eq!(
        source["who"], event["source"]["observer"],
        "the source saw it itself"
    );
    assert_eq!(recipient["who"]["display"], record.recipient_name);
    for code in ["159541003", "429577009"] {
        let [agent] = of_type(SNOMED, code)[..] else {
            panic!("it has one agent {code}: {event}");
        };
        assert!(agent["who"].is_object());
    }
    assert!(agents.iter().all(|it| it["requestor"].is_boolean()));

    let entities = event["entity"].as_array().expect("it has entities");
    let patients: Vec<_> = entities
        .iter()
        .filter(|it| it["type"]["code"] == "1")
        .collect();
    let [patient] = patients[..] else {
        panic!("it has one patient: {event}");
    };
    assert_eq!(
        (&patient["role"]["code"], &patient["what"]["type"]),
        (&"1".into(), &"Patient".into())
    );
    let categories = record.release.as_ref().map_or(0, |it| it.categories.len());
    assert_eq!(
        entities.len(),
        1 + categories,
        "the person, and what was disclosed"
    );
    // FHIR has no empty texts, objects or lists.
    fn is_said(value: &Value) -> bool {
        match value {
            Value::Object(members) => !members.is_empty() && members.values().all(is_said),
            Value::Array(items) => !items.is_empty() && items.iter().all(is_said),
            Value::String(text) => !text.is_empty(),
            other => !other.is_null(),
        }
    }
    assert!(is_said(event), "{event}");
}

/// A vault, with the certificate of its own: what records.
pub fn vault(suite: &Suite) -> Clients {
    let own = suite.material().join("identity");
    let (certificate, key) = (own.join("certificate.pem"), own.join("certificate.key"));
    let authority = suite.material().join("ca.pem");
    let own = Material::read(&certificate, &key, &authority).expect("init made it");
    Clients::connect(&suite.addresses(), &own, "default").expect("the addresses are well formed")
}

/// A registered recipient, and somebody of whom nothing is recorded.
pub async fn prepare(suite: &Suite) -> String {
    let kind = "service_provider";
    let mut operator = suite.operator();
    let answer = register_recipient(&mut operator, "letterpress", kind, NEWSLETTER, &[EMAIL]).await;
    answer.expect("it may be");
    new_id()
}

pub async fn record(vault: &mut Clients, release: Release) -> Result<String, Status> {
    let request = vault.request(RecordRequest {
        request_id: new_id(),
        event: Some(Event::Release(release)),
    });
    Ok(vault.audit.record(request).await?.into_inner().entry_id)
}

async fn account_of(
    caller: &mut Clients,
    ask: AccountDisclosuresRequest,
    subject: &str,
) -> Result<AccountDisclosuresResponse, Status> {
    let request = caller.request(AccountDisclosuresRequest {
        subject_id: subject.into(),
        ..ask
    });
    Ok(caller
        .audit
        .account_disclosures(request)
        .await?
        .into_inner())
}

async fn export(
    caller: &mut Clients,
    subject: &str,
    format: ExportFormat,
    include_uses: bool,
) -> Result<Value, Status> {
    let request = caller.request(ExportDisclosuresRequest {
        subject_id: subject.into(),
        include_uses,
        format: format.into(),
        ..Default::default()
    });
    let mut pieces = caller.audit.export_disclosures(request).await?.into_inner();
    let mut document = Vec::new();
    while let Some(piece) = pieces.message().await? {
        document.extend(piece.chunk);
    }
    Ok(serde_json::from_slice(&document).expect("the pieces make one document"))
}

pub fn release(subject: &str, grant: &str) -> Release {
    Release {
        subject_id: subject.into(),
        holder: "spiffe://vow.local/workload/shop".into(),
        recipient_id: "letterpress".into(),
        recipient_kind: "service_provider".into(),
        purpose: NEWSLETTER.into(),
        categories: vec![EMAIL.into()],
        clauses: vec!["disclose.providers-with-permission".into()],
        policy_version: "v1".into(),
        revision: 1,
        grant_id: grant.into(),
        order_id: String::new(),
        context: None,
    }
}

/// A context with something in every field but the suspension.
fn context() -> DisclosureContext {
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    DisclosureContext {
        occurred_at: at(1_700_000_000),
        ground: DisclosureGround::LegalProcess.into(),
        ground_detail: "search warrant".into(),
        legal_reference: "24-1234".into(),
        necessity_statement: "no less identifies the account".into(),
        requester: Some(Requester {
            name: "Clerk of the Court".into(),
            agency: "Superior Court".into(),
            r#type: "court".into(),
            verified_by: "legal desk".into(),
        }),
        recipient_address: "1 Court Square".into(),
        custodian: "records desk".into(),
        authorizers: vec!["legal".into(), "privacy".into()],
        data_description: "one address".into(),
        legal_basis: LegalBasis::LegalObligation.into(),
        volume: Some(DisclosureVolume {
            specified: 2,
            produced: 1,
        }),
        request_received_at: at(1_699_000_000),
        response: RequestResponse::ProducedInPart.into(),
        notice: Some(SubjectNotice {
            given: false,
            delayed_until: at(1_800_000_000),
            reason: "court order".into(),
        }),
        suspension: None,
        approvals: vec![DisclosureApproval {
            approver: "spiffe://vow.local/person/grace".into(),
            role: "legal".into(),
            approved_at: at(1_699_500_000),
        }],
        break_glass: Some(BreakGlass {
            rationale: "a life".into(),
            started_at: at(1_699_100_000),
            ended_at: at(1_699_200_000),
            reviewed_by: "privacy".into(),
            reviewed_at: at(1_699_300_000),
        }),
    }
}
