//! One call: made again where that can help, measured from when it was due, and held against what had to come.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use client::Clients;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use crate::tally::{End, Tally};

/// Somebody who makes calls one after another.
pub struct Caller {
    clients: Clients,
    attempts: u32,
    tally: Arc<Tally>,
    due: Instant,
}

/// The act cannot go on. Why is in the tally.
#[derive(Debug)]
pub struct Ended;

impl Caller {
    /// A caller whose first call is due at some moment, which may be past; each further one is due
    /// when the one before has ended.
    pub fn new(clients: Clients, attempts: u32, tally: Arc<Tally>, due: Instant) -> Self {
        Self {
            clients,
            attempts,
            tally,
            due,
        }
    }

    /// The same caller with another certificate.
    pub fn with(&self, clients: Clients) -> Self {
        Self::new(clients, self.attempts, self.tally.clone(), self.due)
    }

    /// Makes a call that must be answered.
    pub async fn answered<M: Clone, T, Answer>(
        &mut self,
        method: &'static str,
        message: M,
        call: impl Fn(Clients, Request<M>) -> Answer,
    ) -> Result<T, Ended>
    where
        Answer: Future<Output = Result<Response<T>, Status>>,
    {
        let (answer, again) = self.made(message, call).await;
        let (answer, end) = match answer {
            Ok(answer) => (Ok(answer.into_inner()), End::Answered),
            Err(status) => (Err(Ended), End::Failed(told(&status))),
        };
        self.end(method, again, end);
        answer
    }

    /// Makes a call that must be refused for one reason.
    pub async fn refused<M: Clone, T, Answer>(
        &mut self,
        method: &'static str,
        reason: &'static str,
        message: M,
        call: impl Fn(Clients, Request<M>) -> Answer,
    ) -> Result<(), Ended>
    where
        Answer: Future<Output = Result<Response<T>, Status>>,
    {
        let (answer, again) = self.made(message, call).await;
        let end = held_against(method, reason, answer.map(drop));
        let so = match end {
            End::Refused => Ok(()),
            _ => Err(Ended),
        };
        self.end(method, again, end);
        so
    }

    /// Enters an answer that had to be another.
    pub fn wrong(&self, what: String) -> Ended {
        self.tally.wrong(what);
        Ended
    }

    /// Waits before the next call is due.
    pub async fn pause(&mut self, pause: Duration) {
        tokio::time::sleep(pause).await;
        self.due = Instant::now();
    }

    /// The last answer, and why it was asked for again before.
    async fn made<M: Clone, T, Answer>(
        &self,
        message: M,
        call: impl Fn(Clients, Request<M>) -> Answer,
    ) -> (Result<Response<T>, Status>, Vec<String>)
    where
        Answer: Future<Output = Result<Response<T>, Status>>,
    {
        let failed = Mutex::new(Vec::new());
        let answer = client::retry(self.attempts, || {
            let clients = self.clients.clone();
            let request = clients.request(message.clone());
            let answer = call(clients, request);
            let failed = &failed;
            async move {
                answer.await.inspect_err(|status| {
                    failed.lock().expect("no holder panics").push(told(status));
                })
            }
        });
        let answer = answer.await;
        let mut again = failed.into_inner().expect("no holder panics");
        if answer.is_err() {
            again.pop();
        }
        (answer, again)
    }

    fn end(&mut self, method: &'static str, again: Vec<String>, end: End) {
        let now = Instant::now();
        self.tally.ended(method, now - self.due, again, end);
        self.due = now;
    }
}

/// How a call ended that had to be refused for a reason.
fn held_against(method: &str, reason: &str, answer: Result<(), Status>) -> End {
    match answer {
        Ok(()) => End::Wrong(format!(
            "{method} was answered and had to be refused: {reason}"
        )),
        Err(status) if client::reason(&status).as_deref() == Some(reason) => End::Refused,
        Err(status) => End::Failed(told(&status)),
    }
}

/// A status in two words that hold nothing of what was sent.
fn told(status: &Status) -> String {
    let code = client::code::name(status.code());
    match client::reason(status) {
        Some(reason) => format!("{code} {reason}"),
        None => code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::{ErrorDetails, StatusExt};

    use super::*;

    #[test]
    fn a_refusal_that_did_not_come_is_wrong_and_another_one_a_failure() {
        let held = |answer| held_against("Reveal", "NO_CONSENT", answer);
        let refused = |reason| {
            let details = ErrorDetails::with_error_info(reason, "consent", []);
            Status::with_error_details(Code::FailedPrecondition, "refused", details)
        };
        assert!(matches!(held(Err(refused("NO_CONSENT"))), End::Refused));
        let End::Failed(why) = held(Err(refused("QUARANTINED"))) else {
            panic!("another reason is not the one that had to come");
        };
        assert_eq!(why, "FAILED_PRECONDITION QUARANTINED");
        assert!(matches!(
            held(Err(Status::unavailable("gone"))),
            End::Failed(_)
        ));
        assert!(matches!(held(Ok(())), End::Wrong(_)));
    }

    #[test]
    fn a_status_is_told_without_its_sentence() {
        for (code, expected) in [
            (Code::Unavailable, "UNAVAILABLE"),
            (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        ] {
            assert_eq!(told(&Status::new(code, "somebody's name")), expected);
        }
    }
}
