//! The story: what a person, a shop and the providers do, in order, and what Vow answers.

use std::{fs, path::Path};

use anyhow::Context;
use client::Addresses;
use ledger::ProofFile;
use proto::{
    consent::{GrantConsentRequest, Source, WithdrawConsentRequest},
    disclosure_audit::{AccountDisclosuresRequest, GetReceiptRequest, RegisterRecipientRequest},
    identity::{
        CollectRequest, EraseSubjectRequest, FindSubjectRequest, GetErasureRequest,
        RegisterSubjectRequest, RevealRequest, SubjectState,
    },
    payments_data::{SettleOrderRequest, StoreOrderDataRequest},
};

use super::{
    calls::{CARD, EMAIL, NAME, NEWSLETTER, PAYMENT, Walk, new_id, order_values, recipient, value},
    narrator::{chapter, does, fact, permitted, refused},
};
use crate::{init::Layout, say::say, verify};

/// Walks the whole story. The first thing that is not as promised ends it with an error.
pub async fn walk(layout: &Layout, at: &Addresses, receipts: &Path) -> anyhow::Result<()> {
    let mut walk = Walk::begin(layout, at, receipts)?;
    walk.register_recipients().await?;
    walk.register_person().await?;
    walk.ask_for_a_provider().await?;
    walk.pay_an_order().await?;
    walk.withdraw().await?;
    walk.account().await?;
    walk.verify_a_receipt().await?;
    walk.erase().await?;
    say!();
    say!("Every answer was as promised.");
    Ok(())
}

impl Walk {
    async fn register_recipients(&mut self) -> anyhow::Result<()> {
        chapter(1, "The company says who may ever receive anything");
        does("The operator registers a newsletter provider and a payment processor.");
        let provider = recipient(
            &self.provider,
            "service_provider",
            NEWSLETTER,
            &[NAME, EMAIL],
        );
        let processor = recipient(&self.processor, "payment_processor", PAYMENT, &[NAME, CARD]);
        for recipient in [provider, processor] {
            let request = RegisterRecipientRequest {
                request_id: new_id(),
                recipient: Some(recipient),
            };
            let request = self.operator.request(request);
            self.operator.audit.register_recipient(request).await?;
        }
        fact("each registration names a contract, purposes, categories, a country and an end");
        does("Somebody tries to register a party that buys data.");
        let request = RegisterRecipientRequest {
            request_id: new_id(),
            recipient: Some(recipient(
                "broker",
                "data_broker",
                "third_party_sharing.sale",
                &[EMAIL],
            )),
        };
        let request = self.operator.request(request);
        let answer = self.operator.audit.register_recipient(request).await;
        refused(
            answer,
            "SALE_FORBIDDEN",
            "personal data is not sold, and no registration can say so",
        )
    }

    async fn register_person(&mut self) -> anyhow::Result<()> {
        chapter(2, "Ada registers at the shop");
        let accepted_policy_version = self.current_policy_version().await?;
        let request = self.shop.request(RegisterSubjectRequest {
            request_id: new_id(),
            region: "US".into(),
            age_band: proto::consent::AgeBand::Adult.into(),
            accepted_policy_version,
        });
        self.subject = self
            .shop
            .identity
            .register_subject(request)
            .await?
            .into_inner()
            .subject_id;
        fact("she is a random number to every service; her age is kept as a band");

        does("She types her name and e-mail address; the shop asks before it stores them.");
        let (grant, clauses) = self
            .authorize(self.collect("typed", &[NAME, EMAIL]))
            .await?;
        let email = format!("{}@example.org", &self.subject);
        let request = self.shop.request(CollectRequest {
            request_id: new_id(),
            grant,
            values: vec![value(NAME, "Ada Tour"), value(EMAIL, &email)],
        });
        self.shop.identity.collect(request).await?;
        permitted(
            "both are sealed under her own key, each with where it came from",
            &clauses,
        );

        let request = self.shop.request(FindSubjectRequest {
            category: EMAIL.into(),
            text: email.to_uppercase(),
        });
        let found = self
            .shop
            .identity
            .find_subject(request)
            .await?
            .into_inner()
            .subject_ids;
        anyhow::ensure!(
            found == [self.subject.clone()],
            "she had to be found by her e-mail address"
        );
        fact("she can be found by her address through a keyed index; nothing was opened for it");

        does("The shop would also like a fingerprint, which no collection point declares.");
        let answer = self.ask(self.collect("typed", &["user.biometric"])).await;
        refused(
            answer,
            "CATEGORY_NOT_DECLARED",
            "nothing enters that is not declared",
        )?;
        does("The shop has a phone number of hers from an address list.");
        let answer = self
            .ask(self.collect("retrieved", &["user.contact.phone_number"]))
            .await;
        refused(
            answer,
            "NOT_VOLUNTARY",
            "at the site only her own act counts",
        )
    }

