//! The witnesses of the trust policy, asked for their cosignatures of a checkpoint (C2SP tlog-witness).
//!
//! Nothing that a witness says is believed: of its answer only a cosignature of this checkpoint that
//! holds, and is of now, is kept. A witness that does not answer soon holds up nobody once the
//! others make a quorum, and is left alone for a while, longer with each failure.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use chassis::clock::now_seconds;
use ledger::{
    AddCheckpoint, Checkpoint, Hash, Note, NoteSignature, Reply, TrustPolicy, TrustedParty,
    VerifierKey,
};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use reqwest::{Client, Url, redirect};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a witness may take to answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long the others are waited for when the quorum has answered sooner.
const GRACE: Duration = Duration::from_millis(300);
/// How long a witness that failed is left alone at first, and at most.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Room for every signature line a witness could have reason to send.
const REPLY_BYTES_MAX: usize = 64 * 1024;
/// The first guess of its size may be wrong, and another replica may come in between.
const TRIES_MAX: usize = 3;
/// How far a witness's clock may be from ours.
const CLOCK_SECONDS_MAX: u64 = 300;

/// The witnesses of one log.
pub(crate) struct Witnesses {
    policy: TrustPolicy,
    client: Client,
    asked: Vec<Arc<Witness>>,
}

/// How often the witnesses were asked, by how it ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers(Family<Answer, Counter>);

/// One witness, with what is remembered of it. All of it can be found out again.
struct Witness {
    party: TrustedParty,
    url: Url,
    standing: Mutex<Standing>,
    answers: Answers,
}

#[derive(Default)]
struct Standing {
    /// The size that it cosigned last, as far as we know.
    size: u64,
    failures: u32,
    /// When it may be asked again.
    again_at: Option<Instant>,
}

/// How asking a witness ended; of whom is in the policy, which the operator wrote.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    witness: String,
    outcome: &'static str,
}

/// Why a witness did not help this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// No answer, not in time, or not one of the protocol's.
    Unreachable,
    /// It does not cosign: it does not know the log, or says that the log shows another history.
    Refused,
    /// It cosigned a later checkpoint, which another replica showed it.
    Overtaken,
    /// Its answer is no cosignature of this checkpoint, or not of now.
    NotCosigned,
    /// Our own tiles do not give the proof, at the moment.
    NoProof,
}

impl Witnesses {
    /// The witnesses of a policy, for the log with this key.
    ///
    /// # Errors
    /// The policy does not trust the log, or a witness has no URL to be asked at.
    pub(crate) fn new(
        policy: TrustPolicy,
        log: &VerifierKey,
        answers: &Answers,
    ) -> anyhow::Result<Self> {
        ensure!(
            policy.logs().iter().any(|it| it.key == *log),
            "the trust policy does not name this log: log {log}"
        );
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(DEADLINE)
            .build()?;
        let witness = |party: &TrustedParty| Witness::new(party.clone(), answers);
        let asked = policy.witnesses().iter().map(witness);
        Ok(Self {
            asked: asked.collect::<anyhow::Result<_>>()?,
            policy,
            client,
        })
    }

    /// Whether the cosignatures of this note are enough.
    pub(crate) fn are_enough(&self, note: &Note) -> bool {
        self.policy.verify(note).is_ok()
    }

    /// Asks every witness that did not cosign the note yet, and returns it with the cosignatures that
    /// came: as soon as they are enough and the others had their time, or when nobody is left to wait
    /// for. `prove` gives the proof from the tree of an earlier size to the note's.
    pub(crate) async fn ask<P, F>(&self, mut note: Note, prove: P) -> Note
    where
        P: Fn(u64) -> F + Clone + Send + 'static,
        F: Future<Output = Option<Vec<Hash>>> + Send + 'static,
    {
        let begun = Instant::now();
        let mut answers = JoinSet::new();
        for witness in &self.asked {
            if witness.has_cosigned(&note) || !witness.may_be_asked() {
                continue;
            }
            let (witness, client) = (witness.clone(), self.client.clone());
            let (note, prove) = (note.clone(), prove.clone());
            answers.spawn(async move { witness.cosign(&client, note, prove).await });
        }
        loop {
            let patience = match self.are_enough(&note) {
                true => GRACE,
                false => DEADLINE,
            };
            match timeout_at(begun + patience, answers.join_next()).await {
                Ok(Some(Ok(Some(cosignature)))) => note.add(cosignature),
                // A witness failed; or its task was, which only a fault of ours can do.
                Ok(Some(_)) => {}
                Ok(None) => return note,
                Err(_) => {
                    // Who is late still tells us where it stands.
                    answers.detach_all();
                    return note;
                }
            }
        }
    }
}

