//! The calls that the tour's chapters are made of, and what they are about.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use client::{Addresses, Clients};
use ledger::VerifierKey;
use proto::{
    consent::{
        AuthorizeRequest, Collect, ConsentScope, Disclose, GetPolicyRequest, Question,
        question::Action,
    },
    disclosure_audit::{GetReceiptRequest, Recipient},
    identity::{RevealRequest, Value},
    payments_data::{Card, OpenOrderRequest, OrderValue, ReleaseRequest, order_value},
};
use uuid::Uuid;

use crate::{init::Layout, up};

pub(super) const NEWSLETTER: &str = "marketing.communications.email";
pub(super) const PAYMENT: &str = "essential.service.payment_processing";
pub(super) const EMAIL: &str = "user.contact.email";
pub(super) const NAME: &str = "user.name";
pub(super) const CARD: &str = "user.financial.credit_card";
pub(super) const DAY_SECONDS: u64 = 86_400;

/// Everything the story holds on to.
pub(super) struct Walk {
    pub(super) shop: Clients,
    pub(super) operator: Clients,
    pub(super) layout: Layout,
    /// Where receipts are put.
    pub(super) folder: PathBuf,
    pub(super) provider: String,
    pub(super) processor: String,
    pub(super) subject: String,
    pub(super) receipts: Vec<(String, String)>,
}

/// The calls the chapters are made of.
impl Walk {
    pub(super) fn begin(layout: &Layout, at: &Addresses, receipts: &Path) -> anyhow::Result<Self> {
        let marker = &Uuid::new_v4().simple().to_string()[..8];
        Ok(Self {
            shop: up::clients(layout, at, "shop")?,
            operator: up::clients(layout, at, "operator")?,
            layout: layout.clone(),
            folder: receipts.to_owned(),
            provider: format!("letterpress-{marker}"),
            processor: format!("card-house-{marker}"),
            subject: String::new(),
            receipts: Vec::new(),
        })
    }

    pub(super) async fn current_policy_version(&mut self) -> anyhow::Result<String> {
        let request = self.shop.request(GetPolicyRequest::default());
        let current = self
            .shop
            .consent
            .get_policy(request)
            .await?
            .into_inner()
            .version;
        Ok(current.context("a policy is published")?.policy_version)
    }

    pub(super) async fn ask(
        &mut self,
        question: Question,
    ) -> Result<(String, Vec<String>), tonic::Status> {
        let request = AuthorizeRequest {
            question: Some(question),
            at_least_as_fresh: 0,
        };
        let answer = self
            .shop
            .consent
            .authorize(self.shop.request(request))
            .await?
            .into_inner();
        Ok((answer.grant, answer.decision.unwrap_or_default().clauses))
    }

    pub(super) async fn authorize(
        &mut self,
        question: Question,
    ) -> anyhow::Result<(String, Vec<String>)> {
        Ok(self.ask(question).await?)
    }

    pub(super) async fn reveal(&mut self, grant: &str) -> anyhow::Result<String> {
        let request = self.shop.request(RevealRequest {
            grant: grant.into(),
            categories: Vec::new(),
            request_id: new_id(),
        });
        let revealed = self.shop.identity.reveal(request).await?.into_inner();
        let categories: Vec<_> = revealed
            .values
            .iter()
            .map(|it| it.category.as_str())
            .collect();
        anyhow::ensure!(
            categories == [EMAIL],
            "exactly the e-mail address had to be revealed"
        );
        Ok(revealed.record.context("a reveal is recorded")?.entry_id)
    }

    pub(super) async fn open_order(&mut self) -> anyhow::Result<String> {
        let request = self.shop.request(OpenOrderRequest {
            request_id: new_id(),
            subject_id: self.subject.clone(),
            merchant: "shop".into(),
            ..Default::default()
        });
        let answer = self.shop.payments.open_order(request).await?.into_inner();
        Ok(answer
            .order
            .context("an opened order is returned")?
            .order_id)
    }