    async fn ask_for_a_provider(&mut self) -> anyhow::Result<()> {
        chapter(3, "A newsletter provider wants her e-mail address");
        let answer = self.ask(self.disclose_email()).await;
        refused(
            answer,
            "NO_CONSENT",
            "she has not permitted this provider this purpose",
        )?;

        does("Ada says yes, on a form, to this provider and the newsletter.");
        let request = self.shop.request(GrantConsentRequest {
            request_id: new_id(),
            scope: Some(self.scope()),
            source: Source::WebForm.into(),
            expires_at: None,
        });
        let consent = self.shop.consent.grant_consent(request).await?.into_inner();
        fact(&format!(
            "revision {}; she gets a signed receipt to keep",
            consent.revision
        ));

        let (grant, clauses) = self.authorize(self.disclose_email()).await?;
        let entry = self.reveal(&grant).await?;
        permitted(
            "her address, and nothing else, after the record was durable",
            &clauses,
        );
        self.keep_receipt("newsletter", &entry).await
    }

    async fn pay_an_order(&mut self) -> anyhow::Result<()> {
        chapter(4, "She orders, and pays by card");
        let (order, other_order) = (self.open_order().await?, self.open_order().await?);
        let (grant, clauses) = self.authorize(self.order_question(&order, None)).await?;
        let request = self.shop.request(StoreOrderDataRequest {
            request_id: new_id(),
            order_id: order.clone(),
            grant,
            values: order_values(),
        });
        self.shop.payments.store_order_data(request).await?;
        permitted(
            "card and name are sealed under this order, and expire with it",
            &clauses,
        );

        let question = self.order_question(&order, Some(&self.processor));
        let (grant, clauses) = self.authorize(question).await?;
        let released = self.release(&order, &grant).await?;
        let left = released.releases_left;
        permitted(
            &format!("the processor gets card and name; releases left: {left}"),
            &clauses,
        );
        let entry = released.record.context("a release is recorded")?.entry_id;
        self.keep_receipt("payment", &entry).await?;

        does("The same grant is replayed for another order.");
        let answer = self.release(&other_order, &grant).await;
        refused(
            answer,
            "OTHER_ORDER",
            "what came with an order serves that order only",
        )?;
        does("The processor would like her e-mail address too.");
        let mut question = self.order_question(&order, Some(&self.processor));
        question.categories = vec![EMAIL.into()];
        let answer = self.ask(question).await;
        refused(
            answer,
            "FIELD_NOT_NECESSARY",
            "it is not needed to charge a card",
        )?;

        does("The order is settled.");
        let request = self.shop.request(SettleOrderRequest {
            order_id: order.clone(),
        });
        self.shop.payments.settle_order(request).await?;
        let question = self.order_question(&order, Some(&self.processor));
        let (grant, _) = self.authorize(question).await?;
        let answer = self.release(&order, &grant).await;
        refused(
            answer,
            "ORDER_CLOSED",
            "the order's key is destroyed; nobody can open its card again",
        )
    }

    async fn withdraw(&mut self) -> anyhow::Result<()> {
        chapter(5, "Ada changes her mind");
        let (grant, _) = self.authorize(self.disclose_email()).await?;
        does("The shop holds a fresh grant for the provider when she withdraws.");
        let request = self.shop.request(WithdrawConsentRequest {
            request_id: new_id(),
            scope: Some(self.scope()),
            source: Source::WebForm.into(),
        });
        self.shop.consent.withdraw_consent(request).await?;
        let request = self.shop.request(RevealRequest {
            grant,
            categories: Vec::new(),
            request_id: new_id(),
        });
        let answer = self.shop.identity.reveal(request).await;
        refused(
            answer,
            "GRANT_SUPERSEDED",
            "the very next call obeys, though the grant had not expired",
        )?;
        let answer = self.ask(self.disclose_email()).await;
        refused(answer, "NO_CONSENT", "and there is no new grant")
    }

