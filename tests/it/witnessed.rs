//! The log under its witnesses: nothing is shown before enough of them cosigned it, and no lie counts.

mod liar;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use client::Clients;
use ledger::{Note, ProofFile, TrustPolicy, VerifierKey};
use proto::disclosure_audit::GetReceiptRequest;
use tokio::{task::JoinSet, time::timeout};
use tonic::{Code, Status};

use crate::{
    suite::{Database, VOW, acts::*, databases, separate::Separate},
    witness::process::Witness,
};
use liar::{LIES, Liar, Lie};

const LOG: &str = "disclosure-audit";
const SUPPORT: &str = "essential.service.operations.support";
/// Longer than the log leaves a witness alone that failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for every cosignature that is to be had.
const SOON: Duration = Duration::from_secs(2);
/// As long as any call may last.
const LONG: Duration = Duration::from_secs(60);
/// Calls that may wait for a checkpoint at once.
const WAITING_MAX: usize = 128;

/// A suite whose log needs these witnesses.
struct Witnessed {
    suite: Separate,
    shop: Clients,
    subject: String,
    policy: PathBuf,
}

impl Witnessed {
    /// Starts a suite, and its log again under a policy with these witnesses; `rules` are its groups
    /// and its quorum.
    async fn start<'a>(
        database: Database,
        mut suite: Separate,
        witnesses: impl IntoIterator<Item = (&'a VerifierKey, String)>,
        rules: &str,
    ) -> Self {
        let mut policy = format!("log {}\n", log_key(&suite));
        for (number, (key, url)) in (1..).zip(witnesses) {
            policy += &format!("witness w{number} {key} {url}\n");
        }
        let file = suite.material().join("trust-policy");
        fs::write(&file, policy + rules).expect("it can be written");
        suite.set("VOW_LOG_TRUST_POLICY", &file.display().to_string());
        if database == Database::Postgres {
            let tiles = suite.material().join("tiles");
            suite.set("VOW_TILE_STORE", &format!("file://{}", tiles.display()));
        }
        suite.kill(0, LOG);
        suite.restart(0, LOG).await;
        let mut shop = suite.client(0, "shop");
        let subject = register(&mut shop).await;
        collect_typed(&mut shop, &subject, &[(EMAIL, "ada@example.org")]).await;
        Self {
            suite,
            shop,
            subject,
            policy: file,
        }
    }

    /// Something that is recorded: the id of its entry.
    async fn record(&mut self) -> String {
        let question = use_within(&self.subject, SUPPORT, &[EMAIL]);
        let (grant, _) = authorize(&mut self.shop, question)
            .await
            .expect("it is permitted");
        let revealed = reveal(&mut self.shop, &grant)
            .await
            .expect("the log answers");
        revealed.record.expect("a reveal is recorded").entry_id
    }

    /// The receipt of an entry, if it is to be had in this time.
    async fn receipt(&mut self, entry: &str, time: Duration) -> Result<String, Status> {
        receipt_within(&mut self.shop, entry, time).await
    }

    /// More calls for the receipt of an entry than may wait at once, after the one that is too many
    /// was refused.
    async fn ask_too_many(&self, entry: &str) -> JoinSet<Result<String, Status>> {
        let mut asking = JoinSet::new();
        for _ in 0..=WAITING_MAX {
            let (mut shop, entry) = (self.shop.clone(), entry.to_owned());
            asking.spawn(async move { receipt_within(&mut shop, &entry, LONG).await });
        }
        let first = timeout(PATIENCE, asking.join_next()).await;
        let first = first.expect("one is refused at once").expect("they ask");
        let refused = first.expect("it does not panic");
        assert_refused(refused, Code::ResourceExhausted, "OVERLOADED");
        asking
    }

    async fn assert_pending(&mut self, entry: &str) {
        let refused = self.receipt(entry, SOON).await;
        assert_refused(refused, Code::Unavailable, "CHECKPOINT_PENDING");
    }

    /// Records until the liar cosigns, honestly.
    async fn until_cosigned_by(&mut self, liar: &Liar) {
        liar.tell(Lie::None);
        let cosigned = tokio::time::timeout(PATIENCE, async {
            loop {
                let entry = self.record().await;
                let receipt = self
                    .receipt(&entry, PATIENCE)
                    .await
                    .expect("there are enough");
                if self
                    .cosigners(&receipt)
                    .contains(&liar.verifier().name().to_owned())
                {
                    return;
                }
            }
        });
        assert!(
            cosigned.await.is_ok(),
            "a witness that failed is asked again"
        );
    }