impl Answers {
    /// Adds them to what the process counts.
    pub(crate) fn register(&self, process: &chassis::Metrics) {
        process.register(
            "vow_log_witness_answers",
            "Times that a witness was asked to cosign a checkpoint, by how it ended",
            self.0.clone(),
        );
    }

    fn count(&self, witness: &str, outcome: &'static str) {
        let witness = witness.to_owned();
        self.0.get_or_create(&Answer { witness, outcome }).inc();
    }
}

impl Witness {
    fn new(party: TrustedParty, answers: &Answers) -> anyhow::Result<Arc<Self>> {
        let name = party.key.name();
        let url = party.url.as_deref();
        let url = url.with_context(|| format!("the witness {name} has no URL"))?;
        // The prefix may end in a slash or not.
        let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        let url = Url::parse(&url).with_context(|| format!("the URL of the witness {name}"))?;
        ensure!(
            ["http", "https"].contains(&url.scheme()),
            "the URL of the witness {name} is not of HTTP"
        );
        Ok(Arc::new(Self {
            party,
            url,
            standing: Mutex::default(),
            answers: answers.clone(),
        }))
    }

    fn has_cosigned(&self, note: &Note) -> bool {
        note.verify(std::slice::from_ref(&self.party.key)).is_ok()
    }

    fn may_be_asked(&self) -> bool {
        let again_at = self.standing().again_at;
        again_at.is_none_or(|it| it <= Instant::now())
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        // Nothing is left half done under this lock.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn cosign<P, F>(&self, client: &Client, note: Note, prove: P) -> Option<NoteSignature>
    where
        P: Fn(u64) -> F,
        F: Future<Output = Option<Vec<Hash>>>,
    {
        // Nobody else asks it meanwhile.
        self.standing().again_at = Some(Instant::now() + DEADLINE);
        let cosigned = timeout(DEADLINE, self.negotiate(client, note, prove)).await;
        let cosigned = cosigned.unwrap_or(Err(Failure::Unreachable));
        self.standing().ended(cosigned.is_ok());
        let outcome = cosigned
            .as_ref()
            .map_or_else(|it| it.name(), |_| "cosigned");
        self.answers.count(self.party.key.name(), outcome);
        cosigned.ok()
    }

    /// Finds out from which size on the witness needs the proof, and gets its cosignature.
    async fn negotiate<P, F>(
        &self,
        client: &Client,
        note: Note,
        prove: P,
    ) -> Result<NoteSignature, Failure>
    where
        P: Fn(u64) -> F,
        F: Future<Output = Option<Vec<Hash>>>,
    {
        let size = Checkpoint::parse(note.text())
            .map_err(|_| Failure::NoProof)?
            .size;
        for _ in 0..TRIES_MAX {
            // It may have seen more than the checkpoint that it is shown here.
            let old_size = self.standing().size.min(size);
            let request = AddCheckpoint {
                old_size,
                proof: prove(old_size).await.ok_or(Failure::NoProof)?,
                checkpoint: note.clone(),
            };
            let reply = self.post(client, request.to_string()).await;
            match self.settle(reply.ok_or(Failure::Unreachable)?, &note, size) {
                ControlFlow::Break(settled) => return settled,
                ControlFlow::Continue(()) => {}
            }
        }
        Err(Failure::Unreachable)
    }

    /// Takes an answer in, and says whether it is the last.
    fn settle(
        &self,
        reply: Reply,
        note: &Note,
        size: u64,
    ) -> ControlFlow<Result<NoteSignature, Failure>> {
        let settled = match reply {
            Reply::Cosigned(lines) => {
                let now = now_seconds();
                let cosignature = cosignature(&self.party.key, note, lines, now);
                if cosignature.is_some() {
                    self.standing().size = size;
                }
                cosignature.ok_or(Failure::NotCosigned)
            }
            Reply::OldSizeMismatch(newest) => {
                self.standing().size = newest;
                if newest <= size {
                    return ControlFlow::Continue(());
                }
                Err(Failure::Overtaken)
            }
            Reply::Refused => Err(Failure::Refused),
        };
        ControlFlow::Break(settled)
    }

    async fn post(&self, client: &Client, body: String) -> Option<Reply> {
        let request = client.post(self.url.clone()).body(body);
        let mut response = request.send().await.ok()?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            body.extend(chunk);
            if body.len() > REPLY_BYTES_MAX {
                return None;
            }
        }
        let body = str::from_utf8(&body).ok()?;
        Reply::parse(response.status().as_u16(), body).ok()
    }
}