    async fn account(&mut self) -> anyhow::Result<()> {
        chapter(6, "She asks what was disclosed about her");
        let request = self.shop.request(AccountDisclosuresRequest {
            subject_id: self.subject.clone(),
            ..Default::default()
        });
        let records = self
            .shop
            .audit
            .account_disclosures(request)
            .await?
            .into_inner()
            .records;
        anyhow::ensure!(
            records.len() == 2,
            "two disclosures had to be listed, not {}",
            records.len()
        );
        for record in records {
            let release = record.release.context("every record says what left")?;
            fact(&format!(
                "log entry {}: {} to {} ({}), by {}",
                record.index,
                release.categories.join(" and "),
                record.recipient_name,
                record.recipient_country,
                release.clauses.join(", "),
            ));
        }
        Ok(())
    }

    async fn verify_a_receipt(&mut self) -> anyhow::Result<()> {
        chapter(7, "She checks a receipt herself, offline");
        let key = self.log_key()?;
        for (name, proof) in &self.receipts {
            verify::prove(proof, &key)?;
            fact(&format!(
                "the {name} receipt holds: signed, in the log, and it says just what left"
            ));
        }
        let (_, proof) = &self.receipts[0];
        let forged = proof.replacen("index ", "index 1", 1);
        anyhow::ensure!(
            verify::prove(&forged, &key).is_err(),
            "a forged receipt had to fail"
        );
        fact("a receipt with one digit altered proves nothing");
        Ok(())
    }

    async fn erase(&mut self) -> anyhow::Result<()> {
        chapter(8, "She asks to be erased");
        let request = self.shop.request(EraseSubjectRequest {
            request_id: new_id(),
            subject_id: self.subject.clone(),
        });
        let answer = self
            .shop
            .identity
            .erase_subject(request)
            .await?
            .into_inner();
        let mut erasure = answer.erasure.context("an erasure has a state")?;
        while erasure.state() != SubjectState::Erased {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            let request = GetErasureRequest {
                subject_id: self.subject.clone(),
            };
            let answer = self
                .shop
                .identity
                .get_erasure(self.shop.request(request))
                .await?;
            erasure = answer
                .into_inner()
                .erasure
                .context("an erasure has a state")?;
        }
        fact(
            "quarantine, order keys, her own key, the audit key last; a signed certificate is in the log",
        );
        let certificate = self.folder.join("erasure.jwt");
        fs::write(&certificate, &erasure.certificate)?;

        let answer = self.ask(self.disclose_email()).await;
        refused(
            answer,
            "SUBJECT_ERASED",
            "nothing is decided for her any more",
        )?;
        let request = self.shop.request(AccountDisclosuresRequest {
            subject_id: self.subject.clone(),
            ..Default::default()
        });
        let answer = self.shop.audit.account_disclosures(request).await;
        refused(
            answer,
            "SUBJECT_SHREDDED",
            "even the log cannot say any more what it recorded of her",
        )?;
        let key = self.log_key()?;
        for (name, proof) in &self.receipts {
            verify::prove(proof, &key)?;
            fact(&format!(
                "her {name} receipt still verifies: the log forgot, and was not altered"
            ));
            let entry = ProofFile::parse(proof)?.entry.id;
            let request = self.shop.request(GetReceiptRequest {
                entry_id: entry.to_string(),
            });
            let answer = self.shop.audit.get_receipt(request).await?.into_inner();
            let gap = ProofFile::parse(str::from_utf8(&answer.proof)?)?.verify(&key)?;
            anyhow::ensure!(
                gap.opening.is_none() && gap.destruction.is_some(),
                "the log had to prove why it cannot say what that entry records"
            );
            fact("asked for it again, the log proves that it destroyed the key, and cannot tell");
        }
        Ok(())
    }
}