    /// Those whose cosignatures a receipt carries, by the policy.
    fn cosigners(&self, receipt: &str) -> Vec<String> {
        let policy = fs::read(&self.policy).expect("it was written");
        let policy = TrustPolicy::parse(policy).expect("it is a policy");
        let proof = ProofFile::parse(receipt).expect("it is a receipt");
        let trusted = policy.verify(&proof.checkpoint).expect("it is trusted");
        let cosigned_by = trusted.cosigned_by.iter();
        cosigned_by
            .map(|it| it.witness.key.name().to_owned())
            .collect()
    }

    fn verify(&self, receipt: &str, policy: &str) -> Output {
        let folder = self.suite.material();
        let (file, policy_file) = (folder.join("receipt.tlog-proof"), folder.join("asked"));
        fs::write(&file, receipt).expect("it can be written");
        fs::write(&policy_file, policy).expect("it can be written");
        let mut command = Command::new(VOW);
        command
            .arg("verify")
            .arg(file)
            .arg("--policy")
            .arg(policy_file);
        command.output().expect("the program runs")
    }
}

async fn receipt_within(shop: &mut Clients, entry: &str, time: Duration) -> Result<String, Status> {
    let mut request = shop.request(GetReceiptRequest {
        entry_id: entry.into(),
    });
    request.set_timeout(time);
    let answer = shop.audit.get_receipt(request).await?.into_inner();
    Ok(String::from_utf8(answer.proof).expect("a proof is text"))
}

fn log_key(suite: &Separate) -> VerifierKey {
    let key = fs::read_to_string(suite.material().join("log.vkey")).expect("init made it");
    VerifierKey::parse(key.trim()).expect("it is a key")
}

fn three(log: &VerifierKey) -> [Witness; 3] {
    [1, 2, 3].map(|number| Witness::start(&format!("witness.example/w{number}"), &[log]))
}

fn parties(witnesses: &[Witness; 3]) -> [(&VerifierKey, String); 3] {
    witnesses.each_ref().map(|it| (&it.key, it.url()))
}

#[tokio::test]
async fn a_receipt_waits_for_the_quorum_and_carries_it() {
    for database in databases() {
        let suite = Separate::start(database, 1).await;
        let mut witnesses = three(&log_key(&suite));
        let rules = "group enough 2 w1 w2 w3\nquorum enough\n";
        let mut log = Witnessed::start(database, suite, parties(&witnesses), rules).await;
        let names = |numbers: &[usize]| -> Vec<_> {
            numbers
                .iter()
                .map(|it| format!("witness.example/w{it}"))
                .collect()
        };

        // One may be dead.
        witnesses[0].kill();
        let entry = log.record().await;
        let receipt = log.receipt(&entry, PATIENCE).await.expect("two are enough");
        assert_eq!(log.cosigners(&receipt), names(&[2, 3]));

        // Anybody holds it to the policy, and to a stricter one.
        let policy = fs::read_to_string(&log.policy).expect("it was written");
        let proved = log.verify(&receipt, &policy);
        assert!(proved.status.success(), "{proved:?}");
        let all = policy.replace("enough 2", "enough all");
        assert_eq!(log.verify(&receipt, &all).status.code(), Some(3));

        // With two dead it is recorded, not proved; and proved when one is back.
        witnesses[1].kill();
        let entry = log.record().await;
        log.assert_pending(&entry).await;
        witnesses[0].restart();
        let receipt = log.receipt(&entry, PATIENCE).await.expect("two are enough");
        assert_eq!(log.cosigners(&receipt), names(&[1, 3]));
    }
}

#[tokio::test]
async fn receipts_that_wait_have_a_room_of_their_own() {
    let suite = Separate::start(Database::Sqlite, 1).await;
    let mut witness = Witness::start("witness.example/w1", &[&log_key(&suite)]);
    let party = [(&witness.key, witness.url())];
    let mut log = Witnessed::start(Database::Sqlite, suite, party, "quorum w1\n").await;
    let covered = log.record().await;
    let receipt = log.receipt(&covered, PATIENCE).await;
    receipt.expect("it is cosigned");
    witness.kill();
    let entry = log.record().await;

    // The room is full, and what need not wait goes on.
    let asking = log.ask_too_many(&entry).await;
    log.record().await;
    let receipt = log.receipt(&covered, PATIENCE).await;
    receipt.expect("it does not wait");

    // Those who give up leave it.
    drop(asking);
    let waited = timeout(PATIENCE, async {
        loop {
            let refused = log.receipt(&entry, SOON).await;
            let refused = refused.expect_err("nobody cosigns");
            if refused.code() != Code::ResourceExhausted {
                return refused;
            }
        }
    });
    let waited = waited.await.expect("there is room again");
    assert_refused::<()>(Err(waited), Code::Unavailable, "CHECKPOINT_PENDING");

    // So do those who are answered, and the next find all of it.
    for _ in 0..2 {
        let entry = log.record().await;
        let asking = log.ask_too_many(&entry).await;
        witness.restart();
        let answers = asking.join_all().await;
        let receipts = answers.into_iter().filter_map(Result::ok).count();
        assert_eq!(receipts, WAITING_MAX);
        witness.kill();
    }
}