impl Standing {
    /// Who helped may be asked again at once; who did not is left alone for a while.
    fn ended(&mut self, cosigned: bool) {
        if cosigned {
            (self.failures, self.again_at) = (0, None);
            return;
        }
        let pause = PAUSE * 2_u32.pow(self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        self.again_at = Some(Instant::now() + pause.min(PAUSE_MAX));
    }
}

impl Failure {
    fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Overtaken => "overtaken",
            Self::NotCosigned => "not_cosigned",
            Self::NoProof => "no_proof",
        }
    }
}

/// The cosignature of this note by this key among the lines, made at about this time.
fn cosignature(
    key: &VerifierKey,
    note: &Note,
    lines: Vec<NoteSignature>,
    now: u64,
) -> Option<NoteSignature> {
    lines.into_iter().find(|line| {
        let mut cosigned = note.clone();
        cosigned.add(line.clone());
        let verified = cosigned.verify(std::slice::from_ref(key));
        let time = verified.ok().and_then(|it| it.first()?.time);
        time.is_some_and(|it| it.abs_diff(now) <= CLOCK_SECONDS_MAX)
    })
}

#[cfg(test)]
mod tests {
    use ledger::{NoteKey, SignatureType, cosign, empty_root};

    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn note() -> Note {
        let key = NoteKey::from_seed("log", &[1; 32]).unwrap();
        let (origin, size, root) = ("log".to_owned(), 0, empty_root());
        Checkpoint { origin, size, root }.sign(&key).unwrap()
    }

    #[test]
    fn of_an_answer_only_a_cosignature_that_holds_and_is_of_now_is_kept() {
        let key = NoteKey::from_seed("w", &[2; 32]).unwrap();
        let other = NoteKey::from_seed("w", &[3; 32]).unwrap();
        let verifier = key.verifier(SignatureType::Cosignature);
        let kept = |lines: &[&NoteSignature]| {
            let lines = lines.iter().map(|it| (*it).clone()).collect();
            cosignature(&verifier, &note(), lines, NOW)
        };
        let good = cosign(&note(), &key, NOW - 300);
        let old = cosign(&note(), &key, NOW - 301);
        let early = cosign(&note(), &key, NOW + 301);
        let of_another = cosign(&note(), &other, NOW);
        let text = note().text().replace('0', "1");
        let of_another_text = cosign(&Note::sign(text, &key).unwrap(), &key, NOW);
        let mut altered = good.clone();
        altered.signature[20] ^= 1;
        for bad in [&old, &early, &of_another, &of_another_text, &altered] {
            assert_eq!(kept(&[bad]), None, "{bad}");
            assert_eq!(kept(&[bad, &good]).as_ref(), Some(&good), "{bad}");
        }
        assert_eq!(kept(&[]), None);
    }

    #[test]
    fn a_log_that_its_own_policy_does_not_trust_is_told_so() {
        let log = NoteKey::from_seed("log", &[1; 32])
            .unwrap()
            .verifier(SignatureType::Ed25519);
        let other = NoteKey::from_seed("log", &[4; 32])
            .unwrap()
            .verifier(SignatureType::Ed25519);
        let witness = NoteKey::from_seed("w", &[2; 32]).unwrap();
        let witness = witness.verifier(SignatureType::Cosignature);
        for (policy, complaint) in [
            (
                format!("log {log}\nwitness w {witness} http://w.example/\nquorum w\n"),
                "",
            ),
            (
                format!("log {other}\nquorum none\n"),
                "does not name this log",
            ),
            (
                format!("log {log}\nwitness w {witness}\nquorum w\n"),
                "has no URL",
            ),
            (
                format!("log {log}\nwitness w {witness} ftp://w/\nquorum w\n"),
                "not of HTTP",
            ),
            (
                format!("log {log}\nwitness w {witness} w\nquorum w\n"),
                "the URL of the witness",
            ),
        ] {
            let policy = TrustPolicy::parse(&policy).unwrap();
            let made = Witnesses::new(policy, &log, &Answers::default());
            let said = made.err().map(|it| it.to_string()).unwrap_or_default();
            assert_eq!(said.is_empty(), complaint.is_empty(), "{said}");
            assert!(said.contains(complaint), "{said}");
        }
    }
}
