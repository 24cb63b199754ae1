//! A question: one thing a caller wants to do with a person's data, and how the policy hears it.

use policy::{PURPOSES, Rulebook};
use uuid::Uuid;

/// One thing a caller wants to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The person.
    pub subject: Uuid,
    /// What is to be done.
    pub action: Action,
    /// A purpose of the vocabulary.
    pub purpose: String,
    /// The data categories concerned.
    pub categories: Vec<String>,
    /// The order the data belongs to.
    pub order: Option<Uuid>,
    /// The version that must be the current one.
    pub pinned: Option<String>,
}

/// What is to be done with the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Taking values in.
    Collect {
        /// The collection point's key.
        point: String,
        /// How the values came.
        act: String,
    },
    /// Opening values for the company.
    Use,
    /// Opening values for another party.
    Disclose {
        /// The registered party.
        recipient: String,
    },
}

impl Question {
    /// A question about collecting that names no purpose, with the one the point is declared for.
    pub(crate) fn with_declared_purpose(mut self, current: Option<&Rulebook>) -> Self {
        if let Action::Collect { point, .. } = &self.action
            && self.purpose.is_empty()
        {
            let declared = current.and_then(|it| it.purpose_of_point(point));
            // An undeclared point is refused whatever it is asked for, but by its own reason.
            let any = || PURPOSES.keys().next();
            self.purpose = declared.or_else(any).unwrap_or_default().to_owned();
        }
        self
    }

    /// The party that is to receive the data.
    pub(crate) fn recipient(&self) -> Option<&str> {
        match &self.action {
            Action::Disclose { recipient } => Some(recipient),
            Action::Collect { .. } | Action::Use => None,
        }
    }

    /// The question in the policy's words, of a recipient known to it by number and by kind.
    pub(crate) fn request<'a>(
        &'a self,
        categories: &'a [&'a str],
        recipient: policy::Recipient<'a>,
    ) -> policy::Request<'a> {
        let action = match &self.action {
            Action::Collect { point, act } => policy::Action::Collect { point, act },
            Action::Use => policy::Action::Use,
            Action::Disclose { .. } => policy::Action::Disclose { recipient },
        };
        policy::Request {
            action,
            purpose: &self.purpose,
            categories,
            order: self.order.is_some(),
            approved: false,
            aggregate: false,
        }
    }
}