#[tokio::test]
async fn no_lie_of_a_witness_counts_or_holds_up_the_others() {
    let suite = Separate::start(Database::Sqlite, 1).await;
    let [mut first, second, _] = three(&log_key(&suite));
    let liar = Liar::start().await;
    let liars_key = liar.verifier();
    let parties = [
        (&first.key, first.url()),
        (&second.key, second.url()),
        (&liars_key, liar.url()),
    ];
    let rules = "group enough 2 w1 w2 w3\nquorum enough\n";
    let mut log = Witnessed::start(Database::Sqlite, suite, parties.clone(), rules).await;
    let honest = ["witness.example/w1", "witness.example/w2"];
    for lie in LIES {
        // Honest for a moment, so that it is asked again at once.
        log.until_cosigned_by(&liar).await;
        liar.tell(lie);
        while liar.asked() == 0 {
            let entry = log.record().await;
            let receipt = log.receipt(&entry, SOON).await;
            let receipt = receipt.unwrap_or_else(|it| panic!("{lie:?} held up the others: {it}"));
            assert_eq!(log.cosigners(&receipt), honest, "{lie:?}");
        }
    }
    // With one of the honest gone a lie is all that is left, and it is not enough.
    first.kill();
    for lie in [Lie::Garbage, Lie::OtherRoot, Lie::LongAgo, Lie::OtherKey] {
        log.until_cosigned_by(&liar).await;
        liar.tell(lie);
        let entry = log.record().await;
        log.assert_pending(&entry).await;
        assert!(liar.asked() > 0, "{lie:?} was told");
    }
}

/// The log is put back to an earlier state, grows another way, and signs that with its own key.
#[tokio::test]
async fn a_second_history_is_not_cosigned_and_not_shown() {
    let suite = Separate::start(Database::Sqlite, 1).await;
    let witnesses = three(&log_key(&suite));
    let rules = "group enough 2 w1 w2 w3\nquorum enough\n";
    let parties = parties(&witnesses);
    let mut log = Witnessed::start(Database::Sqlite, suite, parties, rules).await;
    let (data, copy) = (
        log.suite.material().join("data"),
        log.suite.material().join("copy"),
    );
    log.suite.kill(0, LOG);
    copy_of_the_log(&data, &copy);
    log.suite.restart(0, LOG).await;
    let entry = log.record().await;
    let shown = log.receipt(&entry, PATIENCE).await.expect("it is cosigned");
    let shown = ProofFile::parse(&shown)
        .expect("it is a receipt")
        .checkpoint;

    log.suite.kill(0, LOG);
    copy_of_the_log(&copy, &data);
    log.suite.restart(0, LOG).await;
    log.shop = log.suite.client(0, "shop");
    let mut newest = String::new();
    for _ in 0..3 {
        newest = log.record().await;
        log.assert_pending(&newest).await;
    }
    for witness in &witnesses {
        let known = witness
            .newest(&log_key(&log.suite))
            .await
            .expect("it cosigned");
        assert_eq!(
            Note::parse(&known).expect("it is a note").text(),
            shown.text()
        );
    }
    log.assert_pending(&newest).await;
}

/// Replaces one copy of the log's database, keys and tiles by another.
fn copy_of_the_log(from: &Path, to: &Path) {
    let files = |folder: &Path| -> Vec<PathBuf> {
        let files = fs::read_dir(folder).expect("it is there");
        let files = files.map(|it| it.expect("it is there").path());
        // With what SQLite keeps beside its files.
        let of_the_log = |it: &PathBuf| {
            let name = it.file_name().unwrap_or_default().to_string_lossy();
            name == "log" || name.starts_with(LOG)
        };
        files.filter(of_the_log).collect()
    };
    fs::create_dir_all(to).expect("it can be made");
    let run = |program: &str, arguments: &[&Path]| {
        let ended = Command::new(program).arg("-r").args(arguments).status();
        assert!(ended.expect("it runs").success(), "{program}");
    };
    files(to).iter().for_each(|it| run("rm", &[it]));
    files(from).iter().for_each(|it| run("cp", &[it, to]));
}
