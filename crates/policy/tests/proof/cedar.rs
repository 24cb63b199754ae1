//! Cedar as the second engine: it reads the exported policy, and hears of a case what the
//! exported schema asks for.

use std::collections::HashSet;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request,
    RestrictedExpression as Expression, Schema, ValidationMode, Validator,
};
use policy::{CEDAR_SCHEMA, ConsentState, PURPOSES, RecipientId, Rulebook, Standing};

use crate::case::{Asked, Consent, NOW, Person};

/// A policy in Cedar.
pub struct Export {
    policies: PolicySet,
}

/// What Cedar answers: whether it permits, and the ids of the rules that made it so.
pub struct Verdict {
    pub is_permit: bool,
    pub ids: HashSet<String>,
}

impl Export {
    pub fn new(rulebook: &Rulebook) -> Self {
        let text = rulebook.to_cedar();
        let policies = PolicySet::from_str(&text);
        let policies = policies.unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        Self { policies }
    }

    /// What a strict reader of the schema holds against the export.
    pub fn faults(&self) -> Vec<String> {
        let schema = Schema::from_cedarschema_str(CEDAR_SCHEMA)
            .expect("a schema")
            .0;
        let result = Validator::new(schema).validate(&self.policies, ValidationMode::Strict);
        result
            .validation_errors()
            .map(ToString::to_string)
            .collect()
    }

    pub fn ids(&self) -> Vec<String> {
        let ids = self
            .policies
            .policies()
            .filter_map(|it| it.annotation("id"));
        ids.map(str::to_owned).collect()
    }

    pub fn decide(&self, person: Option<&Person>, asked: &Asked) -> Verdict {
        let context = Context::from_pairs(context(person, asked)).expect("each name once");
        let [caller, action, subject] = [
            "Caller::\"caller\"".to_owned(),
            format!("Action::\"{}\"", asked.action),
            "Person::\"person\"".to_owned(),
        ]
        .map(|it| EntityUid::from_str(&it).expect("an entity"));
        let request = Request::new(caller, action, subject, context, None).expect("a request");
        let answer = Authorizer::new().is_authorized(&request, &self.policies, &Entities::empty());
        let errors: Vec<_> = answer.diagnostics().errors().collect();
        assert!(errors.is_empty(), "{errors:?}");
        let id = |it| {
            self.policies
                .annotation(it, "id")
                .expect("an id")
                .to_owned()
        };
        Verdict {
            is_permit: answer.decision() == Decision::Allow,
            ids: answer.diagnostics().reason().map(id).collect(),
        }
    }
}

fn context(person: Option<&Person>, asked: &Asked) -> Vec<(String, Expression)> {
    let text = |it: &str| Expression::new_string(it.to_owned());
    let texts = |it: &[&str]| Expression::new_set(it.iter().map(|it| text(it)));
    let mut pairs = vec![
        ("purpose", text(asked.purpose)),
        ("categories", texts(&asked.categories)),
        ("order", Expression::new_bool(asked.order)),
        ("approved", Expression::new_bool(asked.approved)),
        ("aggregate", Expression::new_bool(asked.aggregate)),
    ];
    match asked.action {
        "collect" => pairs.extend([("point", text(asked.point)), ("act", text(asked.act))]),
        "disclose" => {
            pairs.push(("recipient_kind", text(asked.kind)));
            pairs.extend(
                asked
                    .recipient
                    .map(|it| ("recipient", text(&it.to_string()))),
            );
        }
        _ => {}
    }
    let agreed = person.is_some_and(|it| it.transfer_agreed);
    pairs.push(("transfer_agreed", Expression::new_bool(agreed)));
    let (mut refused, mut yes, mut confirmed, mut no) = (vec![], vec![], vec![], vec![]);
    if let Some(person) = person {
        pairs.push(("standing", text(standing(person.standing))));
        pairs.extend(person.age.map(|it| ("age_band", text(it.words()))));
        pairs.extend(person.region.map(|it| ("region", text(it))));
        pairs.extend(person.acceptance.map(|it| ("acceptance", text(it.words()))));
        for kept in &person.refused {
            refused.extend(policy::CATEGORIES.keys().filter(|it| touch(it, kept)));
        }
        for consent in &person.consents {
            if is_yes(consent) {
                let pair = pair(consent.purpose, consent.recipient);
                confirmed.extend(consent.confirmed.then(|| pair.clone()));
                yes.push(pair);
            } else if is_no(consent.state) {
                let reached = PURPOSES.keys().filter(|it| touch(it, consent.purpose));
                no.extend(reached.map(|it| pair(it, consent.recipient)));
            }
        }
    }
    pairs.extend([
        ("refused", texts(&refused)),
        ("yes", Expression::new_set(yes)),
        ("confirmed", Expression::new_set(confirmed)),
        ("no", Expression::new_set(no)),
    ]);
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Restricted => "restricted",
        Standing::Quarantined => "quarantined",
        Standing::Erased => "erased",
    }
}

fn pair(purpose: &str, recipient: Option<RecipientId>) -> Expression {
    let recipient = recipient.map_or(String::new(), |it| it.0.to_string());
    let fields = [("purpose", purpose.to_owned()), ("recipient", recipient)];
    let fields = fields.map(|(key, value)| (key.to_owned(), Expression::new_string(value)));
    Expression::new_record(fields).expect("each name once")
}

fn is_yes(consent: &Consent) -> bool {
    matches!(consent.state, ConsentState::Given | ConsentState::Renewed)
        && consent.expires_at.is_none_or(|it| it > NOW)
}

fn is_no(state: ConsentState) -> bool {
    use ConsentState::{Invalidated, Refused, Revoked, Withdrawn};
    [Refused, Withdrawn, Revoked, Invalidated].contains(&state)
}

fn touch(one: &str, other: &str) -> bool {
    let (one, other) = (format!("{one}."), format!("{other}."));
    one.starts_with(&other) || other.starts_with(&one)
}
