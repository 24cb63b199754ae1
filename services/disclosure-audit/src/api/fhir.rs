//! A line of the accounting as FHIR R4: an AuditEvent in the shape of IHE BALP PrivacyDisclosure.Source.

use serde_json::{Value, json};

use super::timestamp;
use crate::accounting::Line;
use crate::context::Context;

const PROFILE: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/\
                       IHE.BasicAudit.PrivacyDisclosure.Source";
const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const SNOMED: &str = "http://snomed.info/sct";
const LIFECYCLE: &str = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";
/// Identifiers that are URIs.
const URI: &str = "urn:ietf:rfc:3986";

/// The Bundle's entry of one disclosure.
pub(super) fn entry(line: Line) -> Value {
    let context = line.release.context.clone().unwrap_or_default();
    let releasing = identified(&line.releasing_agent);
    let resource = json!({
        "resourceType": "AuditEvent",
        "id": line.entry_id,
        "meta": { "profile": [PROFILE] },
        "type": coding(DICOM, "110106", "Export"),
        "subtype": [coding(LIFECYCLE, "disclose", "Disclose Record Lifecycle Event")],
        "action": "R",
        "period": { "start": instant(line.occurred_at) },
        "recorded": instant(line.recorded_at),
        "outcome": "0",
        "purposeOfEvent": [{ "text": line.release.purpose }],
        "agent": agents(&line, &context, &releasing),
        "source": {
            "observer": releasing,
            "type": [coding(SOURCE_TYPE, "4", "Application Server")],
        },
        "entity": entities(&line, &context),
    });
    json!({ "fullUrl": format!("urn:uuid:{}", line.entry_id), "resource": resource })
}

fn agents(line: &Line, context: &Context, releasing: &Value) -> Vec<Value> {
    let role = |system, code, display| json!({ "coding": [coding(system, code, display)] });
    let mut agents = vec![json!({
        "type": role(DICOM, "110153", "Source Role ID"),
        "who": releasing,
        "requestor": false,
        "network": { "address": line.releasing_agent, "type": "5" },
    })];
    if let Some(recipient) = &line.recipient {
        let place = [context.recipient_address.as_str(), &recipient.country];
        let place: Vec<_> = place.into_iter().filter(|it| !it.is_empty()).collect();
        agents.push(json!({
            "type": role(DICOM, "110152", "Destination Role ID"),
            "role": [{ "text": recipient.kind }],
            "who": { "identifier": { "value": recipient.id }, "display": recipient.name },
            "requestor": false,
            "location": { "display": place.join(", ") },
            // The register's own name of the party: no address of a machine is known.
            "network": { "address": recipient.id, "type": "1" },
        }));
    }
    agents.push(json!({
        "type": role(SNOMED, "159541003", "Record keeping/library clerk"),
        "who": named(&line.custodian),
        "requestor": false,
    }));
    // The profile has room for one authorizer; the others are agents without that role.
    for (place, authorizer) in line.authorizers.iter().enumerate() {
        let mut agent = json!({ "who": named(authorizer), "requestor": false });
        if place == 0 {
            agent["type"] = role(SNOMED, "429577009", "Patient Advocate");
        }
        agents.push(agent);
    }
    agents.push(json!({
        "type": role(DICOM, "110150", "Application"),
        "who": identified(&line.release.holder),
        "requestor": context.requester.is_none(),
    }));
    if let Some(requester) = &context.requester {
        agents.push(json!({
            "role": [{ "text": requester.kind }],
            "who": { "display": requester.name },
            "name": requester.agency,
            "requestor": true,
        }));
    }
    for agent in &mut agents {
        prune(agent);
    }
    agents
}

fn entities(line: &Line, context: &Context) -> Vec<Value> {
    let patient = json!({
        "what": {
            "type": "Patient",
            "identifier": {
                "system": URI,
                "value": format!("urn:uuid:{}", line.release.subject_id),
            },
        },
        "type": coding(ENTITY_TYPE, "1", "Person"),
        "role": coding(OBJECT_ROLE, "1", "Patient"),
    });
    let details = details(line, context);
    let data = line.release.categories.iter().map(|category| {
        let mut entity = json!({
            "what": { "display": category },
            "type": coding(ENTITY_TYPE, "2", "System Object"),
            "role": coding(OBJECT_ROLE, "4", "Domain Resource"),
            "name": category,
            "description": context.data_description,
            "detail": details,
        });
        prune(&mut entity);
        entity
    });
    [patient].into_iter().chain(data).collect()
}

/// What an accounting tells and the profile has no element for.
fn details(line: &Line, context: &Context) -> Vec<Value> {
    let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let mut details = vec![
        text("policy_version", &line.release.policy_version),
        text("grant_id", &line.release.grant_id.to_string()),
        text("ground", &context.ground),
        text("ground_detail", &context.ground_detail),
        text("legal_reference", &context.legal_reference),
        text("legal_basis", &context.legal_basis),
        text("necessity_statement", &context.necessity_statement),
        text("response", &context.response),
    ];
    if let Some(received) = context.request_received_at {
        details.push(text("request_received_at", &instant(received)));
    }
    if let Some(requester) = &context.requester {
        details.push(text("requester_verified_by", &requester.verified_by));
    }
    if let Some(order) = line.release.order_id {
        details.push(text("order_id", &order.to_string()));
    }
    let known = details.into_iter().filter(|(_, text)| !text.is_empty());
    known
        .map(|(name, text)| json!({ "type": name, "valueString": text }))
        .collect()
}

/// Takes out what FHIR forbids: a member that says nothing.
fn prune(value: &mut Value) {
    if let Value::Object(members) = value {
        members.values_mut().for_each(prune);
        members.retain(|_, it| ![json!(""), json!({}), json!([])].contains(it));
    }
    if let Value::Array(items) = value {
        items.iter_mut().for_each(prune);
        items.retain(|it| *it != json!({}));
    }
}

fn coding(system: &str, code: &str, display: &str) -> Value {
    json!({ "system": system, "code": code, "display": display })
}

/// Somebody by a URI, or by a name where it is none.
fn named(text: &str) -> Value {
    match text.starts_with("spiffe://") || text.starts_with("urn:") {
        true => identified(text),
        false => json!({ "display": text }),
    }
}

fn identified(uri: &str) -> Value {
    json!({ "identifier": { "system": URI, "value": uri } })
}

fn instant(milliseconds: i64) -> String {
    timestamp(milliseconds).to_string()
}
