//! How the tour looks on a screen: what is asked, what is answered, and by which clause.

use tonic::Status;

use crate::say::say;

/// A chapter of the life.
pub fn chapter(number: u32, title: &str) {
    say!();
    say!("{number}. {title}");
}

/// What somebody does.
pub fn does(text: &str) {
    say!("   {text}");
}

/// An answer that lets it happen, with the clauses that do.
pub fn permitted(text: &str, clauses: &[String]) {
    say!("     permitted  {text}");
    say!("                by {}", clauses.join(", "));
}

/// Something that is so, without a decision.
pub fn fact(text: &str) {
    say!("     fact       {text}");
}

/// A refusal, which must be this one.
pub fn refused<T>(answer: Result<T, Status>, reason: &str, means: &str) -> anyhow::Result<()> {
    let Err(status) = answer else {
        anyhow::bail!("this had to be refused with {reason} and was not");
    };
    let info = client::error_info(&status);
    let found = info.as_ref().map_or("", |it| it.reason.as_str());
    anyhow::ensure!(
        found == reason,
        "this had to be refused with {reason} and was refused with {found}: {status}"
    );
    say!("     REFUSED    {reason}: {means}");
    let clauses = info
        .and_then(|it| it.metadata.get("clauses").cloned())
        .unwrap_or_default();
    if !clauses.is_empty() {
        say!("                by {clauses}");
    }
    Ok(())
}