    pub(super) async fn release(
        &mut self,
        order: &str,
        grant: &str,
    ) -> Result<proto::payments_data::ReleaseResponse, tonic::Status> {
        let request = self.shop.request(ReleaseRequest {
            request_id: new_id(),
            order_id: order.into(),
            grant: grant.into(),
            categories: Vec::new(),
        });
        Ok(self.shop.payments.release(request).await?.into_inner())
    }

    pub(super) async fn keep_receipt(&mut self, name: &str, entry: &str) -> anyhow::Result<()> {
        let request = self.shop.request(GetReceiptRequest {
            entry_id: entry.into(),
        });
        let proof = self
            .shop
            .audit
            .get_receipt(request)
            .await?
            .into_inner()
            .proof;
        let proof = String::from_utf8(proof)?;
        fs::write(self.folder.join(format!("{name}.tlog-proof")), &proof)?;
        self.receipts.push((name.into(), proof));
        Ok(())
    }

    pub(super) fn log_key(&self) -> anyhow::Result<VerifierKey> {
        let line = fs::read_to_string(self.layout.log_verifier_key())?;
        Ok(VerifierKey::parse(line.trim())?)
    }

    pub(super) fn collect(&self, act: &str, categories: &[&str]) -> Question {
        Question {
            subject_id: self.subject.clone(),
            action: Some(Action::Collect(Collect {
                point: "site_registration".into(),
                act: act.into(),
            })),
            categories: owned(categories),
            ..Default::default()
        }
    }

    pub(super) fn disclose_email(&self) -> Question {
        Question {
            subject_id: self.subject.clone(),
            action: Some(Action::Disclose(Disclose {
                recipient_id: self.provider.clone(),
            })),
            purpose: NEWSLETTER.into(),
            categories: owned(&[EMAIL]),
            ..Default::default()
        }
    }

    /// Card and name of an order: to be collected, or disclosed when there is a recipient.
    pub(super) fn order_question(&self, order: &str, recipient: Option<&str>) -> Question {
        let (action, purpose) = match recipient {
            Some(id) => (
                Action::Disclose(Disclose {
                    recipient_id: id.into(),
                }),
                PAYMENT,
            ),
            None => (
                Action::Collect(Collect {
                    point: "order".into(),
                    act: "typed".into(),
                }),
                "",
            ),
        };
        Question {
            subject_id: self.subject.clone(),
            action: Some(action),
            purpose: purpose.into(),
            categories: owned(&[CARD, NAME]),
            order_id: order.into(),
            ..Default::default()
        }
    }

    pub(super) fn scope(&self) -> ConsentScope {
        ConsentScope {
            subject_id: self.subject.clone(),
            purpose: NEWSLETTER.into(),
            recipient_id: self.provider.clone(),
        }
    }
}

pub(super) fn recipient(id: &str, kind: &str, purpose: &str, categories: &[&str]) -> Recipient {
    let expires = chassis::clock::now_seconds() + 365 * DAY_SECONDS;
    Recipient {
        recipient_id: id.into(),
        name: id.into(),
        kind: kind.into(),
        contract: "tour".into(),
        purposes: owned(&[purpose]),
        categories: owned(categories),
        country: "US".into(),
        expires_at: Some(prost_types::Timestamp {
            seconds: expires as i64,
            nanos: 0,
        }),
        ended_at: None,
    }
}

pub(super) fn order_values() -> Vec<OrderValue> {
    let card = Card {
        number: "4242 4242 4242 4242".into(),
        expiry_month: 12,
        expiry_year: 2099,
    };
    [
        (CARD, order_value::Value::Card(card)),
        (NAME, order_value::Value::Text("Ada Tour".into())),
    ]
    .into_iter()
    .map(|(category, value)| OrderValue {
        category: category.into(),
        value: Some(value),
    })
    .collect()
}

pub(super) fn value(category: &str, text: &str) -> Value {
    Value {
        category: category.into(),
        text: text.into(),
    }
}

pub(super) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|it| (*it).to_owned()).collect()
}

pub(super) fn new_id() -> String {
    Uuid::new_v4().to_string()
}
